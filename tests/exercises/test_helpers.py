"""What checks of whole drivers do: each of their complaints is made, here of the project's own driver, spoilt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from driver.e1000 import main as e1000
from driver.e1000.tx_ring import e1000_xmit_frame
from driver.kernel.net.netdevice import NetDevice
from driver.kernel.net.skbuff import SkBuff
from emulator.cost_profiles import load_costs
from emulator.emulation import Emulation
from emulator.engines.model import ModelEngine
from emulator.execute import run_to_end
from emulator.exercises.bench import Bench
from emulator.exercises.faults import CheckFailed
from emulator.exercises.interface import bring_up, nothing_leaked, receive_bursts, take_down
from emulator.exercises.sender import Sender
from emulator.rule_checks import check_rules


@pytest.fixture
def bench() -> Bench:
    """A computer on the model engine, and the project's driver; rules only watch."""
    costs = load_costs("modern")
    emulation = Emulation(ModelEngine(1, costs, byte_ps=8_000), costs)
    check_rules(emulation.machine, emulation.devices, ("all=warn",))
    assert emulation.machine.rules is not None
    return Bench(emulation, e1000, seed=1, checker=emulation.machine.rules)


def run(code: Awaitable[None]) -> None:
    """Run what never waits for anything outside."""

    async def wait() -> None:
        await code

    run_to_end(wait())


def complaint(code: Awaitable[None]) -> str:
    """The headline of what a check found."""
    with pytest.raises(CheckFailed) as caught:
        run(code)
    return caught.value.fault.headline


def test_a_good_driver_passes(bench: Bench) -> None:
    async def check() -> None:
        netdev = await bring_up(bench)
        sender = Sender(bench, netdev)
        await receive_bursts(bench, [1, 20])
        await sender.send(30, 200)
        await sender.all_sent(1_000_000)
        await sender.all_freed(1_000_000)
        assert sender.sent == list(range(30))
        await take_down(bench, netdev)
        nothing_leaked(bench)

    run(check())


def test_an_interface_that_does_not_come_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ndo_open(_ops: object, _dev: NetDevice) -> int:
        return -5

    monkeypatch.setattr(e1000.E1000Ops, "ndo_open", ndo_open)

    async def check() -> None:
        await bring_up(bench)

    assert complaint(check()) == "what ndo_open returns"


def test_what_is_left_when_it_is_down(bench: Bench) -> None:
    async def check() -> None:
        netdev = await bring_up(bench)
        bench.pdev.mappings[0x1000] = (64, next(iter(bench.pdev.mappings.values()))[1])
        await take_down(bench, netdev)

    assert complaint(check()) == "mappings for DMA that are left when the interface is down"


def test_a_buffer_that_nobody_frees(bench: Bench) -> None:
    async def check() -> None:
        netdev = await bring_up(bench)
        bench.machine.frags.alloc()
        await take_down(bench, netdev)
        nothing_leaked(bench)

    assert complaint(check()) == "packet buffers in use when all interfaces are down"


def spoil(monkeypatch: pytest.MonkeyPatch, do: Callable[[SkBuff], Awaitable[int]]) -> None:
    """Let the driver do something else with its third packet."""
    count = 0

    async def ndo_start_xmit(_ops: object, skb: SkBuff, dev: NetDevice) -> int:
        nonlocal count
        count += 1
        return await (do(skb) if count == 3 else e1000_xmit_frame(skb, dev))

    monkeypatch.setattr(e1000.E1000Ops, "ndo_start_xmit", ndo_start_xmit)


async def swallow(_skb: SkBuff) -> int:
    return 0


async def change(skb: SkBuff) -> int:
    skb.dev.machine.memory.write(skb.head + 20, b"\xff\xff")
    return await e1000_xmit_frame(skb, skb.dev)


@pytest.mark.parametrize(
    ("do", "headline"),
    [(swallow, "packets that left the NIC"), (change, "frames on the wire that are not as they were queued")],
)
def test_a_packet_that_does_not_leave_as_it_was(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, do: Callable[[SkBuff], Awaitable[int]], headline: str
) -> None:
    spoil(monkeypatch, do)

    async def check() -> None:
        sender = Sender(bench, await bring_up(bench))
        await sender.send(5)
        await sender.all_sent(200_000)

    assert complaint(check()) == headline


def test_packets_out_of_order(bench: Bench) -> None:
    async def check() -> None:
        sender = Sender(bench, await bring_up(bench))
        await sender.send(3)
        await bench.run_for(100_000)
        sender.sent.reverse()
        await sender.all_sent(100_000)

    assert complaint(check()) == "packets left out of order, or twice"


def test_a_packet_that_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driver.e1000.tx_ring.napi_consume_skb", lambda _skb, _budget: None)

    async def check() -> None:
        sender = Sender(bench, await bring_up(bench))
        await sender.send(2)
        await sender.all_sent(200_000)
        await sender.all_freed(200_000)

    assert complaint(check()) == "packets that have left are not given back: 2"


def test_what_left_before_forget_is_of_no_interest(bench: Bench) -> None:
    async def check() -> None:
        sender = Sender(bench, await bring_up(bench))
        await sender.send(2)
        sender.forget()
        await bench.run_for(100_000)
        assert (sender.queued, sender.sent, sender.broken) == (0, [], 0)
        await sender.send(2)
        await sender.all_sent(200_000)
        assert sender.sent == [2, 3]

    run(check())
