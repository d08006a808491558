"""DIM: the published walk, its decisions, what a measurement is (lib/dim)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driver.kernel.lib.dim import Dim, DimSample, DimState, DimStats, DimTuneState, dim_calc_stats, dim_update_sample
from driver.kernel.lib.net_dim import (
    NET_DIM_DEF_PROFILE,
    RX_PROFILES,
    TX_PROFILES,
    CqPeriodMode,
    net_dim,
    net_dim_get_rx_moderation,
    net_dim_get_tx_moderation,
)
from tests.kernel.support import Computer

EQE = CqPeriodMode.EQE
PACKETS_PER_MS = 500
NS_PER_MS = 1_000_000


async def apply(dim: Dim) -> None:
    """The work of a driver that is quick."""
    dim.state = DimState.START_MEASURE


class Queue:
    """A queue under constant load, whose interrupts the present profile limits.

    Attributes:
        walk: profiles, as they were chosen.
    """

    def __init__(
        self, profile: int = 0, *, packets_per_ms: Callable[[int], int] = lambda _usec: PACKETS_PER_MS
    ) -> None:
        self.dim = Dim(apply, profile_ix=profile)
        self.computer = Computer()
        self.walk: list[int] = []
        self._packets_per_ms = packets_per_ms
        self._events = self._packets = 0

    def measure(self, times: int = 1) -> None:
        """Let so many measurements be made, with a poll for every event."""
        for _ in range(times * 70):
            usec = net_dim_get_rx_moderation(EQE, self.dim.profile_ix).usec
            packets_per_ms = self._packets_per_ms(usec)
            every_us = max(usec, 1000 // packets_per_ms)
            self.computer.run(self.computer.machine.now + every_us * 1000)
            self._events += 1
            self._packets += packets_per_ms * every_us // 1000 or 1
            before = self.dim.profile_ix
            self.computer.spawn(self._poll())
            self.computer.run(self.computer.machine.now)
            if self.dim.profile_ix != before:
                self.walk.append(self.dim.profile_ix)

    async def _poll(self) -> None:
        net_dim(self.dim, dim_update_sample(self._events, self._packets, self._packets * 100))


@pytest.mark.parametrize(("start", "walk"), [(0, [1, 2, 3, 4]), (1, [0, 1, 2, 3, 4])])
def test_constant_traffic_ends_at_the_least_interrupts(start: int, walk: list[int]) -> None:
    queue = Queue(start)
    queue.measure(12)
    assert queue.walk == walk
    assert queue.dim.tune_state is DimTuneState.PARKING_ON_TOP
    assert queue.dim.tired == queue.dim.steps_left == queue.dim.steps_right == 0


def test_the_profile_with_the_most_packets_is_found_and_kept() -> None:
    queue = Queue(packets_per_ms=lambda usec: {1: 100, 8: 200, 64: 400, 128: 300, 256: 200}[usec])
    queue.measure(20)
    assert queue.walk == [1, 2, 3, 2]
    assert queue.dim.tune_state is DimTuneState.PARKING_ON_TOP


def test_parked_it_moves_only_when_the_traffic_changes() -> None:
    load = [500]
    queue = Queue(packets_per_ms=lambda _usec: load[0])
    queue.measure(12)
    queue.walk.clear()
    queue.measure(20)
    assert queue.walk == []
    load[0] = 540  # 8 %: not significant
    queue.measure(5)
    assert queue.walk == []
    load[0] = 700
    queue.measure(3)
    assert queue.walk[0] == 3


def test_it_gets_tired_and_rests_for_as_many_measurements() -> None:
    dim = Dim(apply, tune_state=DimTuneState.GOING_RIGHT, profile_ix=2, tired=10)
    computer = Computer()
    rates = [100]

    async def poll(index: int) -> None:
        net_dim(dim, dim_update_sample(64 * index, rates[0] * index, 1000 * rates[0] * index))

    states = []
    for index in range(1, 14):
        computer.run(index * NS_PER_MS)
        computer.spawn(poll(index))
        computer.run(index * NS_PER_MS)
        states.append((dim.tune_state, dim.profile_ix))
    tired = DimTuneState.PARKING_TIRED
    assert states[1:11] == [(tired, 2)] * 10
    assert states[11] == (DimTuneState.GOING_LEFT, 1)


def test_nothing_happens_until_the_work_has_run() -> None:
    computer = Computer()
    dim = Dim(apply, state=DimState.APPLY_NEW_PROFILE)

    async def poll() -> None:
        net_dim(dim, dim_update_sample(1000, 1000, 1000))

    computer.spawn(poll())
    computer.run(10)
    assert dim.state is DimState.APPLY_NEW_PROFILE
    assert dim.start_sample == DimSample(0, 0, 0, 0)


def test_rates_are_rounded_up_and_events_are_always_64() -> None:
    start = DimSample(0, 0, 0, 0)
    assert dim_calc_stats(start, DimSample(3_000_999, 200, 10, 1001)) == DimStats(4, 334, 22)
    assert dim_calc_stats(start, DimSample(999, 200, 10, 1000)) is None


def test_counters_wrap() -> None:
    start = DimSample(0, 0xFFF0, 0xFFFF_FFFF, 0xFFFF_FF00)
    assert dim_calc_stats(start, DimSample(1_000_000, 0x30, 1, 0x100)) == DimStats(2, 512, 64)
    dim = Dim(apply, state=DimState.MEASURE_IN_PROGRESS, start_sample=start)
    net_dim(dim, DimSample(1_000_000, 0x2F, 1, 0x100))
    assert dim.start_sample == start  # 63 events: not yet


def test_profiles() -> None:
    assert [moder.usec for moder in RX_PROFILES[EQE]] == [1, 8, 64, 128, 256]
    assert {moder.pkts for moder in RX_PROFILES[EQE]} == {256}
    assert net_dim_get_rx_moderation(CqPeriodMode.CQE, NET_DIM_DEF_PROFILE) == (8, 128)
    assert net_dim_get_tx_moderation(CqPeriodMode.CQE, 0) == (5, 128)
    assert [moder.usec for moder in TX_PROFILES[EQE]] == [1, 8, 32, 64, 128]


@given(st.lists(st.tuples(st.integers(1, 100_000), st.integers(0, 100_000)), max_size=80))
def test_whatever_the_traffic_it_walks_step_by_step_on_the_line(measurements: list[tuple[int, int]]) -> None:
    dim = Dim(apply)
    computer = Computer()
    walk = [0]
    packets = 0

    async def poll(events: int) -> None:
        net_dim(dim, dim_update_sample(events, packets, 60 * packets))

    for index, (us, more) in enumerate(measurements):
        packets += more
        computer.run(computer.machine.now + 1000 * us)
        computer.spawn(poll(64 * index))
        computer.run(computer.machine.now)
        walk.append(dim.profile_ix)
        assert 0 <= dim.tired <= 10
    assert all(0 <= index <= 4 for index in walk)
    assert all(abs(after - before) <= 1 for before, after in pairwise(walk))
