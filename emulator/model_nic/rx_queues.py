"""Several receive queues behind one FIFO: from there to descriptors in host memory (SDM 3.2; 82576, 7.1).

The frame at the head of the FIFO keeps the others waiting while its queue has no descriptor, unless SRRCTL.DROP_EN lets
it be dropped. It is also dropped if its queue is off (RXDCTL.ENABLE). RDH, RDBAL, RDBAH and RDLEN take effect while the
queue is off or RCTL.EN is clear; while RCTL.EN is clear, a change of one of them drops what is under way in all queues.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from driver.kernel.costs import Costs
from emulator.model_nic import descriptor
from emulator.model_nic.descriptor import Report
from emulator.model_nic.fifo import FIFO_FRAMES, FifoRoom, words
from emulator.model_nic.interrupts import Interrupts
from emulator.model_nic.memory import ModelMemory
from emulator.model_nic.rss import QUEUE_0, Route, Rss
from emulator.model_nic.rx_queue import buffer_bytes
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.statistics import Statistics
from emulator.model_nic.timing import CLOCK_NS, COMMIT_NS, DESCRIPTOR_NS, PAYLOAD_NS, WRITEBACK_CYCLES, WRITEBACK_NS
from hdl.nic.regmap import ICR, RCTL, RDBAH, RDBAL, RDLEN, RXDCTL, SRRCTL

_ADVANCED = 1  # SRRCTL.DESCTYPE
_MAX_DROPPED = 0xFFFF_FFFF
_MIN_BYTES = 60  #: of a good frame, without FCS


class Ring:
    """The ring of one queue.

    Attributes:
        head: RDH.
        tail: RDT.
        claim: the next descriptor that gets a piece of a frame; it runs ahead of the head.
        open: pieces on their way.
        enabled: RXDCTL.ENABLE.
        on: frames may go to it; after ENABLE is cleared, until those that have begun are in memory.
        dropped: RQDPC.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.base = self.count = self.head = self.tail = self.claim = self.open = self.dropped = 0
        self.enabled = self.on = self.faulted = self.drop = self.advanced = False
        self.buffer_bytes = self.threshold = 0
        self.descriptors_ready = 0  # when those that the tail gave are fetched, in ns

    @property
    def has_descriptor(self) -> bool:
        """Whether a descriptor is free. There is none while the tail lies outside of the ring."""
        return self.claim != self.tail and self.tail < self.count and self.claim < self.count

    @property
    def off(self) -> bool:
        """Whether nothing can go to it."""
        return not self.on or self.faulted


class RxQueues:
    """See the module's docstring."""

    def __init__(  # noqa: PLR0913, PLR0917  (the blocks it stands between)
        self,
        schedule: Schedule,
        memory: ModelMemory,
        costs: Costs,
        interrupts: Interrupts,
        statistics: Statistics,
        values: Mapping[int, int],
        queues: int,
        received: Callable[[int, bool], None],
    ) -> None:
        """``received`` is called when a frame is in memory and its last descriptor is written back.

        Its arguments are the queue, and whether the frame is small.
        """
        self._schedule = schedule
        self._memory = memory
        self._dma_read_ns = costs.dma_read + DESCRIPTOR_NS
        self._payload_ns = costs.dma_write + PAYLOAD_NS
        self._writeback_ns = costs.dma_write + WRITEBACK_NS
        self._interrupts = interrupts
        self._statistics = statistics
        self._received = received
        self._rss = Rss(queues)
        self._generation = 0
        self._dma_free = self._start = self._taken = 0
        self.rings = [Ring(number) for number in range(queues)]
        self.reset(values)

    def reset(self, values: Mapping[int, int]) -> None:
        """Device reset: the FIFO and the rings are empty."""
        self._generation += 1
        self._fifo = FifoRoom()
        self._waiting: deque[tuple[bytes, Report, bool, Route]] = deque()
        self._begun: tuple[bytes, Report, bool, Route, int] | None = None
        self._position = 0
        self._enabled = False
        for ring in self.rings:
            ring.__init__(ring.number)  # type: ignore[misc]
        self.configure(values)

    def configure(self, values: Mapping[int, int]) -> None:
        """Take over the registers after one of them was written."""
        rctl = values[RCTL.offset]
        enabled = bool(rctl & RCTL.EN)
        self._fcs_bytes = 0 if rctl & RCTL.SECRC else 4
        self._rss.configure(values)
        anew = False
        for ring in self.rings:
            anew |= self._configure_ring(ring, values, receiving=enabled)
        if anew and not enabled:
            self._begin_anew()
        self._enabled = enabled
        self._serve()

    def _configure_ring(self, ring: Ring, values: Mapping[int, int], *, receiving: bool) -> bool:
        """Take over the registers of a queue; returns whether its ring is another one now."""
        srrctl = values[SRRCTL.at_queue(ring.number)]
        rctl = values[RCTL.offset]
        packet = SRRCTL.BSIZEPACKET.get(srrctl)
        ring.buffer_bytes = packet << 10 if packet else buffer_bytes(rctl)
        ring.advanced = SRRCTL.DESCTYPE.get(srrctl) == _ADVANCED
        ring.drop = bool(srrctl & SRRCTL.DROP_EN)
        ring.enabled = bool(values[RXDCTL.at_queue(ring.number)] & RXDCTL.ENABLE)
        was_off = not ring.on or not self._enabled
        if ring.enabled or not receiving:
            ring.on = ring.enabled
        else:
            self._close(ring)
        changed = False
        if not receiving or not ring.on:
            base = values[RDBAH.at_queue(ring.number)] << 32 | values[RDBAL.at_queue(ring.number)]
            count = values[RDLEN.at_queue(ring.number)] // descriptor.BYTES
            changed = (base, count) != (ring.base, ring.count)
            ring.base, ring.count = base, count
            ring.claim = ring.head if changed and receiving else ring.claim
        ring.threshold = ring.count >> 1 + RCTL.RDMTS.get(rctl)
        if receiving and ring.on and was_off:
            ring.descriptors_ready = self._schedule.now + self._dma_read_ns
        return changed

    def _close(self, ring: Ring) -> None:
        """Switch a queue off once nothing of it is under way any more."""
        if not ring.enabled and not ring.open and (self._begun is None or self._begun[3].queue != ring.number):
            ring.on = False
            ring.claim = ring.head

    def _begin_anew(self) -> None:
        """All rings begin anew at their heads: what is under way is dropped."""
        self._generation += 1
        for ring in self.rings:
            ring.claim, ring.open = ring.head, 0
        if self._begun is not None:
            self._fifo.leave(self._schedule.now, words(len(self._begun[0]) - self._position))
            self._begun = None

    def write_head(self, queue: int, value: int) -> None:
        """A write to RDH; swallowed while the queue runs."""
        ring = self.rings[queue]
        if not self._enabled:
            ring.head = value
            self._begin_anew()
        elif not ring.on:
            ring.head = ring.claim = value

    def write_tail(self, queue: int, value: int) -> None:
        """A write to RDT: descriptors up to here are the hardware's."""
        ring = self.rings[queue]
        if not ring.has_descriptor:
            ring.descriptors_ready = self._schedule.now + self._dma_read_ns
        ring.tail = value
        self._serve()

    def read_dropped(self, queue: int) -> int:
        """A read of RQDPC, which clears it."""
        ring = self.rings[queue]
        dropped, ring.dropped = ring.dropped, 0
        return dropped

    def has_room(self, length: int) -> bool:
        """Whether a frame of this length, as the host is to get it, fits into the FIFO."""
        return len(self._waiting) < FIFO_FRAMES and self._fifo.free(self._schedule.now) >= words(length)

    def put(self, data: bytes, report: Report, small: bool) -> None:
        """Put a frame, as the host is to get it, into the FIFO; ``small``: no longer than RSRPD.SIZE."""
        if self._taken <= self._schedule.now and not any(ring.has_descriptor for ring in self.rings):
            self._statistics.no_buffer()
        self._fifo.store(words(len(data)))
        plain = data[: len(data) - self._fcs_bytes]
        good = not report[2] & descriptor.CE and len(plain) >= _MIN_BYTES
        self._waiting.append((data, report, small, self._rss.route(plain) if good else QUEUE_0))
        self._serve()

    def _serve(self) -> None:
        """Give frames in the FIFO to descriptors, one piece each, and plan when each piece goes out."""
        while True:
            if self._begun is None:
                if not self._waiting or not self._enabled:
                    return
                data, report, small, route = self._waiting.popleft()
                self._begun = data, report, small, route, self.rings[route.queue].buffer_bytes
                self._position = 0
            data, report, small, route, size = self._begun
            ring = self.rings[route.queue]
            if ring.off:
                self._drop(ring)
                continue
            if not ring.has_descriptor:
                if not ring.enabled or (ring.drop and not self._position):
                    self._drop(ring)
                    continue
                return
            start = self._position
            self._position = end = start + size
            last = end >= len(data)
            if last:
                self._begun = None
            self._plan(ring, data[start:end], last, report, last and small, route)

    def _drop(self, ring: Ring) -> None:
        """Drop the frame that has begun, or the rest of it."""
        assert self._begun is not None
        now = self._schedule.now
        self._fifo.leave(max(now, self._dma_free), words(len(self._begun[0]) - self._position))
        self._begun = None
        ring.dropped = min(ring.dropped + 1, _MAX_DROPPED)
        self._close(ring)

    def _plan(  # noqa: PLR0913, PLR0917  (a descriptor's contents)
        self, ring: Ring, piece: bytes, last: bool, report: Report, small: bool, route: Route
    ) -> None:
        """One descriptor's work: payload, response, write-back; the next follows without waiting for responses."""
        now = self._schedule.now
        count = words(len(piece))
        self._taken = now if now > self._start else self._start
        self._start = start = max(ring.descriptors_ready, self._dma_free, now + COMMIT_NS)
        self._dma_free = end = start + (count + WRITEBACK_CYCLES + ring.advanced) * CLOCK_NS
        self._fifo.leave(end, count)
        index = ring.claim
        ring.claim = index + 1 if index + 1 < ring.count else 0
        ring.open += 1
        work = (self._generation, ring, index, piece, last, report, small, route)
        self._schedule.at(end + self._payload_ns, self._write_back, work)

    def _write_back(self, work: tuple[int, Ring, int, bytes, bool, Report, bool, Route]) -> None:
        """Payload and descriptor are in host memory."""
        generation, ring, index, piece, last, report, small, route = work
        if generation != self._generation:
            return
        memory = self._memory
        place, length = ring.base + index * descriptor.BYTES, len(piece)
        fits = place + descriptor.BYTES <= memory.size
        buffer = descriptor.buffer_address(memory.pages, place) if fits else 0
        if not fits or buffer + length > memory.size:
            ring.faulted = True
            self._interrupts.latch(ICR.FER)
        if ring.faulted:
            ring.open -= 1
            self._serve()
            return
        memory.pages[buffer : buffer + length] = piece
        if ring.advanced:
            descriptor.write_back_advanced(memory.pages, place, length, report, last, route.rss_type, route.rss_hash)
        else:
            descriptor.write_back(memory.pages, place, length, report, last)
        self._schedule.at(self._schedule.now + self._writeback_ns, self._written_back, (generation, ring, last, small))

    def _written_back(self, work: tuple[int, Ring, bool, bool]) -> None:
        """The response to the write-back has come: the descriptor is the driver's, and it may know."""
        generation, ring, last, small = work
        if generation != self._generation:
            return
        ring.open -= 1
        ring.head = ring.head + 1 if ring.head + 1 < ring.count else 0
        if last:
            self._received(ring.number, small)
        if (ring.tail - ring.head) % ring.count == ring.threshold:
            self._interrupts.latch(ICR.RXDMT0)
        if not ring.enabled:
            self._close(ring)
            self._serve()
