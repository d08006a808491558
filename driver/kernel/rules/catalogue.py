"""All rules by name."""

from __future__ import annotations

from driver.kernel.rules import dma, interrupts, lifetime, memory, mmio, page_pool, quiet, rings, scheduling, transmit
from driver.kernel.rules.rule import Rule

_PARTS = (scheduling, interrupts, quiet, rings, mmio, dma, memory, transmit, page_pool, lifetime)

RULES = {
    rule.name: rule
    for rule in sorted(
        (value for part in _PARTS for value in vars(part).values() if isinstance(value, Rule)),
        key=lambda rule: rule.invariant,
    )
}
