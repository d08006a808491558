"""What a checker of rules needs to know of the 8254x's registers and its rings (SDM 13.4, 3.2.3 and 3.3.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from driver.kernel.rules.bus import NOTHING, Meaning
from driver.kernel.rules.ring_state import DescriptorLayout
from hdl.nic.layouts import RxDescriptor, RxStatus, TxCommand, TxDescriptor, TxStatus
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
    RDH,
    RDLEN,
    RDT,
    RDTR,
    TCTL,
    TDBAH,
    TDBAL,
    TDH,
    TDLEN,
    TDT,
)

if TYPE_CHECKING:
    from driver.kernel.pci import PciDev
    from driver.kernel.rules.checker import Checker

_CAUSES = ICR.writable
_LAYOUT = RxDescriptor.as_shape()
_DESCRIPTOR_BYTES = _LAYOUT.size // 8
_STATUS_AT = _LAYOUT["status"].offset // 8
_DD = 1 << RxStatus.as_shape()["DD"].offset

_ITR_UNIT_NS, _DELAY_UNIT_NS = 256, 1024

#: Registers whose values matter later.
_KEPT = {register.offset for register in (ITR, RDTR, RADV, RCTL, RDBAL, RDBAH, RDLEN, TDBAL, TDBAH, TDLEN)}

_TX_LAYOUT = TxDescriptor.as_shape()
_TX_COMMAND_AT = _TX_LAYOUT["command"].offset // 8

_LAYOUTS = {
    True: DescriptorLayout(
        size=_DESCRIPTOR_BYTES,
        address_at=_LAYOUT["address"].offset // 8,
        written_at=_LAYOUT["length"].offset // 8,
        status_at=_STATUS_AT,
        done=_DD,
        done_value=_DD,
        eop=1 << RxStatus.as_shape()["EOP"].offset,
    ),
    False: DescriptorLayout(
        size=_TX_LAYOUT.size // 8,
        address_at=_TX_LAYOUT["address"].offset // 8,
        written_at=_TX_LAYOUT["status"].offset // 8,
        status_at=_TX_LAYOUT["status"].offset // 8,
        done=1 << TxStatus.as_shape()["DD"].offset,
        done_value=1 << TxStatus.as_shape()["DD"].offset,
        no_buffer=(_TX_COMMAND_AT, 1 << TxCommand.as_shape()["DEXT"].offset),  # an extended one may have none
    ),
}

#: Bytes of a buffer with RCTL.BSIZE 0 and without RCTL.BSEX (SDM 13.4.22).
_LARGEST_BUFFER, _BSEX_FACTOR = 2048, 16

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

    def value(self, offset: int) -> int:
        """What was last written to a register; 0 after reset."""
        return self._values[offset]

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


class E1000Ring:
    """RingRegisters of one ring of an 8254x."""

    def __init__(self, registers: E1000Registers, *, receives: bool) -> None:
        self.receives = receives
        self.layout = _LAYOUTS[receives]
        self._registers = registers
        self.head_at = RDH.offset if receives else TDH.offset
        self._low, self._high, self._bytes = (
            register.offset for register in ((RDBAL, RDBAH, RDLEN) if receives else (TDBAL, TDBAH, TDLEN))
        )

    @property
    def base(self) -> int:
        """By RDBAL and RDBAH."""
        return self._registers.value(self._high) << 32 | self._registers.value(self._low)

    @property
    def count(self) -> int:
        """By RDLEN."""
        return self._registers.value(self._bytes) // self.layout.size

    @property
    def buffer_bytes(self) -> int:
        """By RCTL."""
        if not self.receives:
            return 0
        rctl = self._registers.value(RCTL.offset)
        return (_LARGEST_BUFFER >> RCTL.BSIZE.get(rctl)) * (_BSEX_FACTOR if rctl & RCTL.BSEX else 1)


def observe(checker: Checker, pdev: PciDev) -> None:
    """Tell a checker all about a device. Do it before the driver's probe."""
    registers = E1000Registers()
    checker.bus.attach(pdev, registers)
    checker.rings.attach(pdev, E1000Ring(registers, receives=True), E1000Ring(registers, receives=False))
    checker.mmio.enabled(pdev, enabled=pdev.enabled)
