"""The checker of a machine: at what level each rule is, and which were broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from driver.kernel import cpu
from driver.kernel.rules.bus import Bus
from driver.kernel.rules.catalogue import RULES
from driver.kernel.rules.dma import DmaRules
from driver.kernel.rules.interrupts import InterruptRules
from driver.kernel.rules.lifetime import LifetimeRules
from driver.kernel.rules.mapping import MappingTable
from driver.kernel.rules.memory import CheckedMemory
from driver.kernel.rules.mmio import MmioRules
from driver.kernel.rules.page_pool import PagePoolRules
from driver.kernel.rules.place import driver_line
from driver.kernel.rules.quiet import QuietRules
from driver.kernel.rules.rings import RingRules
from driver.kernel.rules.rule import CodeLine, Level, Rule, RuleBroken, Violation
from driver.kernel.rules.scheduling import SchedulingRules
from driver.kernel.rules.transmit import TransmitRules

if TYPE_CHECKING:
    from driver.kernel.machine import Machine

#: Of one rule so many violations are kept; the others are counted.
KEPT_PER_RULE = 10


class Checker:
    """Rules at work. Kernel functions tell its parts what a driver does, if `Machine.rules` is set.

    Attributes:
        memory: host memory, as devices use it.
        bus: what it sees of devices.
        scheduling, interrupts, quiet, rings, mmio, dma, transmit, lifetime, page_pool: the parts, by subject.
        violations: what was found, oldest first.
        counts: how often each rule was broken, by its name; those whose level is IGNORE are not counted.
        levels: the level of each rule, by its name.
        fatal: the one that should have ended the run; a driver can catch everything.
    """

    def __init__(self, machine: Machine, levels: Mapping[str, Level] | None = None) -> None:
        """Check a machine from now on.

        Arguments:
            machine: it.
            levels: levels other than a rule's own, by its name.
        """
        self.machine = machine
        self.memory = machine.memory
        self.violations: list[Violation] = []
        self.counts: dict[str, int] = {}
        self.fatal: Violation | None = None
        self.levels = {rule.name: rule.level for rule in RULES.values()} | dict(levels or {})
        self.bus = Bus(self)
        self.scheduling = SchedulingRules(self)
        self.interrupts = InterruptRules(self)
        self.quiet = QuietRules(self)
        self.lifetime = LifetimeRules(self)
        mappings = MappingTable()
        self.rings = RingRules(self, machine.memory, mappings)
        self.mmio = MmioRules(self)
        self.dma = DmaRules(self, mappings)
        self.transmit = TransmitRules(self)
        self.page_pool = PagePoolRules(self)
        machine.memory = CheckedMemory(self, machine.memory, mappings)
        machine.rules = self

    def broken(self, rule: Rule, what: str, *, where: CodeLine | None = None, **printed: object) -> None:
        """A rule is broken.

        Arguments:
            rule: which.
            what: what happened, with names and numbers.
            where: the driver's line, if it is not the one that runs.
            printed: what the format ``rule.prints`` needs.

        Raises:
            RuleBroken: its level is ERROR.
        """
        level = self.levels[rule.name]
        if level is Level.IGNORE:
            return
        count = self.counts[rule.name] = self.counts.get(rule.name, 0) + 1
        if level is Level.WARN and count > KEPT_PER_RULE:
            return
        running = cpu.running()
        violation = Violation(
            rule=rule,
            what=what,
            time_ns=self.machine.now,
            context=running.describe() if running else "between two instants",
            where=where or (driver_line() if running else None),
            printed=rule.prints.format(**printed) if rule.prints else None,
        )
        self.violations.append(violation)
        if level is Level.ERROR:
            self.fatal = violation
            raise RuleBroken(violation)
