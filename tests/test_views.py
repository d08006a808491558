"""The views as files of a run, good or bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from driver.e1000 import interrupt
from emulator.errors import RunFailed
from tests.e1000.support import run

NAMES = {
    "interrupts",
    "softirqs",
    "net/softnet_stat",
    "napi-get.txt",
    "ethtool-S-eth0.txt",
    "ethtool-c-eth0.txt",
    "ethtool-g-eth0.txt",
}


def views(directory: Path) -> dict[str, str]:
    proc = directory / "proc"
    return {str(path.relative_to(proc)): path.read_text() for path in proc.rglob("*") if path.is_file()}


def test_a_run_writes_all_views_as_of_the_end_of_its_traffic(tmp_path: Path) -> None:
    run(tmp_path, count=500)
    files = views(tmp_path)
    assert files.keys() == NAMES
    assert "IO-APIC  16-fasteoi   eth0\n" in files["interrupts"]
    assert files["net/softnet_stat"].startswith(f"{500:08x} 00000000 ")
    assert "     rx_packets: 500\n" in files["ethtool-S-eth0.txt"]
    assert "'id': 65" in files["napi-get.txt"]


def test_each_interface_has_its_own(tmp_path: Path) -> None:
    run(tmp_path, count=5, nics=2)
    assert views(tmp_path).keys() == NAMES | {name.replace("eth0", "eth1") for name in NAMES}


def test_a_run_that_fails_writes_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = interrupt.e1000_clean_rx_irq

    async def fails_late(*arguments: object) -> int:
        work = await clean(*arguments)  # type: ignore[arg-type]
        if arguments[0].netdev.machine.now > 200_000:  # type: ignore[attr-defined]
            raise RunFailed("driver bug")
        return work

    monkeypatch.setattr(interrupt, "e1000_clean_rx_irq", fails_late)
    with pytest.raises(RunFailed):
        run(tmp_path, count=2_000)
    files = views(tmp_path)
    assert files.keys() == NAMES
    assert "eth0" in files["interrupts"]
    assert int(files["net/softnet_stat"].split()[0], 16) > 10
    assert "'ifindex': 2" in files["napi-get.txt"]
