"""What a checker of rules needs to know of the 8254x's registers and its receive ring (SDM 13.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from driver.kernel.rules.bus import NOTHING, Meaning
from hdl.nic.layouts import RxDescriptor, RxStatus
from hdl.nic.regmap import (
    CTRL,
    ICR,
    IMC,
    IMS,
    ITR,
    RADV,
    RCTL,
    RDBAH,
    RDBAL,
    RDLEN,
    RDT,
    RDTR,
    TCTL,
    TDT,
)

if TYPE_CHECKING:
    from driver.kernel.dma import HostMemory

_CAUSES = ICR.writable
_LAYOUT = RxDescriptor.as_shape()
_DESCRIPTOR_BYTES = _LAYOUT.size // 8
_STATUS_AT = _LAYOUT["status"].offset // 8
_DD = 1 << RxStatus.as_shape()["DD"].offset

_ITR_UNIT_NS, _DELAY_UNIT_NS = 256, 1024

#: Registers whose values matter later.
_KEPT = {register.offset for register in (ITR, RDTR, RADV, RDBAL, RDBAH, RDLEN, RDT)}

#: What a write means, by offset.
_MEANINGS: dict[int, Callable[[int], Meaning]] = {
    RDT.offset: lambda value: Meaning(rx_tail=value),
    TDT.offset: lambda value: Meaning(tx_tail=value),
    IMC.offset: lambda value: Meaning(masks=value & _CAUSES),
    IMS.offset: lambda value: Meaning(unmasks=value & _CAUSES),
    ICR.offset: lambda value: Meaning(acknowledges=value & _CAUSES),
    RCTL.offset: lambda value: Meaning(rx_dma=bool(value & RCTL.EN)),
    TCTL.offset: lambda value: Meaning(tx_dma=bool(value & TCTL.EN)),
}


class E1000Registers:
    """DeviceRegisters of one 8254x."""

    rx_causes = int(ICR.RXT0 | ICR.RXO | ICR.RXDMT0 | ICR.RXSEQ)
    tx_causes = int(ICR.TXDW | ICR.TXQE)

    def __init__(self) -> None:
        self._values = dict.fromkeys(_KEPT, 0)

    @property
    def coalesce_ns(self) -> int:
        """Throttling, and the delay after the last packet."""
        return self._values[ITR.offset] * _ITR_UNIT_NS + self._values[RDTR.offset] * _DELAY_UNIT_NS

    def written(self, offset: int, value: int) -> Meaning:
        """Interrupt registers, doorbells, and what turns the device on and off."""
        if offset in _KEPT:
            self._values[offset] = value
        if offset == CTRL.offset and value & CTRL.RST:
            self._values = dict.fromkeys(_KEPT, 0)
            return Meaning(masks=_CAUSES, acknowledges=_CAUSES, rx_dma=False, tx_dma=False, reset=True)
        meaning = _MEANINGS.get(offset)
        return meaning(value) if meaning else NOTHING

    def read(self, offset: int, value: int) -> Meaning:
        """A read of ICR clears all causes."""
        if offset == ICR.offset:
            return Meaning(acknowledges=_CAUSES, status=value)
        return NOTHING

    def rx_descriptor(self, address: int) -> int | None:
        """By the ring's address and length, as they were written."""
        offset = address - self._ring
        return offset // _DESCRIPTOR_BYTES if 0 <= offset < self._values[RDLEN.offset] else None

    def rx_done(self, memory: HostMemory, index: int) -> bool:
        """By DD; the descriptor at the tail is the driver's, and may say DD from its last use."""
        index %= self._values[RDLEN.offset] // _DESCRIPTOR_BYTES
        if index == self._values[RDT.offset]:
            return False
        return bool(memory.read(self._ring + index * _DESCRIPTOR_BYTES + _STATUS_AT, 1)[0] & _DD)

    @property
    def _ring(self) -> int:
        return self._values[RDBAH.offset] << 32 | self._values[RDBAL.offset]
