"""The headers of a packet that is segmented: kept as they come, and put before each segment, up to date (SDM 3.5.9).

They are stored byte by byte, and brought up to date byte by byte, the lowest of a field first: that takes about ten
clocks for a segment, and no wide shifts. Everything else passes.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.stream_buffer import StreamBuffer
from hdl.nic.tx_offload import TxSegment
from hdl.nic.tx_piece import TxSource
from hdl.nic.tx_reader import TxBytes

#: Bytes of the header memory; HDRLEN is shorter (SDM 3.3.6).
_BYTES = 256

_IPV6_BYTES = 40
_FIN_PSH = 0x09

#: Steps of an update: a byte each.
_LENGTH_LOW, _LENGTH_HIGH, _ID_LOW, _ID_HIGH, _LOW, _SECOND, _THIRD, _HIGH, _FLAGS = range(9)
_STEPS = 9


class TxHeaders(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Parameters:
        data_width: bits of a beat.
        queues: transmit queues.

    Attributes:
        bytes: of pieces, as the reader marks them.
        segments: one for each piece that inserts the headers.
        completed: the same bytes with the headers in their places; all of them are TxSource.MEMORY.
    """

    def __init__(self, data_width: int, queues: int = 1):
        self._data_width, self._queues = data_width, queues
        super().__init__(
            {
                "bytes": In(stream.Signature(TxBytes(data_width, queues))),
                "segments": In(stream.Signature(TxSegment)),
                "completed": Out(stream.Signature(TxBytes(data_width, queues))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self._data_width // 8
        shape = data.ArrayLayout(8, lanes)
        m.submodules.headers = headers = memory.Memory(shape=shape, depth=_BYTES // lanes, init=[])
        self._write_port, self._read_port = headers.write_port(granularity=1), headers.read_port()
        self._lane_bits = (lanes - 1).bit_length()
        m.submodules.buffer = buffer = StreamBuffer(TxBytes(self._data_width, self._queues))
        wiring.connect(m, wiring.flipped(self.bytes), buffer.i)
        self._waiting = buffer.o
        source, out = self._waiting.payload, self.completed.payload
        step = self.completed.valid & self.completed.ready
        m.d.comb += [out.eq(source), out.source.eq(TxSource.MEMORY)]

        with m.FSM():
            with m.State("pass"):
                saved = self._save(m)
                with m.If(source.source == TxSource.MEMORY):
                    m.d.comb += [
                        self.completed.valid.eq(self._waiting.valid),
                        self._waiting.ready.eq(self.completed.ready),
                    ]
                with m.Elif((source.source == TxSource.STORE) & saved):
                    m.d.comb += [
                        self.completed.valid.eq(self._waiting.valid),
                        self._waiting.ready.eq(self.completed.ready),
                        out.count.eq(0),
                    ]
                with m.Elif(self._waiting.valid & self.segments.valid & (source.source == TxSource.INSERT)):
                    m.next = "update"
            with m.State("update"):
                over = self._update(m)
                with m.If(over):
                    m.next = "insert"
            with m.State("insert"):
                last = self._insert(m, step)
                with m.If(step & last):
                    m.d.comb += [self._waiting.ready.eq(1), self.segments.ready.eq(1)]
                    m.next = "pass"
        return m

    def _write(self, m, index, value):
        """Writes a byte of the headers."""
        port = self._write_port
        row, lane = index[self._lane_bits :], index[: self._lane_bits]
        m.d.comb += [port.addr.eq(row), port.data.eq(Cat(value for _ in range(len(port.en))))]
        m.d.comb += port.en.eq(1 << lane)

    def _save(self, m):
        """Stores the bytes of a piece of headers, one in each clock; returns whether all of them are stored."""
        source = self._waiting.payload
        index = Signal(range(_BYTES))  # of the next byte in the headers
        done = Signal(range(len(self._write_port.en) + 1))  # bytes of this beat
        byte = source.data.word_select((source.lane + done)[: self._lane_bits], 8)
        storing = self._waiting.valid & (source.source == TxSource.STORE)
        with m.If(storing & (done != source.count)):
            self._write(m, index, byte)
            m.d.sync += [index.eq(index + 1), done.eq(done + 1)]
        with m.If(self._waiting.valid & self._waiting.ready):
            m.d.sync += done.eq(0)
            with m.If(source.source != TxSource.STORE):
                m.d.sync += index.eq(0)
        with m.If(self._waiting.valid & (source.source == TxSource.INSERT)):
            m.d.sync += index.eq(0)
        return done == source.count

    def _update(self, m):
        """Brings the headers up to date: a byte is addressed, read, changed and written, in clocks that overlap.

        Returns whether that is done; then the first beat of the headers is being read.
        """
        segment = self.segments.payload
        number = Signal(range(_STEPS + 3))  # of the byte that is addressed; that which is changed is two behind
        index, read_index, changed_index = (Signal(9, name=name) for name in ("index", "read_index", "changed_index"))
        old = Signal(8)
        over = number == _STEPS + 2
        m.d.comb += [
            index.eq(self._place(m, number)),
            self._read_port.addr.eq(Mux(over, 0, index[self._lane_bits :])),
        ]
        m.d.sync += [
            read_index.eq(index),
            changed_index.eq(read_index),
            old.eq(self._read_port.data.as_value().word_select(read_index[: self._lane_bits], 8)),
            number.eq(Mux(over, 0, number + 1)),
        ]
        write, value = self._change(m, number, old)
        with m.If(write & (number >= 2) & ~over & (changed_index < segment.header_bytes)):
            self._write(m, changed_index, value)
        return over

    def _place(self, m, number):
        """Where the byte of this number is."""
        segment = self.segments.payload
        place, back = Signal(8), Signal(range(16))
        with m.Switch(number):
            for byte in range(2):
                with m.Case(_LENGTH_LOW + byte):
                    m.d.comb += [place.eq(segment.ip_at), back.eq(Mux(segment.ipv4, 3 - byte, 5 - byte))]
                with m.Case(_ID_LOW + byte):
                    m.d.comb += [place.eq(segment.ip_at), back.eq(5 - byte)]
            for byte in range(4):
                with m.Case(_LOW + byte):
                    m.d.comb += [place.eq(segment.transport_at), back.eq(Mux(segment.tcp, 7 - byte, (5 - byte) & 15))]
            with m.Case(_FLAGS):
                m.d.comb += [place.eq(segment.transport_at), back.eq(13)]
        return place + back

    def _change(self, m, number, old):
        """Whether the byte that is two behind ``number`` is written, and what it becomes."""
        segment = self.segments.payload
        network_bytes, transport_bytes = Signal(16), Signal(16)  # that the headers give as lengths
        flags = Signal(8)  # of the packet
        carry = Signal()
        addend = Signal(8)
        total = Signal(9)
        write, value = Signal(), Signal(8)
        before = segment.payload_bytes + segment.header_bytes
        m.d.sync += [
            network_bytes.eq(before - segment.ip_at - Mux(segment.ipv4, 0, _IPV6_BYTES)),
            transport_bytes.eq(before - segment.transport_at),
            carry.eq(total[8]),
        ]
        m.d.comb += [total.eq(old + addend + carry), value.eq(total)]
        added = ~segment.first
        with m.Switch(number - 2):
            with m.Case(_LENGTH_LOW):
                m.d.comb += [write.eq(1), value.eq(network_bytes[:8])]
                m.d.sync += carry.eq(0)
            with m.Case(_LENGTH_HIGH):
                m.d.comb += [write.eq(1), value.eq(network_bytes[8:])]
                m.d.sync += carry.eq(0)
            with m.Case(_ID_LOW):
                m.d.comb += [write.eq(segment.ipv4 & added), addend.eq(1)]
            with m.Case(_ID_HIGH):
                m.d.comb += write.eq(segment.ipv4 & added)
                m.d.sync += carry.eq(0)
            with m.Case(_LOW):
                m.d.comb += [write.eq(~segment.tcp | added), addend.eq(segment.mss[:8])]
                with m.If(~segment.tcp):
                    m.d.comb += value.eq(transport_bytes[:8])
            with m.Case(_SECOND):
                m.d.comb += [write.eq(~segment.tcp | added), addend.eq(segment.mss[8:])]
                with m.If(~segment.tcp):
                    m.d.comb += value.eq(transport_bytes[8:])
            with m.Case(_THIRD, _HIGH):
                m.d.comb += write.eq(segment.tcp & added)
            with m.Case(_FLAGS):
                kept = Mux(segment.first, old, flags)
                m.d.comb += [write.eq(segment.tcp), value.eq(Mux(segment.last, kept, kept & ~_FIN_PSH))]
                m.d.sync += flags.eq(kept)
        return write, value

    def _insert(self, m, step):
        """Puts out the headers, a beat after the other; returns whether this is the last."""
        lanes = len(self._write_port.en)
        out = self.completed.payload
        rest = Signal(8)  # bytes that have gone
        row = rest[self._lane_bits :]
        left = self.segments.payload.header_bytes - rest
        last = left <= lanes
        m.d.comb += [
            self.completed.valid.eq(1),
            out.data.eq(self._read_port.data.as_value()),
            out.lane.eq(0),
            out.count.eq(Mux(last, left, lanes)),
            self._read_port.addr.eq(row + step),
        ]
        with m.If(step):
            m.d.sync += rest.eq(Mux(last, 0, rest + lanes))
        return last
