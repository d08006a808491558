"""Another device on the interrupt line of a NIC: it pulls the line, and has a handler of its own."""

from __future__ import annotations

from driver.kernel.cpu import spend
from driver.kernel.irq import IRQF_SHARED, IrqReturn, request_irq
from driver.kernel.timer import schedule_hrtimeout
from emulator.exercises.bench import Bench

#: What its handler costs, in ns.
HANDLER_NS = 200


class SharedLine:
    """The other device, and the line as both of them pull it.

    Attributes:
        raised: how often it has interrupted.
        handled: how often its handler has found it so.
        over: it has interrupted as often as it was to, and all was handled.
    """

    def __init__(self, bench: Bench, nic: int = 0) -> None:
        self._bench, self._nic = bench, nic
        self._pulls = self._nic_pulls = False
        self._set_irq_level = bench.machine.set_irq_level
        self.raised = self.handled = 0
        self.over = True
        bench.machine.set_irq_level = self._nic_changed  # type: ignore[method-assign]

    async def request(self) -> None:
        """Its driver's request_irq."""
        request_irq(self._bench.pdevs[self._nic].irq, self._handler, IRQF_SHARED, "ahci", self)

    def interrupt_every(self, ns: int, times: int) -> None:
        """Let it interrupt so often, in a thread of its own; an interrupt that was not handled yet stands for two."""
        self._bench.machine.kthread_run(self._interrupt(ns, times), "disk")

    async def _interrupt(self, ns: int, times: int) -> None:
        self.over = False
        for _ in range(times):
            await schedule_hrtimeout(ns)
            if not self._pulls:
                self.raised += 1
                self._pulls = True
                self._show()
        while self._pulls:
            await schedule_hrtimeout(ns)
        self.over = True

    async def _handler(self, _irq: int, _dev_id: object) -> IrqReturn:
        await spend(HANDLER_NS)
        if not self._pulls:
            return IrqReturn.NONE
        self.handled += 1
        self._pulls = False
        self._show()
        return IrqReturn.HANDLED

    def _nic_changed(self, device: int, *, level: bool) -> None:
        """The NIC's own level; other devices' go on."""
        if device != self._nic:
            self._set_irq_level(device, level=level)
            return
        self._nic_pulls = level
        self._show()

    def _show(self) -> None:
        self._set_irq_level(self._nic, level=self._pulls or self._nic_pulls)
        self._bench.machine.resched = True
