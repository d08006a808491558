"""RPS: which CPU gets a packet, the calls between CPUs, and the flow limit (net/core/dev.c)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driver.kernel.cpu import this_cpu
from driver.kernel.irq import irq_set_affinity
from driver.kernel.net.dev import NET_RX_DROP, NET_RX_SUCCESS, netif_rx
from driver.kernel.net.napi import NapiThreaded
from driver.kernel.net.rps import FLOW_LIMIT_HISTORY, netdev_rx_queue_set_rps_mask, set_flow_limit_cpus
from driver.kernel.net.skbuff import SkBuff, build_skb
from driver.kernel.net.threaded import netif_set_threaded
from driver.kernel.pci import FIRST_IRQ
from driver.kernel.sched import kthread_bind
from driver.kernel.sysctl import Sysctl
from tests.kernel.net.nic import Nic, frame, number_of
from tests.kernel.support import Computer

FLOWS = 16


def spread(computer: Computer, nic: Nic, mask: int) -> None:
    netdev_rx_queue_set_rps_mask(computer.machine, nic.dev.rx_queues[0], mask)


def delivered(computer: Computer) -> list[tuple[int, int, bytes]]:
    """A list of what reaches the stack: CPU, flow, frame."""
    seen: list[tuple[int, int, bytes]] = []

    def probe(skb: SkBuff) -> None:
        seen.append((this_cpu().id, int.from_bytes(skb.data[34:36], "big") - 1024, skb.data))

    computer.machine.tracepoints.register("netif_receive_skb", probe)
    return seen


def test_flows_are_spread_over_the_cpus_and_each_stays_with_its_own_in_order() -> None:
    computer = Computer(cpus=4, netif_receive_skb=1000, ipi=100)
    nic = Nic(computer)
    spread(computer, nic, 0b1110)
    seen = delivered(computer)
    for number in range(400):
        nic.arrives(1000 + 500 * number, flow=number % FLOWS)
    computer.run(10_000_000)
    assert sorted(number_of(data) for _, _, data in seen) == list(range(1, 401))
    for flow in range(FLOWS):
        mine = [(cpu, number_of(data)) for cpu, packet_flow, data in seen if packet_flow == flow]
        assert len({cpu for cpu, _ in mine}) == 1
        assert mine == sorted(mine)
    assert {cpu for cpu, _, _ in seen} == {1, 2, 3}
    assert computer.machine.cpus[0].softnet.processed == 0
    assert computer.machine.frags.in_use == 0
    assert computer.machine.idle


def test_received_rps_counts_calls_and_not_packets() -> None:
    computer = Computer(cpus=2)
    nic = Nic(computer)
    spread(computer, nic, 2)
    for _ in range(40):
        nic.arrive()
    computer.run(1_000_000)
    target = computer.machine.cpus[1]
    assert target.softnet.processed == 40
    assert target.softnet.received_rps == target.call_function_interrupts == 1
    assert computer.machine.cpus[0].softnet.received_rps == 0


def test_the_call_comes_when_net_rx_action_ends() -> None:
    computer = Computer(cpus=2, ipi=300)
    nic = Nic(computer)
    spread(computer, nic, 2)
    times = []
    computer.machine.tracepoints.register("netif_receive_skb", lambda _skb: times.append(computer.machine.now))
    for _ in range(10):
        nic.arrive()
    computer.run(1_000_000)
    assert times[0] == 10 * 100 + 300  # all ten polled, then the call


def test_a_cpu_that_is_its_own_target_uses_its_own_backlog() -> None:
    computer = Computer(cpus=2)
    nic = Nic(computer)
    spread(computer, nic, 1)
    seen = delivered(computer)
    for _ in range(100):
        nic.arrive()
    computer.run(1_000_000)
    assert [number_of(data) for _, _, data in seen] == list(range(1, 101))
    assert computer.machine.cpus[0].softnet.received_rps == 0


def test_without_a_map_nothing_is_steered_and_a_map_can_be_taken_away() -> None:
    computer = Computer(cpus=2)
    spread_nic, plain_nic = Nic(computer, 0), Nic(computer, 1)
    spread(computer, spread_nic, 2)
    assert computer.machine.rps_needed == 1
    plain_nic.arrive()
    computer.run(100_000)
    assert computer.machine.cpus[0].softnet.processed == 1
    spread(computer, spread_nic, 0)
    assert computer.machine.rps_needed == 0
    spread_nic.arrive()
    computer.run(200_000)
    assert computer.machine.cpus[0].softnet.processed == 2
    with pytest.raises(ValueError, match="CPU mask 4: allowed are 1 to 3"):
        spread(computer, plain_nic, 4)


def test_netif_rx_is_steered_too() -> None:
    computer = Computer(cpus=2)
    nic = Nic(computer)
    spread(computer, nic, 2)
    seen = delivered(computer)

    async def work() -> None:
        for number in range(5):
            head = computer.machine.frags.alloc()
            computer.machine.memory.write(head, frame(0, number))
            await netif_rx(build_skb(head, 60, nic.dev))

    computer.spawn(work())
    computer.run(100_000)
    assert [(cpu, number_of(data)) for cpu, _, data in seen] == [(1, number) for number in range(5)]


def test_a_napi_thread_makes_the_calls_itself() -> None:
    computer = Computer(cpus=2)
    nic = Nic(computer)
    spread(computer, nic, 2)
    computer.spawn(netif_set_threaded(nic.dev, NapiThreaded.ENABLED))
    computer.run(1000)
    assert nic.napi.thread is not None
    kthread_bind(nic.napi.thread, computer.machine.cpus[0])
    nic.arrive()
    computer.run(100_000)
    assert computer.machine.cpus[1].softnet.processed == 1
    assert computer.machine.cpus[1].softnet.received_rps == 1


def test_a_remote_backlog_that_is_full_drops_and_counts() -> None:
    computer = Computer(cpus=2, sysctl=Sysctl(netdev_max_backlog=10), netif_receive_skb=1_000_000)
    nic = Nic(computer)
    spread(computer, nic, 2)
    for number in range(60):
        nic.arrives(1000 + 10_000 * number)
    computer.run(100_000_000)
    remote = computer.machine.cpus[1].softnet
    assert remote.dropped == nic.dev.core_rx_dropped > 0
    assert remote.processed + remote.dropped == 60
    assert computer.machine.frags.in_use == 0


# --- the flow limit ---------------------------------------------------------------------------------------------------


def offer(computer: Computer, nic: Nic, flows: list[int]) -> list[int]:
    """Give packets of these flows to netif_rx from one interrupt; returns the results."""
    results: list[int] = []

    async def work() -> None:
        for number, flow in enumerate(flows):
            head = computer.machine.frags.alloc()
            computer.machine.memory.write(head, frame(flow, number))
            results.append(await netif_rx(build_skb(head, 60, nic.dev)))

    nic.napi.dev = nic.dev
    computer.on_interrupt(work, time=computer.machine.now + 100)
    computer.run(computer.machine.now + 10_000_000)
    return results


def test_one_flow_may_not_fill_the_backlog() -> None:
    computer = Computer(sysctl=Sysctl(netdev_max_backlog=200))
    nic = Nic(computer, 1)
    set_flow_limit_cpus(computer.machine, 1)
    flows = [0] * 400
    results = offer(computer, nic, flows)
    softnet = computer.machine.cpus[0].softnet
    assert softnet.flow_limit is not None
    # The limit looks from half the backlog on, and lets half of its history pass.
    assert results == [NET_RX_SUCCESS] * (100 + 64) + [NET_RX_DROP] * (400 - 164)
    assert softnet.flow_limit.count == softnet.dropped == 400 - 164
    assert softnet.processed == 164


def test_small_flows_pass_while_a_big_one_is_limited() -> None:
    computer = Computer(sysctl=Sysctl(netdev_max_backlog=1000))
    nic = Nic(computer, 1)
    set_flow_limit_cpus(computer.machine, 1)
    flows = [flow for number in range(300) for flow in (0, 0, 0, 1 + number % 50)]
    results = offer(computer, nic, flows)
    dropped = {flow for flow, result in zip(flows, results, strict=True) if result == NET_RX_DROP}
    assert dropped == {0}


def test_it_is_off_unless_it_is_turned_on_for_the_cpu() -> None:
    computer = Computer(cpus=2, sysctl=Sysctl(netdev_max_backlog=200))
    nic = Nic(computer, 1)
    set_flow_limit_cpus(computer.machine, 2)
    assert computer.machine.cpus[1].softnet.flow_limit is not None
    results = offer(computer, nic, [0] * 300)
    assert results == [NET_RX_SUCCESS] * 201 + [NET_RX_DROP] * 99
    set_flow_limit_cpus(computer.machine, 0)
    assert computer.machine.cpus[1].softnet.flow_limit is None


@given(st.lists(st.sampled_from([1, 1, 1, 2, 3, 4]), max_size=400))
def test_a_flow_may_have_half_of_the_last_128_packets(flows: list[int]) -> None:
    computer = Computer()
    set_flow_limit_cpus(computer.machine, 1)
    flow_limit = computer.machine.cpus[0].softnet.flow_limit
    assert flow_limit is not None
    for number, flow in enumerate(flows):
        last = flows[max(0, number - FLOW_LIMIT_HISTORY + 1) : number + 1]
        assert flow_limit.exceeded(flow << 20) is (last.count(flow) > FLOW_LIMIT_HISTORY // 2)


def test_an_interrupt_line_on_another_cpu_takes_its_napi_along() -> None:
    computer = Computer(cpus=2)
    nic = Nic(computer)
    irq_set_affinity(computer.machine, FIRST_IRQ, 2)
    seen = delivered(computer)
    nic.arrive()
    computer.run(100_000)
    assert [cpu for cpu, _, _ in seen] == [1]
