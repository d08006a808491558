"""Settings under the names by which Linux knows them: what a name means, and how to read and write it.

- sysctls: ``net.core.netdev_budget``, or as a file ``/proc/sys/net/core/netdev_budget``
- files: ``/sys/class/net/eth0/gro_flush_timeout``, ``/proc/irq/16/smp_affinity``
- attributes of netlink's napi-set, by the instance's id: ``napi-set/65/defer-hard-irqs``
- attributes of ethtool's coalesce-set, by the interface's name: ``coalesce-set/eth0/rx-usecs`` (ethtool -C)
- attributes of ethtool's features-set: ``features-set/eth0/rx-gro`` (ethtool -K eth0 gro)
- the kernel's configuration: ``CONFIG_HZ``
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from driver.kernel.irq import IrqDesc, irq_set_affinity
from driver.kernel.net.ethtool import EINVAL, EOPNOTSUPP, EthtoolCoalesce
from driver.kernel.net.napi import Napi, NapiThreaded
from driver.kernel.net.netdev_features import (
    NETIF_F_GRO,
    NETIF_F_HW_CSUM,
    NETIF_F_HW_VLAN_CTAG_TX,
    NETIF_F_SG,
    NETIF_F_TSO,
)
from driver.kernel.net.netdev_rx_queue import NetdevRxQueue
from driver.kernel.net.netdevice import netdev_change_features
from driver.kernel.net.rfs import (
    FLOW_ENTRIES_MAX,
    RpsDevFlowTable,
    RpsSockFlowTable,
    rps_sock_flow_sysctl,
    store_rps_dev_flow_table_cnt,
)
from driver.kernel.net.rps import netdev_rx_queue_set_rps_mask, set_flow_limit_cpus
from driver.kernel.net.threaded import napi_set_threaded, netif_set_threaded
from driver.kernel.setting_values import Choice, CpuList, CpuMask, Values, Whole

if TYPE_CHECKING:
    from driver.kernel.machine import Machine
    from driver.kernel.net.netdevice import NetDevice

INT_MAX = 2**31 - 1
LONGEST_NS = 2**63 - 1  #: KTIME_MAX

_PLACES = {"{dev}": r"(?P<dev>[^/]+)", "{queue}": r"(?P<queue>\d+)", "{irq}": r"(?P<irq>\d+)", "{id}": r"(?P<id>\d+)"}


class SettingError(ValueError):
    """A setting that does not exist, or a value that it does not take; one line that says what is allowed."""


class Knob(NamedTuple):
    """A setting of one machine: how to read and how to write it, in the terms of its Values."""

    read: Callable[[], object]
    write: Callable[[Any], Awaitable[None] | None]


class Setting(NamedTuple):
    """A name, or many that follow one pattern.

    Attributes:
        name: with {dev}, {queue}, {irq} and {id} where something is to be named.
        values: what it takes.
        knob: finds it on a machine, given what the name names.
        at_boot: it can be written before there are interfaces.
    """

    name: str
    values: Values
    knob: Callable[[Machine, dict[str, str]], Knob]
    at_boot: bool = False


def find_setting(name: str) -> tuple[Setting, dict[str, str]]:
    """What a name means: the setting, and what the name names.

    Raises:
        SettingError: there is no such setting.
    """
    canonical = name.removeprefix("/proc/sys/").replace("/", ".") if name.startswith("/proc/sys/") else name
    for setting in SETTINGS:
        pattern = re.escape(setting.name).replace(r"\{", "{").replace(r"\}", "}")
        for place, group in _PLACES.items():
            pattern = pattern.replace(place, group)
        match = re.fullmatch(pattern, canonical)
        if match:
            return setting, match.groupdict()
    raise SettingError(f"{name}: unknown setting; {_suggestion(name)}")


def parse_setting(assignment: str) -> tuple[str, str]:
    """Name and value of NAME=VALUE.

    Raises:
        SettingError: it is not of that form, or there is no such setting.
    """
    name, equals, value = assignment.partition("=")
    if not equals or not value:
        raise SettingError(f"{assignment}: not a setting; write NAME=VALUE, such as net.core.netdev_budget=600")
    find_setting(name)
    return name, value


def read_setting(machine: Machine, name: str) -> str:
    """The value as Linux shows it.

    Raises:
        SettingError: there is no such setting.
    """
    setting, named = find_setting(name)
    return setting.values.show(setting.knob(machine, named).read())


async def write_setting(machine: Machine, name: str, value: str) -> None:
    """Change a setting, as a thread of the kernel does it for the shell that writes the file. May sleep.

    Raises:
        SettingError: there is no such setting, or it does not take the value.
    """
    setting, named = find_setting(name)
    knob = setting.knob(machine, named)
    try:
        done = knob.write(setting.values.parse(value))
    except ValueError as error:
        raise SettingError(f"{name}={value}: {error}") from None
    if done is not None:
        await done


def _suggestion(name: str) -> str:
    """What somebody may have meant who wrote this name."""
    names = [setting.name for setting in SETTINGS]
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if not close:
        last = re.split(r"[./]", name)[-1]
        by_last = {re.split(r"[./]", known)[-1]: known for known in names}
        close = [by_last[match] for match in difflib.get_close_matches(last, by_last, n=3, cutoff=0.6)]
    return f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(names)}"


# --- what names name --------------------------------------------------------------------------------------------------


def _named(what: str, name: str, known: Iterable[object]) -> SettingError:
    return SettingError(f"there is no {what} {name}; there are: {', '.join(map(str, known)) or 'none'}")


def _dev(machine: Machine, named: dict[str, str]) -> NetDevice:
    by_name = {dev.name: dev for dev in machine.netdevs}
    if named["dev"] not in by_name:
        raise _named("interface", named["dev"], by_name)
    return by_name[named["dev"]]


def _rx_queue(machine: Machine, named: dict[str, str]) -> NetdevRxQueue:
    dev = _dev(machine, named)
    if int(named["queue"]) >= len(dev.rx_queues):
        raise _named(f"receive queue of {dev.name}", f"rx-{named['queue']}", _names("rx-", dev.rx_queues))
    return dev.rx_queues[int(named["queue"])]


def _names(prefix: str, queues: list[NetdevRxQueue]) -> list[str]:
    return [f"{prefix}{number}" for number in range(len(queues))]


def _irq(machine: Machine, named: dict[str, str]) -> IrqDesc:
    descs = {number: desc for number, desc in machine.irqs.descs.items() if desc.actions}
    if int(named["irq"]) not in descs:
        raise _named("interrupt", named["irq"], descs)
    return descs[int(named["irq"])]


def _napi(machine: Machine, named: dict[str, str]) -> Napi:
    by_id = {napi.id: napi for napi in machine.napis}
    if int(named["id"]) not in by_id:
        raise _named("NAPI instance", named["id"], by_id)
    return by_id[int(named["id"])]


# --- the settings -----------------------------------------------------------------------------------------------------


def _config_hz(machine: Machine, _: dict[str, str]) -> Knob:
    return Knob(lambda: machine.sysctl.hz, partial(setattr, machine.sysctl, "hz"))


def _sysctl(name: str, values: Values) -> Setting:
    """A net.core sysctl that is an attribute of Sysctl."""

    def knob(machine: Machine, _: dict[str, str]) -> Knob:
        return Knob(partial(getattr, machine.sysctl, name), partial(setattr, machine.sysctl, name))

    return Setting(f"net.core.{name}", values, knob, at_boot=True)


def _netdev_budget_usecs(machine: Machine, _: dict[str, str]) -> Knob:
    sysctl = machine.sysctl

    def write(usecs: int) -> None:
        if usecs < sysctl.netdev_budget_usecs_min:
            least = sysctl.netdev_budget_usecs_min
            raise ValueError(f"out of range; allowed are {least} (2 jiffies) to {INT_MAX}")
        sysctl.netdev_budget_usecs = usecs

    return Knob(lambda: sysctl.netdev_budget_usecs or sysctl.netdev_budget_usecs_min, write)


def _flow_limit_cpu_bitmap(machine: Machine, _: dict[str, str]) -> Knob:
    def read() -> int:
        return sum(1 << cpu.id for cpu in machine.cpus if cpu.softnet.flow_limit is not None)

    return Knob(read, partial(set_flow_limit_cpus, machine))


def _of_dev(name: str, attribute: str, napi_attribute: str, values: Values) -> Setting:
    """A file in /sys/class/net/DEV that also sets all NAPI instances of the interface."""

    def knob(machine: Machine, named: dict[str, str]) -> Knob:
        dev = _dev(machine, named)

        def write(value: int) -> None:
            setattr(dev, attribute, value)
            for napi in dev.napi_list:
                setattr(napi, napi_attribute, value)

        return Knob(partial(getattr, dev, attribute), write)

    return Setting(f"/sys/class/net/{{dev}}/{name}", values, knob)


def _threaded_of_dev(machine: Machine, named: dict[str, str]) -> Knob:
    dev = _dev(machine, named)
    return Knob(lambda: int(dev.threaded), lambda value: netif_set_threaded(dev, NapiThreaded(value)))


def _rps_cpus(machine: Machine, named: dict[str, str]) -> Knob:
    queue = _rx_queue(machine, named)
    return Knob(lambda: queue.rps_cpus, partial(netdev_rx_queue_set_rps_mask, machine, queue))


def _rps_flow_cnt(machine: Machine, named: dict[str, str]) -> Knob:
    queue = _rx_queue(machine, named)
    return Knob(lambda: _entries(queue.rps_flow_table), partial(store_rps_dev_flow_table_cnt, queue))


def _rps_sock_flow_entries(machine: Machine, _: dict[str, str]) -> Knob:
    return Knob(lambda: _entries(machine.rps_sock_flow_table), partial(rps_sock_flow_sysctl, machine))


def _entries(table: RpsSockFlowTable | RpsDevFlowTable | None) -> int:
    return 0 if table is None else table.entries


def _smp_affinity(machine: Machine, named: dict[str, str]) -> Knob:
    desc = _irq(machine, named)
    return Knob(lambda: desc.affinity, partial(irq_set_affinity, machine, desc.irq))


def _of_napi(name: str, attribute: str, values: Values) -> Setting:
    """An attribute of netlink's napi-set."""

    def knob(machine: Machine, named: dict[str, str]) -> Knob:
        napi = _napi(machine, named)
        return Knob(partial(getattr, napi, attribute), partial(setattr, napi, attribute))

    return Setting(f"napi-set/{{id}}/{name}", values, knob)


def _threaded_of_napi(machine: Machine, named: dict[str, str]) -> Knob:
    napi = _napi(machine, named)
    return Knob(lambda: int(napi.threaded), lambda value: napi_set_threaded(napi, NapiThreaded(value)))


_COUNT = Whole(0, INT_MAX)
_WEIGHT = Whole(1, INT_MAX)
_NS = Whole(0, LONGEST_NS)
_USECS = Whole(0, 2**32 - 1)
_FLOW_ENTRIES = Whole(0, FLOW_ENTRIES_MAX)


def _coalesce(name: str, attribute: str, values: Values) -> Setting:
    """An attribute of ethtool's coalesce-set."""

    def knob(machine: Machine, named: dict[str, str]) -> Knob:
        dev = _dev(machine, named)
        ops = dev.ethtool_ops
        if ops is None:
            raise SettingError(f"{dev.name}: its driver has no coalescing to set")

        async def write(value: object) -> None:
            error = await ops.set_coalesce(dev, EthtoolCoalesce(**{attribute: value}))  # type: ignore[arg-type]
            if error:
                raise SettingError(f"coalesce-set/{dev.name}/{name}: {_ERRORS[-error]}")

        return Knob(lambda: getattr(ops.get_coalesce(dev), attribute), write)

    return Setting(f"coalesce-set/{{dev}}/{name}", values, knob)


def _feature(name: str, feature: int) -> Setting:
    """An attribute of ethtool's features-set."""

    def knob(machine: Machine, named: dict[str, str]) -> Knob:
        dev = _dev(machine, named)

        async def write(on: bool) -> None:
            if on and not feature & (dev.hw_features | _SOFTWARE_FEATURES):
                raise SettingError(f"features-set/{dev.name}/{name}: the device cannot do that")
            error = await netdev_change_features(dev, feature, on=on)
            if error:
                raise SettingError(f"features-set/{dev.name}/{name}: {_ERRORS[-error]}")
            if on and not dev.features & feature:
                raise SettingError(f"features-set/{dev.name}/{name}: switch on first what it needs")

        return Knob(lambda: bool(dev.features & feature), write)

    return Setting(f"features-set/{{dev}}/{name}", Choice({"off": False, "on": True}), knob)


#: Features that need nothing of the device.
_SOFTWARE_FEATURES = NETIF_F_GRO

_ERRORS = {EINVAL: "out of range", EOPNOTSUPP: "not supported by the driver as it is set up now"}

#: All of them, in the order in which they are listed for people.
SETTINGS = (
    Setting("CONFIG_HZ", Choice({"100": 100, "250": 250, "300": 300, "1000": 1000}), _config_hz, at_boot=True),
    _sysctl("netdev_budget", _COUNT),
    Setting("net.core.netdev_budget_usecs", _COUNT, _netdev_budget_usecs, at_boot=True),
    _sysctl("netdev_max_backlog", _COUNT),
    _sysctl("dev_weight", _WEIGHT),
    _sysctl("dev_weight_rx_bias", _WEIGHT),
    _sysctl("dev_weight_tx_bias", _WEIGHT),
    _sysctl("gro_normal_batch", _WEIGHT),
    _sysctl("busy_read", _COUNT),
    _sysctl("busy_poll", _COUNT),
    _sysctl("flow_limit_table_len", Choice({str(1 << bits): 1 << bits for bits in range(1, 17)})),
    Setting("net.core.flow_limit_cpu_bitmap", CpuMask(), _flow_limit_cpu_bitmap, at_boot=True),
    Setting("net.core.rps_sock_flow_entries", _FLOW_ENTRIES, _rps_sock_flow_entries, at_boot=True),
    _sysctl("default_qdisc", Choice({"pfifo_fast": "pfifo_fast", "pfifo": "pfifo"})),
    _of_dev("gro_flush_timeout", "gro_flush_timeout", "gro_flush_timeout", _NS),
    _of_dev("napi_defer_hard_irqs", "napi_defer_hard_irqs", "defer_hard_irqs", _COUNT),
    Setting("/sys/class/net/{dev}/threaded", Choice({"0": 0, "1": 1}), _threaded_of_dev),
    Setting("/sys/class/net/{dev}/queues/rx-{queue}/rps_cpus", CpuMask(), _rps_cpus),
    Setting("/sys/class/net/{dev}/queues/rx-{queue}/rps_flow_cnt", _FLOW_ENTRIES, _rps_flow_cnt),
    Setting("/proc/irq/{irq}/smp_affinity", CpuMask(), _smp_affinity),
    Setting("/proc/irq/{irq}/smp_affinity_list", CpuList(), _smp_affinity),
    _of_napi("defer-hard-irqs", "defer_hard_irqs", _COUNT),
    _of_napi("gro-flush-timeout", "gro_flush_timeout", _NS),
    _of_napi("irq-suspend-timeout", "irq_suspend_timeout", _NS),
    Setting("napi-set/{id}/threaded", Choice({"disabled": 0, "enabled": 1, "busy-poll": 2}), _threaded_of_napi),
    _feature("rx-gro", NETIF_F_GRO),
    _feature("tx-checksum-ip-generic", NETIF_F_HW_CSUM),
    _feature("tx-scatter-gather", NETIF_F_SG),
    _feature("tx-tcp-segmentation", NETIF_F_TSO),
    _feature("tx-vlan-hw-insert", NETIF_F_HW_VLAN_CTAG_TX),
    _coalesce("rx-usecs", "rx_coalesce_usecs", _USECS),
    _coalesce("use-adaptive-rx", "use_adaptive_rx_coalesce", Choice({"off": False, "on": True})),
)
