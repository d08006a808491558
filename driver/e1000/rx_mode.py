"""Which frames the device takes: modes, addresses and VLANs (e1000_set_rx_mode, e1000_vlan_* in e1000_main.c).

Linux writes both tables as a whole each time; here only the words that change are written, as the device keeps the
tables over a reset.
"""

from __future__ import annotations

from driver.e1000.adapter import Adapter
from driver.e1000.hw import e1000_hash_mc_addr, e1000_rar_set, e1000_write_flush, er32, ew32
from driver.kernel.io import writel
from driver.kernel.net.netdevice import NetDeviceFlags
from hdl.nic.regmap import MTA, RAH, RCTL, REGISTER_BITS, VFTA

#: Receive addresses besides the station's own.
_EXACT = RAH.count - 1


async def e1000_set_rx_mode(adapter: Adapter) -> None:
    """Promiscuous or not, and the group addresses: as many as there is room for exactly, the others by their hash."""
    hw, dev = adapter.hw, adapter.netdev
    rctl = await er32(hw, RCTL) & ~(RCTL.UPE | RCTL.MPE | RCTL.VFE)
    if dev.flags & NetDeviceFlags.PROMISC:
        rctl |= RCTL.UPE | RCTL.MPE
    else:
        if dev.flags & NetDeviceFlags.ALLMULTI:
            rctl |= RCTL.MPE
        if adapter.active_vlans:
            rctl |= RCTL.VFE
    await ew32(hw, RCTL, rctl)
    exact = dev.mc[:_EXACT]
    for index, address in enumerate(exact, 1):
        await e1000_rar_set(hw, address, index)
    for index in range(len(exact) + 1, adapter.rar_used + 1):
        await writel(0, hw + RAH.at(index))
    adapter.rar_used = len(exact)
    table = [0] * MTA.count
    for address in dev.mc[_EXACT:]:
        word, bit = divmod(e1000_hash_mc_addr(address), REGISTER_BITS)
        table[word] |= 1 << bit
    for index in reversed(range(MTA.count)):
        if table[index] != adapter.mta[index]:
            await writel(table[index], hw + MTA.at(index))
    adapter.mta = table
    await e1000_write_flush(hw)  # frames that arrive from now on meet the new filter


async def e1000_vlan_rx_add_vid(adapter: Adapter, vid: int) -> None:
    """Let frames of a VLAN pass; with the first one, others do not any more."""
    first = not adapter.active_vlans
    adapter.active_vlans.add(vid)
    await _write_vfta(adapter, vid // REGISTER_BITS)
    if first:
        await e1000_set_rx_mode(adapter)


async def e1000_vlan_rx_kill_vid(adapter: Adapter, vid: int) -> None:
    """Forget a VLAN; with the last one all pass again."""
    adapter.active_vlans.discard(vid)
    await _write_vfta(adapter, vid // REGISTER_BITS)
    if not adapter.active_vlans:
        await e1000_set_rx_mode(adapter)


async def _write_vfta(adapter: Adapter, word: int) -> None:
    bits = sum(1 << vid % REGISTER_BITS for vid in adapter.active_vlans if vid // REGISTER_BITS == word)
    await writel(bits, adapter.hw + VFTA.at(word))
