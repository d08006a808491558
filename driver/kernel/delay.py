"""Busy waiting (include/linux/delay.h); what sleeps is in timer.py."""

from __future__ import annotations

from driver.kernel.cpu import spend

_NSEC_PER_USEC = 1_000


async def udelay(usecs: int) -> None:
    """Let the CPU do nothing else for so long; in any context."""
    await spend(usecs * _NSEC_PER_USEC)
