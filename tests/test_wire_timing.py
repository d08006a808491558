"""The wire's arithmetic: rates, slots and spacing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.scenario import MAX_RATE, MIN_RATE
from emulator.wire_timing import WireTiming, byte_time_ps, occupied_ps


@pytest.mark.parametrize(
    ("rate", "ps"), [(10**7, 800_000), (10**8, 80_000), (10**9, 8_000), (2_500_000_000, 3_200), (8 * 10**9, 1_000)]
)
def test_byte_time(rate: int, ps: int) -> None:
    assert byte_time_ps(rate) == ps


@given(st.integers(MIN_RATE, MAX_RATE))
def test_byte_time_of_any_rate_is_near(rate: int) -> None:
    assert abs(byte_time_ps(rate) * rate - 8 * 10**12) <= 8 * 10**12 * 0.0005


def test_frames_per_second_of_gigabit() -> None:
    """1,488,095 minimum frames and 81,274 full ones per second: 84 and 1,538 byte times each."""
    assert 10**12 // occupied_ps(60, 8_000) == 1_488_095
    assert 10**12 // occupied_ps(1514, 8_000) == 81_274


def test_one_minimum_frame() -> None:
    timing = WireTiming(8_000)
    assert timing.send(60, 5_000) == (5_000, 5_000 + 72 * 8_000)
    assert timing.send(60, 0) == (5_000 + 84 * 8_000, 5_000 + (84 + 72) * 8_000)


frame_lists = st.lists(st.tuples(st.integers(60, 1518), st.integers(0, 10**9)), min_size=1)


@given(st.integers(1_000, 800_000), frame_lists)
def test_every_frame_is_as_early_as_it_may_be(byte_ps: int, frames: list[tuple[int, int]]) -> None:
    timing = WireTiming(byte_ps)
    free_ps = 0
    for length, earliest_ps in frames:
        start, end = timing.send(length, earliest_ps)
        assert start >= earliest_ps
        assert start >= free_ps
        assert start in (earliest_ps, free_ps)
        assert end - start == (8 + length + 4) * byte_ps
        free_ps = start + occupied_ps(length, byte_ps)
        assert free_ps - end == 12 * byte_ps
        assert timing.free_ps == free_ps
