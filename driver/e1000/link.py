"""The link: setting it up after a reset, and whether it is up (e1000_hw.c, e1000_main.c; SDM 8.5)."""

from __future__ import annotations

from driver.e1000.adapter import Adapter
from driver.e1000.hw import er32, ew32
from driver.e1000.phy import (
    e1000_copper_link_autoneg,
    e1000_detect_gig_phy,
    e1000_phy_reset,
    e1000_read_phy_reg,
)
from driver.kernel.delay import udelay
from driver.kernel.io import Iomem
from hdl.nic import phy_registers
from hdl.nic.phy_registers import Status
from hdl.nic.regmap import CTRL, FCAH, FCAL, FCRTH, FCRTL, FCT, FCTTV

#: What pause frames are for, and look like (IEEE 802.3 annex 31B).
_FLOW_CONTROL_ADDRESS = b"\x01\x80\xc2\x00\x00\x01"
_FLOW_CONTROL_TYPE = 0x8808
_FC_PAUSE_TIME = 0xFFFF

#: How often the new link is looked at, 10 us apart.
_ATTEMPTS = 10
_POLL_USECS = 10


async def e1000_setup_link(adapter: Adapter) -> bool:
    """Have the PHY negotiate, and set up flow control, which stays off; false if there is no PHY."""
    hw = adapter.hw
    done = await e1000_setup_copper_link(adapter)
    await ew32(hw, FCT, _FLOW_CONTROL_TYPE)
    await ew32(hw, FCAH, int.from_bytes(_FLOW_CONTROL_ADDRESS[4:], "little"))
    await ew32(hw, FCAL, int.from_bytes(_FLOW_CONTROL_ADDRESS[:4], "little"))
    await ew32(hw, FCTTV, _FC_PAUSE_TIME)
    await ew32(hw, FCRTL, 0)
    await ew32(hw, FCRTH, 0)
    return done


async def e1000_setup_copper_link(adapter: Adapter) -> bool:
    """Find the PHY, reset it, negotiate, and look for a while whether the link comes up."""
    hw = adapter.hw
    if not await e1000_copper_link_preconfig(hw) or not await e1000_phy_reset(hw):
        return False
    if not await e1000_copper_link_autoneg(hw):
        return False
    adapter.get_link_status = True
    for _ in range(_ATTEMPTS):
        if await _phy_has_link(hw):
            break
        await udelay(_POLL_USECS)
    return True


async def e1000_copper_link_preconfig(hw: Iomem) -> bool:
    """Let the MAC use the PHY's link, speed and duplex; whether it is a PHY that is known."""
    ctrl = await er32(hw, CTRL)
    await ew32(hw, CTRL, (ctrl | CTRL.SLU) & ~(CTRL.FRCSPD | CTRL.FRCDPLX))
    return await e1000_detect_gig_phy(hw)


async def e1000_check_for_link(adapter: Adapter) -> None:
    """If the link may have changed, ask the PHY; until it is up, ask again the next time."""
    if adapter.get_link_status and await _phy_has_link(adapter.hw):
        adapter.get_link_status = False


async def e1000_has_link(adapter: Adapter) -> bool:
    """Whether the link is up."""
    if adapter.get_link_status:
        await e1000_check_for_link(adapter)
    return not adapter.get_link_status


async def _phy_has_link(hw: Iomem) -> bool:
    """Read twice, as a failure in between is shown until it was read."""
    await e1000_read_phy_reg(hw, phy_registers.STATUS)
    status = await e1000_read_phy_reg(hw, phy_registers.STATUS)
    return status is not None and bool(status & Status.LINK)
