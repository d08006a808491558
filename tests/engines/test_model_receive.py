"""Reception by the model engine: ring, buffers, filter, errors, drops and statistics."""

from __future__ import annotations

import zlib

import pytest

from driver.kernel.net.checksum import checksum
from emulator.engines.base import Verdict, WireFrame
from emulator.model_nic.descriptor import CE, RXE
from emulator.model_nic.fifo import FIFO_BYTES
from hdl.nic.regmap import (
    BPRC,
    CRCERRS,
    CTRL,
    GORCH,
    GORCL,
    GPRC,
    ICR,
    MPC,
    MPRC,
    PRC64,
    PRC127,
    PRC255,
    PRC511,
    PRC1023,
    PRC1522,
    RAH,
    RAL,
    RCTL,
    RDBAL,
    RDH,
    RDT,
    RFC,
    RJC,
    RLEC,
    RNBC,
    ROC,
    RUC,
    TORH,
    TORL,
    TPR,
    Register,
)
from tests.engines.board import BYTE_PS, MMIO_NS, PROMISCUOUS, RING_AT, Board, frame

STATION = b"\x02\x11\x22\x33\x44\x55"
GROUP = b"\x01\0\x5e\0\0\x01"
BROADCAST = b"\xff" * 6


@pytest.mark.parametrize("length", [60, 61, 64, 67, 68, 1000, 1513, 1514, 1518])
def test_frame_arrives_unchanged(length: int) -> None:
    board = Board()
    board.set_up_ring(8)
    assert board.receive([frame(length, seed=length)]) == [Verdict.KEPT]
    assert board.payload(0) == frame(length, seed=length)
    descriptor = board.descriptor(0)
    assert (descriptor.status.EOP, descriptor.status.IXSM) == (1, 1)
    assert descriptor.errors.as_value().value == 0
    assert (descriptor.checksum, descriptor.special) == (checksum(frame(length, seed=length)), 0)
    assert board.read(RDH) == 1


def test_fcs_is_stored_unless_stripped() -> None:
    board = Board()
    board.set_up_ring(8, rctl=PROMISCUOUS & ~RCTL.SECRC)
    board.receive([frame()])
    assert board.payload(0) == frame() + zlib.crc32(frame()).to_bytes(4, "little")


def test_ring_wraps_and_order_holds() -> None:
    board = Board()
    board.set_up_ring(8)
    received = []
    for seed in range(30):
        board.receive([frame(seed=seed)])
        received.append(board.payload(seed % 8))
        board.lay(seed % 8)
        board.write(RDT, seed % 8)
    assert received == [frame(seed=seed) for seed in range(30)]
    assert board.read(RDH) == 30 % 8


def test_frame_over_several_descriptors() -> None:
    board = Board()
    board.set_up_ring(8, rctl=PROMISCUOUS | RCTL.BSIZE.put(3))  # 256 bytes
    board.receive([frame(700), frame(512)])
    assert [board.descriptor(index).length for index in range(5)] == [256, 256, 188, 256, 256]
    assert [board.descriptor(index).status.EOP for index in range(5)] == [0, 0, 1, 0, 1]
    assert board.payload(0) + board.payload(1) + board.payload(2) == frame(700)
    assert board.payload(3) + board.payload(4) == frame(512)
    assert board.read(GPRC) == 2


def test_frame_keeps_the_buffer_size_that_was_set_when_it_began() -> None:
    board = Board()
    board.set_up_ring(8, tail=1, rctl=PROMISCUOUS | RCTL.BSIZE.put(3))
    board.receive([frame(700), frame(700)])
    board.write(RCTL, PROMISCUOUS | RCTL.BSIZE.put(2))  # 512 bytes
    board.write(RDT, 7)
    board.run(100_000)
    assert [board.descriptor(index).length for index in range(5)] == [256, 256, 188, 512, 188]


def test_frame_waits_for_its_last_descriptor() -> None:
    board = Board()
    board.set_up_ring(8, tail=2, rctl=PROMISCUOUS | RCTL.BSIZE.put(3))
    board.receive([frame(700)])
    assert board.done(1)
    assert not board.done(2)
    assert not board.read(ICR) & ICR.RXT0
    board.write(RDT, 3)
    board.run(100_000)
    assert board.payload(2) == frame(700)[512:]
    assert board.read(ICR) & ICR.RXT0


@pytest.mark.parametrize(("bsize", "size"), [(1, 16384), (2, 8192), (3, 4096)])
def test_buffer_size_extension(bsize: int, size: int) -> None:
    board = Board()
    board.set_up_ring(8, rctl=PROMISCUOUS | RCTL.BSEX | RCTL.LPE | RCTL.BSIZE.put(bsize))
    board.receive([frame(9000)])
    assert board.descriptor(0).length == min(size, 9000)
    board.receive([frame(16380)])  # the longest there is
    assert board.read(GPRC) == 2


def test_without_descriptors_frames_wait_and_nothing_is_lost() -> None:
    board = Board()
    board.set_up_ring(16, tail=0)
    frames = [frame(seed=seed) for seed in range(10)]
    assert board.receive(frames) == [Verdict.KEPT] * 10
    assert not board.done(0)
    assert board.read(RNBC) == 10
    assert board.read(ICR) & (ICR.RXT0 | ICR.RXO) == 0
    board.write(RDT, 15)
    board.run(100_000)
    assert [board.payload(index) for index in range(10)] == frames


def test_no_rnbc_while_there_are_descriptors() -> None:
    board = Board()
    board.set_up_ring(16)
    board.receive([frame()] * 15)
    assert board.read(RNBC) == 0, "the last one took the last descriptor"
    board.receive([frame()])
    assert board.read(RNBC) == 1


def test_full_fifo_drops_whole_frames_and_counts_them() -> None:
    board = Board()
    board.set_up_ring(512, tail=0)
    frames = [frame(seed=seed) for seed in range(300)]
    fit = FIFO_BYTES // 64
    assert board.receive(frames) == [Verdict.KEPT] * fit + [Verdict.MISSED] * (300 - fit)
    assert board.read(MPC) == 300 - fit
    assert board.read(GPRC) == fit
    assert board.read(ICR) & ICR.RXO
    board.write(RDT, 511)
    board.run(1_000_000)
    assert [board.payload(index) for index in range(fit)] == frames[:fit]
    assert not board.done(fit)


def test_short_frame_fits_where_a_long_one_does_not() -> None:
    board = Board()
    board.set_up_ring(8, tail=0)
    long = [Verdict.KEPT] * (FIFO_BYTES // 1520) + [Verdict.MISSED]
    assert board.receive([frame(1514)] * len(long)) == long
    assert board.receive([frame(60)]) == [Verdict.KEPT]


def test_tail_outside_of_the_ring_gives_nothing() -> None:
    board = Board()
    board.set_up_ring(8, tail=9)
    assert board.receive([frame()]) == [Verdict.KEPT]
    assert not board.done(0)
    assert board.read(RNBC) == 1


@pytest.mark.parametrize(("rdmts", "threshold"), [(0, 32), (1, 16), (2, 8)])
def test_rxdmt0_at_the_threshold(rdmts: int, threshold: int) -> None:
    board = Board()
    board.set_up_ring(64, tail=63, rctl=PROMISCUOUS | RCTL.RDMTS.put(rdmts))
    for received in range(1, 60):
        board.receive([frame()])
        free = 63 - received
        assert bool(board.read(ICR) & ICR.RXDMT0) == (free == threshold), f"{free} free"


def test_dma_outside_of_memory_halts_until_reset() -> None:
    board = Board()
    board.set_up_ring(8)
    board.engine.memory.write(RING_AT, (1 << 40).to_bytes(8, "little"))
    board.receive([frame(), frame()])
    assert not board.done(0)
    assert not board.done(1)
    board.write(CTRL, CTRL.RST)
    board.set_up_ring(8)
    board.receive([frame(seed=3)])
    assert board.payload(0) == frame(seed=3)


# --- the receiver's switch --------------------------------------------------------------------------------------------


def test_receiver_off() -> None:
    board = Board()
    board.set_up_ring(8, rctl=PROMISCUOUS & ~RCTL.EN)
    assert board.receive([frame()]) == [Verdict.DISABLED]
    assert board.read(TPR) == 0
    assert board.read(TORL) == 0


def test_frame_that_began_before_the_receiver_was_on_is_not_received() -> None:
    board = Board()
    board.set_up_ring(8, rctl=PROMISCUOUS & ~RCTL.EN)
    board.send([frame(1514)])
    board.run(5_000)
    board.write(RCTL, PROMISCUOUS)
    board.run_until_silent()
    assert board.engine.wires[0].take_verdicts() == [Verdict.DISABLED]


def test_frame_that_began_before_the_receiver_was_off_is_received() -> None:
    board = Board()
    board.set_up_ring(8)
    board.send([frame(1514)])
    board.run(5_000)
    board.write(RCTL, PROMISCUOUS & ~RCTL.EN)
    board.run_until_silent()
    assert board.engine.wires[0].take_verdicts() == [Verdict.KEPT]


def test_frames_stay_in_the_fifo_while_the_receiver_is_off() -> None:
    """But for the one that has begun to go out and waits for a descriptor."""
    board = Board()
    board.set_up_ring(8, tail=0)
    board.receive([frame(seed=1), frame(seed=2)])
    board.write(RCTL, PROMISCUOUS & ~RCTL.EN)
    board.write(RDT, 7)
    board.run(100_000)
    assert board.done(0)
    assert not board.done(1)
    board.write(RCTL, PROMISCUOUS)
    board.run(100_000)
    assert [board.payload(0), board.payload(1)] == [frame(seed=1), frame(seed=2)]


def test_ring_registers_wait_for_the_receiver_to_be_off() -> None:
    board = Board()
    board.set_up_ring(8)
    board.write(RDBAL, 0x8_0000)
    board.receive([frame(seed=1)])
    assert board.payload(0) == frame(seed=1)


@pytest.mark.parametrize(("register", "value"), [(CTRL, CTRL.RST), (RDH, 5), (RDBAL, 0x8_0000)])
def test_what_is_under_way_to_memory_is_dropped(register: type[Register], value: int) -> None:
    """By a reset; and by software that changes the ring while the receiver is off and a frame is still going out."""
    board = Board()
    board.set_up_ring(8)
    board.send([frame()])
    board.run(72 * BYTE_PS // 1000 - MMIO_NS)  # it has arrived when the accesses below do, and is not in memory yet
    board.engine.mmio_write(0, RCTL.offset, PROMISCUOUS & ~RCTL.EN)
    board.engine.mmio_write(0, register.offset, value)
    board.run(1_000_000)
    assert board.engine.wires[0].take_verdicts() == [Verdict.KEPT]
    assert not board.done(0)
    assert not board.read(ICR) & ICR.RXT0


# --- filter -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rctl", "accepted"),
    [
        (0, {"station"}),
        (RCTL.UPE, {"station", "other"}),
        (RCTL.MPE, {"station", "group", "broadcast"}),
        (RCTL.BAM, {"station", "broadcast"}),
    ],
)
def test_filter(rctl: int, accepted: set[str]) -> None:
    board = Board()
    board.write(RAL, int.from_bytes(STATION[:4], "little"))
    board.write(RAH, int.from_bytes(STATION[4:], "little") | RAH.AV)
    board.set_up_ring(8, rctl=RCTL.EN | rctl)
    addresses = {"station": STATION, "other": b"\x02\x11\x22\x33\x44\x56", "group": GROUP, "broadcast": BROADCAST}
    verdicts = board.receive([frame(destination=address) for address in addresses.values()])
    assert {name for name, verdict in zip(addresses, verdicts, strict=True) if verdict is Verdict.KEPT} == accepted
    assert set(verdicts) <= {Verdict.KEPT, Verdict.FILTERED}
    assert board.read(GPRC) == len(accepted)
    assert board.read(TPR) == 4


def test_frame_is_for_those_addresses_that_were_set_when_it_began() -> None:
    board = Board()
    board.set_up_ring(8)
    board.send([frame(1514), frame(1514)])
    board.run(5_000)
    board.write(RCTL, RCTL.EN | RCTL.SECRC)
    board.run_until_silent()
    assert board.engine.wires[0].take_verdicts() == [Verdict.KEPT, Verdict.FILTERED]


@pytest.mark.parametrize("index", [0, 1, 15])
def test_every_receive_address_can_match(index: int) -> None:
    board = Board()
    board.engine.mmio_write(0, RAL.at(index), int.from_bytes(GROUP[:4], "little"))
    board.engine.mmio_write(0, RAH.at(index), int.from_bytes(GROUP[4:], "little") | RAH.AV)
    board.set_up_ring(8, rctl=int(RCTL.EN))
    assert board.receive([frame(destination=GROUP)]) == [Verdict.KEPT]


@pytest.mark.parametrize("high", [0, RAH.AV | RAH.AS.put(1)])
def test_address_that_is_not_valid_or_not_for_destinations_does_not_match(high: int) -> None:
    board = Board()
    board.write(RAL, int.from_bytes(STATION[:4], "little"))
    board.write(RAH, int.from_bytes(STATION[4:], "little") | high)
    board.set_up_ring(8, rctl=int(RCTL.EN))
    assert board.receive([frame(destination=STATION)]) == [Verdict.FILTERED]


# --- bad frames and statistics ----------------------------------------------------------------------------------------

BAD = {
    "bad FCS": (WireFrame(frame(100), bad_fcs=True), {CRCERRS: 1}, CE),
    "undersized": (WireFrame(frame(59)), {RLEC: 1, RUC: 1}, RXE),
    "fragment": (WireFrame(frame(59), bad_fcs=True), {RLEC: 1, RFC: 1}, CE | RXE),
    "oversized": (WireFrame(frame(1519)), {RLEC: 1, ROC: 1}, RXE),
    "jabber": (WireFrame(frame(1519), bad_fcs=True), {RLEC: 1, RJC: 1, CRCERRS: 1}, CE | RXE),
}
ERROR_COUNTERS = (CRCERRS, RLEC, RUC, RFC, ROC, RJC)


@pytest.mark.parametrize("store", [False, True], ids=["drop", "store"])
@pytest.mark.parametrize("kind", BAD)
def test_bad_frame(kind: str, store: bool) -> None:
    item, expected, errors = BAD[kind]
    board = Board()
    board.set_up_ring(8, rctl=PROMISCUOUS | (RCTL.SBP if store else 0))
    assert board.receive([item]) == [Verdict.KEPT if store else Verdict.ERROR]
    assert board.done(0) == store
    if store:
        assert board.payload(0) == item.data
        assert board.descriptor(0).errors.as_value().value == errors
    counted = {register: board.read(register) for register in ERROR_COUNTERS}
    assert {register: count for register, count in counted.items() if count} == expected
    assert board.read(GPRC) == 0
    assert board.read(GORCL) == 0
    assert board.read(TPR) == 1


def test_bad_frame_for_somebody_else_is_filtered() -> None:
    board = Board()
    board.set_up_ring(8, rctl=int(RCTL.EN))
    assert board.receive([BAD["bad FCS"][0]]) == [Verdict.FILTERED]
    assert board.read(CRCERRS) == 0


def test_long_packets_with_lpe() -> None:
    board = Board()
    board.set_up_ring(8, rctl=PROMISCUOUS | RCTL.LPE)
    assert board.receive([frame(1519), frame(16380), frame(16381)]) == [Verdict.KEPT, Verdict.KEPT, Verdict.ERROR]
    assert board.read(PRC1522) == 2
    assert board.read(ROC) == 1


@pytest.mark.parametrize(
    ("lengths", "register"),
    [
        ((64,), PRC64),
        ((65, 127), PRC127),
        ((128, 255), PRC255),
        ((256, 511), PRC511),
        ((512, 1023), PRC1023),
        ((1024, 1522), PRC1522),
    ],
)
def test_size_counters(lengths: tuple[int, ...], register: type[Register]) -> None:
    board = Board()
    board.set_up_ring(8)
    board.receive([frame(length - 4) for length in lengths])
    registers: tuple[type[Register], ...] = (PRC64, PRC127, PRC255, PRC511, PRC1023, PRC1522)
    counters = {other: board.read(other) for other in registers}
    assert counters.pop(register) == len(lengths)
    assert not any(counters.values())


def test_counters_clear_on_read() -> None:
    board = Board()
    board.set_up_ring(16)
    board.receive([frame(destination=GROUP)] * 2 + [frame(destination=BROADCAST)] * 3 + [frame(1514)] * 4)
    expected = {MPRC: 2, BPRC: 3, GPRC: 9, TPR: 9}
    assert {register: board.read(register) for register in expected} == expected
    assert not any(board.read(register) for register in expected)


def test_octets_clear_with_the_high_half() -> None:
    board = Board()
    board.set_up_ring(8)
    board.receive([frame(60), frame(1514), WireFrame(frame(100), bad_fcs=True)])
    assert [board.read(GORCL), board.read(GORCL)] == [64 + 1518] * 2
    assert [board.read(TORL), board.read(TORL)] == [64 + 1518 + 104] * 2
    assert [board.read(GORCH), board.read(TORH)] == [0, 0]
    assert [board.read(GORCL), board.read(TORL)] == [0, 0]
