"""Transmit offloads of the model engine: what leaves is what scapy builds (SDM 3.3.6, 3.3.7, 3.5)."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from hdl.nic.layouts import TX_DATA
from hdl.nic.regmap import CTRL, GOTCL, ICR, TCTL, TDH, TPT, TSCTC, TSCTFC, VET
from tests.engines.board import frame
from tests.engines.tx_board import EOP, IFCS, RS, TxBoard
from tests.engines.tx_packets import ETHERNET, Offloaded, data_descriptor, folded, legacy_descriptor, words

WHOLE = {"EOP": 1, "IFCS": 1, "RS": 1}
BOTH_SUMS = {"IXSM": 1, "TXSM": 1}


def tcp(length: int, *, ipv6: bool = False, options: int = 0, **fields: Any) -> Packet:
    """A segment with so many bytes of payload; with ``options`` no-operations in IPv4's header."""
    network = IPv6(src="fd00::1", dst="fd00::2") if ipv6 else IP(src="10.0.0.1", dst="10.0.0.2", id=0xFFFE)
    if options:
        network.options = [IPOption_NOP()] * options
    values: dict[str, Any] = {"seq": 0xFFFF_FF00, "ack": 7, "flags": "PAF"} | fields
    header = TCP(sport=1234, dport=80, **values)
    return Ether(bytes(ETHERNET / network / header / Raw(random.Random(length).randbytes(length))))


def udp(length: int, *, ipv6: bool = False) -> Packet:
    network = IPv6(src="fd00::1", dst="fd00::2") if ipv6 else IP(src="10.0.0.1", dst="10.0.0.2", id=9)
    payload = Raw(random.Random(length).randbytes(length))
    return Ether(bytes(ETHERNET / network / UDP(sport=1234, dport=53) / payload))


def lay_out(
    board: TxBoard, packet: Offloaded, cuts: Sequence[int] = (), *, vlan: int | None = None, first_only: bool = False
) -> None:
    """A context and a data descriptor for each piece of the packet, which is cut at these places."""
    board.put(packet.context())
    data = packet.in_memory()
    edges = [0, *cuts, len(data)]
    for start, end in itertools.pairwise(edges):
        last = end == len(data)
        tag = vlan is not None and (start == 0 or not first_only)
        command = {"TSE": bool(packet.mss), "IFCS": 1, "VLE": tag, "EOP": last, "RS": last}
        popts = {"IXSM": packet.ipv4, "TXSM": 1} if start == 0 else {}
        piece = data[start:end]
        board.put(data_descriptor(board.buffer_of(piece), len(piece), command, popts, vlan or 0))


def send(board: TxBoard, ns: int = 1_000_000) -> list[bytes]:
    """Give the device what is laid out; returns the frames that left."""
    before = len(board.sent)
    board.transmit([])
    board.run(ns)
    assert board.read(TDH) == board.tail
    assert not any(sent.bad_fcs for sent in board.sent)
    return [sent.data for sent in board.sent[before:]]


@pytest.mark.parametrize("length", [0, 1, 2, 100, 1459, 1460])
@pytest.mark.parametrize("make", [tcp, udp])
@pytest.mark.parametrize("ipv6", [False, True])
def test_checksums_are_inserted(make: object, ipv6: bool, length: int) -> None:
    board = TxBoard()
    packet = Offloaded((tcp if make is tcp else udp)(length, ipv6=ipv6))
    lay_out(board, packet)
    assert send(board) == packet.expected()


def test_ip_options_are_summed_up_and_the_transport_header_found_behind_them() -> None:
    board = TxBoard()
    for packet in (Offloaded(tcp(200, options=8)), Offloaded(tcp(2000, options=8), mss=536)):
        lay_out(board, packet)
        assert send(board) == packet.expected()


def test_each_checksum_is_inserted_only_if_asked_for() -> None:
    board = TxBoard()
    packet = Offloaded(tcp(100))
    raw, (whole,) = packet.in_memory(), packet.expected()
    for popts in ({}, {"IXSM": 1}, {"TXSM": 1}):
        board.put(packet.context())
        board.put(data_descriptor(board.buffer_of(raw), len(raw), WHOLE, popts))
    at = packet.transport_at + 16
    with_ip = raw[:24] + whole[24:26] + raw[26:]
    with_tcp = raw[:at] + whole[at : at + 2] + raw[at + 2 :]
    assert send(board) == [raw, with_ip, with_tcp]


def test_the_context_holds_for_all_packets_until_the_next() -> None:
    board = TxBoard()
    packets = [Offloaded(tcp(length)) for length in (10, 500, 3)]
    board.put(packets[0].context())
    for packet in packets:
        raw = packet.in_memory()
        board.put(data_descriptor(board.buffer_of(raw), len(raw), WHOLE, BOTH_SUMS))
    assert send(board) == [packet.expected()[0] for packet in packets]


def test_the_two_contexts_do_not_touch_each_other() -> None:
    board = TxBoard()
    whole, segmented = Offloaded(udp(100)), Offloaded(tcp(3000), mss=1000)
    board.put(segmented.context())
    board.put(whole.context())
    for packet in (segmented, whole, segmented):
        raw = packet.in_memory()
        command = WHOLE | {"TSE": bool(packet.mss)}
        board.put(data_descriptor(board.buffer_of(raw), len(raw), command, BOTH_SUMS))
    assert send(board) == [*segmented.expected(), *whole.expected(), *segmented.expected()]


def test_a_udp_checksum_of_0_leaves_as_ffff() -> None:
    board = TxBoard()
    raw = bytearray(bytes(udp(2)))
    raw[42:44] = bytes(2)
    raw[40:42] = bytes(2)
    pseudo = words(raw[26:34]) + 17 + 10
    raw[42:44] = (0xFFFF - folded(pseudo + words(raw[34:]))).to_bytes(2, "big")
    packet = Offloaded(Ether(bytes(raw)))
    lay_out(board, packet)
    (sent,) = send(board)
    assert sent == packet.expected()[0]
    assert sent[40:42] == b"\xff\xff"


def test_a_legacy_descriptor_sums_from_css_to_the_end() -> None:
    board = TxBoard()
    raw = Offloaded(tcp(101)).in_memory()
    command = WHOLE | {"IC": 1}
    board.put(legacy_descriptor(board.buffer_of(raw), len(raw), command, css=34, cso=50))
    raw_ip = raw[:24] + Offloaded(tcp(101)).expected()[0][24:26] + raw[26:]
    board.put(legacy_descriptor(board.buffer_of(raw_ip), len(raw_ip), command, css=34, cso=50))
    first, second = send(board)
    assert first == raw[:50] + second[50:52] + raw[52:]
    assert second == Offloaded(tcp(101)).expected()[0]


def test_a_legacy_packet_of_several_descriptors_has_the_first_ones_checksum_and_the_last_ones_tag() -> None:
    board = TxBoard()
    board.write(CTRL, CTRL.reset | CTRL.SLU | CTRL.VME)
    raw = Offloaded(tcp(101)).in_memory()
    board.put(legacy_descriptor(board.buffer_of(raw[:20]), 20, {"IC": 1, "VLE": 1}, css=34, cso=50, special=5))
    board.put(legacy_descriptor(board.buffer_of(raw[20:]), len(raw) - 20, WHOLE | {"IC": 1}, css=1, cso=2))
    assert send(board) == [raw[:50] + Offloaded(tcp(101)).expected()[0][50:52] + raw[52:]]


def test_a_frame_that_ends_before_the_tags_place_has_none() -> None:
    board = TxBoard()
    board.write(CTRL, CTRL.reset | CTRL.SLU | CTRL.VME)
    for length in (11, 12):
        board.put(legacy_descriptor(board.buffer_of(frame(100)[:length]), length, WHOLE | {"VLE": 1}, special=5))
    assert send(board) == [frame(100)[:11], frame(100)[:12] + b"\x81\x00\x00\x05"]


@pytest.mark.parametrize(("css", "cso"), [(100, 10), (10, 99), (255, 10), (10, 255)])
def test_a_checksum_outside_the_packet_is_left_out(css: int, cso: int) -> None:
    board = TxBoard()
    raw = frame(100)
    board.put(legacy_descriptor(board.buffer_of(raw), 100, WHOLE | {"IC": 1}, css=css, cso=cso))
    assert send(board) == [raw]


@pytest.mark.parametrize("mss", [1, 7, 536, 1460])
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "udp", "udp6"])
def test_a_packet_leaves_in_segments(kind: str, mss: int) -> None:
    board = TxBoard()
    length = min(60 * mss + 3, 4000)
    packet = Offloaded((tcp if kind.startswith("tcp") else udp)(length, ipv6=kind.endswith("6")), mss=mss)
    lay_out(board, packet)
    assert send(board) == packet.expected()
    assert (board.read(TSCTC), board.read(TSCTFC)) == (1, 0)
    assert board.read(TPT) == len(packet.expected())


@pytest.mark.parametrize("length", [999, 1000, 1001, 2000, 2001])
def test_fin_and_psh_are_the_last_segments_only(length: int) -> None:
    board = TxBoard()
    packet = Offloaded(tcp(length), mss=1000)
    lay_out(board, packet)
    frames = send(board)
    assert frames == packet.expected()
    assert [bool(data[47] & 9) for data in frames] == [False] * (len(frames) - 1) + [True]


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["tcp", "tcp6", "udp", "udp6"]),
            st.integers(1, 4000),
            st.integers(40, 1460),
            st.lists(st.integers(1, 4050), max_size=4),
            st.one_of(st.none(), st.integers(0, 0xFFFF)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_packets_in_any_pieces_leave_as_scapy_builds_them(
    plan: list[tuple[str, int, int, list[int], int | None]],
) -> None:
    board = TxBoard(64, byte_ps=1_000)
    board.write(CTRL, CTRL.reset | CTRL.SLU | CTRL.VME)
    expected = []
    for kind, length, mss, cuts, vlan in plan:
        make = tcp if kind.startswith("tcp") else udp
        packet = Offloaded(make(length, ipv6=kind.endswith("6")), mss=mss if length > mss else 0)
        bytes_of_it = len(packet.in_memory())
        lay_out(board, packet, sorted({cut for cut in cuts if cut < bytes_of_it}), vlan=vlan)
        expected += [tagged(data, vlan) for data in packet.expected()]
    assert send(board) == expected


# --- tags -------------------------------------------------------------------------------------------------------------


def tagged(data: bytes, vlan: int | None, ethertype: int = 0x8100) -> bytes:
    """A frame with a tag, by scapy."""
    if vlan is None:
        return data
    packet = Ether(data)
    tag = Dot1Q(prio=vlan >> 13, dei=vlan >> 12 & 1, vlan=vlan & 0xFFF, type=packet.type)
    return bytes(Ether(src=packet.src, dst=packet.dst, type=ethertype) / tag / Raw(bytes(packet.payload)))


def test_tags_need_vle_and_vme() -> None:
    board = TxBoard()
    data = frame(100)

    def lay() -> None:
        for vle in (0, 1):
            board.put(legacy_descriptor(board.buffer_of(data), 100, WHOLE | {"VLE": vle}, special=0xB064))

    lay()
    assert send(board) == [data, data]
    board.write(CTRL, CTRL.reset | CTRL.SLU | CTRL.VME)
    lay()
    assert send(board) == [data, tagged(data, 0xB064)]
    board.write(VET, 0x88A8)
    lay()
    assert send(board) == [data, tagged(data, 0xB064, 0x88A8)]


def test_a_tag_does_not_move_what_is_summed_up() -> None:
    board = TxBoard()
    board.write(CTRL, CTRL.reset | CTRL.SLU | CTRL.VME)
    packet = Offloaded(tcp(300))
    lay_out(board, packet, vlan=100)
    assert send(board) == [tagged(packet.expected()[0], 100)]


def test_segments_have_the_first_descriptors_tag_and_other_packets_the_last_ones() -> None:
    board = TxBoard()
    board.write(CTRL, CTRL.reset | CTRL.SLU | CTRL.VME)
    segmented = Offloaded(tcp(2500), mss=1000)
    lay_out(board, segmented, [54, 700], vlan=7, first_only=True)
    whole = Offloaded(tcp(500))
    lay_out(board, whole, [54, 200], vlan=9, first_only=True)
    assert send(board) == [*(tagged(data, 7) for data in segmented.expected()), *whole.expected()]


def test_padding_and_octets_count_the_tag() -> None:
    board = TxBoard(tctl=TCTL.EN | TCTL.PSP)
    board.write(CTRL, CTRL.reset | CTRL.SLU | CTRL.VME)
    data = frame(50)
    for _ in range(2):
        board.put(legacy_descriptor(board.buffer_of(data), 50, WHOLE | {"VLE": 1}, special=1))
    assert send(board) == [tagged(data, 1).ljust(60, b"\0")] * 2
    assert board.read(GOTCL) == 128


# --- what software may do wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize("excess", [-600, -1, 1, 600])
def test_data_that_is_not_as_long_as_the_context_says_is_counted(excess: int) -> None:
    board = TxBoard()
    packet = Offloaded(tcp(2000), mss=1000)
    data = (packet.in_memory() + bytes(600))[: 2054 + excess]
    board.put(packet.context())
    board.put(data_descriptor(board.buffer_of(data), len(data), WHOLE | {"TSE": 1}, BOTH_SUMS))
    frames = send(board)
    assert (board.read(TSCTC), board.read(TSCTFC)) == (0, 1)
    assert [len(item) for item in frames] == ([1054, 1054] if excess > 0 else [1054, 1054 + excess])
    assert frames[0] == packet.expected()[0]
    lay_out(board, packet)
    assert send(board) == packet.expected()


@pytest.mark.parametrize("context", ["mss", "paylen", "header"])
def test_a_context_that_makes_no_segment_is_counted(context: str) -> None:
    board = TxBoard()
    packet = Offloaded(tcp(2000), mss=1000)
    data = packet.in_memory()[: 30 if context == "header" else None]
    bits = packet.context()
    bits &= ~(0xFFFF << 112) if context == "mss" else ~(0xFFFFF << 64) if context == "paylen" else -1
    board.put(bits)
    board.put(data_descriptor(board.buffer_of(data), len(data), WHOLE | {"TSE": 1}, BOTH_SUMS))
    assert send(board) == []
    assert (board.read(TSCTC), board.read(TSCTFC)) == (0, 1)


def test_a_context_with_rs_is_written_back_and_interrupts() -> None:
    board = TxBoard()
    board.read(ICR)
    index = board.put(Offloaded(tcp(1)).context(rs=True))
    assert send(board) == []
    assert board.written_back(index)
    assert board.read(ICR) == ICR.TXDW | ICR.TXQE | ICR.TXD_LOW


def test_descriptors_without_data_and_of_a_reserved_type_do_nothing() -> None:
    board = TxBoard()
    data = frame(100)
    board.put(legacy_descriptor(0, 60, WHOLE))
    board.put(data_descriptor(board.buffer_of(data), 100, WHOLE) ^ (TX_DATA ^ 5) << 84)
    board.put(legacy_descriptor(board.buffer_of(data[:40]), 40, {}))
    board.put(legacy_descriptor(0, 60, {"RS": 1}))
    board.put(data_descriptor(0, 60, {}))
    board.lay_out(data[40:], EOP | IFCS | RS)
    assert send(board) == [data]
    assert [board.written_back(index) for index in range(6)] == [True, True, False, True, False, True]


def test_a_data_descriptor_may_be_longer_than_64_kib() -> None:
    board = TxBoard()
    packet = Offloaded(Ether(bytes(tcp(100))))
    payload = random.Random(1).randbytes(70_000)
    header = packet.in_memory()[:54]
    raw = header + payload
    at = 0x40_0000
    board.engine.memory.write(at, raw)
    context = Offloaded(packet.packet, mss=1460).context() & ~(0xFFFFF << 64) | len(payload) << 64
    board.put(context)
    board.put(data_descriptor(at, len(raw), WHOLE | {"TSE": 1}, BOTH_SUMS))
    frames = send(board, 10_000_000)
    assert b"".join(data[54:] for data in frames) == payload
    assert len(frames) == 48
