"""Transmit queue: from descriptors in host memory to the FIFO (SDM 3.3 and 3.4), which is in tx_fifo.py.

What becomes of descriptors and data before they are frames is in tx_packet.py.

TDH, TDBAL, TDBAH and TDLEN take effect while TCTL.EN is clear. Then no descriptor is begun; frames that are in the FIFO
still go out. Descriptors are fetched one after the other without waiting for data; a frame goes out once it is whole.
What the bus answers with an error, and a frame that is too long, halt the queue until the device is reset.

With several queues each has a switch of its own, TXDCTL.ENABLE, which must be on besides TCTL.EN; switched off, or
halted, it drops the packet that has begun, so that the others do not wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from driver.kernel.costs import Costs
from emulator.model_nic import tx_descriptor as descriptor
from emulator.model_nic.interrupts import Interrupts
from emulator.model_nic.memory import ModelMemory
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.statistics import Statistics
from emulator.model_nic.timing import BEAT_BYTES, CLOCK_NS, DESCRIPTOR_NS, WRITEBACK_NS
from emulator.model_nic.tx_descriptor import Fetched, Kind
from emulator.model_nic.tx_fifo import TxFifo
from emulator.model_nic.tx_packet import PacketBuilder
from emulator.model_nic.tx_turns import TxTurns
from hdl.nic.regmap import CTRL, ICR, TCTL, TDBAH, TDBAL, TDLEN, TXDCTL, VET

_MAX_FRAME_BYTES = 16288  #: SDM 3.3.3
_LWTHRESH_UNIT = 8  #: descriptors
_TXQE, _TXD_LOW, _FER = int(ICR.TXQE), int(ICR.TXD_LOW), int(ICR.FER)
_REPORTED = descriptor.RS | descriptor.RPS


class Reports(Protocol):
    """Who is told of descriptors with RS or RPS that are done."""

    def event(self) -> None:
        """One with IDE."""

    def flush(self) -> None:
        """One without."""


class TxQueue:
    """A ring, and the packet whose descriptors come in.

    Attributes:
        head: TDH.
    """

    __slots__ = (
        "_asked_bytes",
        "_asked_ends",
        "_at",
        "_base",
        "_begun",
        "_builder",
        "_claim",
        "_count",
        "_descriptors_ready",
        "_dma_read_ns",
        "_dropped",
        "_enabled",
        "_fetching",
        "_fifo",
        "_generation",
        "_halted",
        "_interrupts",
        "_link",
        "_low_threshold",
        "_memory",
        "_number",
        "_packet",
        "_packet_bytes",
        "_report_ns",
        "_reports",
        "_schedule",
        "_stayed",
        "_tail",
        "_turns",
        "_waits",
        "_writeback_ns",
        "head",
    )

    def __init__(  # noqa: PLR0913, PLR0917  (the blocks it stands between)
        self,
        schedule: Schedule,
        memory: ModelMemory,
        costs: Costs,
        interrupts: Interrupts,
        reports: Reports,
        statistics: Statistics,
        fifo: TxFifo,
        values: Mapping[int, int],
        number: int = 0,
        turns: TxTurns | None = None,
    ) -> None:
        """``values``: the stored registers by offset, as after reset; ``turns`` if there are several queues."""
        self._schedule = schedule
        self._memory = memory
        self._number = number
        self._turns = turns
        self._at = {
            register: register.offset if turns is None else register.at_queue(number)
            for register in (TDBAL, TDBAH, TDLEN, TXDCTL)
        }
        self._dma_read_ns = costs.dma_read
        self._writeback_ns = costs.dma_write + WRITEBACK_NS
        self._interrupts = interrupts
        self._reports = reports
        self._fifo = fifo
        fifo.feeders.append(self)
        self._generation = 0  # work that was planned in an earlier one comes to nothing
        self._asked_bytes = self._asked_ends = 0
        self._builder = PacketBuilder(statistics)
        self.reset(values)

    def reset(self, values: Mapping[int, int]) -> None:
        """Device reset: the ring is empty."""
        self._base = self._count = self._tail = 0
        self._enabled = self._link = self._halted = False
        self._builder.reset()
        self._begin_at(0)
        self.configure(values)

    def configure(self, values: Mapping[int, int]) -> None:
        """Take over the registers after one of them was written."""
        at = self._at
        enabled = bool(values[TCTL.offset] & TCTL.EN)
        txdctl = values[at[TXDCTL]]
        if self._turns is None:
            self._low_threshold = TXDCTL.LWTHRESH.get(txdctl) * _LWTHRESH_UNIT
        else:
            self._low_threshold = -1
            if not txdctl & TXDCTL.ENABLE:
                enabled = False
                self._drop_packet()
        ctrl = values[CTRL.offset]
        self._builder.tag_ethertype = values[VET.offset] if ctrl & CTRL.VME else 0
        if not enabled:
            base = values[at[TDBAH]] << 32 | values[at[TDBAL]]
            count = values[at[TDLEN]] // descriptor.BYTES
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
        self._fifo.asked_bytes -= self._asked_bytes
        self._fifo.asked_ends -= self._asked_ends
        self._asked_bytes = self._asked_ends = 0  # of data that is on its way, and ends of packets in it
        self._packet = self._packet_bytes = 0  # that is being fetched, and bytes of its descriptors so far
        self._begun = self._stayed = False  # there have been some; a context has been served in this turn
        self._dropped: set[int] = set()  # packets of which data may be on its way
        self._waits = False  # for room in the FIFO, with the next descriptor
        self._report_ns = 0  # no descriptor is done before an earlier one with RPS
        self._builder.drop()
        if self._turns is not None:
            self._turns.over(self._number)

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
        if self._turns is not None and not self._turns.mine(self._number, self):
            return
        if self._fifo.fills(length):
            self._waits = True
            return
        transfer = -(-length // BEAT_BYTES) * CLOCK_NS
        self._descriptors_ready = now + max(transfer, CLOCK_NS)
        index = self._claim
        self._claim = (index + 1) % self._count
        fifo = self._fifo
        self._asked_bytes += length
        self._asked_ends += fetched.ends
        fifo.asked_bytes += length
        fifo.asked_ends += fetched.ends
        self._packet_bytes = 0 if fetched.ends else frame_bytes
        work = generation, index, fetched, self._packet
        self._schedule.at(now + self._dma_read_ns + transfer, self._take_data, work)
        self._fetching = False
        if self._turns is not None:
            self._end_turn(self._turns, fetched, max(transfer, CLOCK_NS))
        self._fetch_next()

    def take(self) -> None:
        """The queue has the turn: go on with the descriptor that has waited for it."""
        self._take_descriptor(self._generation)

    def _end_turn(self, turns: TxTurns, fetched: Fetched, transfer: int) -> None:
        """Pass the turn on, if the packet is over, or if this was a context and nothing is behind it."""
        turns.took(transfer)
        belongs = fetched.kind in {Kind.LEGACY, Kind.DATA}
        if belongs:
            self._begun = not fetched.ends
            self._packet += fetched.ends
        if self._begun:
            return
        if belongs or self._stayed or self._claim == self._tail:
            self._stayed = False
            turns.over(self._number)
        else:
            self._stayed = True

    def _drop_packet(self) -> None:
        """Drop the packet that has begun, if one has; only with several queues."""
        assert self._turns is not None
        if self._begun:
            self._dropped.add(self._packet)
            self._packet += 1
            self._packet_bytes = 0
            self._begun = False
            self._builder.drop()
        self._turns.over(self._number)

    def _halt(self) -> None:
        """The bus said no, or a frame is too long."""
        self._halted = True
        self._interrupts.latch(_FER)
        if self._turns is not None:
            self._drop_packet()

    @property
    def waiting(self) -> int:
        """Bytes in the FIFO of the packet that is not whole."""
        return self._builder.waiting

    def look_again(self) -> None:
        """There may be room in the FIFO now for the data of the descriptor that waits for it."""
        if self._waits:
            self._waits = False
            self._take_descriptor(self._generation)

    def _take_data(self, work: tuple[int, int, Fetched, int]) -> None:
        """A descriptor's data is in the FIFO."""
        generation, index, fetched, packet = work
        if generation != self._generation:
            return
        address, length, command = fetched.address, fetched.length, fetched.command
        fifo = self._fifo
        self._asked_bytes -= length
        self._asked_ends -= fetched.ends
        fifo.asked_bytes -= length
        fifo.asked_ends -= fetched.ends
        if packet not in self._dropped:
            for frame in self._builder.add(fetched, self._memory.pages[address : address + length]):
                fifo.load(frame)
        now = self._schedule.now
        if command & descriptor.RPS and fifo.frames:
            self._report_ns = max(self._report_ns, fifo.empty_ns)
        if now < self._report_ns:
            self._schedule.at(self._report_ns, self._report, (generation, index, command))
        else:
            self._report((generation, index, command))
        fifo.look_again()

    def _report(self, work: tuple[int, int, int]) -> None:
        """Write a descriptor back, if it is to be."""
        generation, index, command = work
        if generation != self._generation:
            return
        if command & _REPORTED:
            descriptor.write_back(self._memory.pages, self._base + index * descriptor.BYTES)
        self._schedule.at(self._schedule.now + self._writeback_ns, self._finished, work)

    def _finished(self, work: tuple[int, int, int]) -> None:
        """The response to a descriptor's write-back has come; those without RS keep their place in the order."""
        generation, index, command = work
        if generation != self._generation:
            return
        self.head = (index + 1) % self._count
        if command & _REPORTED:
            if command & descriptor.IDE:
                self._reports.event()
            else:
                self._reports.flush()
        left = (self._tail - self.head) % self._count
        if not left:
            self._interrupts.latch(_TXQE)
        if left == self._low_threshold:
            self._interrupts.latch(_TXD_LOW)
