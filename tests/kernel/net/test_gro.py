"""GRO: which packets are merged, when they go up, and that nothing is lost or changed on the way (net/core/gro.c)."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from driver.kernel.net.flow_dissector import skb_get_hash
from driver.kernel.net.gro import GroResult, napi_gro_receive
from driver.kernel.net.gso import skb_gso_segment
from driver.kernel.net.napi import Napi, napi_complete_done
from driver.kernel.net.netdev_features import NETIF_F_GRO
from driver.kernel.net.skbuff import SkBuff, build_skb
from driver.kernel.softirq import local_bh_disable, local_bh_enable
from driver.kernel.sysctl import Sysctl
from tests.kernel.net.frames import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG, Segment, udp_frame
from tests.kernel.net.test_napi import add_device, nothing, schedule
from tests.kernel.support import Computer, events

JIFFY_NS = 1_000_000

MERGED, MERGED_FREE, HELD, NORMAL = GroResult.MERGED, GroResult.MERGED_FREE, GroResult.HELD, GroResult.NORMAL


class Gro:
    """A NAPI instance that packets are fed to, and what comes out of it.

    Attributes:
        up: packets that reached the stack: frames, gso_size, gso_segs, and bytes from the IP header on.
    """

    def __init__(self, *, gro: bool = True, **costs: int) -> None:
        self.computer = Computer(sysctl=Sysctl(gro_normal_batch=1), **costs)
        self.napi = add_device(self.computer, nothing)
        assert self.napi.dev is not None
        self.dev = self.napi.dev
        self.dev.features = NETIF_F_GRO if gro else 0
        self.up: list[tuple[list[bytes], int, int, int]] = []
        self.skbs: list[bytes] = []  #: their own bytes: headers and the first payload
        self.computer.machine.tracepoints.register("netif_receive_skb", self._goes_up)

    def _goes_up(self, skb: SkBuff) -> None:
        size, segments = (skb.shinfo.gso_size, skb.shinfo.gso_segs) if skb.shinfo else (0, 0)
        self.up.append((skb_gso_segment(skb), size, segments, skb.len - 14))
        self.skbs.append(skb.data)

    @property
    def frames_up(self) -> list[list[bytes]]:
        return [frames for frames, *_ in self.up]

    def receive(self, *frames: bytes, hashed: bool = False) -> list[GroResult]:
        """Hand frames to GRO; with a hash as a device with RSS computes it, if asked."""
        results = []

        async def poll() -> None:
            for frame in frames:
                results.append(await napi_gro_receive(self.napi, self.skb(frame, hashed=hashed)))

        self.run(bh_disabled(poll()))
        return results

    def skb(self, frame: bytes, *, hashed: bool = False) -> SkBuff:
        machine = self.computer.machine
        buffer = machine.frags.alloc()
        machine.memory.write(buffer, frame)
        skb = build_skb(buffer, len(frame), self.dev)
        if hashed:
            skb_get_hash(skb)
        return skb

    def flush(self, *, flush_old: bool = False) -> None:
        assert self.napi.gro is not None
        self.run(bh_disabled(self.napi.gro.gro_flush_normal(flush_old=flush_old)))

    def run(self, code: Coroutine[Any, Any, Any]) -> None:
        self.computer.spawn(code)
        self.computer.run(self.computer.machine.now)

    @property
    def held(self) -> list[int]:
        """How many packets each bucket holds."""
        assert self.napi.gro is not None
        return [len(bucket) for bucket in self.napi.gro.hash]


async def bh_disabled(code: Coroutine[Any, Any, Any]) -> None:
    """Run code as a poll runs: with softirqs disabled."""
    local_bh_disable()
    await code
    await local_bh_enable()


def stream(count: int, size: int = 100, **fields: Any) -> list[Segment]:
    """Segments in sequence."""
    return [
        Segment(seq=1000 + index * size, payload=bytes((index % 251,)) * size, ip_id=index, **fields)
        for index in range(count)
    ]


def frames_of(segments: Sequence[Segment]) -> list[bytes]:
    return [segment.frame() for segment in segments]


# --- merging ----------------------------------------------------------------------------------------------------------


def test_a_stream_becomes_one_packet_with_right_headers() -> None:
    gro = Gro()
    segments = [*stream(4), Segment(seq=1400, payload=b"end", ip_id=4, flags=ACK | PSH)]
    assert gro.receive(*frames_of(segments)) == [HELD, MERGED_FREE, MERGED_FREE, MERGED_FREE, MERGED_FREE]
    assert gro.up == [(frames_of(segments), 100, 5, 20 + 20 + 403)]
    head = Ether(gro.skbs[0])
    assert (head[IP].len, head[IP].id, head[TCP].seq) == (443, 0, 1000)
    assert head[TCP].flags == "PA"
    checksum = head[IP].chksum
    del head[IP].chksum
    assert Ether(bytes(head))[IP].chksum == checksum
    assert gro.computer.machine.frags.in_use == 0
    assert gro.computer.machine.cpus[0].softnet.processed == 1


def test_frames_of_another_implementation_pass_the_checksum_and_come_out_again() -> None:
    gro = Gro()
    frames = [
        bytes(Ether(dst="02:00:00:00:00:01") / IP(id=7, flags="DF") / TCP(seq=seq, flags="A") / (b"x" * 1460))
        for seq in (0, 1460, 2920)
    ]
    assert gro.receive(*frames) == [HELD, MERGED_FREE, MERGED_FREE]
    gro.flush()
    assert gro.frames_up == [frames]


def test_a_packet_that_stays_alone_goes_up_as_it_came() -> None:
    gro = Gro()
    (frame,) = frames_of(stream(1))
    assert gro.receive(frame) == [HELD]
    gro.flush()
    assert gro.up == [([frame], 0, 0, len(frame) - 14)]
    assert gro.skbs == [frame]


def test_what_does_not_fit_into_fragments_is_chained() -> None:
    gro = Gro()
    segments = stream(40)
    results = gro.receive(*frames_of(segments))
    assert results == [HELD, *[MERGED_FREE] * 17, MERGED, *[MERGED_FREE] * 17, MERGED, *[MERGED_FREE] * 3]
    assert gro.napi.gro is not None
    assert gro.napi.gro.hash[0][0].truesize == 40 * 2048 + 3 * 256  # the other skbs were not needed any more
    gro.flush()
    assert gro.up == [(frames_of(segments), 100, 40, 40 + 4000)]
    assert gro.computer.machine.frags.in_use == 0


def test_the_size_of_a_merged_packet_stays_below_65536() -> None:
    gro = Gro()
    segments = stream(50, 1448)
    results = gro.receive(*frames_of(segments))
    assert results.count(HELD) == 2
    assert results[45] is HELD  # 45 segments and 40 bytes of headers are 65,200 bytes, 46 would be 66,648
    gro.flush()
    assert [size for *_, size in gro.up] == [45 * 1448 + 40, 5 * 1448 + 40]


def test_the_limit_is_exclusive() -> None:
    gro = Gro()
    gro.dev.gro_ipv4_max_size = 40 + 300
    assert gro.receive(*frames_of(stream(3))) == [HELD, MERGED_FREE, HELD]


CHANGES: dict[str, dict[str, Any]] = {
    "ack": {"ack": 78},
    "window": {"window": 511},
    "flags": {"flags": ACK | ECE},
    "cwr": {"flags": ACK | CWR},
    "ttl": {"ttl": 63},
    "tos": {"tos": 4},
    "df": {"fragment": 0},
    "ip id": {"ip_id": 5},
    "options": {"options": b"\x01" * 4},
    "gap": {"seq": 1101},
    "old": {"seq": 1000},
    "longer": {"payload": bytes(101)},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_segment_of_the_flow_that_cannot_be_merged_sends_the_held_one_up(change: dict[str, Any]) -> None:
    gro = Gro()
    first, second = stream(2)
    changed = dataclasses.replace(second, **change)
    assert gro.receive(first.frame(), changed.frame()) == [HELD, HELD]
    assert gro.frames_up == [[first.frame()]]
    gro.flush()
    assert gro.frames_up == [[first.frame()], [changed.frame()]]


def test_a_changed_time_stamp_blocks_and_a_constant_one_does_not() -> None:
    stamps = [b"\x01\x01\x08\x0a" + value.to_bytes(8, "big") for value in (1, 1, 2)]
    gro = Gro()
    segments = [dataclasses.replace(segment, options=stamp) for segment, stamp in zip(stream(3), stamps, strict=True)]
    assert gro.receive(*frames_of(segments)) == [HELD, MERGED_FREE, HELD]


@pytest.mark.parametrize("step", [0, 1])
def test_ip_ids_are_constant_or_count_up_as_the_second_decides(step: int) -> None:
    gro = Gro()
    segments = [dataclasses.replace(segment, ip_id=65_534 + step * i) for i, segment in enumerate(stream(4))]
    assert gro.receive(*frames_of(segments)) == [HELD, MERGED_FREE, MERGED_FREE, MERGED_FREE]
    other = dataclasses.replace(stream(5)[4], ip_id=65_534 + 4 * (1 - step))
    assert gro.receive(other.frame()) == [HELD]
    assert gro.frames_up == [frames_of(segments)]


@pytest.mark.parametrize("flags", [PSH, FIN, URG, RST, SYN])
def test_a_segment_with_such_a_flag_is_not_held(flags: int) -> None:
    gro = Gro()
    frame = Segment(flags=ACK | flags, payload=b"data").frame()
    assert gro.receive(frame) == [NORMAL]
    assert gro.frames_up == [[frame]]


def test_fin_ends_a_merged_packet() -> None:
    gro = Gro()
    segments = stream(2)
    segments[1] = dataclasses.replace(segments[1], flags=ACK | FIN)
    assert gro.receive(*frames_of(segments)) == [HELD, MERGED_FREE]
    assert gro.frames_up == [frames_of(segments)]


def test_a_short_last_segment_is_merged_and_then_it_goes_up() -> None:
    gro = Gro()
    segments = [*stream(2), Segment(seq=1200, payload=b"x" * 99, ip_id=2)]
    assert gro.receive(*frames_of(segments)) == [HELD, MERGED_FREE, MERGED_FREE]
    assert gro.frames_up == [frames_of(segments)]


def test_pure_acknowledgements_never_merge() -> None:
    gro = Gro()
    ack = Segment(ip_id=1)
    assert gro.receive(ack.frame(), ack.frame()) == [NORMAL, NORMAL]
    data = stream(1)[0]
    assert gro.receive(data.frame(), dataclasses.replace(ack, seq=1100).frame()) == [HELD, NORMAL]
    assert gro.frames_up[-2:] == [[data.frame()], [dataclasses.replace(ack, seq=1100).frame()]]


def test_a_padded_segment_is_not_merged_but_stays_behind_its_flow() -> None:
    gro = Gro()
    first = stream(1, size=5)[0]
    padded = dataclasses.replace(first, seq=1005, ip_id=1, payload=b"abc").frame(pad=True)
    assert gro.receive(first.frame(), padded) == [HELD, NORMAL]
    assert gro.frames_up == [[first.frame()], [padded]]


BROKEN = {
    "ip options": Segment(payload=b"data", ip_options=b"\x01" * 4).frame(),
    "fragment": Segment(payload=b"data", fragment=0x2000).frame(),
    "reserved bit": Segment(payload=b"data", fragment=0x8000).frame(),
    "tcp checksum": Segment(payload=b"data").frame()[:-1] + b"b",
    "ip checksum": Segment(payload=b"data").frame().replace(b"\x40\x06", b"\x41\x06", 1),
    "truncated": Segment(payload=b"data").frame()[:50],
    "short tcp header": Segment(payload=b"data").frame()[:46] + b"\x40" + Segment(payload=b"data").frame()[47:],
    "long tcp header": Segment(payload=b"data").frame()[:46] + b"\xf0" + Segment(payload=b"data").frame()[47:],
    "no ip header": (b"\x02\0\0\0\0\x01" * 2 + b"\x08\x00").ljust(30, b"\x45"),
    "udp": udp_frame(b"hello"),
    "arp": b"\xff" * 12 + b"\x08\x06" + bytes(46),
}


@pytest.mark.parametrize("frame", BROKEN.values(), ids=BROKEN)
def test_everything_else_goes_up_at_once(frame: bytes) -> None:
    gro = Gro()
    assert gro.receive(frame) == [NORMAL]
    assert gro.frames_up == [[frame]]
    assert gro.napi.gro is not None
    assert gro.napi.gro.bitmask == 0


def test_with_gro_off_everything_passes() -> None:
    gro = Gro(gro=False)
    frames = frames_of(stream(2))
    assert gro.receive(*frames) == [NORMAL, NORMAL]
    assert gro.frames_up == [[frame] for frame in frames]


@pytest.mark.parametrize(
    "change",
    [{"source_port": 1}, {"destination_port": 1}, {"client": 3}, {"ether": b"\x02\0\0\0\0\x01\x02\0\0\0\0\x09"}],
    ids=["source port", "destination port", "address", "ethernet"],
)
def test_other_flows_are_left_alone(change: dict[str, Any]) -> None:
    gro = Gro()
    first, second = stream(2)
    other = dataclasses.replace(second, **change)
    assert gro.receive(first.frame(), other.frame(), second.frame()) == [HELD, HELD, MERGED_FREE]
    assert not gro.up


# --- buckets, batches and flush points --------------------------------------------------------------------------------


def test_a_bucket_holds_eight_and_overflow_sends_its_oldest_up() -> None:
    gro = Gro()
    flows = [Segment(payload=bytes(100), source_port=port) for port in range(10)]
    assert gro.receive(*frames_of(flows)) == [HELD] * 10
    assert gro.held == [8, 0, 0, 0, 0, 0, 0, 0]  # a device that does not hash leaves them all in one
    assert gro.frames_up == [[flow.frame()] for flow in flows[:2]]


def test_flows_are_spread_by_the_devices_hash() -> None:
    gro = Gro()
    flows = [Segment(payload=bytes(100), source_port=port) for port in range(200)]
    gro.receive(*frames_of(flows), hashed=True)
    assert gro.held == [8] * 8
    assert gro.napi.gro is not None
    assert gro.napi.gro.bitmask == 0xFF
    gro.flush()
    assert gro.napi.gro.bitmask == 0
    assert len(gro.up) == 200


def test_packets_go_up_in_batches_of_eight_segments() -> None:
    gro = Gro()
    gro.computer.machine.sysctl.gro_normal_batch = 8
    gro.receive(*[udp_frame(b"x")] * 7)
    assert not gro.up
    gro.receive(udp_frame(b"y"))
    assert len(gro.up) == 8
    gro.receive(*[udp_frame(b"x")] * 7)
    assert len(gro.up) == 8
    gro.flush()
    assert len(gro.up) == 15
    gro.up.clear()
    gro.receive(*frames_of(stream(8, flags=ACK)), Segment(seq=1800, flags=ACK | PSH, ip_id=8, payload=b"z").frame())
    assert len(gro.up) == 1  # a packet of nine segments is a batch by itself


def test_an_aged_flush_leaves_what_came_in_this_jiffy() -> None:
    gro = Gro()
    old, new = stream(1)[0], stream(1, source_port=1)[0]
    gro.receive(old.frame())
    gro.computer.run(JIFFY_NS)
    gro.receive(new.frame())
    gro.flush(flush_old=True)
    assert gro.frames_up == [[old.frame()]]
    gro.flush()
    assert gro.frames_up == [[old.frame()], [new.frame()]]


def test_completion_flushes_everything() -> None:
    gro = Gro()
    segments = stream(3)

    async def poll(napi: Napi, _budget: int) -> int:
        for segment in segments:
            await napi_gro_receive(napi, gro.skb(segment.frame()))
        await napi_complete_done(napi, 3)
        return 3

    gro.napi.poll = poll
    gro.run(schedule(gro.napi))
    assert gro.frames_up == [frames_of(segments)]


@pytest.mark.parametrize(("hz", "polls"), [(1000, 3), (100, 1)])
def test_an_exhausted_budget_flushes_what_is_aged_or_at_a_low_hz_everything(hz: int, polls: int) -> None:
    gro = Gro()
    gro.computer.machine.sysctl.hz = hz
    segments = stream(64, 40)
    went_up_at_poll = []

    async def poll(napi: Napi, budget: int) -> int:
        if gro.napi.polls == 0:
            for segment in segments:
                await napi_gro_receive(napi, gro.skb(segment.frame()))
        if gro.up:
            went_up_at_poll.append(gro.napi.polls)
            await napi_complete_done(napi, 0)
            return 0
        if gro.napi.polls == 2:
            gro.computer.machine.now += JIFFY_NS  # the flush after this poll finds them aged
        return budget

    gro.napi.poll = poll
    gro.run(schedule(gro.napi))
    assert went_up_at_poll == [polls]
    assert gro.frames_up == [frames_of(segments)]


def test_deleting_an_instance_frees_what_it_holds() -> None:
    gro = Gro()
    gro.computer.machine.sysctl.gro_normal_batch = 8
    drops = events(gro.computer, "kfree_skb")
    gro.receive(*frames_of(stream(30)), udp_frame(b"x"))
    assert gro.napi.gro is not None
    gro.napi.gro.gro_cleanup()
    assert len(drops) == 2
    assert gro.computer.machine.frags.in_use == 0
    assert gro.napi.gro.bitmask == 0


def test_tracepoints_surround_each_packet_and_name_the_instance() -> None:
    gro = Gro()
    seen = events(gro.computer, "napi_gro_receive_entry", "netif_receive_skb", "napi_gro_receive_exit")
    gro.receive(udp_frame(b"x"))
    assert [name for _, name, *_ in seen] == ["napi_gro_receive_entry", "netif_receive_skb", "napi_gro_receive_exit"]
    assert seen[0][2].napi_id == gro.napi.id
    assert seen[2][2] == NORMAL


def test_gro_and_checksums_cost_time() -> None:
    gro = Gro(napi_gro_receive=30, csum_partial=60)
    (segment,) = stream(1, 1004)
    gro.receive(segment.frame(), udp_frame(bytes(1000)))
    gro.computer.run(10_000)
    assert sum(gro.computer.machine.cpus[0].time[1:]) == 30 + 60 + 30


# --- the property -----------------------------------------------------------------------------------------------------

MSS = 48


@st.composite
def traffic(draw: st.DrawFn) -> list[Segment]:
    """Flows that are mostly in order, with everything that keeps segments apart, interleaved."""
    clients = draw(st.integers(1, 12))
    next_seq = [draw(st.sampled_from([0, 1000, 2**32 - 100])) for _ in range(clients)]
    next_id = [draw(st.sampled_from([0, 65_530])) for _ in range(clients)]
    id_step = [draw(st.integers(0, 1)) for _ in range(clients)]
    segments: list[Segment] = []
    for _ in range(draw(st.integers(1, 80))):
        client = draw(st.integers(0, clients - 1))
        odd = draw(st.integers(0, 9)) == 0
        size = draw(st.integers(0, MSS + 2)) if odd else MSS
        segment = Segment(
            seq=next_seq[client] + (draw(st.sampled_from([0, 1, -MSS])) if odd else 0),
            payload=draw(st.binary(min_size=size, max_size=size)),
            flags=ACK | (draw(st.sampled_from([0, PSH, FIN, FIN | PSH, SYN, RST, URG, ECE, CWR])) if odd else 0),
            options=draw(st.sampled_from([b"", b"\x01" * 4, b"\x01\x01\x08\x0a" + bytes(8)])) if odd else b"",
            ack=draw(st.integers(76, 77)) if odd else 77,
            ttl=draw(st.integers(63, 64)) if odd else 64,
            ip_id=next_id[client],
            source_port=client,
        )
        next_seq[client] = segment.seq + size & 0xFFFFFFFF
        next_id[client] += id_step[client] if not odd else draw(st.integers(0, 2))
        segments.append(segment)
    for _ in range(draw(st.integers(0, 5))):
        first, second = (draw(st.integers(0, len(segments) - 1)) for _ in range(2))
        segments[first], segments[second] = segments[second], segments[first]
    return segments


@given(traffic(), st.data())
def test_what_comes_out_is_what_went_in(segments: list[Segment], data: st.DataObject) -> None:
    """Whatever is merged: each flow comes out as it came in, and no bound is exceeded."""
    gro = Gro()
    gro.dev.gro_ipv4_max_size = data.draw(st.sampled_from([65_536, 40 + 4 * MSS]))
    gro.computer.machine.sysctl.gro_normal_batch = data.draw(st.sampled_from([1, 8]))
    hashed = data.draw(st.booleans())
    sent: dict[int, list[bytes]] = defaultdict(list)
    results: Counter[GroResult] = Counter()
    for segment in segments:
        frame = segment.frame()
        sent[segment.source_port].append(frame)
        results.update(gro.receive(frame, hashed=hashed))
        assert max(gro.held) <= 8
        assert gro.napi.gro is not None
        assert [bool(gro.napi.gro.bitmask >> index & 1) for index in range(8)] == [count > 0 for count in gro.held]
        event = data.draw(st.sampled_from(["", "", "", "", "flush", "flush old", "jiffy"]))
        if event == "jiffy":
            gro.computer.run(gro.computer.machine.now + JIFFY_NS)
        elif event:
            gro.flush(flush_old=event == "flush old")
    gro.flush()
    received: dict[int, list[bytes]] = defaultdict(list)
    for frames, size, count, length in gro.up:
        assert length < gro.dev.gro_ipv4_max_size
        assert (size > 0) == (count > 0) == (len(frames) > 1)
        assert count in (0, len(frames))
        for frame in frames:
            received[int.from_bytes(frame[34:36], "big")].append(frame)
    assert received == sent
    assert results[MERGED] + results[MERGED_FREE] == len(segments) - len(gro.up)
    assert gro.computer.machine.frags.in_use == 0


def test_the_property_merges_something() -> None:
    """Guards the property above: its segments, if nothing is odd, are of the kind that is merged."""
    gro = Gro()
    results = gro.receive(*frames_of(stream(20, MSS)))
    assert results.count(MERGED_FREE) > 15
