"""The transmit watchdog: when it bites, what it says, what it does to the queue (net/sched/sch_generic.c)."""

from __future__ import annotations

import pytest

from driver.kernel.net.netdev_queue import netif_start_queue, netif_xmit_frozen_or_stopped
from driver.kernel.net.netdevice import NetDevice, dev_close, netif_carrier_off
from driver.kernel.timer import NSEC_PER_SEC
from driver.kernel.trace import FORMATS
from tests.kernel.net.transmitter import Transmitter
from tests.kernel.support import Computer, events


def stopped(computer: Computer) -> Transmitter:
    """An interface whose queue stopped at time 0."""
    nic = Transmitter(computer, size=1)
    nic.send(nic.packet())
    return nic


def test_a_queue_that_stays_stopped_times_out(caplog: pytest.LogCaptureFixture) -> None:
    computer = Computer()
    nic = stopped(computer)
    seen = events(computer, "net_dev_xmit_timeout")
    computer.run(5 * NSEC_PER_SEC)
    assert not nic.timeouts  # it must be more than 5 s
    computer.run(9 * NSEC_PER_SEC)
    assert nic.timeouts == [(5_001_000_000, 0)]
    assert caplog.messages == ["eth0: NETDEV WATCHDOG: CPU: 0: transmit queue 0 timed out 5001 ms"]
    assert [FORMATS[name](*arguments) for _, name, *arguments in seen] == ["dev=eth0 driver=test queue=0 net_cookie=1"]
    assert nic.dev.tx_queues[0].trans_timeout == 1


def test_the_timeout_is_the_drivers_choice() -> None:
    computer = Computer()
    nic = Transmitter(computer, size=1)
    nic.dev.watchdog_timeo = 1000
    nic.send(nic.packet())
    computer.run(7 * NSEC_PER_SEC)
    assert [time for time, _ in nic.timeouts] == [second * NSEC_PER_SEC for second in (5, 6, 7)]


def test_the_queue_is_frozen_during_the_drivers_reset_and_runs_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    computer = Computer()
    nic = stopped(computer)
    nic.send(nic.packet(1), nic.packet(2))
    frozen: list[bool] = []

    async def reset(_nic: Transmitter, dev: NetDevice, _txqueue: int) -> None:
        nic.reclaim(1, wake=False)
        netif_start_queue(dev)
        frozen.append(netif_xmit_frozen_or_stopped(dev.tx_queues[0]))

    monkeypatch.setattr(Transmitter, "ndo_tx_timeout", reset)
    computer.run(10 * NSEC_PER_SEC + 1000)
    assert frozen == [True]
    assert nic.numbers == [0, 1]


def test_a_queue_that_moves_on_never_times_out() -> None:
    computer = Computer()
    nic = stopped(computer)
    for second in range(1, 20):
        nic.send(nic.packet(second))
        computer.run(second * NSEC_PER_SEC)
        nic.complete(1)
    assert not nic.timeouts
    assert nic.numbers == list(range(20))


@pytest.mark.parametrize("what", ["carrier", "close"])
def test_nobody_watches_an_interface_without_carrier_or_down(what: str) -> None:
    computer = Computer()
    nic = stopped(computer)

    async def stop() -> None:
        if what == "carrier":
            netif_carrier_off(nic.dev)
        else:
            await dev_close(nic.dev)

    computer.spawn(stop())
    computer.run(20 * NSEC_PER_SEC)
    assert not nic.timeouts
    assert nic.dev.watchdog_timer is not None
    assert nic.dev.watchdog_timer.expires is None
