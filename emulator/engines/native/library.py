"""A board in the native library: board.h in Python."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Protocol

from emulator.engines.board_storage import Bytes, view
from emulator.engines.native.build import TOPLEVEL
from emulator.errors import RunFailed


class _Functions(Protocol):
    """The functions of board.h."""

    board_new: ctypes._NamedFuncPointer
    board_evaluate_every_edge: ctypes._NamedFuncPointer
    board_free: ctypes._NamedFuncPointer
    board_advance: ctypes._NamedFuncPointer
    board_status: ctypes._NamedFuncPointer
    board_signal: ctypes._NamedFuncPointer
    board_error: ctypes._NamedFuncPointer


def _load(library: Path) -> _Functions:
    functions = ctypes.CDLL(str(library))
    functions.board_new.restype = ctypes.c_void_p
    functions.board_new.argtypes = [ctypes.c_char_p]
    functions.board_evaluate_every_edge.restype = None
    functions.board_evaluate_every_edge.argtypes = [ctypes.c_void_p]
    functions.board_free.restype = None
    functions.board_free.argtypes = [ctypes.c_void_p]
    functions.board_advance.restype = ctypes.c_int64
    functions.board_advance.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    functions.board_status.restype = ctypes.c_void_p
    functions.board_status.argtypes = [ctypes.c_void_p]
    functions.board_signal.restype = ctypes.c_void_p
    functions.board_signal.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    functions.board_error.restype = ctypes.c_char_p
    functions.board_error.argtypes = [ctypes.c_void_p]
    return functions


class Board:
    """A board of its own, at time 0.

    Attributes:
        handle: for `advance`.
        advance: board_advance of board.h, called as ``advance(handle, until)``.
    """

    def __init__(self, library: Path, waves: Path | None = None) -> None:
        """Load the library, if need be, and make a board whose waveform goes to a file, or nowhere."""
        functions = _load(library)
        self._functions = functions
        self.advance = functions.board_advance
        self.handle: int | None = functions.board_new(str(waves).encode() if waves else None)

    def storage(self, scope: str, name: str, size: int) -> Bytes:
        """The storage of a signal, which must not be used after `close`; scopes are below the top."""
        address = self._functions.board_signal(self.handle, f"{TOPLEVEL}.{scope}".encode(), name.encode())
        assert address, f"the native board has no signal {scope}.{name}"
        return (ctypes.c_char * size).from_address(address)

    def status(self, size: int) -> memoryview:
        """The storage of the board's ``status``, of so many bytes; it must not be used after `close`."""
        return view((ctypes.c_char * size).from_address(self._functions.board_status(self.handle)))

    def evaluate_every_edge(self) -> None:
        """From now on evaluate also clock edges that change nothing; the results are the same."""
        self._functions.board_evaluate_every_edge(self.handle)

    def failed(self) -> RunFailed:
        """What to raise when `advance` returned -1."""
        error: bytes = self._functions.board_error(self.handle)
        return RunFailed(f"the RTL reports: {error.decode(errors='replace').strip()}")

    def close(self) -> None:
        """Finish the waveform and free the board."""
        if self.handle is not None:
            self._functions.board_free(self.handle)
            self.handle = None
