"""The board's clock, and a cost profile's latencies in its cycles."""

from __future__ import annotations

from driver.kernel.costs import Costs
from emulator.errors import UserError

CLOCK_NS = 8

_MAX_CYCLES = 0xFFFF


def latency_cycles(costs: Costs) -> dict[str, int]:
    """The board's latencies in clock cycles, rounded up and at least 1; they are registers of board_core.v.

    Raises:
        UserError: one is longer than the board can count.
    """
    latencies = {}
    for name in ("mmio_request", "mmio_completion", "dma_read", "dma_write"):
        ns = getattr(costs, name)
        if ns > _MAX_CYCLES * CLOCK_NS:
            raise UserError(f"the cost {name} is {ns} ns; the board takes at most {_MAX_CYCLES * CLOCK_NS}")
        latencies[name] = max(1, -(-ns // CLOCK_NS))
    return latencies
