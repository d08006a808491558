"""Host memory of the board: its HDL array as bytes."""

from __future__ import annotations

from emulator.engines.board_signal import Handle, SignalArray, now_step
from emulator.engines.board_wire import WORD_BYTES
from emulator.errors import RunFailed


class BoardMemory:
    """Host memory.

    Words read are kept for the present instant, in which only Python can change them: several descriptors in one word
    cost one access.

    Attributes:
        size: bytes.
    """

    def __init__(self, words: Handle, size: int) -> None:
        self.size = size
        self._words = SignalArray(words)
        self._known: dict[int, bytes] = {}
        self._known_at = -1

    def read(self, address: int, length: int) -> bytes:
        """Bytes at an address.

        Raises:
            RunFailed: they are not all inside the memory.
        """
        first, last = self._range(address, length)
        data = b"".join(self._word(number) for number in range(first, last))
        start = address - first * WORD_BYTES
        return data[start : start + length]

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at an address; visible to DMA and to read() at once.

        Raises:
            RunFailed: they do not all fit into the memory.
        """
        first, last = self._range(address, len(data))
        if first == last:
            return
        head = address % WORD_BYTES
        if head:
            data = self._word(first)[:head] + data
        tail = -len(data) % WORD_BYTES
        if tail:
            data += self._word(last - 1)[-tail:]
        for number in range(first, last):
            start = (number - first) * WORD_BYTES
            word = data[start : start + WORD_BYTES]
            self._words.write(number, int.from_bytes(word, "little"))
            self._known[number] = word

    def _range(self, address: int, length: int) -> tuple[int, int]:
        """Numbers of the first word of an access and of the one behind its last; forgets words of earlier instants."""
        if address < 0 or address + length > self.size:
            raise RunFailed(f"access to {length} bytes at {address:#x}, outside of {self.size} bytes of host memory")
        now = now_step()
        if now != self._known_at:
            self._known.clear()
            self._known_at = now
        return address // WORD_BYTES, -(-(address + length) // WORD_BYTES)

    def _word(self, number: int) -> bytes:
        word = self._known.get(number)
        if word is None:
            word = self._words.read(number).to_bytes(WORD_BYTES, "little")
            self._known[number] = word
        return word
