"""No packet is stranded, reordered within its flow or lost, whatever happens to a NIC while packets come, and when."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.irq import irq_set_affinity
from driver.kernel.net.busy_poll import busy_loop_timeout, napi_busy_loop
from driver.kernel.net.napi import NapiState, NapiThreaded, napi_schedule
from driver.kernel.net.netpoll import netpoll_poll_dev
from driver.kernel.net.rps import netdev_rx_queue_set_rps_mask
from driver.kernel.net.skbuff import SkBuff
from driver.kernel.net.threaded import netif_set_threaded
from driver.kernel.pci import FIRST_IRQ
from driver.kernel.sched import set_cpus_allowed
from driver.kernel.softirq import local_bh_disable, local_bh_enable
from driver.kernel.sysctl import Sysctl
from driver.kernel.timer import schedule_hrtimeout, usleep_range
from tests.kernel.net.nic import Nic, number_of
from tests.kernel.support import Computer

Code = Coroutine[Any, Any, None]

times = st.integers(1_000, 400_000)
masks = st.integers(1, 7)

packets = st.lists(st.tuples(times, st.integers(0, 5), st.integers(1, 90)), min_size=1, max_size=25)

#: Settings of gro_flush_timeout. A timer that fires during the last poll of a busy poller that prefers to poll is lost,
#: in Linux too (test_busy_poll.py); so where one prefers, only the longest is used.
TIMEOUTS_NS = (0, 5_000, 30_000, 20_000_000)

#: What an administrator does, one thing after the other.
administration = st.lists(
    st.tuples(
        st.integers(0, 50_000),
        st.one_of(
            st.tuples(st.just("mode"), st.sampled_from(NapiThreaded)),
            st.tuples(st.just("down"), st.integers(0, 60_000)),
            st.tuples(st.just("affinity"), masks),
            st.tuples(st.just("pin"), masks),
            st.tuples(st.just("defer"), st.tuples(st.integers(0, 3), st.sampled_from(TIMEOUTS_NS))),
        ),
    ),
    max_size=8,
)

#: What others do, at any time.
others = st.lists(
    st.tuples(
        times,
        st.one_of(
            st.tuples(st.just("busy poll"), st.tuples(st.booleans(), st.integers(1, 60))),
            st.tuples(st.just("schedule"), st.none()),
            st.tuples(st.just("netpoll"), st.none()),
            st.tuples(st.just("hog"), st.integers(1_000, 300_000)),
            st.tuples(st.just("interrupt"), st.none()),
        ),
    ),
    max_size=12,
)

machines = st.fixed_dictionaries(
    {
        "cpus": st.integers(1, 3),
        "sysctl": st.builds(
            Sysctl,
            hz=st.sampled_from([100, 250, 1000]),
            netdev_budget=st.sampled_from([1, 64, 300]),
            netdev_max_backlog=st.sampled_from([5, 1000]),
            dev_weight=st.sampled_from([1, 64]),
        ),
        "irq_entry": st.integers(0, 2000),
        "irq_exit": st.integers(0, 500),
        "napi_poll": st.integers(0, 500),
        "netif_receive_skb": st.integers(0, 3000),
        "softirq": st.integers(0, 500),
        "context_switch": st.integers(0, 3000),
        "wakeup": st.integers(0, 1000),
        "ipi": st.integers(0, 1000),
        "cpu_relax": st.integers(200, 1000),
    }
)


class World:
    """A NIC, and everything that happens to it."""

    def __init__(self, machine: dict[str, Any], rps: int, handler_ns: int, *, prefers: bool) -> None:
        self.prefers = prefers
        self.computer = Computer(**machine)
        self.cpus = len(self.computer.machine.cpus)
        self.nic = Nic(self.computer)
        self.nic.handler_ns = handler_ns
        self.nic.mask_ns = handler_ns // 3
        netdev_rx_queue_set_rps_mask(self.computer.machine, self.nic.dev.rx_queues[0], self.mask(rps) if rps else 0)
        self.delivered: list[tuple[int, int]] = []
        self.computer.machine.tracepoints.register("netif_receive_skb", self._deliver)

    def mask(self, wanted: int) -> int:
        """CPUs of this machine out of a mask, at least one."""
        return wanted & ((1 << self.cpus) - 1) or 1

    def _deliver(self, skb: SkBuff) -> None:
        assert this_cpu().in_interrupt
        self.delivered.append((int.from_bytes(skb.data[34:36], "big"), number_of(skb.data)))

    async def administrate(self, actions: list[tuple[int, tuple[str, Any]]]) -> None:
        nic = self.nic
        for delay, (action, argument) in actions:
            await schedule_hrtimeout(delay)
            match action:
                case "mode":
                    await netif_set_threaded(nic.dev, argument)
                case "down":
                    await nic.down()
                    await schedule_hrtimeout(argument)
                    await nic.up_again()
                case "affinity":
                    irq_set_affinity(self.computer.machine, FIRST_IRQ, self.mask(argument))
                case "pin":
                    if nic.napi.thread is not None:
                        set_cpus_allowed(nic.napi.thread, self.mask(argument))
                case "defer":
                    nic.napi.defer_hard_irqs, timeout = argument
                    nic.napi.gro_flush_timeout = TIMEOUTS_NS[-1] if timeout and self.prefers else timeout
        if nic.dev.threaded == NapiThreaded.BUSY_POLL:  # it would go on for ever
            await schedule_hrtimeout(300_000)
            await netif_set_threaded(nic.dev, NapiThreaded.ENABLED)

    def do(self, action: str, argument: Any) -> Code | None:
        """Something that another thread does, or the device."""
        nic = self.nic
        match action:
            case "busy poll":
                prefers, usecs = argument[0] and self.prefers, argument[1]
                return napi_busy_loop(
                    nic.napi.id, lambda start: busy_loop_timeout(start, usecs), prefer_busy_poll=prefers
                )
            case "schedule":
                return self._schedule()
            case "netpoll":
                return netpoll_poll_dev(nic.dev)
            case "hog":
                return self._hog(argument)
        nic.interrupt_for_nothing()
        return None

    async def _schedule(self) -> None:
        local_bh_disable()
        napi_schedule(self.nic.napi)
        await local_bh_enable()

    async def _hog(self, ns: int) -> None:
        for _ in range(10):
            await spend(ns // 10)
            await usleep_range(3, 3)

    def starts(self, time: int, start: Callable[[], Code | None]) -> None:
        def happens() -> None:
            code = start()
            if code is not None:
                self.computer.spawn(code)

        self.computer.at(time, happens)


#: The CPUs that RPS spreads packets over, what the interrupt handler costs, whether busy pollers prefer to poll.
hows = st.tuples(st.sampled_from([0, 0, 1, 2, 3, 6, 7]), st.integers(0, 3000), st.booleans())


@settings(max_examples=60, deadline=None)
@given(machines, packets, administration, others, hows)
def test_every_packet_arrives_once_and_in_order(
    machine: dict[str, Any],
    packets: list[tuple[int, int, int]],
    administration: list[tuple[int, tuple[str, Any]]],
    others: list[tuple[int, tuple[str, Any]]],
    how: tuple[int, int, bool],
) -> None:
    rps, handler_ns, prefers = how
    world = World(machine, rps, handler_ns, prefers=prefers)
    nic, computer = world.nic, world.computer
    for time, flow, count in packets:
        for number in range(count):
            nic.arrives(time + 300 * number, flow)
    computer.spawn(world.administrate(administration))
    for time, action in others:
        world.starts(time, lambda action=action: world.do(*action))  # type: ignore[misc]
    computer.run(300_000_000)

    softnets = [cpu.softnet for cpu in computer.machine.cpus]
    dropped = sum(softnet.dropped for softnet in softnets)
    assert nic.sent == sum(count for _, _, count in packets)
    assert nic.received == list(range(1, nic.sent + 1))
    numbers = [number for _, number in world.delivered]
    assert len(numbers) == len(set(numbers)) == nic.sent - dropped == sum(softnet.processed for softnet in softnets)
    assert dropped == 0 or rps  # only backlogs drop
    for flow in {flow for flow, _ in world.delivered}:
        mine = [number for packet_flow, number in world.delivered if packet_flow == flow]
        assert mine == sorted(mine)
    assert computer.machine.frags.in_use == 0
    assert computer.machine.idle
    assert not nic.masked
    assert nic.napi.state & ~(NapiState.MISSED | NapiState.PREFER_BUSY_POLL) in (
        NapiState.LISTED,
        NapiState.LISTED | NapiState.THREADED,
    )
