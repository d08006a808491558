"""Real worker processes: results come back, also if a worker is killed, and no process is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from distributed import Client, LocalCluster

from emulator.errors import UserError
from emulator.scenario import Scenario
from emulator.sweep import workers
from emulator.sweep.identity import contents_of, run_name
from emulator.sweep.run_sweep import Outcome, run_sweep
from emulator.sweep.sweep_file import read_sweep
from emulator.sweep.worker_task import run_one
from emulator.sweep.workers import cluster_workers, run_all
from tests.sweep.support import SMALL, sweep_file

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A scheduler in this process and two workers in processes of their own, which are restarted if they die."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",
        env={"TMPDIR": str(tmp_path_factory.mktemp("workers"))},
    ) as cluster:
        yield cluster


def pids(client: Client) -> dict[str, int]:
    found: dict[str, int] = client.run(os.getpid)
    return found


def busy(client: Client) -> list[str]:
    """Addresses of the workers that have something to do."""
    return [address for address, tasks in client.processing().items() if tasks]


def test_a_worker_that_is_killed_half_way(tmp_path: Path, cluster: LocalCluster) -> None:
    """When the first result is there, a worker dies that is doing another run; others do it then."""
    text = SMALL.replace("count = 20", "count = 500").replace("[1, 2]", "[1, 2, 3, 4, 5, 6]")
    scenarios = read_sweep(sweep_file(tmp_path, text)).scenarios
    runs = {run_name(scenario, contents_of(scenario)): (scenario, contents_of(scenario)) for scenario in scenarios}
    found: list[str] = []
    with cluster_workers(cluster.scheduler_address) as client:
        before = pids(client)
        for name, result in run_all(client, runs, SimpleQueue()):
            if not found:
                os.kill(before[(busy(client) or list(before))[0]], signal.SIGKILL)
            found.append(name)
            assert result.summary
            assert result.summary["scenario"] == runs[name][0].to_dict()
        client.wait_for_workers(2)
        assert pids(client).keys() != before.keys()
    assert sorted(found) == sorted(runs)


def test_a_run_with_which_every_worker_dies(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    endless = Scenario(generate=(60,), count=10**9, engine="model", waves=False, trace=False, frames=False)
    with cluster_workers(cluster.scheduler_address) as client:
        future = client.submit(run_one, endless.to_dict(), contents_of(endless), pure=False)
        while not busy(client):
            pass
        os.kill(pids(client)[busy(client)[0]], signal.SIGKILL)
        result = workers._result(future)
    assert result.summary is None
    assert "each worker that tried it died" in str(result.error)


def test_a_sweep_on_a_cluster(tmp_path: Path, cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "table.csv"
    outcome = run_sweep(sweep_file(tmp_path), table, cluster=cluster.scheduler_address)
    assert outcome == Outcome(rows=4, failed=0, done=4)
    assert len(table.read_text().splitlines()) == 5
    assert sorted(line.split()[0] for line in capsys.readouterr().err.splitlines()) == ["1/4", "2/4", "3/4", "4/4"]


def test_a_cluster_that_lacks_a_file(tmp_path: Path, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.sweep.identity._sources", lambda: "those of another version")
    with pytest.raises(UserError, match=rf"^worker on {socket.gethostname()}: the sources of napi-hil differ"):
        run_sweep(sweep_file(tmp_path), tmp_path / "table.csv", cluster=cluster.scheduler_address)
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "127.0.0.1"])
def test_no_cluster(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(workers, "CONNECT_TIMEOUT_S", 0.1)
    with (
        pytest.raises(UserError, match=f"--cluster {address}: no Dask scheduler answers .*start one with"),
        cluster_workers(address),
    ):
        pass


class FakeFuture(SimpleNamespace):
    """A future of Dask that has come to an end."""

    def __init__(self, status: str, error: Exception | None = None) -> None:
        super().__init__(status=status, error=error)

    def cancelled(self) -> bool:
        return bool(self.status == "cancelled")

    def result(self) -> NoReturn:
        raise self.error


@pytest.mark.parametrize(
    ("future", "complaint"),
    [
        (FakeFuture("cancelled"), "connection to the Dask cluster was lost"),
        (FakeFuture("lost"), "connection to the Dask cluster was lost"),
        (FakeFuture("error", ModuleNotFoundError("No module named 'emulator'")), "a worker cannot run napi-hil"),
    ],
)
def test_a_cluster_that_cannot(future: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        workers._result(future)


#: `napi-hil`; it takes Ctrl-C even if these tests run as a background job of a shell, which ignores it.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from emulator.cli import main
sys.exit(main())
"""


def start(folder: Path, text: str) -> subprocess.Popen[str]:
    """``napi-hil sweep`` in a process group of its own, as a shell starts it."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "sweep", "small.toml"],
        cwd=sweep_file(folder, text).parent,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_ctrl_c_and_once_more(tmp_path: Path) -> None:
    """Ctrl-C reaches all processes of the terminal; what is finished stays finished."""
    endless = SMALL.replace("count = 20", "").replace("[axes]", "[axes]\ncount = [20, 100_000_000]")
    with start(tmp_path, endless) as process:
        assert process.stderr
        first = process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stderr.read()
    assert first.startswith("1/8 count=20 ")
    assert process.returncode == 130
    *more, blank, last = rest.splitlines()
    finished = 1 + len(more)
    assert blank == ""
    complaint = f"napi-hil: interrupted; {8 - finished} of 8 runs are missing, so there is no table; the same command"
    assert last.startswith(complaint)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.runs", "small.toml"]
    with start(tmp_path, SMALL) as process:
        assert process.stderr
        said = process.stderr.read().splitlines()
    assert process.returncode == 0
    assert [line.endswith(": done") for line in said] == [True] * (4 - finished)
    assert len((tmp_path / "small.csv").read_text().splitlines()) == 1 + 4
