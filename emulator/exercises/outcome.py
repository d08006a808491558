"""A trial, one run of a check on an engine, and its outcome; both travel between processes as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from emulator.exercises.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What to run.

    Attributes:
        exercise: its number.
        driver: the driver's file.
        engine: ``model`` or ``icarus``.
        seed: of all that is random: traffic, and latencies of bus and memory.
        trace: file for the kernel's tracepoints; empty for none.
    """

    exercise: int
    driver: str
    engine: str
    seed: int
    trace: str = ""

    @property
    def path(self) -> Path:
        """The driver's file."""
        return Path(self.driver)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a trial.

    Attributes:
        trial: it.
        fault: what is wrong; None if the driver passed.
        time_ns: simulated time at its end.
        packets: what became of the packets, in lines.
        registers: the last accesses to registers, in lines.
        notes: what the check measured, in lines.
        printed: what the driver printed.
        internal: a traceback for authors of exercises, of an exception outside the driver; not for users.
    """

    trial: Trial
    fault: Fault | None
    time_ns: int = 0
    packets: tuple[str, ...] = ()
    registers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    printed: str = ""
    internal: str = ""

    @property
    def text(self) -> str:
        """All that the report says of the fault."""
        fault = self.fault
        if fault is None:
            return ""
        return "\n".join([fault.headline, fault.expected, fault.happened, fault.why, fault.rule, *fault.rule_text])

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Outcome:
        """What to_json made."""
        table = json.loads(line)
        fault = table.pop("fault")
        if fault is not None:
            for name in ("rule_text", "callers"):
                fault[name] = tuple(fault[name])
            fault = Fault(**fault)
        for name in ("packets", "registers", "notes"):
            table[name] = tuple(table[name])
        return cls(trial=Trial(**table.pop("trial")), fault=fault, **table)
