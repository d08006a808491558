"""Reception: from a frame on the wire to a descriptor that is written back and its interrupt cause (SDM 3.2)."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Mapping

from driver.kernel.costs import Costs
from driver.kernel.dma import HostMemory
from emulator.engines.base import Verdict
from emulator.model_nic import descriptor
from emulator.model_nic.address_filter import AddressFilter
from emulator.model_nic.fifo import FIFO_FRAMES, FifoRoom, words
from emulator.model_nic.interrupts import Interrupts
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.statistics import Statistics
from emulator.model_nic.timing import BURST_CYCLES, CLOCK_NS, COMMIT_NS, DESCRIPTOR_NS, WRITEBACK_NS
from emulator.wire_timing import FCS_BYTES
from hdl.nic.regmap import ICR, RCTL, RDBAH, RDBAL, RDLEN

MIN_BYTES = 64  #: shortest good frame, with FCS
MAX_BYTES = 1522  #: longest good frame, with FCS and an 802.1Q tag
MAX_LONG_BYTES = 16384  #: the same with RCTL.LPE

_LARGEST_BUFFER = 2048  # RCTL.BSIZE 0
_BSEX_FACTOR = 16
_RXT0 = int(ICR.RXT0)


class Receiver:
    """The receive side of one NIC.

    Attributes:
        head: RDH.
        tail: RDT.
    """

    __slots__ = (
        "_address_filter",
        "_base",
        "_buffer_bytes",
        "_claim",
        "_count",
        "_descriptors_ready",
        "_dma_free",
        "_dma_read_ns",
        "_dma_write_ns",
        "_enabled",
        "_enabled_changed",
        "_fifo",
        "_generation",
        "_interrupts",
        "_last_start",
        "_max_bytes",
        "_memory",
        "_position",
        "_schedule",
        "_statistics",
        "_store_bad",
        "_strip_fcs",
        "_threshold",
        "_waiting",
        "head",
        "tail",
    )

    def __init__(  # noqa: PLR0913, PLR0917  (the blocks it stands between)
        self,
        schedule: Schedule,
        memory: HostMemory,
        costs: Costs,
        interrupts: Interrupts,
        statistics: Statistics,
        values: Mapping[int, int],
    ) -> None:
        """``values``: the stored registers by offset, as they are after reset."""
        self._schedule = schedule
        self._memory = memory
        self._dma_read_ns = costs.dma_read + DESCRIPTOR_NS
        self._dma_write_ns = costs.dma_write + WRITEBACK_NS
        self._interrupts = interrupts
        self._statistics = statistics
        self._address_filter = AddressFilter(values)
        self._generation = 0  # of resets: what was under way at a reset comes to nothing
        self._dma_free = self._descriptors_ready = self._last_start = 0  # of the DMA port, in ns
        self.reset(values)

    def reset(self, values: Mapping[int, int]) -> None:
        """Device reset: the FIFO and the ring are empty."""
        self._generation += 1
        self._fifo = FifoRoom()
        self._waiting: deque[tuple[bytes, int]] = deque()  # frames that need descriptors, with their error bits
        self._position = 0  # bytes of the first of them that have their descriptors
        self.head = self.tail = 0
        self._claim = 0  # the next descriptor that gets a piece of a frame; it runs ahead of the head
        self._enabled = False
        self._enabled_changed = 0  # when; a frame that is under way counts as begun while the receiver was off
        self.configure(values)

    def configure(self, values: Mapping[int, int]) -> None:
        """Take over the registers after one of them was written."""
        rctl = values[RCTL.offset]
        enabled = bool(rctl & RCTL.EN)
        if enabled != self._enabled:
            self._enabled, self._enabled_changed = enabled, self._schedule.now
        self._store_bad = bool(rctl & RCTL.SBP)
        self._strip_fcs = bool(rctl & RCTL.SECRC)
        self._max_bytes = MAX_LONG_BYTES if rctl & RCTL.LPE else MAX_BYTES
        self._buffer_bytes = _LARGEST_BUFFER >> RCTL.BSIZE.get(rctl)
        if rctl & RCTL.BSEX:
            self._buffer_bytes *= _BSEX_FACTOR
        self._base = values[RDBAH.offset] << 32 | values[RDBAL.offset]
        self._count = values[RDLEN.offset] // descriptor.BYTES
        self._threshold = self._count >> 1 + RCTL.RDMTS.get(rctl)
        self._address_filter.configure(values)
        self._serve()

    def write_head(self, value: int) -> None:
        """A write to RDH."""
        self.head = self._claim = value
        self._serve()

    def write_tail(self, value: int) -> None:
        """A write to RDT: descriptors up to here are the hardware's."""
        if self._claim == self.tail:  # there was none: they must be fetched before the next frame can go out
            self._descriptors_ready = self._schedule.now + self._dma_read_ns
        self.tail = value
        self._serve()

    def receive(self, data: bytes, bad_fcs: bool, began: int) -> Verdict:
        """A frame has arrived; decide what becomes of it.

        Args:
            data: without FCS.
            bad_fcs: its FCS is wrong.
            began: when its first bytes came in, in ns. A frame that began while the receiver was on is received.
        """
        if self._enabled != (began >= self._enabled_changed):
            return Verdict.DISABLED
        length = len(data) + FCS_BYTES
        if not self._address_filter.accepts(data[:6]):
            self._statistics.other_frame(length)
            return Verdict.FILTERED
        errors = 0
        if bad_fcs or not MIN_BYTES <= length <= self._max_bytes:
            errors = self._count_errors(length, bad_fcs)
            if not self._store_bad:
                self._statistics.other_frame(length)
                return Verdict.ERROR
        if self._fifo.free(self._schedule.now) < words(length) or len(self._waiting) == FIFO_FRAMES:
            self._statistics.other_frame(length)
            self._statistics.missed()
            self._interrupts.latch(ICR.RXO)
            return Verdict.MISSED
        if errors:
            self._statistics.other_frame(length)
        else:
            self._statistics.good_frame(length, data[:6])
        self._keep(data if self._strip_fcs and data else data + _fcs(data, bad_fcs), errors)
        return Verdict.KEPT

    def _count_errors(self, length: int, bad_fcs: bool) -> int:
        """Count a bad frame; returns the error bits of its descriptor."""
        errors: int = descriptor.CE if bad_fcs else 0
        if length < MIN_BYTES:
            self._statistics.short_frame(bad_fcs)
            return errors | descriptor.RXE
        if bad_fcs:
            self._statistics.bad_fcs()
        if length > self._max_bytes:
            self._statistics.long_frame(bad_fcs)
            errors |= descriptor.RXE
        return errors

    def _keep(self, data: bytes, errors: int) -> None:
        """Put a frame, as the host is to get it, into the FIFO."""
        if self._claim == self.tail and self._last_start <= self._schedule.now:
            self._statistics.no_buffer()
        self._fifo.store(words(len(data)))
        self._waiting.append((data, errors))
        self._serve()

    def _serve(self) -> None:
        """Give frames in the FIFO to descriptors, one piece each, and plan when each piece goes out."""
        while self._waiting and self._claim != self.tail and self._claim < self._count and self.tail < self._count:
            data, errors = self._waiting[0]
            piece = data[self._position : self._position + self._buffer_bytes]
            self._position += len(piece)
            last = self._position == len(data)
            if last:
                self._waiting.popleft()
                self._position = 0
            self._plan(piece, last, errors)

    def _plan(self, piece: bytes, last: bool, errors: int) -> None:
        """One descriptor's work: payload, response, write-back; the next follows without waiting for responses."""
        schedule = self._schedule
        count = words(len(piece))
        start = self._last_start = max(schedule.now + COMMIT_NS, self._dma_free, self._descriptors_ready)
        self._dma_free = end = start + (count + BURST_CYCLES) * CLOCK_NS
        self._fifo.leave(end, count)
        index = self._claim
        self._claim = index + 1 if index + 1 < self._count else 0
        schedule.at(end + self._dma_write_ns, self._write_back, (self._generation, index, piece, last, errors))

    def _write_back(self, work: tuple[int, int, bytes, bool, int]) -> None:
        """Payload and descriptor are in host memory."""
        generation, index, piece, last, errors = work
        if generation != self._generation:
            return
        memory = self._memory
        place = self._base + index * descriptor.BYTES
        buffer = memory.read(place + descriptor.ADDRESS_AT, descriptor.ADDRESS_BYTES)
        memory.write(int.from_bytes(buffer, "little"), piece)
        memory.write(place + descriptor.WRITEBACK_AT, descriptor.writeback(len(piece), errors, last))
        self._schedule.at(self._schedule.now + self._dma_write_ns, self._written_back, (generation, last))

    def _written_back(self, work: tuple[int, bool]) -> None:
        """The response to the write-back has come: the descriptor is the driver's, and it may know."""
        generation, last = work
        if generation != self._generation:
            return
        self.head = self.head + 1 if self.head + 1 < self._count else 0
        causes = _RXT0 if last else 0
        if self._count and (self.tail - self.head) % self._count == self._threshold:
            causes |= ICR.RXDMT0
        if causes:
            self._interrupts.latch(causes)


def _fcs(data: bytes, bad: bool) -> bytes:
    fcs = zlib.crc32(data)
    return (fcs ^ 0xFFFF_FFFF if bad else fcs).to_bytes(FCS_BYTES, "little")
