"""Host memory of the model: bytes that the CPUs and all NICs see."""

from __future__ import annotations

import mmap

from emulator.errors import RunFailed


class ModelMemory:
    """See HostMemory in driver/kernel/dma.py.

    Attributes:
        size: how many bytes.
        pages: the bytes. Only for who has compared with the size: a slice that passes the end is cut off.
    """

    __slots__ = ("pages", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.pages = mmap.mmap(-1, size)  # whose slices are bytes, made in one go

    def read(self, address: int, length: int) -> bytes:
        """Bytes at an address."""
        data = self.pages[address : address + length]
        if len(data) != length:
            raise self._outside(address, length)
        return data

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at an address; visible to DMA and to read() at once."""
        try:
            self.pages[address : address + len(data)] = data
        except IndexError:  # a slice that was cut off
            raise self._outside(address, len(data)) from None

    def _outside(self, address: int, length: int) -> RunFailed:
        return RunFailed(f"access to {length} bytes at {address:#x}: host memory ends at {self.size:#x}")
