"""Spinlocks (include/linux/spinlock.h): who waits for one keeps its CPU busy, and what it guards is done in one go."""

from __future__ import annotations

from driver.kernel.cpu import local_irq_disable, spend, this_cpu

#: Time from one look at a lock that is held to the next, in ns: what a cache line takes from another core; an estimate.
_RELAX_NS = 50


class SpinLock:
    """A lock (spinlock_t).

    Attributes:
        held: somebody has it.
    """

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = False


async def spin_lock(lock: SpinLock) -> None:
    """Take a lock; for code that the CPU's interrupts cannot get in between of, as in their handlers."""
    while lock.held:
        await spend(_RELAX_NS)
    lock.held = True


def spin_unlock(lock: SpinLock) -> None:
    """Give it back."""
    lock.held = False


async def spin_lock_irqsave(lock: SpinLock) -> bool:
    """Keep interrupts off this CPU and take a lock that their handlers take, too; returns what to restore."""
    flags = this_cpu().irqs_disabled
    local_irq_disable()
    await spin_lock(lock)
    return flags


def spin_unlock_irqrestore(lock: SpinLock, flags: bool) -> None:
    """Give it back, and allow interrupts again if they were."""
    spin_unlock(lock)
    this_cpu().irqs_disabled = flags
