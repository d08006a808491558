"""Transmit FIFO: store and forward. A frame is seen by the reader once its entry, a TxFrame, says that it is whole.

Beats lie in one memory, with their counts and the mark of the last one; entries lie in another. An entry may come
later than the last beat, when more is to be found out about the frame meanwhile, and entries are in the order of the
frames. A frame with ``drop`` is read and thrown away.
"""

from amaranth.hdl import Assert, Module, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.tx_align import TxBeat
from hdl.nic.tx_piece import TxFrame


class TxFifo(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Parameters:
        data_width: bits of a beat.
        beats, frames: how many it holds; powers of two.

    Attributes:
        write, write_beat: pulse, the next beat; there is room. Its ``frame`` is not looked at.
        enter, enter_frame: pulse, all beats of the next frame have been written; there is room.
        beats: of whole frames; each has its frame's entry.
        beat_left, frame_left: pulse, there is room for one more.
        whole: pulse, a frame is whole and is going to be sent.
        dropped: pulse, a frame has been thrown away.
    """

    def __init__(self, data_width: int, beats: int, frames: int):
        self._data_width, self._beats, self._frames = data_width, beats, frames
        super().__init__(
            {
                "write": In(1),
                "write_beat": In(TxBeat(data_width)),
                "enter": In(1),
                "enter_frame": In(TxFrame),
                "beats": Out(stream.Signature(TxBeat(data_width))),
                "beat_left": Out(1),
                "frame_left": Out(1),
                "whole": Out(1),
                "dropped": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self._data_width // 8
        stored = data.StructLayout({"data": self._data_width, "count_less_1": range(lanes), "last": 1})
        m.submodules.beats = beats = memory.Memory(shape=stored, depth=self._beats, init=[])
        write_port, read_port = beats.write_port(), beats.read_port()
        # Pointers have one bit more than the address, so that full and empty differ.
        write_pointer, read_pointer = Signal(range(2 * self._beats)), Signal(range(2 * self._beats))
        head = Signal()  # the memory's output register holds the next beat
        leave = Signal()  # it goes
        frame, has_frame = self._queue_frames(m, leave & read_port.data.last)
        m.d.comb += [
            write_port.addr.eq(write_pointer),
            write_port.en.eq(self.write),
            write_port.data.data.eq(self.write_beat.data),
            write_port.data.count_less_1.eq(self.write_beat.count - 1),
            write_port.data.last.eq(self.write_beat.last),
            read_port.addr.eq(read_pointer),
            read_port.en.eq((~head | leave) & (read_pointer != write_pointer)),
            self.beats.payload.data.eq(read_port.data.data),
            self.beats.payload.count.eq(read_port.data.count_less_1 + 1),
            self.beats.payload.last.eq(read_port.data.last),
            self.beats.payload.frame.eq(frame),
            self.beats.valid.eq(head & has_frame & ~frame.drop),
            leave.eq(head & has_frame & (self.beats.ready | frame.drop)),
            self.beat_left.eq(read_port.en),
            self.dropped.eq(self.frame_left & frame.drop),
        ]
        with m.If(self.write):
            m.d.sync += write_pointer.eq(write_pointer + 1)
            m.d.sync += Assert((write_pointer ^ read_pointer) != self._beats)
        with m.If(read_port.en):
            m.d.sync += read_pointer.eq(read_pointer + 1)
        with m.If(~head | leave):
            m.d.sync += head.eq(read_port.en)
        return m

    def _queue_frames(self, m, take):
        """The entries; returns the first one and whether there is one."""
        m.submodules.frames = frames = memory.Memory(shape=TxFrame, depth=self._frames, init=[])
        write_port, read_port = frames.write_port(), frames.read_port()
        write_pointer, read_pointer = Signal(range(2 * self._frames)), Signal(range(2 * self._frames))
        first = Signal()  # the memory's output register holds the first entry
        m.d.comb += [
            write_port.addr.eq(write_pointer),
            write_port.data.eq(self.enter_frame),
            write_port.en.eq(self.enter),
            read_port.addr.eq(read_pointer),
            read_port.en.eq((~first | take) & (read_pointer != write_pointer)),
            self.frame_left.eq(take),
            self.whole.eq(self.enter & ~self.enter_frame.drop),
        ]
        with m.If(self.enter):
            m.d.sync += write_pointer.eq(write_pointer + 1)
            m.d.sync += Assert((write_pointer ^ read_pointer) != self._frames)
        with m.If(read_port.en):
            m.d.sync += read_pointer.eq(read_pointer + 1)
        with m.If(~first | take):
            m.d.sync += first.eq(read_port.en)
        return read_port.data, first
