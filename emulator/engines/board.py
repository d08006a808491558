"""A board that is compiled for a simulator of cocotb's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emulator.engines import build_icarus, build_verilator

#: The simulators, by the names that cocotb, the engines and ``SIM`` have for them.
SIMULATORS = ("icarus", "verilator")


@dataclass(frozen=True, slots=True)
class Board:
    """A compiled board.

    Attributes:
        simulator: one of SIMULATORS.
        folder: where it is.
        waves: whether it can dump waves.
    """

    simulator: str
    folder: Path
    waves: bool


def build_board(  # noqa: PLR0913  (what a board can be made of)
    simulator: str = "icarus",
    *,
    nics: int = 1,
    cpus: int = 1,
    queues: int = 1,
    waves: bool = False,
    all_signals: bool = True,
) -> Board:
    """A board with these parameters; it is made if it is not there.

    Arguments:
        simulator: one of SIMULATORS.
        nics: how many NICs.
        cpus: for how many CPUs it has probes.
        queues: receive queues of a NIC, and transmit queues.
        waves: whether waves will be dumped. Icarus always can; under Verilator it takes another build, which is slower.
        all_signals: let Python see every signal. Without, Verilator is faster and shows those that the engine needs.

    Raises:
        UserError: the simulator or its compiler is missing, too old, or fails.
    """
    parameters = {"NICS": nics, "CPUS": cpus, "QUEUES": queues}
    if simulator == "icarus":
        return Board(simulator, build_icarus.build_board(parameters), waves=True)
    folder = build_verilator.build_board(parameters, waves=waves, all_signals=all_signals)
    return Board(simulator, folder, waves)
