"""What the kernel says once and then never again (pr_warn_once, WARN_ON_ONCE: include/linux/once.h)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driver.kernel.machine import Machine

log = logging.getLogger(__name__)


def printk_once(machine: Machine, level: int, text: str, *arguments: object) -> None:
    """Log a message at a level of logging, the first time that a machine has anything to say in these words."""
    if text not in machine.said:
        machine.said.add(text)
        log.log(level, text, *arguments)
