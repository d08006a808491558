"""net_rx_action, its lists and limits, and the backlog behind netif_rx (net/core/dev.c)."""

from __future__ import annotations

from typing import Any

import pytest

from driver.kernel.cpu import Account, spend, this_cpu
from driver.kernel.irq import IrqReturn, request_irq
from driver.kernel.net.dev import NET_RX_DROP, NET_RX_SUCCESS, netif_rx
from driver.kernel.net.napi import Napi, napi_complete_done, napi_schedule
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps
from driver.kernel.net.skbuff import SkBuff, build_skb
from driver.kernel.pci import FIRST_IRQ
from driver.kernel.sysctl import Sysctl
from tests.kernel.net.test_napi import add_device, schedule
from tests.kernel.support import Computer, events


class Saturated:
    """Devices that always have a full budget of packets, until they are told to stop."""

    def __init__(self, computer: Computer, count: int, ns_per_packet: int = 0) -> None:
        self.order: list[tuple[int, Account]] = []
        self.stop_after = 10**9
        self._cost = ns_per_packet
        self.napis = [add_device(computer, self._poll) for _ in range(count)]

    async def _poll(self, napi: Napi, budget: int) -> int:
        self.order.append((self.napis.index(napi), this_cpu().stack[-1].account))
        await spend(self._cost * budget)
        if len(self.order) >= self.stop_after:
            await napi_complete_done(napi, 0)
            return 0
        return budget


def schedule_from_hardirq(computer: Computer, napis: list[Napi]) -> None:
    """Let an interrupt handler schedule instances."""

    def work() -> None:
        for napi in napis:
            napi_schedule(napi)

    computer.on_interrupt(work)


def test_one_saturated_device_gets_640_packets_before_ksoftirqd() -> None:
    computer = Computer()
    devices = Saturated(computer, 1)
    devices.stop_after = 25
    schedule_from_hardirq(computer, devices.napis)
    computer.run(1_000_000)
    accounts = [account for _, account in devices.order]
    assert accounts.index(Account.KSOFTIRQD) * 64 == 640
    assert computer.machine.cpus[0].softnet.time_squeeze == 0


def test_five_saturated_devices_trip_the_budget_at_320() -> None:
    computer = Computer()
    devices = Saturated(computer, 5)
    devices.stop_after = 5 * 30
    squeezes = []
    computer.machine.tracepoints.register(
        "softirq_exit", lambda _vector: squeezes.append((len(devices.order), this_cpu().softnet.time_squeeze))
    )
    schedule_from_hardirq(computer, devices.napis)
    computer.run(1_000_000)
    assert squeezes[0] == (5, 1)
    assert squeezes[1] == (10, 2)


def test_four_saturated_devices_do_not() -> None:
    computer = Computer()
    devices = Saturated(computer, 4)
    devices.stop_after = 40
    schedule_from_hardirq(computer, devices.napis)
    computer.run(1_000_000)
    assert computer.machine.cpus[0].softnet.time_squeeze == 0


def test_devices_are_polled_round_robin() -> None:
    computer = Computer()
    devices = Saturated(computer, 3)
    devices.stop_after = 30
    schedule_from_hardirq(computer, devices.napis)
    computer.run(1_000_000)
    assert [device for device, _ in devices.order[:27]] == [0, 1, 2] * 9


def test_a_device_that_was_emptied_leaves_and_a_newcomer_comes_before_those_to_be_repolled() -> None:
    computer = Computer()
    order = []

    async def busy(napi: Napi, budget: int) -> int:
        order.append("busy")
        if len(order) == 1:
            napi_schedule(napis[1])
        if len(order) > 5:
            await napi_complete_done(napi, 0)
            return 0
        return budget

    async def short(napi: Napi, _budget: int) -> int:
        order.append("short")
        await napi_complete_done(napi, 3)
        return 3

    napis = [add_device(computer, busy), add_device(computer, short)]
    schedule_from_hardirq(computer, napis[:1])
    computer.run(1_000_000)
    assert order == ["busy", "short", "busy", "busy", "busy", "busy"]


def test_the_time_limit_squeezes_after_two_jiffies() -> None:
    computer = Computer()
    devices = Saturated(computer, 2, ns_per_packet=20_000)  # a poll takes 1.28 ms
    devices.stop_after = 8
    schedule_from_hardirq(computer, devices.napis)
    computer.run(3_000_000)
    assert computer.machine.cpus[0].softnet.time_squeeze == 1


def test_a_squeezed_exit_keeps_who_was_not_polled_in_front() -> None:
    computer = Computer(sysctl=Sysctl(netdev_budget=64))
    devices = Saturated(computer, 3)
    devices.stop_after = 9
    schedule_from_hardirq(computer, devices.napis)
    computer.run(1_000_000)
    assert [device for device, _ in devices.order[:9]] == [0, 1, 2, 0, 1, 2, 0, 1, 2]


# --- the backlog ------------------------------------------------------------------------------------------------------


def make_skb(computer: Computer, dev: NetDevice, number: int) -> SkBuff:
    """A small packet with a number in it."""
    buffer, data = computer.machine.frags.alloc(), bytes(12) + b"\x08\x00" + number.to_bytes(4, "big")
    computer.machine.memory.write(buffer, data)
    return build_skb(buffer, len(data), dev)


def make_dev(computer: Computer, *, running: bool = True) -> NetDevice:
    """An interface without a driver."""
    return NetDevice(computer.machine, "eth0", NetDeviceOps, None, running=running)  # type: ignore[arg-type]


def receive_from_hardirq(computer: Computer, dev: NetDevice, count: int) -> list[int]:
    """Let an interrupt handler hand packets to netif_rx; returns the list that its results go to."""
    results: list[int] = []

    async def work() -> None:
        for number in range(count):
            results.append(await netif_rx(make_skb(computer, dev, number)))

    computer.on_interrupt(work)
    return results


def numbers(seen: list[tuple[Any, ...]]) -> list[int]:
    """The numbers in the packets that a tracepoint saw."""
    return [int.from_bytes(event[2].data[14:], "big") for event in seen]


def test_the_backlog_delivers_in_order_and_polls_of_64() -> None:
    computer = Computer(netif_rx=10, process_backlog=20, netif_receive_skb=30)
    seen = events(computer, "netif_receive_skb")
    polls = events(computer, "napi_poll")
    results = receive_from_hardirq(computer, make_dev(computer), 150)
    computer.run(1_000_000)
    assert results == [NET_RX_SUCCESS] * 150
    assert numbers(seen) == list(range(150))
    assert [work for _, _, _, work, _ in polls] == [64, 64, 22]
    assert computer.machine.frags.in_use == 0


def test_dev_weight_is_the_quota_of_the_next_poll() -> None:
    computer = Computer()
    polls = events(computer, "napi_poll")
    computer.machine.sysctl.dev_weight = 8
    receive_from_hardirq(computer, make_dev(computer), 100)
    computer.run(1_000_000)
    assert [work for _, _, _, work, _ in polls] == [64, 8, 8, 8, 8, 4]  # process_backlog sets it for the one after it


@pytest.mark.parametrize("limit", [1000, 10])
def test_the_backlog_takes_one_more_than_its_limit_and_drops_the_rest(limit: int) -> None:
    computer = Computer(sysctl=Sysctl(netdev_max_backlog=limit))
    dev = make_dev(computer)
    drops = events(computer, "kfree_skb")
    seen = events(computer, "netif_receive_skb")
    results = receive_from_hardirq(computer, dev, limit + 5)
    computer.run(1_000_000)
    assert results == [NET_RX_SUCCESS] * (limit + 1) + [NET_RX_DROP] * 4
    assert numbers(seen) == list(range(limit + 1))
    assert numbers(drops) == list(range(limit + 1, limit + 5))
    assert [event[3] for event in drops] == ["CPU_BACKLOG"] * 4
    assert computer.machine.cpus[0].softnet.dropped == dev.core_rx_dropped == 4
    assert computer.machine.frags.in_use == 0


def test_a_packet_for_an_interface_that_is_down_is_dropped_and_counted() -> None:
    computer = Computer()
    dev = make_dev(computer, running=False)
    drops = events(computer, "kfree_skb")
    assert receive_from_hardirq(computer, dev, 1) == []
    computer.run(1000)
    assert [event[3] for event in drops] == ["DEV_READY"]
    assert dev.core_rx_dropped == 1
    assert computer.machine.cpus[0].softnet.dropped == 0


def test_hardirq_work_starves_the_backlog() -> None:
    """The livelock: an interrupt that is always there leaves nothing for the softirq, though its queue has packets."""
    computer = Computer(irq_entry=100, netif_receive_skb=100)
    dev = make_dev(computer)
    seen = events(computer, "netif_receive_skb")

    async def handler(_irq: int, _dev: object) -> IrqReturn:
        await netif_rx(make_skb(computer, dev, 0))
        return IrqReturn.HANDLED

    async def setup() -> None:
        request_irq(FIRST_IRQ, handler, 0, "storm", None)

    computer.spawn(setup())
    computer.irq(100, level=True)
    computer.irq(50_000, level=False)
    computer.run(49_000)
    assert not seen
    computer.run(100_000)
    assert len(seen) > 400


def test_scheduling_in_task_context_runs_when_bhs_are_enabled() -> None:
    computer = Computer()
    devices = Saturated(computer, 1)
    devices.stop_after = 1
    computer.spawn(schedule(devices.napis[0]))
    computer.run(1000)
    assert devices.order == [(0, Account.SOFTIRQ)]
