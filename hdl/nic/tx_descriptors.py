"""Descriptor prefetch of transmission: reads descriptors ahead of their use (SDM 3.4.1).

A burst reads up to 8 descriptors and ends at the next multiple of 128 bytes, or earlier at the tail or at the end of
the ring; so it never crosses a 4 KiB line. Its beats are whole, and on a wide bus hold descriptors before and behind
those that are wanted. They are kept as they come, a row of the cache for each beat or, on 64 bits, for each two; the
next burst writes a row again if the last one left off in its middle.

TXDCTL's thresholds for prefetching are not needed: whatever is up to the tail is read as long as there is room.
"""

from amaranth.hdl import Assert, Cat, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.dma_reads import DmaBeat, DmaRead
from hdl.nic.layouts import TxDescriptor
from hdl.nic.rx_descriptors import DESCRIPTOR_BYTES, Ring

#: Descriptors that one burst reads at most.
BURST_DESCRIPTORS = 8

#: Bursts that may be under way.
BURSTS = 16

_DESCRIPTOR_BITS = DESCRIPTOR_BYTES * 8


class TxDescriptors(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port.

    Attributes:
        ring: the ring; may change only while ``run`` is low.
        head: the first descriptor to read when ``run`` goes high.
        tail: TDT. If it lies outside the ring, no descriptor is there.
        run: read descriptors. While low nothing new is read, and what is held or under way is thrown away.
        requests: bursts to be read.
        beat_valid, beat: their data, always taken.
        descriptors: in the order of the ring.
        idle: no read is under way.
        fault: pulse, a read was answered with an error: no further descriptor comes until ``run`` was low.
    """

    def __init__(self, data_width: int):
        self._lanes = max(1, data_width // _DESCRIPTOR_BITS)  # descriptors in a row of the cache
        self._rows = max(32, data_width // 4) // self._lanes  # a wide bus uses them faster
        super().__init__(
            {
                "ring": In(Ring),
                "head": In(16),
                "tail": In(16),
                "run": In(1),
                "requests": Out(stream.Signature(DmaRead)),
                "beat_valid": In(1),
                "beat": In(DmaBeat(data_width)),
                "descriptors": Out(stream.Signature(TxDescriptor)),
                "idle": Out(1),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # Places in the cache, counted without end: the low bits of a place are the descriptor's lane in a beat, for a
        # ring is a multiple of 8 descriptors, so that its wrap keeps the lane.
        self._place = range(2 * self._rows * self._lanes)
        asked, arrived, taken = (Signal(self._place, name=name) for name in ("asked", "arrived", "taken"))
        first = Signal(64)  # address of the first descriptor that was not asked for
        next_index = Signal(16)  # its number
        count = Signal(range(BURST_DESCRIPTORS + 1))  # of the next burst
        ask = Signal()
        m.d.comb += first.eq(self.ring.base + next_index * DESCRIPTOR_BYTES)
        lane = first[4 : 4 + (self._lanes - 1).bit_length()]

        wanted = self._next_burst(m, next_index, first, count)
        held = (asked - taken)[: len(asked)]
        room = held <= self._rows * self._lanes - BURST_DESCRIPTORS - (self._lanes - 1)
        ends_room = self._receive(m, lane, ask, asked + count, arrived)
        m.d.comb += ask.eq(wanted & room & ends_room & (~self.requests.valid | self.requests.ready))
        self._request(m, ask, first, lane, count)
        self._hand_out(m, arrived, taken)

        end = next_index + count
        with m.If(~self.run):
            m.d.sync += [next_index.eq(self.head), *(place.eq(lane) for place in (asked, arrived, taken))]
        with m.Elif(ask):
            m.d.sync += [asked.eq(asked + count), next_index.eq(Mux(end == self.ring.size, 0, end))]
            m.d.sync += Assert(end <= self.ring.size)
        return m

    def _next_burst(self, m, next_index, first, count):
        """How many descriptors it has; returns whether there is one."""
        available = Signal(16)  # descriptors up to the tail or the end of the ring
        to_boundary = BURST_DESCRIPTORS - first[4:7]
        m.d.comb += [
            available.eq(Mux(self.tail >= next_index, self.tail, self.ring.size) - next_index),
            count.eq(Mux(available < to_boundary, available, to_boundary)),
        ]
        inside = (self.tail < self.ring.size) & (next_index < self.ring.size)
        return inside & (available != 0) & self.run

    def _request(self, m, ask, first, lane, count):
        request = self.requests.payload
        beat_bytes = len(self.beat.data) // 8
        with m.If(ask):
            beats = (lane + count + (self._lanes - 1)) // self._lanes
            m.d.sync += [
                self.requests.valid.eq(1),
                request.address.eq(first - first % beat_bytes),
                request.beats.eq(beats * max(1, DESCRIPTOR_BYTES // beat_bytes)),
            ]
        with m.Elif(self.requests.ready):
            m.d.sync += self.requests.valid.eq(0)

    def _receive(self, m, lane, ask, end, arrived):
        """Puts beats into the cache; returns whether one more burst may be asked for."""
        m.submodules.ends = ends = memory.Memory(shape=self._place, depth=BURSTS, init=[])  # places where bursts end
        write_port, read_port = ends.write_port(), ends.read_port(domain="comb")
        write_pointer, read_pointer = Signal(range(BURSTS)), Signal(range(BURSTS))
        level = Signal(range(BURSTS + 1))
        last = self.beat_valid & self.beat.last
        m.d.comb += [
            write_port.addr.eq(write_pointer),
            write_port.data.eq(end),
            write_port.en.eq(ask),
            read_port.addr.eq(read_pointer),
            self.idle.eq(level == 0),
        ]
        with m.If(ask):
            m.d.sync += write_pointer.eq(write_pointer + 1)
        with m.If(last):
            m.d.sync += [read_pointer.eq(read_pointer + 1), Assert(level != 0)]
        with m.If(ask ^ last):
            m.d.sync += level.eq(Mux(ask, level + 1, level - 1))

        failed = Signal()
        m.d.comb += self.fault.eq(self.beat_valid & self.beat.error & self.run & ~failed)
        with m.If(~self.run):
            m.d.sync += failed.eq(0)
        with m.Elif(self.fault):
            m.d.sync += failed.eq(1)
        with m.If(last & self.run & ~failed & ~self.beat.error):
            m.d.sync += arrived.eq(read_port.data)
        self._store(m, lane, read_port.data)
        return level != BURSTS

    def _store(self, m, lane, burst_end):
        """Writes rows, one after the other from that in which the burst's first descriptor is."""
        shift = (self._lanes - 1).bit_length()
        row = Signal(range(self._rows))
        whole = Signal()  # the beat completes a row
        m.submodules.cache = self._cache = memory.Memory(
            shape=self._lanes * _DESCRIPTOR_BITS, depth=self._rows, init=[]
        )
        write_port = self._cache.write_port()
        m.d.comb += [write_port.addr.eq(row), write_port.en.eq(self.beat_valid & whole & self.run)]
        if len(self.beat.data) >= _DESCRIPTOR_BITS:
            m.d.comb += [whole.eq(1), write_port.data.eq(self.beat.data)]
        else:
            low = Signal(len(self.beat.data))
            with m.If(self.beat_valid):
                m.d.sync += whole.eq(~whole)
                with m.If(~whole):
                    m.d.sync += low.eq(self.beat.data)
            m.d.comb += write_port.data.eq(Cat(low, self.beat.data))
        with m.If(~self.run):
            m.d.sync += row.eq(0)
        with m.Elif(self.beat_valid & self.beat.last):
            m.d.sync += row.eq(burst_end >> shift)
        with m.Elif(write_port.en):
            m.d.sync += row.eq(row + 1)

    def _hand_out(self, m, arrived, taken):
        shift = (self._lanes - 1).bit_length()
        read_port = self._cache.read_port(domain="comb")
        m.d.comb += [
            read_port.addr.eq(taken >> shift),
            self.descriptors.payload.eq(read_port.data.word_select(taken[:shift], _DESCRIPTOR_BITS)),
            self.descriptors.valid.eq((arrived != taken) & self.run),
        ]
        with m.If(self.descriptors.valid & self.descriptors.ready & self.run):
            m.d.sync += taken.eq(taken + 1)
