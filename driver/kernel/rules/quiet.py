"""Rules 10 and 13: what must not be while nothing happens: a packet or an interrupt that nobody is going to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.net.napi import SCHED
from driver.kernel.net.netdevice import NetDeviceFlags
from driver.kernel.rules.place import function_line, line_of
from driver.kernel.rules.rule import Level, Rule

if TYPE_CHECKING:
    from driver.kernel.net.napi import Napi
    from driver.kernel.rules.bus import Device
    from driver.kernel.rules.checker import Checker

_HOWTO = "NAPI_HOWTO.txt of 2002, appendix 2"

#: So much longer than the device may hold an interrupt back, and bus and memory take, it must have been quiet, in ns.
GRACE_NS = 5_000

NAPI_ROTTING_PACKET = Rule(
    name="napi-rotting-packet",
    invariant=10,
    level=Level.ERROR,
    demands="no packet lies in the ring while no interrupt is pending and nobody is going to poll",
    mend="Acknowledge before the last look at the ring; or look once more after unmasking, and schedule if need be.",
    source=_HOWTO,
)

NAPI_LOST_WAKEUP = Rule(
    name="napi-lost-wakeup",
    invariant=13,
    level=Level.WARN,
    demands="the interrupt of an instance that nobody owns is not masked, unless a timer polls it",
    mend="Unmask when napi_complete_done returns true.",
    source=_HOWTO,
)


class QuietRules:
    """What is looked at when all CPUs are idle: packets that rot, and wake-ups that are lost."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._machine = checker.machine
        costs = checker.machine.costs
        self._grace = GRACE_NS + costs.mmio_request + costs.mmio_completion + costs.dma_write
        self._since: dict[Napi, tuple[tuple[object, ...], int]] = {}  # what may be wrong with it, and from when on
        self._said: set[Napi] = set()

    def look(self) -> None:
        """All that could run has run. If the machine is idle, a state that lasts is wrong: bus and device take time."""
        for cpu in self._machine.cpus:
            if not cpu.idle:
                return
        self._checker.scheduling.idle()
        now = self._machine.now
        for napi in self._machine.napis:
            device = self._checker.bus.device_of(napi.dev)
            rule = self._suspicion(napi, device) if device is not None else None
            if device is None or rule is None:
                self._since.pop(napi, None)
                self._said.discard(napi)
                continue
            state = (rule, napi.polls, sum(self._machine.irqs.desc(device.irq).counts))
            known = self._since.get(napi)
            if known is None or known[0] != state:
                self._since[napi] = state, now
            elif now - known[1] > self._grace + device.registers.coalesce_ns and napi not in self._said:
                self._said.add(napi)
                self._say(rule, napi)

    def _suspicion(self, napi: Napi, device: Device) -> Rule | None:
        """What is wrong with an instance, if it stays so."""
        dev, irqs = napi.dev, self._machine.irqs
        causes = device.causes_of(napi)
        if dev is None or not causes or not dev.running or not dev.flags & NetDeviceFlags.UP:
            return None
        if napi.state & SCHED or napi.timer.base is not None:
            return None
        desc = irqs.desc(device.irq)
        if not device.enabled & causes or desc.depth:
            return NAPI_LOST_WAKEUP
        receives = causes & device.registers.rx_causes
        if not receives or desc.level or desc.in_progress or not self._checker.rings.unseen(device.slot):
            return None
        return NAPI_ROTTING_PACKET

    def _say(self, rule: Rule, napi: Napi) -> None:
        if rule is NAPI_LOST_WAKEUP:
            what = f"{napi.name}, napi {napi.id}: its interrupt is masked, and nobody is going to poll it"
        else:
            what = f"{napi.name}, napi {napi.id}: a packet is in the ring, and nobody is going to look at it"
        where = line_of(self._checker.scheduling.completed_at.get(napi)) or function_line(napi.poll)
        self._checker.broken(rule, what, where=where)
