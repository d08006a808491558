"""Host memory that is a buffer in this process."""

from __future__ import annotations

from emulator.errors import RunFailed


class BufferMemory:
    """Host memory: see HostMemory in driver/kernel/dma.py.

    Attributes:
        size: bytes.
    """

    def __init__(self, view: memoryview) -> None:
        """The bytes of a writable buffer."""
        self.size = len(view)
        self._view = view

    def read(self, address: int, length: int) -> bytes:
        """Bytes at an address.

        Raises:
            RunFailed: they are not all inside the memory.
        """
        data = self._view[address : address + length].tobytes()
        if len(data) != length:
            raise self._outside(address, length)
        return data

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at an address; visible to DMA and to read() at once.

        Raises:
            RunFailed: they do not all fit into the memory.
        """
        try:
            self._view[address : address + len(data)] = data
        except ValueError:  # a slice that was cut off at the end
            raise self._outside(address, len(data)) from None

    def _outside(self, address: int, length: int) -> RunFailed:
        return RunFailed(f"access to {length} bytes at {address:#x}, outside of {self.size} bytes of host memory")
