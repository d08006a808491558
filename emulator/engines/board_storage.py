"""The board's signals where Verilator keeps them: as memory of this process, without VPI."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Literal, TypeAlias

from emulator.engines.board_port import REQUESTS
from emulator.engines.board_wire import LOG_WORDS, MEMORY_WORDS, SINK_WORDS, WORD_BYTES

Bytes: TypeAlias = "ctypes.Array[ctypes.c_char]"

#: Called with scope, name of the signal and size in bytes: the storage of a signal, writable. The elements of an array
#: follow one another, each in 1, 2, 4 or 8 bytes or a multiple of 4.
Storage = Callable[[str, str, int], Bytes]


def view(array: Bytes, element: Literal["B", "H", "I", "Q"] = "B") -> memoryview:
    """Storage as numbers; ``element`` is a format of the module struct."""
    return memoryview(array).cast("B").cast(element)


def storage_in_this_program() -> Storage | None:
    """The storage of the simulation that runs in this process; None if its main program is not verilator_main.cpp."""
    function = getattr(ctypes.CDLL(None), "signal_storage", None)
    if function is None:
        return None
    function.restype = ctypes.c_void_p
    function.argtypes = [ctypes.c_char_p, ctypes.c_char_p]

    def storage(scope: str, name: str, size: int) -> Bytes:
        address = function(scope.encode(), name.encode())
        assert address, f"the simulation has no signal {scope}.{name}"
        return (ctypes.c_char * size).from_address(address)

    return storage


class SlotStorage:
    """The signals of a NIC's slot; see PortSignals and WireSignals."""

    def __init__(self, storage: Storage, slot: str, byte_ps: int) -> None:
        """The slot of this scope, whose wire takes so long for a byte, in ps."""
        source, sink = f"{slot}.source", f"{slot}.sink"
        self._requests = view(storage(f"{slot}.mmio", "requests", 8 * REQUESTS), "Q")
        self._returned_data = view(storage(f"{slot}.mmio", "returned_data", 4 * REQUESTS), "I")
        self._words = view(storage(source, "words", MEMORY_WORDS * WORD_BYTES))
        self._queued_words = view(storage(source, "queued_words", 4), "I")
        self._call_at = view(storage(source, "call_at", 4), "I")
        self._log = view(storage(f"{slot}.verdicts", "words", LOG_WORDS * WORD_BYTES))
        self._counts = view(storage(f"{slot}.vectors", "counts", 16))
        self._arrived = view(storage(sink, "words", SINK_WORDS * WORD_BYTES))
        self._listening = view(storage(sink, "listening", 1))
        for end in (source, sink):
            view(storage(end, "byte_ps", 8), "Q")[0] = byte_ps

    def set_request(self, slot: int, bits: int) -> None:
        """Write an element of ``requests``."""
        self._requests[slot] = bits

    def returned_data(self, slot: int) -> int:
        """An element of ``returned_data``."""
        return self._returned_data[slot]

    def put_words(self, index: int, data: bytes) -> None:
        """Write whole words of the frame memory from a word on."""
        self._words[index * WORD_BYTES : index * WORD_BYTES + len(data)] = data

    def set_queued_words(self, words: int) -> None:
        """Write ``queued_words``."""
        self._queued_words[0] = words

    def set_call_at(self, words: int) -> None:
        """Write ``call_at``."""
        self._call_at[0] = words

    def listen(self) -> None:
        """Set ``listening``."""
        self._listening[0] = 1

    def arrived_word(self, index: int) -> bytes:
        """A word of what has arrived."""
        return bytes(self._arrived[index * WORD_BYTES : (index + 1) * WORD_BYTES])

    def verdict_word(self, index: int) -> int:
        """A word of the log."""
        return int.from_bytes(self._log[index * WORD_BYTES : (index + 1) * WORD_BYTES], "little")

    def messages(self) -> int:
        """Messages of each vector, a byte for each."""
        return int.from_bytes(self._counts, "little")
