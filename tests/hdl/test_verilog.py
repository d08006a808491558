"""``python -m hdl.nic``: the file it writes, and what it says when it cannot."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hdl.nic import verilog


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hdl.nic", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])


@pytest.mark.slow
def test_writes_module_nic_with_flat_port_names(tmp_path: Path) -> None:
    out = tmp_path / "nic.v"
    assert run(str(out), "--data-width", "128").returncode == 0
    text = out.read_text()
    (ports,) = re.findall(r"^module nic\((.*?)\);", text, re.MULTILINE | re.DOTALL)
    names = {name.strip() for name in ports.split(",")}
    assert {"clk", "rst", "irq", "link_up", "rx_verdict_valid", "rx_verdict"} <= names
    assert {"s_axil__awaddr", "m_axi_rx__awaddr", "s_axis_rx__tdata"} <= names
    assert re.search(r"output \[127:0\] m_axi_rx__wdata;", text)
    assert str(Path.home()) not in text
    assert "always @*" not in text


@pytest.mark.slow
def test_synthesis_is_the_same_without_the_rewriting(tmp_path: Path) -> None:
    out = tmp_path / "nic.v"
    verilog.write(out, form=verilog.Form.SYNTHESIS)
    assert not {"_due_", "_busy_"} & set(re.findall(r"\w+", out.read_text()))


@pytest.mark.parametrize("arguments", [["--data-width", "96"], ["--rx-fifo-bytes", "3000"]])
def test_bad_parameters_are_one_line(tmp_path: Path, arguments: list[str]) -> None:
    out = tmp_path / "nic.v"
    result = run(str(out), *arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "must be" in result.stderr
    assert not out.exists()


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    result = run(str(tmp_path / "missing" / "nic.v"))
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
