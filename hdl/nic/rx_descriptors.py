"""Descriptor prefetch: reads the addresses of buffers ahead of their use (SDM 3.2.4 to 3.2.6).

A burst reads up to 8 descriptors and ends at the next multiple of 128 bytes, or earlier at the tail or at the end of
the ring; so it never crosses a 4 KiB line. On a data bus wider than a descriptor its beats are a descriptor wide
("narrow" in the words of AXI), each on its own lanes.
"""

from amaranth.hdl import Assert, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import AxiRead, Burst, Resp
from hdl.nic.layouts import RxDescriptor

#: Bytes of a descriptor.
DESCRIPTOR_BYTES = RxDescriptor.as_shape().size // 8

#: Descriptors that one burst reads at most.
BURST_DESCRIPTORS = 8

#: Addresses of buffers that are held or under way.
CACHE_DESCRIPTORS = 32

#: Cycles from a new index to what follows from it.
_SETTLING = 3


class Ring(data.Struct):
    """Where the descriptors are."""

    base: 64  # address, 16-byte aligned
    size: 16  # descriptors


class Buffer(data.Struct):
    """A buffer of the driver's."""

    address: 64
    index: 16  # of its descriptor in the ring


class RxDescriptors(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the DMA port.

    Attributes:
        ring: the ring; may change only while ``run`` is low.
        head: the first descriptor to read when ``run`` goes high.
        tail: RDT. If it lies outside the ring, no descriptor is there.
        run: read descriptors. While low nothing new is read, and what is held or under way is thrown away.
        hold: read nothing new.
        axi: read channels of the DMA port.
        buffers: in the order of the ring.
        exhausted: every descriptor up to the tail has been taken from ``buffers``.
        idle: no read is under way.
        fault: pulse, a read was answered with an error.
    """

    def __init__(self, data_width: int):
        super().__init__(
            {
                "ring": In(Ring),
                "head": In(16),
                "tail": In(16),
                "run": In(1),
                "hold": In(1),
                "axi": Out(AxiRead(data_width)),
                "buffers": Out(stream.Signature(Buffer)),
                "exhausted": Out(1),
                "idle": Out(1),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        next_index = Signal(16)  # of the first descriptor that was not requested
        address = Signal(64)  # of that descriptor
        count, end = Signal(range(BURST_DESCRIPTORS + 1)), Signal(16)  # of the next burst, and the index behind it
        requested = Signal(range(CACHE_DESCRIPTORS + 1))  # and not taken yet
        settling = Signal(range(_SETTLING + 1))  # cycles until the above are those of next_index
        issue = Signal()
        take = self.buffers.valid & self.buffers.ready

        all_requested = self._prepare(m, next_index, address, count, end)
        request = self.run & (settling == 0) & (count != 0)
        room = requested <= CACHE_DESCRIPTORS - BURST_DESCRIPTORS
        m.d.comb += [
            issue.eq(request & room & ~self.hold & (~self.axi.arvalid | self.axi.arready)),
            self.exhausted.eq(all_requested & (requested == 0)),
        ]
        with m.If(~self.run):
            m.d.sync += [next_index.eq(self.head), requested.eq(0), settling.eq(_SETTLING)]
        with m.Else():
            m.d.sync += requested.eq(requested + Mux(issue, count, 0) - take)
            with m.If(issue):
                m.d.sync += [next_index.eq(Mux(end == self.ring.size, 0, end)), settling.eq(_SETTLING)]
                m.d.sync += Assert(end <= self.ring.size)
            with m.Elif(settling != 0):
                m.d.sync += settling.eq(settling - 1)
        self._read(m, issue, address, count)
        self._keep(m, take)
        return m

    def _prepare(self, m, next_index, address, count, end):
        """The next burst, in steps with an addition or a comparison each; returns whether there is none."""
        ahead, none, tail = Signal(), Signal(), Signal(16)
        available = Signal(16)  # descriptors up to the tail or the end of the ring
        to_boundary = Signal(range(BURST_DESCRIPTORS + 1))
        number = Signal.like(count)
        m.d.sync += [
            ahead.eq(self.tail >= next_index),
            none.eq((self.tail >= self.ring.size) | (next_index >= self.ring.size) | (self.tail == next_index)),
            tail.eq(self.tail),
            address.eq(self.ring.base + next_index * DESCRIPTOR_BYTES),
            to_boundary.eq(BURST_DESCRIPTORS - (self.ring.base[4:7] + next_index)[:3]),
        ]
        m.d.sync += available.eq(Mux(none, 0, Mux(ahead, tail, self.ring.size) - next_index))
        m.d.comb += number.eq(Mux(available < to_boundary, available, to_boundary))
        m.d.sync += [count.eq(number), end.eq(next_index + number)]
        return none

    def _read(self, m, issue, address, count):
        """The address channel, and which bursts are under way."""
        axi = self.axi
        beat_bytes = min(len(axi.rdata) // 8, DESCRIPTOR_BYTES)
        beats_each = DESCRIPTOR_BYTES // beat_bytes
        under_way = Signal(range(CACHE_DESCRIPTORS + 1))  # bursts
        m.d.comb += [
            axi.arid.eq(0),
            axi.arsize.eq(beat_bytes.bit_length() - 1),
            axi.arburst.eq(Burst.INCR),
            axi.rready.eq(1),
            self.idle.eq((under_way == 0) & ~axi.arvalid),
            self.fault.eq(axi.rvalid & (axi.rresp != Resp.OKAY)),
        ]
        with m.If(issue):
            m.d.sync += [axi.arvalid.eq(1), axi.araddr.eq(address), axi.arlen.eq(count * beats_each - 1)]
        with m.Elif(axi.arready):
            m.d.sync += axi.arvalid.eq(0)
        m.d.sync += under_way.eq(under_way + issue - (axi.rvalid & axi.rlast))

    def _keep(self, m, take):
        """The queue of buffer addresses that were read; room for them was made sure of when they were requested."""
        axi = self.axi
        m.submodules.cache = cache = memory.Memory(shape=64, depth=CACHE_DESCRIPTORS, init=[])
        write_port, read_port = cache.write_port(), cache.read_port(domain="comb")
        write_pointer, read_pointer = Signal(range(CACHE_DESCRIPTORS)), Signal(range(CACHE_DESCRIPTORS))
        level = Signal(range(CACHE_DESCRIPTORS + 1))
        index = Signal(16)  # of the descriptor at the output
        has_address, address_bits = self._descriptor(m)
        m.d.comb += [
            write_port.addr.eq(write_pointer),
            write_port.data.eq(address_bits),
            write_port.en.eq(axi.rvalid & has_address & self.run),
            read_port.addr.eq(read_pointer),
            self.buffers.payload.address.eq(read_port.data),
            self.buffers.payload.index.eq(index),
            self.buffers.valid.eq((level != 0) & self.run),
        ]
        with m.If(~self.run):
            m.d.sync += [write_pointer.eq(0), read_pointer.eq(0), level.eq(0), index.eq(self.head)]
        with m.Else():
            m.d.sync += level.eq(level + write_port.en - take)
            with m.If(write_port.en):
                m.d.sync += [write_pointer.eq(write_pointer + 1), Assert(level != CACHE_DESCRIPTORS)]
            with m.If(take):
                m.d.sync += [
                    read_pointer.eq(read_pointer + 1),
                    index.eq(Mux(index + 1 == self.ring.size, 0, index + 1)),
                ]

    def _descriptor(self, m):
        """Whether the read beat has a buffer's address, and the address."""
        axi = self.axi
        width = RxDescriptor.as_shape().size
        lanes = len(axi.rdata) // width
        if lanes == 0:  # two beats each, the address in the first
            second = Signal()
            with m.If(~self.run):
                m.d.sync += second.eq(0)
            with m.Elif(axi.rvalid):
                m.d.sync += second.eq(~second)
            return ~second, axi.rdata
        if lanes == 1:
            return 1, axi.rdata[:64]
        lane = Signal(range(lanes))
        with m.If(~self.run):
            # A ring is a multiple of 8 descriptors: its wrap keeps the lane.
            m.d.sync += lane.eq(self.ring.base[4:] + self.head)
        with m.Elif(axi.rvalid):
            m.d.sync += lane.eq(lane + 1)
        return 1, axi.rdata.word_select(lane, width)[:64]
