"""The bundled capture on the board with no Python attached: the testbench bare_board.v, and what it is given."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from emulator.cost_profiles import load_costs
from emulator.engines.board_latencies import latency_cycles
from emulator.engines.board_wire import frame_words
from emulator.engines.board_word import WORD_BYTES
from emulator.engines.build_icarus import compile_verilog, require_icarus
from emulator.engines.sources import board_sources
from emulator.errors import RunFailed
from emulator.scenario import Scenario
from emulator.traffic import frames
from hdl.nic.regmap import CTRL, ICR, IMS, RCTL, RDBAH, RDBAL, RDH, RDLEN, RDT, REGISTER_BITS, Register

_TESTBENCH = Path(__file__).with_name("bare_board.v")

#: Where descriptors and buffers are in host memory.
_RING, _BUFFERS = 0, 1 << 20
_BUFFER_BYTES = 2048
_DESCRIPTOR_BYTES = 16


class BareBoard:
    """The board with a scenario's frames and ring, compiled once; each `run` is a simulation."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        """Write what the testbench reads into a folder and compile it there."""
        require_icarus()
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        traffic = list(frames(scenario, 0))
        words = [word for frame in traffic for word in frame_words(frame, frame.start_ps)]
        ring = b"".join(
            (_BUFFERS + slot * _BUFFER_BYTES).to_bytes(8, "little") + bytes(8) for slot in range(scenario.ring)
        )
        memory = [ring[start : start + WORD_BYTES] for start in range(0, len(ring), WORD_BYTES)]
        setup = list(_setup(scenario.ring))
        self._write("frames.hex", words, WORD_BYTES)
        self._write("ring.hex", (int.from_bytes(word, "little") for word in memory), WORD_BYTES)
        self._write("setup.hex", setup, 8)
        sizes = {
            "SETUP_WRITES": len(setup),
            "RING_WORDS": len(memory),
            "FRAME_WORDS": len(words),
            "FRAMES": len(traffic),
            "DESCRIPTORS": scenario.ring,
        }
        registers = {register.__name__: register.offset for register in (ICR, RDH, RDT)}
        latencies = {name.upper(): cycles for name, cycles in latency_cycles(load_costs(scenario.costs)).items()}
        self._vvp = folder / "bare.vvp"
        compile_verilog(
            self._vvp,
            "bare_board",
            [_TESTBENCH, *board_sources()],
            sizes | registers | latencies,
            log=folder / "build.log",
        )

    def _write(self, name: str, words: Iterable[int], width: int) -> None:
        """A file for $readmemh, of words of ``width`` bytes."""
        lines = (f"{word:0{2 * width}x}\n" for word in words)
        (self._folder / name).write_text("".join(lines))

    def run(self) -> float:
        """Simulate once; clock cycles per wall second from the first frame on the wire to the last.

        Raises:
            RunFailed: not every frame came through.
        """
        started = ended = cycles = 0.0
        with subprocess.Popen(["vvp", "-n", self._vvp], cwd=self._folder, stdout=subprocess.PIPE, text=True) as vvp:
            assert vvp.stdout is not None
            for line in vvp.stdout:
                if line.startswith("START"):
                    started = time.perf_counter()
                elif line.startswith("END"):
                    ended, cycles = time.perf_counter(), int(line.split()[1])
                elif "ERROR" in line:
                    raise RunFailed(f"the bare board: {line.strip()}")
        if not ended:
            raise RunFailed("the bare board's simulation did not come to its end")
        return cycles / (ended - started)


def _setup(descriptors: int) -> Iterable[int]:
    """The register writes that start the receiver: {address, data} each."""
    writes: list[tuple[type[Register], int]] = [
        (CTRL, CTRL.reset | CTRL.SLU),
        (RDBAL, _RING),
        (RDBAH, 0),
        (RDLEN, descriptors * _DESCRIPTOR_BYTES),
        (RDH, 0),
        (RDT, 0),
        (RCTL, RCTL.EN | RCTL.UPE | RCTL.MPE | RCTL.BAM | RCTL.SECRC),
        (RDT, descriptors - 1),
        (IMS, ICR.RXT0 | ICR.RXO | ICR.RXDMT0),
    ]
    return (register.offset << REGISTER_BITS | value for register, value in writes)
