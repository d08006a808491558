"""Statistics that would take too many frames: counters at their maximum and octets over 32 bits."""

from __future__ import annotations

from emulator.model_nic.statistics import Statistics
from hdl.nic.regmap import GORCH, GORCL, GOTCL, GPTC, MPC, PTC64, PTC1522, TORH, TORL, TOTL, TPT

DESTINATION = b"\x02\0\0\0\0\x01"


def test_counters_stick_at_the_maximum() -> None:
    statistics = Statistics()
    statistics._counts[MPC.offset] = (1 << 32) - 1
    statistics.missed()
    statistics.missed()
    assert statistics.read(MPC.offset) == (1 << 32) - 1
    assert statistics.read(MPC.offset) == 0


def test_octets_count_on_over_32_bits() -> None:
    statistics = Statistics()
    statistics._good_octets.total = statistics._total_octets.total = (3 << 32) - 4
    statistics.good_frame(64, DESTINATION)
    for low, high in ((GORCL, GORCH), (TORL, TORH)):
        assert (statistics.read(low.offset), statistics.read(high.offset)) == (60, 3)
        assert (statistics.read(low.offset), statistics.read(high.offset)) == (0, 0)


def test_octets_between_the_reads_of_a_pair_are_kept() -> None:
    statistics = Statistics()
    statistics._total_octets.total = (1 << 32) - 10
    assert statistics.read(TORL.offset) == (1 << 32) - 10
    statistics.other_frame(64)
    assert statistics.read(TORH.offset) == 0
    assert (statistics.read(TORL.offset), statistics.read(TORH.offset)) == (64, 0)
    statistics.other_frame(64)
    assert statistics.read(TORH.offset) == 0
    assert statistics.read(TORL.offset) == 0, "a read of the high half alone clears both"


def test_a_sent_frame_is_good_from_64_bytes_on() -> None:
    statistics = Statistics()
    for length in (63, 64, 1523):
        statistics.sent_frame(length, DESTINATION)
    assert [statistics.read(register.offset) for register in (TPT, GPTC, PTC64, PTC1522)] == [3, 2, 1, 1]
    assert [statistics.read(register.offset) for register in (TOTL, GOTCL)] == [63 + 64 + 1523, 64 + 1523]


def test_octets_stick_at_the_maximum() -> None:
    statistics = Statistics()
    statistics._total_octets.total = (1 << 64) - 10
    statistics.other_frame(64)
    assert (statistics.read(TORL.offset), statistics.read(TORH.offset)) == (0xFFFF_FFFF, 0xFFFF_FFFF)
