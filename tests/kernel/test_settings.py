"""Settings: their names, what they do, and what is said of wrong ones."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driver.kernel.net.ethtool import EthtoolCoalesce, EthtoolOps, EthtoolRingparam
from driver.kernel.net.napi import NapiState
from driver.kernel.net.netdev_features import NETIF_F_HW_CSUM, NETIF_F_HW_VLAN_CTAG_TX, NETIF_F_SG, NETIF_F_TSO
from driver.kernel.net.netdevice import NetDevice
from driver.kernel.setting_values import CpuList, CpuMask
from driver.kernel.settings import SETTINGS, SettingError, find_setting, parse_setting, read_setting, write_setting
from tests.kernel.net.nic import Nic
from tests.kernel.support import Computer


class Coalescing(EthtoolOps):
    """A driver that takes any coalescing for reception."""

    def __init__(self) -> None:
        self.coalesce = EthtoolCoalesce(rx_coalesce_usecs=0, use_adaptive_rx_coalesce=False)

    def get_ethtool_stats(self, dev: NetDevice) -> dict[str, int]:
        return {}

    def get_coalesce(self, dev: NetDevice) -> EthtoolCoalesce:
        return self.coalesce

    async def set_coalesce(self, dev: NetDevice, coalesce: EthtoolCoalesce) -> int:
        changes = {name: value for name, value in dataclasses.asdict(coalesce).items() if value is not None}
        self.coalesce = dataclasses.replace(self.coalesce, **changes)
        return 0

    def get_ringparam(self, dev: NetDevice) -> EthtoolRingparam:
        raise NotImplementedError


def computer_with_nics() -> Computer:
    """Four CPUs; eth0 and eth1 with interrupts 16 and 17 and NAPI instances 65 and 66."""
    computer = Computer(cpus=4)
    eth0, eth1 = Nic(computer, 0).dev, Nic(computer, 1).dev
    eth1.ethtool_ops = Coalescing()
    eth0.features = NETIF_F_SG | NETIF_F_HW_CSUM
    eth0.hw_features = eth1.hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_HW_VLAN_CTAG_TX
    return computer


def write(computer: Computer, name: str, value: str) -> None:
    """Write as a shell does."""
    computer.spawn(write_setting(computer.machine, name, value), "sh")
    computer.run(computer.machine.now + 1_000_000)


@pytest.mark.parametrize(
    ("name", "before", "value", "after"),
    [
        ("CONFIG_HZ", "1000", "250", "250"),
        ("net.core.netdev_budget", "300", "600", "600"),
        ("net.core.netdev_budget_usecs", "2000", "8000", "8000"),
        ("net.core.netdev_max_backlog", "1000", "0x10", "16"),
        ("net.core.dev_weight", "64", "32", "32"),
        ("net.core.dev_weight_rx_bias", "1", "2", "2"),
        ("net.core.dev_weight_tx_bias", "1", "2", "2"),
        ("net.core.gro_normal_batch", "8", "1", "1"),
        ("net.core.busy_read", "0", "50", "50"),
        ("net.core.busy_poll", "0", "50", "50"),
        ("net.core.flow_limit_table_len", "4096", "256", "256"),
        ("net.core.flow_limit_cpu_bitmap", "0", "5", "5"),
        ("net.core.rps_sock_flow_entries", "0", "1000", "1024"),
        ("net.core.default_qdisc", "pfifo_fast", "pfifo", "pfifo"),
        ("/proc/sys/net/core/netdev_budget", "300", "400", "400"),
        ("/sys/class/net/eth1/gro_flush_timeout", "0", "20000", "20000"),
        ("/sys/class/net/eth1/napi_defer_hard_irqs", "0", "2", "2"),
        ("/sys/class/net/eth0/threaded", "0", "1", "1"),
        ("/sys/class/net/eth0/queues/rx-0/rps_cpus", "0", "e", "e"),
        ("/sys/class/net/eth0/queues/rx-0/rps_flow_cnt", "0", "1", "1"),
        ("/proc/irq/17/smp_affinity", "f", "4", "4"),
        ("/proc/irq/17/smp_affinity_list", "0-3", "1,3", "1,3"),
        ("napi-set/66/defer-hard-irqs", "0", "3", "3"),
        ("napi-set/66/gro-flush-timeout", "0", "50000", "50000"),
        ("napi-set/66/irq-suspend-timeout", "0", "1000000", "1000000"),
        ("napi-set/66/threaded", "disabled", "busy-poll", "busy-poll"),
        ("napi-set/66/threaded", "disabled", "1", "enabled"),
        ("features-set/eth1/rx-gro", "off", "on", "on"),
        ("features-set/eth1/tx-checksum-ip-generic", "off", "on", "on"),
        ("features-set/eth1/tx-scatter-gather", "off", "on", "on"),
        ("features-set/eth0/tx-tcp-segmentation", "off", "on", "on"),
        ("features-set/eth1/tx-vlan-hw-insert", "off", "on", "on"),
        ("coalesce-set/eth1/rx-usecs", "0", "64", "64"),
        ("coalesce-set/eth1/use-adaptive-rx", "off", "on", "on"),
    ],
)
def test_every_setting_reads_as_it_was_written(name: str, before: str, value: str, after: str) -> None:
    computer = computer_with_nics()
    assert read_setting(computer.machine, name) == before
    write(computer, name, value)
    assert read_setting(computer.machine, name) == after


def test_all_settings_are_tried() -> None:
    (mark,) = [mark for mark in test_every_setting_reads_as_it_was_written.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    assert {find_setting(row[0])[0].name for row in mark.args[1]} == {setting.name for setting in SETTINGS}


def test_the_guide_names_all_settings() -> None:
    guide = (Path(__file__).parents[2] / "docs/settings.md").read_text()
    assert [setting.name for setting in SETTINGS if f"`{setting.name}`" not in guide] == []


def test_what_is_written_takes_effect() -> None:
    computer = computer_with_nics()
    machine = computer.machine
    write(computer, "/sys/class/net/eth1/gro_flush_timeout", "20000")
    write(computer, "/sys/class/net/eth1/napi_defer_hard_irqs", "2")
    write(computer, "/proc/irq/17/smp_affinity", "c")
    write(computer, "/sys/class/net/eth0/queues/rx-0/rps_cpus", "6")
    write(computer, "napi-set/65/threaded", "enabled")
    write(computer, "net.core.flow_limit_cpu_bitmap", "2")
    first, second = machine.napis
    assert (second.gro_flush_timeout, second.defer_hard_irqs) == (20_000, 2)
    assert (first.gro_flush_timeout, first.defer_hard_irqs) == (0, 0)
    assert machine.irqs.desc(17).effective == 2
    assert machine.netdevs[0].rx_queues[0].rps_map == (1, 2)
    assert first.state & NapiState.THREADED
    assert [cpu.softnet.flow_limit is not None for cpu in machine.cpus] == [False, True, False, False]


def test_busy_polling_threads_are_set_by_netlink_only_but_show_in_sysfs() -> None:
    computer = computer_with_nics()
    with pytest.raises(SettingError, match="allowed: 0, 1"):
        write(computer, "/sys/class/net/eth0/threaded", "2")
    computer.machine.netdevs[0].threaded = 2
    assert read_setting(computer.machine, "/sys/class/net/eth0/threaded") == "2"


def test_the_time_limit_is_two_jiffies_whatever_hz_is() -> None:
    computer = Computer()
    for hz, usecs in ((1000, "2000"), (250, "8000"), (100, "20000")):
        write(computer, "CONFIG_HZ", str(hz))
        assert read_setting(computer.machine, "net.core.netdev_budget_usecs") == usecs
        assert computer.machine.sysctl.netdev_budget_jiffies == 2
    write(computer, "net.core.netdev_budget_usecs", "25000")
    assert computer.machine.sysctl.netdev_budget_jiffies == 3


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("net.core.netdev_budge", "1", "net.core.netdev_budge: unknown setting; did you mean net.core.netdev_budget"),
        ("netdev_budget", "1", "unknown setting; did you mean net.core.netdev_budget"),
        ("/sys/class/net/eth0/gro_timeout", "1", "did you mean /sys/class/net/{dev}/gro_flush_timeout"),
        ("xyzzy", "1", "xyzzy: unknown setting; known are CONFIG_HZ, net.core.netdev_budget, "),
        ("/sys/class/net/eth7/threaded", "1", "there is no interface eth7; there are: eth0, eth1"),
        ("/sys/class/net/eth0/queues/rx-1/rps_cpus", "1", "there is no receive queue of eth0 rx-1; there are: rx-0"),
        ("/proc/irq/99/smp_affinity", "1", "there is no interrupt 99; there are: 16, 17"),
        ("napi-set/1/threaded", "enabled", "there is no NAPI instance 1; there are: 65, 66"),
        ("CONFIG_HZ", "123", "CONFIG_HZ=123: unknown; allowed: 100, 250, 300, 1000"),
        ("net.core.netdev_budget", "-1", "net.core.netdev_budget=-1: out of range; allowed are 0 to 2147483647"),
        ("net.core.netdev_budget", "many", "not a whole number; allowed are 0 to"),
        ("net.core.netdev_budget_usecs", "1999", "out of range; allowed are 2000 (2 jiffies) to 2147483647"),
        ("net.core.dev_weight", "0", "allowed are 1 to 2147483647"),
        ("net.core.flow_limit_table_len", "100", "unknown; allowed: 2, 4, 8"),
        ("/proc/irq/16/smp_affinity", "10", "smp_affinity=10: CPU mask 10: allowed are 1 to f, for CPUs 0 to 3"),
        ("/proc/irq/16/smp_affinity", "0", "CPU mask 0: allowed are 1 to f"),
        ("/proc/irq/16/smp_affinity", "cpu1", "not a CPU mask; write hexadecimal digits"),
        ("/proc/irq/16/smp_affinity_list", "3-1", "not a list of CPUs; write numbers and ranges"),
        ("/sys/class/net/eth0/queues/rx-0/rps_cpus", "20", "allowed are 1 to f"),
        ("napi-set/65/threaded", "on", "unknown; allowed: disabled, enabled, busy-poll"),
        ("/sys/class/net/eth0/napi_defer_hard_irqs", "2147483648", "out of range; allowed are 0 to 2147483647"),
    ],
)
def test_wrong_names_and_values(name: str, value: str, complaint: str) -> None:
    computer = computer_with_nics()
    with pytest.raises(SettingError) as caught:
        write(computer, name, value)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_assignments() -> None:
    assert parse_setting("net.core.netdev_budget=600") == ("net.core.netdev_budget", "600")
    for wrong in ("net.core.netdev_budget", "net.core.netdev_budget=", "=3"):
        with pytest.raises(SettingError):
            parse_setting(wrong)


@given(st.integers(0, 2**70))
def test_masks_round_trip(mask: int) -> None:
    shown = CpuMask().show(mask)
    assert CpuMask().parse(shown) == mask
    assert re.fullmatch(r"[0-9a-f]{1,8}(,[0-9a-f]{8})*", shown)
    if mask:
        assert CpuList().parse(CpuList().show(mask)) == mask
