"""Receive queue: from the FIFO to descriptors in host memory and their interrupt causes (SDM 3.2).

RDH, RDBAL, RDBAH and RDLEN take effect while RCTL.EN is clear. Then no frame begins to go out, but one that has begun
goes on, unless one of these registers changes: that drops what is under way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Protocol

from driver.kernel.costs import Costs
from emulator.model_nic import descriptor
from emulator.model_nic.delay_timers import DelayTimers
from emulator.model_nic.descriptor import Report
from emulator.model_nic.fifo import FIFO_FRAMES, FifoRoom, words
from emulator.model_nic.interrupts import Interrupts
from emulator.model_nic.memory import ModelMemory
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.statistics import Statistics
from emulator.model_nic.timing import CLOCK_NS, COMMIT_NS, DESCRIPTOR_NS, PAYLOAD_NS, WRITEBACK_CYCLES, WRITEBACK_NS
from hdl.nic.regmap import ICR, RCTL, RDBAH, RDBAL, RDLEN

_LARGEST_BUFFER = 2048  # RCTL.BSIZE 0
_BSEX_FACTOR = 16
_RXT0 = int(ICR.RXT0)
_RXDMT0 = int(ICR.RXDMT0)
_SRPD = int(ICR.SRPD)


def buffer_bytes(rctl: int) -> int:
    """Bytes of a receive buffer, by RCTL."""
    return (_LARGEST_BUFFER >> RCTL.BSIZE.get(rctl)) * (_BSEX_FACTOR if rctl & RCTL.BSEX else 1)


class Reception(Protocol):
    """What takes frames from the ingress: a queue, or several."""

    def reset(self, values: Mapping[int, int]) -> None:
        """Device reset."""

    def configure(self, values: Mapping[int, int]) -> None:
        """Take over the registers after one of them was written."""

    def has_room(self, length: int) -> bool:
        """Whether a frame of this length, as the host is to get it, fits into the FIFO."""

    def put(self, data: bytes, report: Report, small: bool) -> None:
        """Put a frame, as the host is to get it, into the FIFO; ``small``: no longer than RSRPD.SIZE."""


class RxQueue:
    """The FIFO and the ring of one NIC.

    Attributes:
        head: RDH.
    """

    __slots__ = (
        "_base",
        "_begun",
        "_buffer_bytes",
        "_claim",
        "_count",
        "_descriptors_ready",
        "_dma_free",
        "_dma_read_ns",
        "_enabled",
        "_faulted",
        "_fifo",
        "_generation",
        "_interrupts",
        "_memory",
        "_payload_ns",
        "_position",
        "_schedule",
        "_start",
        "_statistics",
        "_tail",
        "_taken",
        "_threshold",
        "_timers",
        "_waiting",
        "_writeback_ns",
        "head",
    )

    def __init__(  # noqa: PLR0913, PLR0917  (the blocks it stands between)
        self,
        schedule: Schedule,
        memory: ModelMemory,
        costs: Costs,
        interrupts: Interrupts,
        timers: DelayTimers,
        statistics: Statistics,
        values: Mapping[int, int],
    ) -> None:
        """``timers`` delay RXT0; ``values``: the stored registers by offset, as they are after reset."""
        self._schedule = schedule
        self._memory = memory
        self._dma_read_ns = costs.dma_read + DESCRIPTOR_NS
        self._payload_ns = costs.dma_write + PAYLOAD_NS
        self._writeback_ns = costs.dma_write + WRITEBACK_NS
        self._interrupts = interrupts
        self._timers = timers
        self._statistics = statistics
        self._generation = 0  # work that was planned in an earlier one comes to nothing
        self._dma_free = self._descriptors_ready = 0  # of the DMA port, in ns
        self._start = 0  # when the last piece goes out, in ns
        self._taken = 0  # when its descriptor is taken: one is held ready while the piece before goes out
        self.reset(values)

    def reset(self, values: Mapping[int, int]) -> None:
        """Device reset: the FIFO and the ring are empty."""
        self._generation += 1
        self._fifo = FifoRoom()
        self._waiting: deque[tuple[bytes, Report, bool]] = deque()  # frames in the FIFO; whether they are small
        self._begun: tuple[bytes, Report, bool, int] | None = None  # the frame that goes out, bytes of its buffers
        self._position = 0  # bytes of it that have their descriptors
        self.head = self._tail = 0
        self._claim = 0  # the next descriptor that gets a piece of a frame; it runs ahead of the head
        self._base = self._count = 0
        self._enabled = self._faulted = False
        self.configure(values)

    def configure(self, values: Mapping[int, int]) -> None:
        """Take over the registers after one of them was written."""
        rctl = values[RCTL.offset]
        enabled = bool(rctl & RCTL.EN)
        if not enabled:
            base = values[RDBAH.offset] << 32 | values[RDBAL.offset]
            count = values[RDLEN.offset] // descriptor.BYTES
            if (base, count) != (self._base, self._count):
                self._base, self._count = base, count
                self._begin_at(self.head)
        if enabled and not self._enabled:
            self._descriptors_ready = self._schedule.now + self._dma_read_ns
        self._enabled = enabled
        self._buffer_bytes = buffer_bytes(rctl)
        self._threshold = self._count >> 1 + RCTL.RDMTS.get(rctl)
        self._serve()

    def write_head(self, value: int) -> None:
        """A write to RDH; swallowed while the receiver is on."""
        if not self._enabled:
            self.head = value
            self._begin_at(value)

    def write_tail(self, value: int) -> None:
        """A write to RDT: descriptors up to here are the hardware's."""
        if not self._has_descriptor():  # they must be fetched before the next frame can go out
            self._descriptors_ready = self._schedule.now + self._dma_read_ns
        self._tail = value
        self._serve()

    def has_room(self, length: int) -> bool:
        """Whether a frame of this length, as the host is to get it, fits into the FIFO."""
        return len(self._waiting) < FIFO_FRAMES and self._fifo.free(self._schedule.now) >= words(length)

    def put(self, data: bytes, report: Report, small: bool) -> None:
        """Put a frame, as the host is to get it, into the FIFO; ``small``: no longer than RSRPD.SIZE."""
        if self._taken <= self._schedule.now and not self._has_descriptor():
            self._statistics.no_buffer()
        self._fifo.store(words(len(data)))
        self._waiting.append((data, report, small))
        self._serve()

    def _begin_at(self, index: int) -> None:
        """The ring begins anew at a descriptor: what is under way is dropped."""
        self._generation += 1
        self._claim = index
        if self._begun is not None:
            data = self._begun[0]
            self._fifo.leave(self._schedule.now, words(len(data) - self._position))
            self._begun = None

    def _has_descriptor(self) -> bool:
        """Whether a descriptor is free. There is none while the tail lies outside of the ring."""
        return self._claim != self._tail and self._tail < self._count and self._claim < self._count

    def _serve(self) -> None:
        """Give frames in the FIFO to descriptors, one piece each, and plan when each piece goes out."""
        while True:
            if self._begun is None:
                if not self._waiting or not self._enabled or self._faulted:
                    return
                self._begun = (*self._waiting.popleft(), self._buffer_bytes)  # whose size is fixed now
                self._position = 0
            if not self._has_descriptor():
                return
            data, report, small, buffer_bytes = self._begun
            start = self._position
            self._position = end = start + buffer_bytes
            last = end >= len(data)
            if last:
                self._begun = None
            self._plan(data[start:end], last, report, last and small)

    def _plan(self, piece: bytes, last: bool, report: Report, small: bool) -> None:
        """One descriptor's work: payload, response, write-back; the next follows without waiting for responses."""
        now = self._schedule.now
        count = words(len(piece))
        self._taken = now if now > self._start else self._start
        ready = self._descriptors_ready if self._descriptors_ready > self._dma_free else self._dma_free
        self._start = start = ready if ready > now + COMMIT_NS else now + COMMIT_NS
        self._dma_free = end = start + (count + WRITEBACK_CYCLES) * CLOCK_NS
        self._fifo.leave(end, count)
        index = self._claim
        self._claim = index + 1 if index + 1 < self._count else 0
        work = self._generation, index, piece, last, report, small
        self._schedule.at(end + self._payload_ns, self._write_back, work)

    def _write_back(self, work: tuple[int, int, bytes, bool, Report, bool]) -> None:
        """Payload and descriptor are in host memory."""
        generation, index, piece, last, report, small = work
        if generation != self._generation or self._faulted:
            return
        memory = self._memory
        place = self._base + index * descriptor.BYTES
        if place + descriptor.BYTES > memory.size:
            self._halt()
            return
        buffer, length = descriptor.buffer_address(memory.pages, place), len(piece)
        if buffer + length > memory.size:
            self._halt()
            return
        memory.pages[buffer : buffer + length] = piece
        descriptor.write_back(memory.pages, place, length, report, last)
        self._schedule.at(self._schedule.now + self._writeback_ns, self._written_back, (generation, last, small))

    def _halt(self) -> None:
        """Host memory answered with an error: the queue stands still until a reset."""
        self._faulted = True
        self._interrupts.latch(ICR.FER)

    def _written_back(self, work: tuple[int, bool, bool]) -> None:
        """The response to the write-back has come: the descriptor is the driver's, and it may know."""
        generation, last, small = work
        if generation != self._generation:
            return
        head = self.head + 1
        self.head = head = head if head < self._count else 0
        causes = 0
        if last:
            if small:
                causes = _SRPD
                self._timers.flush()
            elif self._timers.delay_ns:
                self._timers.event()
            else:
                causes = _RXT0
        if (self._tail - head) % self._count == self._threshold:
            causes |= _RXDMT0
        if causes:
            self._interrupts.latch(causes)
