"""Statistics that would take too many frames: counters at their maximum and octets over 32 bits."""

from __future__ import annotations

from emulator.model_nic.statistics import Statistics
from hdl.nic.regmap import GORCH, GORCL, MPC, TORH, TORL

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
    statistics._good_octets = statistics._total_octets = (3 << 32) - 4
    statistics.good_frame(64, DESTINATION)
    for low, high in ((GORCL, GORCH), (TORL, TORH)):
        assert (statistics.read(low.offset), statistics.read(high.offset)) == (60, 3)
        assert (statistics.read(low.offset), statistics.read(high.offset)) == (0, 0)


def test_octets_stick_at_the_maximum() -> None:
    statistics = Statistics()
    statistics._total_octets = (1 << 64) - 10
    statistics.other_frame(64)
    assert (statistics.read(TORL.offset), statistics.read(TORH.offset)) == (0xFFFF_FFFF, 0xFFFF_FFFF)
