"""What a check says: what was expected and what happened, the rule and the line, and where to look in the waveform."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from emulator.exercises.manifest import PARTS, Exercise, load_manifest
from emulator.exercises.outcome import Outcome
from emulator.exercises.work import Progress, WorkFolder
from emulator.output import TRACE

#: Lines of the driver's own output that are shown.
_PRINTED_LINES = 20

#: Callers of a line that are shown.
_CALLERS = 4

_WIDTH = 10


class Report:
    """Writes to a terminal, in colour, or as plain text to whatever else there is."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, text: str = "", style: str = "") -> None:
        """One line, as it is."""
        self._console.print(Text(text.replace(f"{Path.cwd()}/", ""), style=style), soft_wrap=True)

    def heading(self, text: str) -> None:
        """Begins something."""
        self.line(text, "bold")

    def field(self, name: str, lines: Iterable[str], style: str = "") -> None:
        """A name, and beside it lines; nothing if there are none."""
        for number, text in enumerate(line for part in lines for line in part.splitlines()):
            self.line(f"  {name if number == 0 else '':{_WIDTH}}{text}", style)

    # --- a check ---------------------------------------------------------------------------------------------------

    def begin(self, exercise: Exercise) -> None:
        """The check of an exercise."""
        self.heading(f"Exercise {exercise.number}: {exercise.title}")

    def passed(self, outcome: Outcome, seeds: str) -> None:
        """A driver passed on an engine."""
        self.line(f"{outcome.trial.engine}, {seeds}: passed", "green")
        self.field("measured", [f"{note} (seed {outcome.trial.seed})" for note in outcome.notes])
        self._printed(outcome)

    def failed(self, outcome: Outcome) -> None:
        """A driver did not pass: all that is known, but for the waveform."""
        fault = outcome.fault
        assert fault is not None
        self.line(f"{outcome.trial.engine}, seed {outcome.trial.seed}: failed", "red")
        self.line(f"  {fault.headline}", "bold")
        self.field("expected", [fault.expected])
        self.field("happened", [fault.happened])
        if fault.time_ns is not None:
            self.field("time", [f"{fault.time_ns:,} ns"])
        self.field("packets", outcome.packets)
        self.field("registers", outcome.registers)
        self.field("measured", outcome.notes)
        if fault.rule:
            self.field("rule", [f"{fault.rule} (napi-hil rules {fault.rule})", *fault.rule_text], "yellow")
        if fault.where:
            code = [f"  {line}" for line in fault.code.splitlines()]
            self.field("line", [fault.where, *code, *(f"called at {place}" for place in fault.callers[:_CALLERS])])
        self.field("that is", [fault.why])
        self._printed(outcome)

    def waveform(self, outcome: Outcome, folder: Path) -> None:
        """Where to look in the run on the RTL."""
        fault = outcome.fault
        look = (fault.look_ns or fault.time_ns) if fault else None
        time = f"look from {look:,} ns on, at the marker" if look else "no fault in this run"
        self.field("waveform", [f"{time}: napi-hil wave {folder}", f"trace: {folder / TRACE}"])

    def no_waveform(self, outcome: Outcome, folder: Path) -> None:
        """The RTL has got through, with the seed with which the model did not."""
        self.field(
            "waveform",
            [
                f"with seed {outcome.trial.seed} the RTL gets through: its timing is not the model's.",
                f"Its run: napi-hil wave {folder}",
            ],
        )

    def _printed(self, outcome: Outcome) -> None:
        lines = outcome.printed.splitlines()
        left_out = len(lines) - _PRINTED_LINES
        if left_out > 0:
            lines = [f"... {left_out} lines more before", *lines[-_PRINTED_LINES:]]
        self.field("printed", lines)

    # --- the list --------------------------------------------------------------------------------------------------

    def exercises(self, work: WorkFolder) -> None:
        """What there is, what is done, and what is next."""
        coming = work.next()
        part = 0
        for exercise in load_manifest():
            if exercise.part != part:
                part = exercise.part
                self.heading(f"{part}. {PARTS[part]}")
            state = _state(work.progress(exercise), started=work.started(exercise))
            mark = ">" if exercise is coming else " "
            style = {"done": "green", "": ""}.get(state, "yellow")
            hunt = "bug hunt: " if exercise.hunt else ""
            self.line(f"{mark} {exercise.number:3}  {state:8}  {hunt}{exercise.title}", style)
        self.next(work)

    def next(self, work: WorkFolder) -> None:
        """What to type to go on."""
        coming = work.next()
        if coming is None:
            self.line("All exercises are done.")
        else:
            self.line(f"Next: napi-hil exercise {'check' if work.started(coming) else 'start'} {coming.number}")


def _state(progress: Progress, *, started: bool) -> str:
    if progress.passed:
        return "done"
    return "started" if started else ""
