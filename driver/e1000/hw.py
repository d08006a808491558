"""Access to the device's registers, and the hardware's own procedures.

SDM is the Intel 8254x Software Developer's Manual.
"""

from __future__ import annotations

from driver.kernel.io import Iomem, readl, writel
from driver.kernel.timer import usleep_range
from hdl.nic.regmap import CTRL, ICR, IMC, RAH, RAL, RCTL, REGISTERS, STATUS, Access, Register

#: All interrupt causes.
ALL_CAUSES = IMC.writable

#: The statistics registers, in the order of their offsets: a pair's low half, which does not clear, comes first.
STATISTICS = [register for register in REGISTERS if register.offset >> 12 == 4]
assert all(register.access in (Access.READ_CLEARS, Access.READ_ONLY, Access.ZERO) for register in STATISTICS)

#: What any register reads as when the device does not answer: it was unplugged, or has hung.
DEVICE_GONE = 0xFFFF_FFFF


async def er32(hw: Iomem, register: type[Register]) -> int:
    """Read a register."""
    return await readl(hw + register.offset)


async def ew32(hw: Iomem, register: type[Register], value: int) -> None:
    """Write a register; posted."""
    await writel(value, hw + register.offset)


async def e1000_write_flush(hw: Iomem) -> None:
    """Return when the device has seen all writes so far: a read pushes them ahead of it (E1000_WRITE_FLUSH)."""
    await er32(hw, STATUS)


async def e1000_reset_hw(hw: Iomem) -> None:
    """Quiesce the device, reset it, and leave it masked (SDM 14.3). Sleeps."""
    await ew32(hw, IMC, ALL_CAUSES)
    await ew32(hw, RCTL, 0)
    await e1000_write_flush(hw)
    ctrl = await er32(hw, CTRL)
    await ew32(hw, CTRL, ctrl | CTRL.RST)
    await usleep_range(2, 5)  # SDM 13.4.1: the registers are not accessible for about 1 us
    await ew32(hw, IMC, ALL_CAUSES)
    await er32(hw, ICR)


async def e1000_vlan_mode(hw: Iomem, *, on: bool) -> None:
    """Let the device take 802.1Q tags out of received packets and insert those of packets to send, or not."""
    ctrl = await er32(hw, CTRL)
    await ew32(hw, CTRL, ctrl | CTRL.VME if on else ctrl & ~CTRL.VME)


def e1000_hash_mc_addr(address: bytes) -> int:
    """The bit of MTA that stands for a group address: bits 47 to 36 of it, as RCTL.MO is 0 (SDM 13.5.1)."""
    return address[4] >> 4 | address[5] << 4


async def e1000_rar_set(hw: Iomem, address: bytes, index: int) -> None:
    """Put a MAC address of six bytes into a receive address register (SDM 13.5.2)."""
    await writel(int.from_bytes(address[:4], "little"), hw + RAL.at(index))
    high = RAH.ADDRESS.put(int.from_bytes(address[4:], "little")) | RAH.AV
    await writel(high, hw + RAH.at(index))


async def e1000_init_rx_addrs(hw: Iomem, address: bytes) -> None:
    """The station's address comes first; the other receive addresses are not valid (SDM 13.5.2)."""
    await e1000_rar_set(hw, address, 0)
    for index in range(1, RAL.count):
        await writel(0, hw + RAL.at(index))
        await e1000_write_flush(hw)
        await writel(0, hw + RAH.at(index))
        await e1000_write_flush(hw)


async def e1000_clear_hw_cntrs(hw: Iomem) -> None:
    """Clear the statistics registers, by reading them."""
    for register in STATISTICS:
        await er32(hw, register)
