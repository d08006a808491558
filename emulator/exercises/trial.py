"""Runs a check on an engine: the driver, the bench, and whatever comes of it as an outcome."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import random
import traceback
from collections.abc import Callable
from pathlib import Path

from driver.kernel.costs import Costs
from driver.kernel.cpu import Cpu
from driver.kernel.rules.checker import Checker
from driver.kernel.rules.rule import Level, RuleBroken, Violation
from emulator.cost_profiles import load_costs
from emulator.emulation import Emulation
from emulator.engines.base import Engine
from emulator.errors import RunFailed
from emulator.exercises.bench import Bench
from emulator.exercises.faults import CheckFailed, Fault
from emulator.exercises.loader import driver_places, exception_fault, line_text, load_check, load_driver
from emulator.exercises.manifest import Exercise, find_exercise
from emulator.exercises.outcome import Outcome, Trial
from emulator.exercises.probes import show_driver
from emulator.exercises.unawaited import Unawaited
from emulator.exercises.watchdog import Watchdog
from emulator.observation import TraceFile
from emulator.rule_checks import check_rules
from hdl.nic.regmap import CTRL

#: Lines and characters of what a driver prints that are kept.
_PRINTED_CHARACTERS = 20_000

#: So long the hardware goes on after a fault, in ns: the waveform shows what follows.
AFTERMATH_NS = 3_000

#: What a wire and the NIC's FIFO may still hold is gone after so many ns.
_REST_NS = 200_000

_LOOP = Cpu.run.__code__

#: Latencies of bus and memory that vary with the seed: a multiple of the profile's, in percent.
_VARIED = ("mmio_request", "mmio_completion", "dma_read", "dma_write")
_PERCENT = (50, 200)


def varied_costs(exercise: Exercise, seed: int) -> Costs:
    """The exercise's cost profile; with seeds other than 1 its bus and memory are those of another machine."""
    costs = dataclasses.replace(load_costs(exercise.costs), **exercise.latencies)
    if seed == 1:
        return costs
    source = random.Random(f"{seed} costs")
    return dataclasses.replace(
        costs, **{name: getattr(costs, name) * source.randint(*_PERCENT) // 100 for name in _VARIED}
    )


async def run_trial(
    make_engine: Callable[[Costs], Engine], trial: Trial, watchdog: Watchdog, hung: Callable[[Outcome], None]
) -> Outcome:
    """Check a driver once.

    Arguments:
        make_engine: gives the hardware for a cost profile, just reset.
        trial: what to run.
        watchdog: is told of the driver and of each turn of the kernel.
        hung: called with the outcome if the driver never gives the CPU back; then the process ends.
    """
    running = _Running(trial, watchdog)
    watchdog.watch(trial.path, lambda where, code: hung(running.outcome(running.hang(where, code))))
    with contextlib.redirect_stdout(running.printed), running.unawaited.caught():
        return await running.run(make_engine)


class _Running:
    """A trial while it runs."""

    def __init__(self, trial: Trial, watchdog: Watchdog) -> None:
        self.exercise, self.trial, self.watchdog = find_exercise(trial.exercise), trial, watchdog
        self.printed = io.StringIO()
        self.unawaited = Unawaited(trial.path)
        self.bench: Bench | None = None
        self.internal = ""

    async def run(self, make_engine: Callable[[Costs], Engine]) -> Outcome:
        """Load, run, judge."""
        fault: Fault | None = None
        try:
            await self._check(make_engine)
        except CheckFailed as failed:
            fault = failed.fault
        except RunFailed as failed:
            fault = self._run_failed(failed)
        except (Exception, SystemExit) as error:
            fault = self._raised(error)
        missing = self.unawaited.found
        if missing is not None:  # whatever else went wrong, this is why
            fault = dataclasses.replace(missing, time_ns=self._now())
        outcome = self.outcome(fault)
        if self.bench is not None and fault is not None:
            await _advance(self.bench.engine, AFTERMATH_NS)
        return outcome

    async def _check(self, make_engine: Callable[[Costs], Engine]) -> None:
        trial, exercise = self.trial, self.exercise
        driver = load_driver(trial.path)
        self.watchdog.loading = False
        check = load_check(exercise)
        costs = varied_costs(exercise, trial.seed)
        emulation = Emulation(make_engine(costs), costs, cpus=exercise.cpus, seed=trial.seed)
        check_rules(emulation.machine, emulation.devices, ("all=warn",) if exercise.hunt else exercise.rules)
        checker = emulation.machine.rules
        assert checker is not None
        self.bench = Bench(emulation, driver, seed=trial.seed, checker=checker)
        emulation.observers.append(self._turn)
        show_driver(self.bench)
        with contextlib.ExitStack() as files:
            if trial.trace:
                files.enter_context(TraceFile(Path(trial.trace), emulation.machine.tracepoints))
            await check.check(self.bench)
        self._judge_rules(checker)

    def hang(self, where: str, code: str) -> Fault:
        """The watchdog has found the driver in an endless loop."""
        return Fault(
            headline="the driver keeps the CPU without end, and simulated time stands still",
            expected="time goes on only while a driver awaits something: readl, usleep_range, cpu_relax, ...",
            happened="for some seconds of real time it has awaited nothing",
            why="A loop that waits for the device must await within it; on a real machine the CPU would be lost, too.",
            where=where,
            code=code,
            time_ns=self._now(),
            endless=True,
        )

    def _turn(self) -> None:
        """The kernel has run."""
        self.watchdog.turns += 1
        if self.unawaited.found is not None:
            raise CheckFailed(self.unawaited.found)

    def _judge_rules(self, checker: Checker) -> None:
        """The check is content; so must the rules be, those that were only watched, too."""
        violation = checker.fatal
        if self.exercise.hunt and violation is None:
            errors = [found for found in checker.violations if found.rule.level is Level.ERROR]
            violation = errors[0] if errors else None
        if violation is not None:
            raise CheckFailed(_rule_fault(violation, self.trial.path))

    def _run_failed(self, failed: RunFailed) -> Fault:
        cause = failed.__cause__
        if isinstance(cause, RuleBroken):
            places = [place for place, _ in driver_places(cause, self.trial.path)]
            fault = _rule_fault(cause.violation, self.trial.path)
            return dataclasses.replace(fault, callers=tuple(reversed(places[:-1])))
        if cause is not None:
            return self._raised(cause)
        return Fault(headline=str(failed), time_ns=self._now())

    def _raised(self, error: BaseException) -> Fault:
        """An exception: the driver's own, or one of kernel or check that tripped over what the driver did."""
        fault = exception_fault(error, self.trial.path, _context(error), self._now())
        if fault.where:
            return fault
        self.internal = "".join(traceback.format_exception(error))
        what = f"{type(error).__name__}: {error}"
        if any(frame.f_code is _LOOP for frame, _ in traceback.walk_tb(error.__traceback__)):
            headline = f"the kernel cannot work with what the driver gave it: {what}"
        else:
            headline = f"the check cannot work with what the driver gave it: {what}"
        return dataclasses.replace(fault, headline=headline, happened="", why="")

    def _now(self) -> int | None:
        return self.bench.now if self.bench is not None else None

    def outcome(self, fault: Fault | None) -> Outcome:
        """What came of it."""
        bench = self.bench
        return Outcome(
            trial=self.trial,
            fault=fault,
            time_ns=self._now() or 0,
            packets=bench.packet_lines() if bench else (),
            registers=bench.register_lines(fault.time_ns if fault else None) if bench else (),
            notes=tuple(bench.notes) if bench else (),
            printed=self.printed.getvalue()[-_PRINTED_CHARACTERS:],
            internal=self.internal,
        )


def _context(error: BaseException) -> str:
    """Time and CPU, as Machine.run has noted them."""
    notes = getattr(error, "__notes__", ())
    return str(notes[0]) if notes else "while the check ran"


def _rule_fault(violation: Violation, path: Path) -> Fault:
    rule = violation.rule
    text = [f"the rule: {rule.demands} ({rule.source})"]
    if violation.printed is not None:
        text.append(f"Linux prints: {violation.printed}")
    text.append(f"to mend it: {rule.mend}")
    where = violation.where
    return Fault(
        headline=violation.what,
        rule=rule.name,
        rule_text=tuple(text),
        where=str(where) if where else "",
        code=line_text(str(path), where.line) if where else "",
        time_ns=violation.time_ns,
    )


async def _advance(engine: Engine, ns: int) -> None:
    """Let the hardware go on alone."""
    end = engine.now + ns
    while engine.now < end:
        await engine.advance(end)


async def bring_to_rest(engine: Engine) -> None:
    """Reset the NICs of an engine on which another trial is to run, once nothing is on the wires."""
    for _ in range(2):
        for nic in range(engine.nics):
            engine.mmio_write(nic, CTRL.offset, CTRL.reset | CTRL.RST)
        await _advance(engine, _REST_NS)
        while not all(wire.idle for wire in engine.wires):
            await _advance(engine, _REST_NS)
