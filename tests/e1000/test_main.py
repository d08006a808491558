"""Probe, open, stop and statistics, on the model engine."""

from __future__ import annotations

from driver.e1000.ethtool import e1000_get_ethtool_stats
from driver.e1000.hw import er32
from driver.kernel.net.netdevice import dev_close, dev_get_stats, dev_open, netif_carrier_ok
from emulator.engines.base import WireFrame
from hdl.nic.regmap import IMS, RCTL, RDH, RDT
from tests.e1000.support import Rig


def test_open_fills_the_ring_and_has_a_carrier() -> None:
    rig = Rig(ring=64)
    assert netif_carrier_ok(rig.netdevs[0])
    hw = rig.adapter.hw
    assert rig.call(er32(hw, RDH)) == 0
    assert rig.call(er32(hw, RDT)) == 63
    assert rig.call(er32(hw, RCTL)) & RCTL.EN


def test_close_gives_everything_back_and_open_works_again() -> None:
    rig = Rig()
    rig.send(rig.traffic())
    rig.run_for(100_000)
    for _ in range(3):
        rig.call(dev_close(rig.netdevs[0]))
        assert rig.machine.frags.in_use == 0
        assert not rig.adapter.pdev.mappings
        assert rig.call(er32(rig.adapter.hw, IMS)) == 0
        rig.call(dev_open(rig.netdevs[0]))
    rig.send(rig.traffic())
    rig.run_for(100_000)
    assert len(rig.delivered) == 2


def test_close_under_traffic_stops_dma_and_interrupts() -> None:
    rig = Rig(count=20_000, costs="router2002")
    rig.send(rig.traffic())
    rig.run_for(1_000_000)
    rig.call(dev_close(rig.netdevs[0]))
    before = rig.machine.memory.read(0, rig.machine.memory.size)
    irqs = list(rig.machine.irqs.desc(rig.adapter.pdev.irq).counts)
    rig.run_for(1_000_000)
    assert not rig.engine.wires[0].idle
    assert rig.machine.memory.read(0, rig.machine.memory.size) == before
    assert rig.machine.irqs.desc(rig.adapter.pdev.irq).counts == irqs
    assert rig.machine.frags.in_use == 0


def test_open_without_memory_fails_cleanly() -> None:
    rig = Rig()
    rig.call(dev_close(rig.netdevs[0]))
    pages = []
    while page := rig.machine.pages.alloc(4096):
        pages.append(page)
    assert rig.call(dev_open(rig.netdevs[0])) == -12
    assert not rig.netdevs[0].running
    for page in pages:
        rig.machine.pages.free(page, 4096)
    assert rig.call(dev_open(rig.netdevs[0])) == 0


def test_statistics_say_what_happened() -> None:
    rig = Rig(generate=(60, 1514), count=10)
    good = rig.traffic()
    bad = WireFrame(good[0].data, bad_fcs=True)
    jabber = WireFrame(good[0].data + bytes(1500), bad_fcs=True)
    short = WireFrame(good[0].data[:40])
    stranger = WireFrame(b"\x02\xff\xff\xff\xff\xff" + good[0].data[6:])
    rig.send([*good, bad, jabber, short, stranger])
    rig.run_for(1_000_000)
    stats = rig.call(dev_get_stats(rig.netdevs[0]))
    assert stats.rx_packets == 10
    assert stats.rx_bytes == sum(len(frame.data) + 4 for frame in good)
    assert (stats.rx_errors, stats.rx_crc_errors, stats.rx_length_errors, stats.rx_missed_errors) == (3, 2, 2, 0)
    counters = e1000_get_ethtool_stats(rig.adapter)
    assert counters["rx_total_packets"] == 14
    assert counters["rx_bytes"] == stats.rx_bytes


def test_a_ring_that_ran_dry_is_refilled_by_the_watchdog() -> None:
    rig = Rig(ring=64, count=200, pps=100_000)
    frags = rig.machine.frags
    alloc, rig.machine.frags.alloc = frags.alloc, lambda: 0  # type: ignore[method-assign]
    rig.send(rig.traffic())
    rig.run_for(3_000_000)
    assert len(rig.delivered) == 63
    assert rig.adapter.alloc_rx_buff_failed
    rig.machine.frags.alloc = alloc  # type: ignore[method-assign]
    rig.run_for(2_100_000_000)
    assert len(rig.delivered) == 200
