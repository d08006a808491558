"""The PHY's registers, which PHY it is, and what it is told to negotiate (e1000_hw.c; SDM 13.4.8, IEEE 802.3 22)."""

from __future__ import annotations

from driver.e1000.hw import er32, ew32
from driver.kernel.delay import udelay
from driver.kernel.io import Iomem
from hdl.nic import phy_registers
from hdl.nic.phy_registers import M88E1011_I_PHY_ID, REVISION, Control
from hdl.nic.regmap import MDIC

#: Address of the PHY of the 82540.
_PHY_ADDRESS = 1

#: How often MDIC is looked at. A frame takes 8 us here, so it is looked at more often than every 50 us as in Linux.
_ATTEMPTS = 64
_POLL_USECS = 10

#: MDIC.OP.
_WRITE, _READ = 1, 2

#: ADVERTISE and GIGABIT_CONTROL: speeds that can be advertised, and those that are: all but 1000 Mb/s half duplex.
_10_100_MODES, _1000_MODES = 0x01E0, 0x0300
_10_100_ALL, _1000_FULL = 0x01E0, 0x0200


async def e1000_read_phy_reg(hw: Iomem, number: int) -> int | None:
    """A register of the PHY, or None if it does not answer."""
    mdic = await _mdic_operation(hw, MDIC.OP.put(_READ) | MDIC.REGADD.put(number))
    return None if mdic is None else MDIC.DATA.get(mdic)


async def e1000_write_phy_reg(hw: Iomem, number: int, value: int) -> bool:
    """Write a register of the PHY; false if that takes too long."""
    operation = MDIC.OP.put(_WRITE) | MDIC.REGADD.put(number) | MDIC.DATA.put(value)
    return await _mdic_operation(hw, operation) is not None


async def _mdic_operation(hw: Iomem, operation: int) -> int | None:
    await ew32(hw, MDIC, operation | MDIC.PHYADD.put(_PHY_ADDRESS))
    for _ in range(_ATTEMPTS):
        await udelay(_POLL_USECS)
        mdic = await er32(hw, MDIC)
        if mdic & MDIC.R:
            return None if mdic & MDIC.E else mdic
    return None


async def e1000_detect_gig_phy(hw: Iomem) -> bool:
    """Whether the PHY is the one that this device has."""
    high = await e1000_read_phy_reg(hw, phy_registers.ID1)
    await udelay(20)
    low = await e1000_read_phy_reg(hw, phy_registers.ID2)
    if high is None or low is None:
        return False
    return (high << 16 | low) & ~REVISION == M88E1011_I_PHY_ID


async def e1000_phy_reset(hw: Iomem) -> bool:
    """Reset the PHY by its own register, so that what was configured takes effect."""
    control = await e1000_read_phy_reg(hw, phy_registers.CONTROL)
    if control is None or not await e1000_write_phy_reg(hw, phy_registers.CONTROL, control | Control.RESET):
        return False
    await udelay(1)
    return True


async def e1000_phy_setup_autoneg(hw: Iomem) -> bool:
    """Say what is to be negotiated: every speed, no pause frames."""
    advertise = await e1000_read_phy_reg(hw, phy_registers.ADVERTISE)
    gigabit = await e1000_read_phy_reg(hw, phy_registers.GIGABIT_CONTROL)
    if advertise is None or gigabit is None:
        return False
    advertise, gigabit = advertise & ~_10_100_MODES | _10_100_ALL, gigabit & ~_1000_MODES | _1000_FULL
    return await e1000_write_phy_reg(hw, phy_registers.ADVERTISE, advertise) and await e1000_write_phy_reg(
        hw, phy_registers.GIGABIT_CONTROL, gigabit
    )


async def e1000_copper_link_autoneg(hw: Iomem) -> bool:
    """Negotiate anew; nobody waits for the end of it here."""
    if not await e1000_phy_setup_autoneg(hw):
        return False
    control = await e1000_read_phy_reg(hw, phy_registers.CONTROL)
    if control is None:
        return False
    return await e1000_write_phy_reg(hw, phy_registers.CONTROL, control | Control.NEGOTIATE | Control.RESTART)
