"""The views' layout, character by character, and that they say what the kernel counted."""

from __future__ import annotations

import dataclasses

import pytest

from driver.kernel.net.ethtool import EthtoolCoalesce, EthtoolRingparam
from driver.kernel.softirq import Vector
from driver.kernel.views.ethtool_text import ethtool_coalesce, ethtool_ring, ethtool_statistics
from driver.kernel.views.napi_get import napi_get
from driver.kernel.views.procfs import proc_interrupts, proc_net_softnet_stat, proc_softirqs
from driver.kernel.views.snapshot import Interface, IrqLine, NapiInfo, Snapshot, Softnet

SOFTNET = Softnet(
    cpu=1,
    processed=0x12345,
    dropped=3,
    time_squeeze=4,
    received_rps=5,
    flow_limit_count=6,
    input_qlen=7,
    process_qlen=0x19,
)
NAPI = NapiInfo(
    id=65, ifindex=2, irq=16, pid=None, defer_hard_irqs=2, gro_flush_timeout=20000, irq_suspend_timeout=0, threaded=0
)
INTERFACE = Interface(
    name="eth0",
    statistics={"rx_packets": 1234567, "tx_packets": 0},
    coalesce=EthtoolCoalesce(rx_coalesce_usecs=64, use_adaptive_rx_coalesce=True),
    ringparam=EthtoolRingparam(rx_max_pending=4096, tx_max_pending=4096, rx_pending=256, tx_pending=512),
)
SNAPSHOT = Snapshot(
    cpus=(0, 1),
    irqs=(
        IrqLine(irq=16, counts=(1234, 0), actions=("eth0",), chip="IO-APIC", hwirq=16, edge=False),
        IrqLine(irq=17, counts=(0, 4_294_967_295), actions=("eth1", "eth2"), chip="IO-APIC", hwirq=17, edge=False),
        IrqLine(irq=25, counts=(7, 0), actions=("eth3-rx-0",), chip="PCI-MSIX-0000:00:01.0", hwirq=1, edge=True),
    ),
    local_timer=(77, 5),
    function_call=(0, 9),
    softirqs={vector: (int(vector), 1_000_000 + vector) for vector in Vector},
    softnet=(dataclasses.replace(SOFTNET, cpu=0, processed=1 << 32), SOFTNET),
    napis=(NAPI, dataclasses.replace(NAPI, id=66, ifindex=3, irq=None, pid=12, threaded=2)),
    interfaces=(INTERFACE,),
)


def test_proc_interrupts() -> None:
    assert proc_interrupts(SNAPSHOT).splitlines() == [
        "           CPU0    CPU1    ".replace("CPU0    ", "CPU0       ").replace("CPU1    ", "CPU1       "),
        " 16:       1234          0  IO-APIC  16-fasteoi   eth0",
        " 17:          0 4294967295  IO-APIC  17-fasteoi   eth1, eth2",
        " 25:          7          0 PCI-MSIX-0000:00:01.0   1-edge      eth3-rx-0",
        "NMI:          0          0  Non-maskable interrupts",
        "LOC:         77          5  Local timer interrupts",
        "SPU:          0          0  Spurious interrupts",
        "RES:          0          0  Rescheduling interrupts",
        "CAL:          0          9  Function call interrupts",
        "TLB:          0          0  TLB shootdowns",
        "ERR:          0",
        "MIS:          0",
    ]


def test_columns_of_proc_interrupts_stand_under_their_cpus() -> None:
    header, row, *_ = proc_interrupts(SNAPSHOT).splitlines()
    assert header.index("CPU1") + len("CPU1") == row.index("0  IO") + len("0")


def test_proc_softirqs() -> None:
    lines = proc_softirqs(SNAPSHOT).splitlines()
    assert lines[0] == " " * 20 + "CPU0       CPU1       "
    assert lines[1] == "          HI:          0    1000000"
    assert lines[4] == "      NET_RX:          3    1000003"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"
    ]  # fmt: skip


def test_softnet_stat() -> None:
    first, second = proc_net_softnet_stat(SNAPSHOT).splitlines()
    assert second == (
        "00012345 00000003 00000004 00000000 00000000 00000000 00000000 00000000 00000000 00000005 00000006 "
        "00000020 00000001 00000007 00000019"
    )
    assert first.split()[0] == "00000000"  # unsigned int wraps


def test_ethtool_statistics() -> None:
    assert ethtool_statistics(INTERFACE) == "NIC statistics:\n     rx_packets: 1234567\n     tx_packets: 0\n"


def test_ethtool_coalesce() -> None:
    text = ethtool_coalesce(INTERFACE)
    assert text.startswith(
        "Coalesce parameters for eth0:\nAdaptive RX: on  TX: n/a\nstats-block-usecs:\tn/a\nsample-interval:\tn/a\n"
        "pkt-rate-low:\t\tn/a\npkt-rate-high:\t\tn/a\n\nrx-usecs:\t64\nrx-frames:\tn/a\nrx-usecs-irq:\tn/a\n"
    )
    assert text.endswith(
        "tx-frame-high:\tn/a\n\nCQE mode RX: n/a  TX: n/a\n\ntx-aggr-max-bytes:\tn/a\ntx-aggr-max-frames:\tn/a\n"
        "tx-aggr-time-usecs:\tn/a\n\n"
    )
    off = dataclasses.replace(INTERFACE, coalesce=EthtoolCoalesce(use_adaptive_rx_coalesce=False))
    assert "Adaptive RX: off  TX: n/a\n" in ethtool_coalesce(off)


def test_ethtool_ring() -> None:
    assert ethtool_ring(INTERFACE) == (
        "Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t\t4096\nRX Mini:\t\tn/a\nRX Jumbo:\t\tn/a\n"
        "TX:\t\t\t4096\nTX push buff len:\tn/a\nCurrent hardware settings:\nRX:\t\t\t256\nRX Mini:\t\tn/a\n"
        "RX Jumbo:\t\tn/a\nTX:\t\t\t512\nRX Buf Len:\t\tn/a\nCQE Size:\t\tn/a\nTX Push:\t\toff\nRX Push:\t\toff\n"
        "TX push buff len:\tn/a\nTCP data split:\t\tn/a\n"
    )


def test_napi_get() -> None:
    assert napi_get(SNAPSHOT) == (
        "[{'defer-hard-irqs': 2,\n  'gro-flush-timeout': 20000,\n  'id': 65,\n  'ifindex': 2,\n  'irq': 16,\n"
        "  'irq-suspend-timeout': 0,\n  'threaded': 'disabled'},\n"
        " {'defer-hard-irqs': 2,\n  'gro-flush-timeout': 20000,\n  'id': 66,\n  'ifindex': 3,\n"
        "  'irq-suspend-timeout': 0,\n  'pid': 12,\n  'threaded': 'busy-poll'}]\n"
    )


@pytest.mark.parametrize("view", [proc_interrupts, proc_softirqs, proc_net_softnet_stat, napi_get])
def test_a_machine_that_has_nothing_has_views_too(view: object) -> None:
    empty = Snapshot(
        cpus=(0,),
        irqs=(),
        local_timer=(0,),
        function_call=(0,),
        softirqs={},
        softnet=(),
        napis=(),
        interfaces=(),
    )
    assert callable(view)
    assert isinstance(view(empty), str)
