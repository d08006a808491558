"""Interrupts that nobody handles, and handlers that return nonsense (kernel/irq/spurious.c)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from driver.kernel.timer import TimerList

if TYPE_CHECKING:
    from driver.kernel.irq import IrqDesc, Irqs

log = logging.getLogger(__name__)

#: What a handler may return: IRQ_HANDLED | IRQ_WAKE_THREAD at most.
_GREATEST_RETURN = 3

#: Interrupts of a line after which it is judged, and how many of them may be unhandled.
JUDGED_AFTER = 100_000
MAX_UNHANDLED = 99_900

#: Bogus return values of all lines that are reported.
REPORTED_BOGUS = 100


class Spurious:
    """Counts unhandled interrupts, takes lines off that have nothing else, and polls those."""

    def __init__(self, irqs: Irqs) -> None:
        self._irqs = irqs
        self._bogus_left = REPORTED_BOGUS
        self._poll_timer = TimerList(self._poll_spurious_irqs)

    def note_interrupt(self, desc: IrqDesc, action_ret: int) -> None:
        """The handlers of a line have returned this, or'ed. Handled interrupts do not reset ``irqs_unhandled``."""
        if desc.poll_in_progress:
            return
        machine = self._irqs.machine
        if not 0 <= action_ret <= _GREATEST_RETURN:
            self._report_bad_irq(desc, action_ret)
            return
        if not action_ret:
            jiffies = machine.jiffies
            if desc.last_unhandled is None or jiffies > desc.last_unhandled + machine.sysctl.hz // 10:
                desc.irqs_unhandled = 1
            else:
                desc.irqs_unhandled += 1
            desc.last_unhandled = jiffies
        if not desc.irqs_unhandled:
            return
        desc.irq_count += 1
        if desc.irq_count < JUDGED_AFTER:
            return
        desc.irq_count = 0
        if desc.irqs_unhandled > MAX_UNHANDLED:
            self._disable(desc)
        desc.irqs_unhandled = 0

    def _disable(self, desc: IrqDesc) -> None:
        """Take a line off; from now on it is polled."""
        machine = self._irqs.machine
        log.error('irq %d: nobody cared (try booting with the "irqpoll" option)', desc.irq)
        self._dump_handlers(desc)
        log.critical("Disabling IRQ #%d", desc.irq)
        if machine.rules is not None:
            machine.rules.interrupts.nobody_cared(desc)
        desc.spurious_disabled = True
        desc.depth += 1
        self._poll_again()

    def _report_bad_irq(self, desc: IrqDesc, action_ret: int) -> None:
        if self._bogus_left:
            self._bogus_left -= 1
            log.error("irq event %d: bogus return value %x", desc.irq, action_ret)
            self._dump_handlers(desc)

    @staticmethod
    def _dump_handlers(desc: IrqDesc) -> None:
        log.error("handlers:")
        for action in desc.actions:
            log.error("%s", getattr(action.handler, "__qualname__", action.handler))

    def _poll_again(self) -> None:
        machine = self._irqs.machine
        self._poll_timer.mod(machine.jiffies + machine.sysctl.hz // 10)

    async def _poll_spurious_irqs(self, _timer: TimerList) -> None:
        """Every HZ/10: run the handlers of the lines that were taken off, for what shares them with the culprit."""
        for desc in list(self._irqs.descs.values()):
            if desc.spurious_disabled:
                await self._try_one_irq(desc)
        self._poll_again()

    async def _try_one_irq(self, desc: IrqDesc) -> None:
        """Only lines that can be shared are polled."""
        if not desc.actions or not desc.actions[0].shared or desc.in_progress:
            return
        desc.poll_in_progress = desc.in_progress = True
        await self._irqs.handle_irq_event(desc)
        desc.poll_in_progress = desc.in_progress = False
