"""GRO behind the driver, and that the books and delivered.pcapng have every frame of a merged packet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader, wrpcap

from driver.e1000 import interrupt
from driver.kernel.net.gro import GroResult, napi_gro_receive
from driver.kernel.net.gso import skb_gso_segment
from driver.kernel.net.napi import Napi
from driver.kernel.net.netdev_features import NETIF_F_GRO
from driver.kernel.net.skbuff import SkBuff, skb_shinfo
from emulator.engines.base import WireFrame
from emulator.errors import RunFailed
from emulator.generator import station_address
from emulator.ledger import Ledger
from emulator.observation import FrameObserver, observe_frames
from emulator.scenario import BUNDLED_CAPTURE
from tests.e1000.support import Rig, run
from tests.kernel.net.frames import PEER, Segment, udp_frame

GRO_ON = "features-set/eth0/rx-gro=on"
ETHER = station_address(0) + PEER


def mixed_frames() -> list[bytes]:
    """Two connections and UDP, in turns."""
    frames = []
    for index in range(100):
        for port in (1, 2):
            segment = Segment(
                seq=100 * index, ip_id=index, source_port=port, payload=bytes((index,)) * 100, ether=ETHER
            )
            frames.append(segment.frame())
        frames.append(udp_frame(b"between", ether=ETHER))
    return frames


def test_a_driver_with_gro_on_merges_and_the_books_close() -> None:
    rig = Rig(costs="router2002")
    rig.netdevs[0].features |= NETIF_F_GRO
    ledger = Ledger(0, 8000)
    received: list[bytes] = []
    packets: list[SkBuff] = []
    rig.machine.tracepoints.register("netif_receive_skb", packets.append)
    wire = rig.engine.wires[0]
    observer = FrameObserver(0, rig.netdevs[0], ledger, wire, lambda _nic, data, _now: received.append(data))
    observe_frames(rig.machine.tracepoints, [observer])
    frames = mixed_frames()
    wire.send(ledger.offer(WireFrame(frame) for frame in frames))
    rig.run_for(10_000_000)
    observer.collect_verdicts()
    assert ledger.done == ledger.delivered == 300
    assert sorted(received) == sorted(frames)
    for port in (1, 2):
        of_port = [frame for frame in frames if frame[34:36] == port.to_bytes(2, "big")]
        assert [frame for frame in received if frame[34:36] == port.to_bytes(2, "big")] == of_port
    assert len(packets) < 150
    assert max(len(skb_gso_segment(skb)) for skb in packets if skb.shinfo) > 10


def delivered(directory: Path) -> list[bytes]:
    return [data for data, _ in RawPcapNgReader(str(directory / "delivered.pcapng"))]


def test_a_run_with_gro_writes_the_original_frames(tmp_path: Path) -> None:
    frames = mixed_frames()
    capture = tmp_path / "mixed.pcap"
    wrpcap(str(capture), [Ether(frame) for frame in frames])
    run(tmp_path, capture=str(capture), set=(GRO_ON,), frames=True, trace=True, costs="router2002")
    assert sorted(delivered(tmp_path)) == sorted(frames)
    trace = (tmp_path / "trace.txt").read_text()
    assert f"napi_gro_receive_exit: ret={GroResult.MERGED_FREE:d}" in trace
    assert "napi_id=0x41 queue_mapping=0" in trace


def test_real_traffic_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """The bundled capture, GRO on, with a timer that lets held packets wait for more."""
    options: dict[str, Any] = {"capture": str(BUNDLED_CAPTURE), "frames": True, "repeat": 3}
    (tmp_path / "off").mkdir()
    run(tmp_path / "off", **options)
    run(tmp_path, **options, set=(GRO_ON, "/sys/class/net/eth0/gro_flush_timeout=200000"), trace=True)
    assert f"napi_gro_receive_exit: ret={GroResult.MERGED_FREE:d}" in (tmp_path / "trace.txt").read_text()
    assert sorted(delivered(tmp_path)) == sorted(delivered(tmp_path / "off"))


@pytest.mark.parametrize("mode", ["napi", "irq"])
@pytest.mark.parametrize("gro", ["on", "off"])
def test_flows_that_overtake_each_other_on_several_cpus_are_in_order_by_themselves(
    tmp_path: Path, mode: str, gro: str
) -> None:
    """The books want order within each flow, and no more, when RPS spreads them."""
    rps = "/sys/class/net/eth0/queues/rx-0/rps_cpus=3"
    settings = (rps, f"features-set/eth0/rx-gro={gro}")
    run(tmp_path, capture=str(BUNDLED_CAPTURE), mode=mode, cpus=2, set=settings, costs="router2002")


def test_a_segment_that_a_merge_changes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(costs="router2002")
    rig.netdevs[0].features |= NETIF_F_GRO
    ledger = Ledger(0, 8000)
    observer = FrameObserver(0, rig.netdevs[0], ledger, rig.engine.wires[0], lambda *_: None)
    observe_frames(rig.machine.tracepoints, [observer])
    received = 0

    async def change(napi: Napi, skb: SkBuff) -> GroResult:
        nonlocal received
        received += 1
        result = await napi_gro_receive(napi, skb)
        if received == 5:
            assert result is GroResult.MERGED_FREE
            assert napi.gro is not None
            frags = skb_shinfo(napi.gro.hash[0][0]).frags
            frags[-1] = frags[-1]._replace(data=bytes(99) + b"!")
        return result

    monkeypatch.setattr(interrupt, "napi_gro_receive", change)
    frames = [WireFrame(Segment(seq=100 * i, ip_id=i, payload=bytes(100), ether=ETHER).frame()) for i in range(10)]
    rig.engine.wires[0].send(ledger.offer(frames))
    with pytest.raises(RunFailed, match="frame 4 changed on its way"):
        rig.run_for(1_000_000)
