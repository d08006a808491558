"""Settings of runs: what --set and --cpus do to a run on the model engine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from driver.kernel.net.napi import NapiState
from emulator.errors import UserError
from emulator.output import TRACE
from tests.e1000.support import Rig, run


def summary_of(directory: Path, **options: Any) -> dict[str, Any]:
    run(directory, **options)
    summary: dict[str, Any] = json.loads((directory / "summary.json").read_text())
    return summary


def test_settings_are_in_force_when_the_traffic_starts() -> None:
    rig = Rig(
        cpus=4,
        nics=2,
        set=(
            "/sys/class/net/eth1/napi_defer_hard_irqs=2",
            "/sys/class/net/eth1/gro_flush_timeout=20000",
            "CONFIG_HZ=250",
            "net.core.netdev_budget=77",
            "/proc/irq/17/smp_affinity=8",
            "/sys/class/net/eth0/queues/rx-0/rps_cpus=6",
            "napi-set/65/threaded=enabled",
        ),
    )
    machine = rig.machine
    assert len(machine.cpus) == 4
    assert (machine.sysctl.hz, machine.sysctl.netdev_budget) == (250, 77)
    first, second = (adapter.napi for adapter in rig.adapters)
    assert (second.defer_hard_irqs, second.gro_flush_timeout) == (2, 20_000)
    assert first.state & NapiState.THREADED
    assert machine.irqs.desc(17).effective == 3
    assert machine.netdevs[0].rx_queues[0].rps_map == (1, 2)


def test_an_interrupt_on_another_cpu_takes_the_work_along(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, count=50, pps=10_000, cpus=2, trace=True, set=("/proc/irq/16/smp_affinity=2",))
    assert [softnet["processed"] for softnet in summary["softnet"]] == [0, 50]
    idle, busy = summary["cpu"]
    assert idle["hardirq"] == idle["softirq"] == 0
    assert busy["hardirq"] > 0
    received = [line for line in (tmp_path / TRACE).read_text().splitlines() if "netif_receive_skb" in line]
    assert len(received) == 50
    assert all("[001]" in line for line in received)


def test_rps_moves_the_stack_to_another_cpu_and_the_books_still_agree(tmp_path: Path) -> None:
    summary = summary_of(
        tmp_path, count=500, nics=3, cpus=3, set=[f"/sys/class/net/eth{nic}/queues/rx-0/rps_cpus=6" for nic in range(3)]
    )
    processed = [softnet["processed"] for softnet in summary["softnet"]]
    assert processed[0] == 0
    assert sum(processed) == 1500
    assert sum(softnet["received_rps"] for softnet in summary["softnet"]) > 0
    assert summary["frames"]["delivered"] == 1500


@pytest.mark.parametrize("mode", ["enabled", "busy-poll"])
@pytest.mark.parametrize("cpus", [1, 2])
def test_threaded_runs_end_and_lose_nothing(tmp_path: Path, mode: str, cpus: int) -> None:
    summary = summary_of(tmp_path, count=1000, pps=200_000, cpus=cpus, set=(f"napi-set/65/threaded={mode}",))
    assert summary["frames"]["delivered"] == 1000
    assert sum(cpu["softirq"] for cpu in summary["cpu"]) == 0 or cpus == 1
    assert sum(cpu["user"] for cpu in summary["cpu"]) > 0
    if mode == "busy-poll":
        assert summary["interrupts"]["rx"] <= 1


def test_deferral_saves_interrupts(tmp_path: Path) -> None:
    defer = ("/sys/class/net/eth0/napi_defer_hard_irqs=10", "/sys/class/net/eth0/gro_flush_timeout=20000")
    plain = summary_of(tmp_path, count=500, pps=100_000)
    deferred = summary_of(tmp_path, count=500, pps=100_000, set=defer)
    assert plain["interrupts"]["rx"] == 500
    assert deferred["interrupts"]["rx"] <= 2
    assert deferred["frames"]["delivered"] == 500


def test_five_saturated_nics_trip_netdev_budget_and_four_do_not(tmp_path: Path) -> None:
    options: dict[str, Any] = {"count": 2000, "costs": "router2002"}
    squeezes = {nics: summary_of(tmp_path, nics=nics, **options)["softnet"][0]["time_squeeze"] for nics in (1, 4, 5)}
    assert squeezes[5] > 0
    # Four use 256 of the 300 and only ever run into the time limit: 2 jiffies, with 2.8 us per packet 714 packets.
    assert squeezes[1] == squeezes[4] == 0


def test_coalescing_is_set_as_ethtool_does() -> None:
    rig = Rig(nics=2, set=("coalesce-set/eth0/rx-usecs=100", "coalesce-set/eth1/use-adaptive-rx=on"))
    first, second = rig.adapters
    assert (first.rx_usecs, first.dim) == (100, None)
    assert second.dim is not None


def test_a_throttled_interrupt_is_waited_for(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, count=200, pps=20_000, set=("coalesce-set/eth0/rx-usecs=10000",))
    assert summary["frames"]["delivered"] == 200
    assert summary["interrupts"]["rx"] <= 3
    assert "rx-usecs:\t10000\n" in (tmp_path / "proc" / "ethtool-c-eth0.txt").read_text()


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("coalesce-set/eth0/rx-usecs=10001", "--set coalesce-set/eth0/rx-usecs=10001: out of range; allowed are 0 to"),
        ("coalesce-set/eth1/rx-usecs=5", "there is no interface eth1"),
        ("coalesce-set/eth0/use-adaptive-rx=on", "use-adaptive-rx: not supported by the driver"),
    ],
)
def test_what_the_driver_does_not_take_is_a_users_error(setting: str, complaint: str) -> None:
    with pytest.raises(UserError, match=re.escape(complaint)):
        Rig(mode="irq", set=(setting,))
