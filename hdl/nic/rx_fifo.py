"""Receive FIFO: store and forward. A frame becomes visible to the reader when it is committed, or never.

Beats lie in one memory, the descriptions of the frames in another. The writer stores beats on trial and then commits
or discards them; the reader takes a frame's description first and then its beats.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.layouts import RxReport


class RxFrame(data.Struct):
    """A frame in the FIFO."""

    length: 16  # bytes that go to the host
    report: RxReport  # DD and EOP are left to the write-back
    small: 1  # no longer than RSRPD.SIZE


class RxFifo(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of a beat.
        size: bytes; a power of two, at most 32 KiB, so that a frame's length fits into a descriptor.

    Attributes:
        write: store ``write_beat`` behind the beats stored so far; only while ``room``.
        commit: the beats stored since the last commit or discard, with the one stored in this cycle, are ``frame``;
            only while ``frame_room``.
        discard: forget the beats since the last commit, with the one stored in this cycle.
        beats: beats of committed frames.
        frames: committed frames.
        level: beats stored, also those on trial, without the two at most that were read ahead; a cycle late.
        drop: forget the rest of the beats of those frames that were taken from ``frames``.
    """

    def __init__(self, data_width: int, size: int):
        self._beats = size // (data_width // 8)
        self._frames = size // 64
        super().__init__(
            {
                "write": In(1),
                "write_beat": In(data_width),
                "room": Out(1),
                "commit": In(1),
                "frame": In(RxFrame),
                "frame_room": Out(1),
                "discard": In(1),
                "beats": Out(stream.Signature(data_width)),
                "frames": Out(stream.Signature(RxFrame)),
                "level": Out(range(self._beats + 1)),
                "drop": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beat_bytes = len(self.write_beat) // 8

        # Pointers have one bit more than the address, so that full and empty differ.
        write_pointer = Signal(range(2 * self._beats))
        committed = Signal.like(write_pointer)
        next_pointer = Signal.like(write_pointer)
        read_pointer = Signal.like(write_pointer)
        head = Signal.like(write_pointer)  # the first beat that was not taken
        m.d.comb += [
            # Beats that were read ahead are still stored: after a drop they may be read again.
            self.room.eq((write_pointer ^ head) != self._beats),
            next_pointer.eq(write_pointer + self.write),
        ]
        m.d.sync += self.level.eq((write_pointer - read_pointer)[: len(write_pointer)])
        with m.If(self.discard):
            m.d.sync += write_pointer.eq(committed)
        with m.Elif(self.write | self.commit):
            m.d.sync += write_pointer.eq(next_pointer)
        with m.If(self.commit):
            m.d.sync += committed.eq(next_pointer)

        m.submodules.beats = beats = memory.Memory(shape=len(self.write_beat), depth=self._beats, init=[])
        write_port, read_port = beats.write_port(), beats.read_port()
        m.d.comb += [
            write_port.addr.eq(write_pointer),
            write_port.data.eq(self.write_beat),
            write_port.en.eq(self.write),
        ]
        fetched = _read_ahead(m, read_port, read_pointer, committed, self.beats)
        frames_end = Signal.like(read_pointer)  # the first beat that belongs to no frame that was taken
        with m.If(self.beats.valid & self.beats.ready):
            m.d.sync += head.eq(head + 1)
        with m.If(self.drop & (head != frames_end)):
            m.d.sync += [head.eq(frames_end), read_pointer.eq(frames_end), fetched.eq(0), self.beats.valid.eq(0)]

        self._queue_frames(m)
        with m.If(self.frames.valid & self.frames.ready):
            beats_of_frame = (self.frames.payload.length + (beat_bytes - 1)) // beat_bytes
            m.d.sync += frames_end.eq(frames_end + beats_of_frame)
        return m

    def _queue_frames(self, m):
        """The descriptions of committed frames."""
        m.submodules.frames = frames = memory.Memory(shape=RxFrame, depth=self._frames, init=[])
        write_port, read_port = frames.write_port(), frames.read_port()
        write_pointer = Signal(range(2 * self._frames))
        read_pointer = Signal.like(write_pointer)
        released = Signal.like(write_pointer)  # the first frame that was not taken
        m.d.comb += [
            self.frame_room.eq((write_pointer ^ released) != self._frames),
            write_port.addr.eq(write_pointer),
            write_port.data.eq(self.frame),
            write_port.en.eq(self.commit),
        ]
        with m.If(self.commit):
            m.d.sync += write_pointer.eq(write_pointer + 1)
        with m.If(self.frames.valid & self.frames.ready):
            m.d.sync += released.eq(released + 1)
        _read_ahead(m, read_port, read_pointer, write_pointer, self.frames)


def _read_ahead(m, read_port, pointer, end, output):
    """Read a queue in a memory into its output register and, as block RAM is slow, into a register behind that.

    Arguments:
        m: the module.
        read_port: of the memory; its output register holds while nobody takes it.
        pointer: the next item to read.
        end: behind the last one.
        output: stream of the items.

    Returns:
        Whether the memory's output register holds an item.
    """
    fetched = Signal()
    move = ~output.valid | output.ready
    read = (pointer != end) & (~fetched | move)
    m.d.comb += [read_port.addr.eq(pointer), read_port.en.eq(read)]
    with m.If(move):
        m.d.sync += output.valid.eq(fetched)
        with m.If(fetched):
            m.d.sync += output.payload.eq(read_port.data)
    with m.If(~fetched | move):
        m.d.sync += fetched.eq(read)
    with m.If(read):
        m.d.sync += pointer.eq(pointer + 1)
    return fetched
