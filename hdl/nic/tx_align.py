"""Packs the bytes of a frame's pieces into beats without gaps, each but the last one full.

Three steps, a clock each: bytes are registered, rotated so that they follow those of before, and merged with these.
Bytes of a frame that are not in a beat yet, up to a whole one, wait in ``rest``: a beat goes out when more bytes than
it holds are there, or at the end. When the end fills one beat and begins another, that one goes out a clock later;
only if new bytes need that clock for a beat of their own do they wait.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.tx_piece import TxFrame, TxReport
from hdl.nic.tx_reader import TxBytes


class TxBeat(data.StructLayout):
    """A beat of a frame: ``count`` bytes in ``data`` from lane 0 on, zeros above; ``frame`` with ``last``."""

    def __init__(self, data_width: int):
        super().__init__({"data": data_width, "count": range(data_width // 8 + 1), "last": 1, "frame": TxFrame})


class TxAlign(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Parameters:
        data_width: bits of a beat.
        queues: transmit queues.

    Attributes:
        bytes: from the reader.
        valid, beat: pulse, a beat of a frame; its taker has room.
        done: pulse by queue, a descriptor's data is here.
        report: with ``done``: what the driver wants to hear of it.
        end: pulse, a frame's data is here.
    """

    def __init__(self, data_width: int, queues: int = 1):
        self._data_width, self._queues = data_width, queues
        super().__init__(
            {
                "bytes": In(stream.Signature(TxBytes(data_width, queues))),
                "valid": Out(1),
                "beat": Out(TxBeat(data_width)),
                "done": Out(queues),
                "report": Out(TxReport),
                "end": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width, lanes = self._data_width, self._data_width // 8
        waiting = Signal(TxBytes(width, self._queues))
        rotated = Signal(
            data.StructLayout(
                {
                    "data": width,
                    "below": lanes,  # lanes that hold bytes of before: they come from the rest
                    "inside": lanes,  # lanes of the frame's last beat that hold bytes
                    "count": range(lanes + 1),  # of its bytes
                    "writes": 1,  # a beat goes out
                    "flushes": 1,  # and after it the frame's last one
                    "end": 1,
                    "frame": TxFrame,
                    "done": self._queues,
                    "report": TxReport,
                }
            )
        )
        waiting_valid, rotated_valid, flush = Signal(), Signal(), Signal()
        merge, move = Signal(), Signal()
        m.d.comb += [
            merge.eq(rotated_valid & ~(flush & rotated.writes)),
            move.eq(waiting_valid & (~rotated_valid | merge)),
            self.bytes.ready.eq(~waiting_valid | move),
        ]
        with m.If(self.bytes.ready):
            m.d.sync += waiting_valid.eq(self.bytes.valid)
        with m.If(self.bytes.ready & self.bytes.valid):
            m.d.sync += waiting.eq(self.bytes.payload)
        with m.If(move | merge):
            m.d.sync += rotated_valid.eq(move)
        with m.If(move):
            self._rotate(m, waiting, rotated)
        self._merge(m, rotated, merge, flush)
        return m

    def _rotate(self, m, waiting, rotated):
        lanes = self._data_width // 8
        filled = Signal(range(lanes + 1))  # bytes in the rest once those before these are merged
        amount = Signal(range(lanes))
        total = Signal(range(2 * lanes + 1))
        over = Signal()
        m.d.comb += [
            amount.eq(filled - waiting.lane),
            total.eq(filled + waiting.count),
            over.eq(total > lanes),
        ]
        count = Mux(over, total - lanes, total)[: len(filled)]
        m.d.sync += [
            rotated.data.eq(_rotate_lanes(waiting.data, amount)),
            rotated.below.eq(_lowest(filled, lanes)),
            rotated.inside.eq(_lowest(count, lanes)),
            rotated.count.eq(count),
            rotated.writes.eq(over | waiting.end),
            rotated.flushes.eq(over & waiting.end),
            rotated.end.eq(waiting.end),
            rotated.frame.eq(waiting.frame),
            rotated.done.eq(waiting.done << waiting.queue if self._queues > 1 else waiting.done),
            rotated.report.eq(waiting.report),
            filled.eq(Mux(waiting.end, 0, count)),
        ]

    def _merge(self, m, rotated, merge, flush):
        width, lanes = self._data_width, self._data_width // 8
        rest = Signal(width)
        merged = Signal(width)
        flushed = Signal(data.StructLayout({"inside": lanes, "count": range(lanes + 1), "frame": TxFrame}))
        last = rotated.end & ~rotated.flushes
        below = _lane_bits(rotated.below)
        m.d.comb += merged.eq((rest & below) | (rotated.data & ~below))
        m.d.sync += [
            self.valid.eq(flush | (merge & rotated.writes)),
            self.done.eq(Mux(merge, rotated.done, 0)),
            self.end.eq(merge & rotated.end),
            flush.eq(merge & rotated.flushes),
        ]
        with m.If(merge):
            m.d.sync += [
                rest.eq(Mux(rotated.writes, rotated.data, merged)),
                flushed.inside.eq(rotated.inside),
                flushed.count.eq(rotated.count),
                flushed.frame.eq(rotated.frame),
                self.report.eq(rotated.report),
            ]
        with m.If(flush):
            m.d.sync += [
                self.beat.data.eq(rest & _lane_bits(flushed.inside)),
                self.beat.count.eq(flushed.count),
                self.beat.last.eq(1),
                self.beat.frame.eq(flushed.frame),
            ]
        with m.Elif(merge & rotated.writes):
            m.d.sync += [
                self.beat.data.eq(merged & (_lane_bits(rotated.inside) | ~last.replicate(width))),
                self.beat.count.eq(Mux(last, rotated.count, lanes)),
                self.beat.last.eq(last),
                self.beat.frame.eq(rotated.frame),
            ]


def _lane_bits(lanes):
    """A bit for each lane as the eight of the lane."""
    return Cat(lane.replicate(8) for lane in lanes)


def _lowest(count, lanes):
    """A bit for each lane: whether it is one of the ``count`` lowest."""
    return Cat(count > lane for lane in range(lanes))


def _rotate_lanes(value, amount):
    """Bytes of a beat, each moved up by so many lanes, round the end."""
    for bit in range(len(amount)):
        value = Mux(amount[bit], value.rotate_left(8 << bit), value)
    return value
