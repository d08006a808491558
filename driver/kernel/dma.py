"""Host memory and the DMA API (kernel/dma/mapping.c, Documentation/core-api/dma-api.rst)."""

from __future__ import annotations

from typing import Protocol


class HostMemory(Protocol):
    """Physical memory, as the engine holds it; access takes no simulated time."""

    size: int  #: bytes

    def read(self, address: int, length: int) -> bytes:
        """Bytes at an address."""

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at an address; visible to DMA and to read() at once."""
