"""Transmit queue: from descriptors in host memory over the FIFO to the wire (SDM 3.3 and 3.4).

What becomes of descriptors and data before they are frames is in tx_packet.py.

TDH, TDBAL, TDBAH and TDLEN take effect while TCTL.EN is clear. Then no descriptor is begun; frames that are in the FIFO
still go out. Descriptors are fetched one after the other without waiting for data; a frame goes out once it is whole.
What the bus answers with an error, and a frame that is too long, halt the queue until the device is reset.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from driver.kernel.costs import Costs
from emulator.engines.base import Listener, SentFrame
from emulator.model_nic import tx_descriptor as descriptor
from emulator.model_nic.delay_timers import DelayTimers
from emulator.model_nic.interrupts import Interrupts
from emulator.model_nic.memory import ModelMemory
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.statistics import Statistics
from emulator.model_nic.timing import BEAT_BYTES, CLOCK_NS, COMMIT_NS, DESCRIPTOR_NS, WRITEBACK_NS
from emulator.model_nic.tx_descriptor import Fetched
from emulator.model_nic.tx_packet import Frame, PacketBuilder
from emulator.wire_timing import FCS_BYTES, GAP_BYTES, MIN_FRAME_BYTES, PREAMBLE_BYTES, PS_PER_NS
from hdl.nic.regmap import CTRL, ICR, TCTL, TDBAH, TDBAL, TDLEN, TIPG, TXDCTL, VET

FIFO_BYTES = 16 * 1024
_MAX_FRAME_BYTES = 16288  #: SDM 3.3.3
_IPG_BYTES = 4  #: what the hardware adds to TIPG.IPGT
_LWTHRESH_UNIT = 8  #: descriptors
_TXQE, _TXD_LOW, _FER = int(ICR.TXQE), int(ICR.TXD_LOW), int(ICR.FER)
_REPORTED = descriptor.RS | descriptor.RPS


class TxQueue:
    """The ring and the FIFO of one NIC.

    Attributes:
        head: TDH.
        cut_off: frames that were whole in the FIFO, or on the wire, when a reset came.
        listener: called with each frame that is sent.
    """

    __slots__ = (
        "_asked_bytes",
        "_asked_ends",
        "_base",
        "_builder",
        "_byte_ps",
        "_claim",
        "_count",
        "_descriptors_ready",
        "_dma_read_ns",
        "_enabled",
        "_fetching",
        "_fifo_bytes",
        "_gap_ps",
        "_generation",
        "_halted",
        "_in_fifo",
        "_interrupts",
        "_link",
        "_low_threshold",
        "_memory",
        "_packet_bytes",
        "_pad",
        "_report_ns",
        "_resets",
        "_schedule",
        "_statistics",
        "_tail",
        "_timers",
        "_waits",
        "_wire_free_ps",
        "_writeback_ns",
        "cut_off",
        "head",
        "listener",
    )

    def __init__(  # noqa: PLR0913, PLR0917  (the blocks it stands between)
        self,
        schedule: Schedule,
        memory: ModelMemory,
        costs: Costs,
        byte_ps: int,
        interrupts: Interrupts,
        timers: DelayTimers,
        statistics: Statistics,
        values: Mapping[int, int],
    ) -> None:
        """``timers`` delay TXDW; ``values``: the stored registers by offset, as they are after reset."""
        self._schedule = schedule
        self._memory = memory
        self._byte_ps = byte_ps
        self._dma_read_ns = costs.dma_read
        self._writeback_ns = costs.dma_write + WRITEBACK_NS
        self._interrupts = interrupts
        self._timers = timers
        self._statistics = statistics
        self._generation = 0  # work that was planned in an earlier one comes to nothing
        self._resets = 0
        self._in_fifo = 0  # whole frames that are in the FIFO or on the wire
        self.cut_off = 0
        self._wire_free_ps = 0  # the last frame and its gap are over
        self._builder = PacketBuilder(statistics)
        self.listener: Listener | None = None
        self.reset(values)

    def reset(self, values: Mapping[int, int]) -> None:
        """Device reset: the FIFO and the ring are empty; a frame on the wire is cut off and nobody takes it for one."""
        self._base = self._count = self._tail = 0
        self._enabled = self._link = self._halted = False
        self._fifo_bytes = 0  # of whole frames
        self._resets += 1
        self.cut_off += self._in_fifo
        self._in_fifo = 0
        self._wire_free_ps = min(self._wire_free_ps, self._schedule.now * PS_PER_NS)
        self._builder.reset()
        self._begin_at(0)
        self.configure(values)

    def configure(self, values: Mapping[int, int]) -> None:
        """Take over the registers after one of them was written."""
        tctl = values[TCTL.offset]
        self._pad = bool(tctl & TCTL.PSP)
        gap_bytes = max(TIPG.IPGT.get(values[TIPG.offset]) + _IPG_BYTES, GAP_BYTES)
        self._gap_ps = gap_bytes * self._byte_ps
        self._low_threshold = TXDCTL.LWTHRESH.get(values[TXDCTL.offset]) * _LWTHRESH_UNIT
        ctrl = values[CTRL.offset]
        self._builder.tag_ethertype = values[VET.offset] if ctrl & CTRL.VME else 0
        enabled = bool(tctl & TCTL.EN)
        if not enabled:
            base = values[TDBAH.offset] << 32 | values[TDBAL.offset]
            count = values[TDLEN.offset] // descriptor.BYTES
            if (base, count) != (self._base, self._count):
                self._base, self._count = base, count
                self._begin_at(self.head)
        self._enabled = enabled
        self._fetch_next()

    def set_link(self, link: bool) -> None:
        """The link has come up or gone down; a frame begins only while it is up."""
        self._link = link
        self._fetch_next()

    def write_head(self, value: int) -> None:
        """A write to TDH; swallowed while the transmitter is on."""
        if not self._enabled:
            self._begin_at(value)

    def write_tail(self, value: int) -> None:
        """A write to TDT: descriptors up to here are the hardware's."""
        self._tail = value
        self._fetch_next()

    def _begin_at(self, index: int) -> None:
        """The ring begins anew at a descriptor: what is not in the FIFO yet is dropped."""
        self._generation += 1
        self.head = self._claim = index
        self._fetching = False
        self._descriptors_ready = 0  # when the next one is there, in ns: a run of them is fetched ahead
        self._asked_bytes = self._asked_ends = 0  # of data that is on its way, and ends of packets in it
        self._packet_bytes = 0  # of descriptors so far of the packet that is being fetched
        self._waits = False  # for room in the FIFO, with the next descriptor
        self._report_ns = 0  # no descriptor is done before an earlier one with RPS
        self._builder.drop()

    # --- descriptors and data ------------------------------------------------------------------------------------

    def _fetch_next(self) -> None:
        """Go on with the next descriptor, if there is one and nothing stands in the way."""
        if self._fetching or not self._enabled or not self._link or self._halted:
            return
        if self._claim == self._tail or max(self._claim, self._tail) >= self._count:
            return
        self._fetching = True
        now = self._schedule.now
        if self._descriptors_ready < now:  # it has been idle
            self._descriptors_ready = now + self._dma_read_ns + DESCRIPTOR_NS
        self._schedule.at(self._descriptors_ready, self._take_descriptor, self._generation)

    def _take_descriptor(self, generation: int) -> None:
        """A descriptor is there: ask for its data, once the FIFO has room."""
        if generation != self._generation:
            return
        memory, now = self._memory, self._schedule.now
        place = self._base + self._claim * descriptor.BYTES
        if place + descriptor.BYTES > memory.size:
            self._halt()
            return
        fetched = descriptor.fetch(memory.pages, place)
        length = fetched.length
        frame_bytes = 0 if fetched.segmented else self._packet_bytes + length
        if length and (fetched.address + length > memory.size or frame_bytes > _MAX_FRAME_BYTES):
            self._halt()
            return
        if self._fills_fifo(length):
            self._waits = True
            return
        transfer = -(-length // BEAT_BYTES) * CLOCK_NS
        self._descriptors_ready = now + max(transfer, CLOCK_NS)
        index = self._claim
        self._claim = (index + 1) % self._count
        self._asked_bytes += length
        self._asked_ends += fetched.ends
        self._packet_bytes = 0 if fetched.ends else frame_bytes
        self._schedule.at(now + self._dma_read_ns + transfer, self._take_data, (generation, index, fetched))
        self._fetching = False
        self._fetch_next()

    def _halt(self) -> None:
        """The bus said no, or a frame is too long."""
        self._halted = True
        self._interrupts.latch(_FER)

    def _fills_fifo(self, length: int) -> bool:
        """Whether so much more data must wait until a frame has left; a frame that is larger than the FIFO need not."""
        if not self._in_fifo and not self._asked_ends:
            return False
        return self._fifo_bytes + self._builder.waiting + self._asked_bytes + length > FIFO_BYTES

    def _look_again(self) -> None:
        """There may be room in the FIFO now for the data of the descriptor that waits for it."""
        if self._waits:
            self._waits = False
            self._take_descriptor(self._generation)

    def _take_data(self, work: tuple[int, int, Fetched]) -> None:
        """A descriptor's data is in the FIFO."""
        generation, index, fetched = work
        if generation != self._generation:
            return
        address, length, command = fetched.address, fetched.length, fetched.command
        self._asked_bytes -= length
        self._asked_ends -= fetched.ends
        for frame in self._builder.add(fetched, self._memory.pages[address : address + length]):
            self._load(frame)
        now = self._schedule.now
        if command & descriptor.RPS and self._in_fifo:
            self._report_ns = max(self._report_ns, -(-(self._wire_free_ps - self._gap_ps) // PS_PER_NS))
        if now < self._report_ns:
            self._schedule.at(self._report_ns, self._report, (generation, index, command))
        else:
            self._report((generation, index, command))
        self._look_again()

    def _report(self, work: tuple[int, int, int]) -> None:
        """Write a descriptor back, if it is to be."""
        generation, index, command = work
        if generation != self._generation:
            return
        if command & _REPORTED:
            descriptor.write_back(self._memory.pages, self._base + index * descriptor.BYTES)
        self._schedule.at(self._schedule.now + self._writeback_ns, self._finished, work)

    def _load(self, frame: Frame) -> None:
        """A frame is whole: it goes out as soon as the wire is free."""
        data, bad_fcs = self._checked(frame)
        start = max((self._schedule.now + COMMIT_NS) * PS_PER_NS, self._wire_free_ps)
        end = start + (PREAMBLE_BYTES + len(data) + FCS_BYTES) * self._byte_ps
        self._wire_free_ps = end + self._gap_ps
        self._in_fifo += 1
        self._fifo_bytes += len(frame.data)
        sent = SentFrame(data, start, end, bad_fcs)
        self._schedule.at(-(-end // PS_PER_NS), self._sent, (self._resets, sent, len(frame.data)))

    def _checked(self, frame: Frame) -> tuple[bytes, bool]:
        """A frame as the wire gets it, without FCS; and whether its FCS, if software made it, is wrong."""
        data = frame.data
        if not frame.insert_fcs:
            data, fcs = data[:-FCS_BYTES], data[-FCS_BYTES:]
            bad_fcs = zlib.crc32(data).to_bytes(FCS_BYTES, "little") != fcs
            return data, bad_fcs
        return data.ljust(MIN_FRAME_BYTES, b"\0") if self._pad else data, False

    def _finished(self, work: tuple[int, int, int]) -> None:
        """The response to a descriptor's write-back has come; those without RS keep their place in the order."""
        generation, index, command = work
        if generation != self._generation:
            return
        self.head = (index + 1) % self._count
        if command & _REPORTED:
            if command & descriptor.IDE:
                self._timers.event()
            else:
                self._timers.flush()
        left = (self._tail - self.head) % self._count
        if not left:
            self._interrupts.latch(_TXQE)
        if left == self._low_threshold:
            self._interrupts.latch(_TXD_LOW)

    # --- the wire ------------------------------------------------------------------------------------------------

    def _sent(self, work: tuple[int, SentFrame, int]) -> None:
        """A frame has left, and so many bytes of the FIFO are free."""
        resets, frame, length = work
        if resets != self._resets:
            return
        self._in_fifo -= 1
        self._fifo_bytes -= length
        self._look_again()
        self._statistics.sent_frame(len(frame.data) + FCS_BYTES, frame.data[:6])
        if self.listener is not None:
            self.listener(frame)
