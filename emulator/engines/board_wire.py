"""A wire of the board: fills the memory of wire_source.v (hdl/harness), reads wire_sink.v's and the verdict log."""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from emulator.engines.base import Listener, SentFrame, Verdict, WireFrame
from emulator.engines.board_port import SlotStatus
from emulator.wire_timing import FCS_BYTES, PS_PER_NS

WORD_BYTES = 64  #: of the board's memories

#: A portion of frames is at most so many words; the memory holds two portions.
PORTION_WORDS = 2048

MEMORY_WORDS = 2 * PORTION_WORDS

#: Of the memory of wire_sink.v.
SINK_WORDS = 1024

_ARRIVED = struct.Struct("<QHQ")  # a header word in it: start in ps, length, end in ps

_NEVER = 0xFFFF_FFFF
_ERROR = 1 << 16
_VERDICT_BITS = 4
_VERDICTS_PER_WORD = WORD_BYTES * 8 // _VERDICT_BITS
#: Of the verdict log.
LOG_WORDS = 128

_VERDICTS = [Verdict(number) for number in range(len(Verdict))]


class WireSignals(Protocol):
    """Access to the signals of wire_source.v, wire_sink.v and verdict_log.v."""

    def put_words(self, index: int, data: bytes) -> None:
        """Write whole words of the frame memory from a word on; they do not go beyond its end."""

    def set_queued_words(self, words: int) -> None:
        """Write ``queued_words``."""

    def set_call_at(self, words: int) -> None:
        """Write ``call_at``."""

    def listen(self) -> None:
        """Set ``listening``."""

    def arrived_word(self, index: int) -> bytes:
        """A word of what has arrived."""

    def verdict_word(self, index: int) -> int:
        """A word of the log."""


def frame_words(frame: WireFrame, start_ps: int) -> bytes:
    """A frame as wire_source.v has it in its memory: a header word, then the words of the bytes with their FCS."""
    data = frame.data
    fcs = zlib.crc32(data) ^ (0xFFFF_FFFF if frame.bad_fcs else 0)
    length = len(data) + FCS_BYTES
    header = start_ps | (length | (_ERROR if frame.bad_fcs else 0)) << 64
    whole = -(-length // WORD_BYTES) * WORD_BYTES
    return header.to_bytes(WORD_BYTES, "little") + (data + fcs.to_bytes(FCS_BYTES, "little")).ljust(whole, b"\0")


class BoardWire:
    """See Wire in emulator/engines/base.py."""

    def __init__(self, signals: WireSignals, status: SlotStatus, refresh: Callable[[], int]) -> None:
        """The wire of a board that may have been in use already, as its slot's status tells.

        ``refresh`` makes the engine call `update` with what the board shows now, and returns the time in ns.
        """
        self._signals = signals
        self._refresh = refresh
        self._sources: deque[Iterator[WireFrame]] = deque()
        self._next: WireFrame | None = None  # taken from its source, but there was no room for it
        self._queued = self._sent = status.sent_words  # words, counted without end
        self._portions: deque[int] = deque()  # where those end that have not left yet
        self._logged = self._taken = status.verdicts  # verdicts, counted without end
        self._arrived = self._told = status.arrived_words  # words, modulo 2**32
        self._cut_off = self._cut_off_before = status.cut_off
        self._listener: Listener | None = None

    def send(self, frames: Iterable[WireFrame]) -> None:
        """Queue frames behind those queued before; they are read in portions, the first two now."""
        self._sources.append(iter(frames))
        self._fill(self._refresh())

    @property
    def started(self) -> bool:
        """Whether a frame has left, as far as is known."""
        return bool(self._sent)

    @property
    def idle(self) -> bool:
        """Whether every queued frame has left."""
        if self._sources or self._next:
            return False
        if self._portions:
            self._refresh()
        return not self._portions

    @property
    def cut_off(self) -> int:
        """Frames that a reset of the NIC took out of it before they were on the wire."""
        self._refresh()
        return self._cut_off - self._cut_off_before & 0xFFFF_FFFF

    def listen(self, listener: Listener) -> None:
        """From now on tell a listener of each frame that the NIC sends, at the end of it; it may send frames itself."""
        self._refresh()
        self._told = self._arrived
        self._listener = listener
        self._signals.listen()

    def tell(self) -> None:
        """Tell the listener of the frames that have arrived."""
        while self._listener is not None and self._told != self._arrived:
            start_ps, length, end_ps = _ARRIVED.unpack_from(self._signals.arrived_word(self._told % SINK_WORDS))
            numbers = range(self._told + 1, self._told + 1 + -(-length // WORD_BYTES))
            frame = b"".join(self._signals.arrived_word(number % SINK_WORDS) for number in numbers)[:length]
            self._told = numbers.stop & 0xFFFF_FFFF
            data, fcs = frame[:-FCS_BYTES], frame[-FCS_BYTES:]
            bad_fcs = zlib.crc32(data).to_bytes(FCS_BYTES, "little") != fcs
            self._listener(SentFrame(data, start_ps, end_ps, bad_fcs))

    def take_verdicts(self) -> list[Verdict]:
        """Verdicts of frames since the last call, one per frame sent, in order."""
        self._refresh()
        verdicts: list[Verdict] = []
        while self._taken < self._logged:
            word, first = divmod(self._taken, _VERDICTS_PER_WORD)
            count = min(self._logged - self._taken, _VERDICTS_PER_WORD - first)
            value = self._signals.verdict_word(word % LOG_WORDS)
            for number in range(first, first + count):
                verdicts.append(_VERDICTS[value >> number * _VERDICT_BITS & 0xF])
            self._taken += count
        return verdicts

    def update(self, status: SlotStatus) -> None:
        """Take in what the slot shows now."""
        self._sent += status.sent_words - self._sent & 0xFFFF_FFFF
        self._logged += status.verdicts - self._logged & 0xFFFF_FFFF
        self._arrived, self._cut_off = status.arrived_words, status.cut_off
        while self._portions and self._portions[0] <= self._sent:
            self._portions.popleft()

    @property
    def low(self) -> bool:
        """Whether there are frames to come and room for them."""
        return len(self._portions) < 2 and (self._next is not None or bool(self._sources))

    def refill(self, now: int) -> None:
        """The board asked for frames."""
        self._fill(now)

    def _fill(self, now: int) -> None:
        """Write portions into the memory until it holds two, and have the board call when the first one has left."""
        while len(self._portions) < 2 and self._write_portion(now * PS_PER_NS):
            self._portions.append(self._queued)
        more = self._next is not None or bool(self._sources)
        self._signals.set_call_at(self._portions[0] & 0xFFFF_FFFF if more else _NEVER)

    def _write_portion(self, now_ps: int) -> bool:
        """Write as many frames as fit into a portion; False if there are none."""
        words = b"".join(self._take_portion(now_ps))
        if not words:
            return False
        index = self._queued % MEMORY_WORDS
        until_wrap = (MEMORY_WORDS - index) * WORD_BYTES
        self._signals.put_words(index, words[:until_wrap])
        if len(words) > until_wrap:
            self._signals.put_words(0, words[until_wrap:])
        self._queued += len(words) // WORD_BYTES
        self._signals.set_queued_words(self._queued & 0xFFFF_FFFF)
        return True

    def _take_portion(self, now_ps: int) -> Iterator[bytes]:
        """The words of the frames that fit into a portion, frame by frame."""
        room = PORTION_WORDS * WORD_BYTES
        while frame := self._next or self._take_frame():
            self._next = None
            words = frame_words(frame, max(frame.start_ps, now_ps))
            room -= len(words)
            if room < 0:
                self._next = frame
                return
            yield words

    def _take_frame(self) -> WireFrame | None:
        while self._sources:
            frame = next(self._sources[0], None)
            if frame is not None:
                return frame
            self._sources.popleft()
        return None
