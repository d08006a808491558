"""Interrupt moderation: ITR by hand, or by DIM (e1000_set_itr in e1000_main.c has an algorithm of its own instead)."""

from __future__ import annotations

from driver.e1000.adapter import Adapter
from driver.e1000.hw import ew32
from driver.kernel.io import writel
from driver.kernel.lib.dim import Dim, DimState, dim_update_sample
from driver.kernel.lib.net_dim import NET_DIM_DEF_PROFILE, CqPeriodMode, net_dim, net_dim_get_rx_moderation
from hdl.nic.regmap import EITR, ITR

#: Largest time between interrupts in us (E1000_MAX_ITR_USECS).
MAX_ITR_USECS = 10_000

_ITR_UNIT_NS = 256


async def e1000_set_rx_usecs(adapter: Adapter, usecs: int) -> None:
    """Let at least so many us pass from one interrupt to the next; 0 for no limit."""
    adapter.rx_usecs = usecs
    adapter.itr = -(-usecs * 1000 // _ITR_UNIT_NS)
    if adapter.down:
        return
    if adapter.q_vectors:
        await e1000_write_eitr(adapter)
    else:
        await ew32(adapter.hw, ITR, adapter.itr)


async def e1000_write_eitr(adapter: Adapter) -> None:
    """Let each queue's vector fire no sooner than ``rx_usecs`` say."""
    for q_vector in adapter.q_vectors:
        interval = EITR.INTERVAL.put(min(adapter.rx_usecs, EITR.INTERVAL.get(EITR.INTERVAL)))
        await writel(interval | EITR.CNT_INGR, adapter.hw + EITR.at(q_vector.vector))


async def e1000_start_dim(adapter: Adapter) -> None:
    """Ethtool -C adaptive-rx on."""

    async def work(dim: Dim) -> None:
        if dim is adapter.dim:  # not switched off since
            await _apply(adapter, dim)
        dim.state = DimState.START_MEASURE

    adapter.dim = Dim(work, profile_ix=NET_DIM_DEF_PROFILE)
    await _apply(adapter, adapter.dim)


def e1000_update_dim(adapter: Adapter, dim: Dim) -> None:
    """At the end of a poll: let DIM see the counters."""
    net_dim(dim, dim_update_sample(adapter.rx_irqs, adapter.total_rx_packets, adapter.total_rx_bytes))


async def _apply(adapter: Adapter, dim: Dim) -> None:
    """Program the profile's time; the device has no limit of frames."""
    moder = net_dim_get_rx_moderation(CqPeriodMode.EQE, dim.profile_ix)
    await e1000_set_rx_usecs(adapter, moder.usec)
