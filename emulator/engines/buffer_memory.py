"""Host memory that is an array of C in this process."""

from __future__ import annotations

import ctypes
from typing import Any

from emulator.errors import RunFailed


class BufferMemory:
    """Host memory: see HostMemory in driver/kernel/dma.py.

    Attributes:
        size: bytes.
    """

    def __init__(self, array: ctypes.Array[ctypes.c_char]) -> None:
        """The bytes of an array; slices of one are bytes, made in one go."""
        self.size = len(array)
        self._array: Any = array  # whose stub does not know that its slices are bytes

    def read(self, address: int, length: int) -> bytes:
        """Bytes at an address.

        Raises:
            RunFailed: they are not all inside the memory.
        """
        data: bytes = self._array[address : address + length]
        if len(data) != length:
            raise self._outside(address, length)
        return data

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at an address; visible to DMA and to read() at once.

        Raises:
            RunFailed: they do not all fit into the memory.
        """
        try:
            self._array[address : address + len(data)] = data
        except ValueError:  # a slice that was cut off at the end
            raise self._outside(address, len(data)) from None

    def _outside(self, address: int, length: int) -> RunFailed:
        return RunFailed(f"access to {length} bytes at {address:#x}, outside of {self.size} bytes of host memory")
