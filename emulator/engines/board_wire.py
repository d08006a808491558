"""A wire of the board: keeps the frame memory of hdl/harness/wire_source.v filled, and reads the verdict log."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from cocotb.handle import Immediate

from emulator.engines.base import Verdict, WireFrame
from emulator.engines.board_word import WORD_BYTES, Handle, read_word, write_word
from emulator.wire_timing import FCS_BYTES, PS_PER_NS

#: A portion of frames is at most so many words; the memory holds two portions.
PORTION_WORDS = 2048

_WORDS = 2 * PORTION_WORDS
_NEVER = 0xFFFF_FFFF
_LENGTH_LSB = 64
_ERROR = 1 << 80
_VERDICT_BITS = 4
_VERDICTS_PER_WORD = WORD_BYTES * 8 // _VERDICT_BITS
_LOG_WORDS = 128
_VERDICTS = [Verdict(number) for number in range(len(Verdict))]


def frame_words(frame: WireFrame, start_ps: int) -> list[int]:
    """A frame as wire_source.v has it in its memory: a header, then the bytes with their FCS."""
    fcs = zlib.crc32(frame.data) ^ (0xFFFF_FFFF if frame.bad_fcs else 0)
    data = frame.data + fcs.to_bytes(FCS_BYTES, "little")
    header = (_ERROR if frame.bad_fcs else 0) | len(data) << _LENGTH_LSB | start_ps
    return [
        header,
        *(int.from_bytes(data[start : start + WORD_BYTES], "little") for start in range(0, len(data), WORD_BYTES)),
    ]


class BoardWire:
    """See Wire in emulator/engines/base.py."""

    def __init__(self, slot: Handle, byte_ps: int, refresh: Callable[[], int]) -> None:
        """The wire of one NIC slot, with this time per byte in ps.

        ``refresh`` makes the engine call `update` with what the board shows now, and returns the time in ns.
        """
        source = slot.source
        source.byte_ps.set(Immediate(byte_ps))
        self._words = source.words
        self._queued_words = source.queued_words
        self._call_at = source.call_at
        self._log = slot.verdicts.words
        self._refresh = refresh
        self._sources: deque[Iterator[WireFrame]] = deque()
        self._next: WireFrame | None = None  # taken from its source, but there was no room for it
        self._queued = self._sent = source.sent_words.value.to_unsigned()  # words, counted without end
        self._portions: deque[int] = deque()  # where those end that have not left yet
        self._logged = self._taken = slot.verdicts.count.value.to_unsigned()  # verdicts, counted without end

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

    def take_verdicts(self) -> list[Verdict]:
        """Verdicts of frames since the last call, one per frame sent, in order."""
        self._refresh()
        verdicts: list[Verdict] = []
        while self._taken < self._logged:
            word, first = divmod(self._taken, _VERDICTS_PER_WORD)
            count = min(self._logged - self._taken, _VERDICTS_PER_WORD - first)
            value = read_word(self._log[word % _LOG_WORDS])
            for number in range(first, first + count):
                verdicts.append(_VERDICTS[value >> number * _VERDICT_BITS & 0xF])
            self._taken += count
        return verdicts

    def update(self, sent_words: int, verdict_count: int) -> None:
        """The board's counters, modulo 2**32."""
        self._sent += sent_words - self._sent & 0xFFFF_FFFF
        self._logged += verdict_count - self._logged & 0xFFFF_FFFF
        while self._portions and self._portions[0] <= self._sent:
            self._portions.popleft()

    def refill(self, now: int) -> None:
        """The board asked for frames."""
        self._fill(now)

    def _fill(self, now: int) -> None:
        """Write portions into the memory until it holds two, and have the board call when the first one has left."""
        while len(self._portions) < 2 and self._write_portion(now * PS_PER_NS):
            self._portions.append(self._queued)
        more = self._next is not None or bool(self._sources)
        self._call_at.set(Immediate(self._portions[0] & 0xFFFF_FFFF if more else _NEVER))

    def _write_portion(self, now_ps: int) -> bool:
        """Write as many frames as fit into a portion; False if there are none."""
        end = self._queued + PORTION_WORDS
        start = self._queued
        while True:
            frame = self._next or self._take_frame()
            self._next = None
            if frame is None:
                break
            words = frame_words(frame, max(frame.start_ps, now_ps))
            if self._queued + len(words) > end:
                self._next = frame
                break
            for word in words:
                write_word(self._words[self._queued % _WORDS], word)
                self._queued += 1
        if self._queued == start:
            return False
        self._queued_words.set(Immediate(self._queued & 0xFFFF_FFFF))
        return True

    def _take_frame(self) -> WireFrame | None:
        while self._sources:
            frame = next(self._sources[0], None)
            if frame is not None:
                return frame
            self._sources.popleft()
        return None
