"""Dynamic interrupt moderation for network queues: the profiles, and what is better (lib/dim/net_dim.c)."""

from __future__ import annotations

import enum
from typing import NamedTuple

from driver.kernel.cpu import this_cpu
from driver.kernel.lib.dim import DIM_NEVENTS, Dim, DimSample, DimState, DimStats, DimTuneState, dim_calc_stats


class DimCqModer(NamedTuple):
    """A setting of moderation (struct dim_cq_moder): time in us and packets, whichever comes first."""

    usec: int
    pkts: int


class CqPeriodMode(enum.Enum):
    """What a queue's timer counts from (enum dim_cq_period_mode)."""

    EQE = 0  #: the last interrupt
    CQE = 1  #: the last completion


RX_PROFILES = {
    CqPeriodMode.EQE: tuple(DimCqModer(usec, 256) for usec in (1, 8, 64, 128, 256)),
    CqPeriodMode.CQE: (
        DimCqModer(2, 256),
        DimCqModer(8, 128),
        DimCqModer(16, 64),
        DimCqModer(32, 64),
        DimCqModer(64, 64),
    ),
}
TX_PROFILES = {
    CqPeriodMode.EQE: tuple(DimCqModer(usec, 128) for usec in (1, 8, 32, 64, 128)),
    CqPeriodMode.CQE: (
        DimCqModer(5, 128),
        DimCqModer(8, 64),
        DimCqModer(16, 32),
        DimCqModer(32, 32),
        DimCqModer(64, 32),
    ),
}
NET_DIM_PARAMS_NUM_PROFILES = 5

#: The profile that a driver starts with if it asks for the default one.
NET_DIM_DEF_PROFILE = 1

_TIRED = 2 * NET_DIM_PARAMS_NUM_PROFILES

#: Percent that a rate must change by to count: 100 * difference / before, as an integer.
_SIGNIFICANT = 10


class _Compared(enum.Enum):
    SAME = 0
    BETTER = 1
    WORSE = 2


def net_dim_get_rx_moderation(mode: CqPeriodMode, index: int) -> DimCqModer:
    """A reception profile."""
    return RX_PROFILES[mode][index]


def net_dim_get_tx_moderation(mode: CqPeriodMode, index: int) -> DimCqModer:
    """A transmission profile."""
    return TX_PROFILES[mode][index]


def net_dim(dim: Dim, end_sample: DimSample) -> None:
    """Take notice of a queue's counters; the driver calls it at the end of each poll."""
    if dim.state is DimState.APPLY_NEW_PROFILE:
        return
    if dim.state is DimState.MEASURE_IN_PROGRESS:
        if (end_sample.event_ctr - dim.start_sample.event_ctr) & 0xFFFF < DIM_NEVENTS:
            return
        stats = dim_calc_stats(dim.start_sample, end_sample)
        if stats is None:
            return
        if _decide(dim, stats):
            dim.state = DimState.APPLY_NEW_PROFILE
            this_cpu().machine.kthread_run(dim.work(dim), "kworker/0:3")
            return
    dim.start_sample = end_sample
    dim.state = DimState.MEASURE_IN_PROGRESS


def _decide(dim: Dim, stats: DimStats) -> bool:
    """Where to go after a measurement (net_dim_decision); whether the profile changed."""
    before, index_before = dim.tune_state, dim.profile_ix
    match before:
        case DimTuneState.PARKING_ON_TOP:
            if _compare(stats, dim.prev_stats) is not _Compared.SAME:
                _exit_parking(dim)
        case DimTuneState.PARKING_TIRED:
            dim.tired -= 1
            if not dim.tired:
                _exit_parking(dim)
        case _:
            if _compare(stats, dim.prev_stats) is not _Compared.BETTER:
                dim.turn()
            if dim.on_top():
                dim.park_on_top()
            elif dim.tired == _TIRED:
                dim.park_tired()
            elif not _step(dim):
                dim.park_on_top()
    if before is not DimTuneState.PARKING_ON_TOP or dim.tune_state is not DimTuneState.PARKING_ON_TOP:
        dim.prev_stats = stats
    return dim.profile_ix != index_before


def _exit_parking(dim: Dim) -> None:
    """Take a first step: left, if there is anything."""
    dim.tune_state = DimTuneState.GOING_LEFT if dim.profile_ix else DimTuneState.GOING_RIGHT
    _step(dim)


def _step(dim: Dim) -> bool:
    """Go one profile on; False at the edge."""
    if dim.tune_state is DimTuneState.GOING_RIGHT:
        if dim.profile_ix == NET_DIM_PARAMS_NUM_PROFILES - 1:
            return False
        dim.profile_ix += 1
        dim.steps_right += 1
    else:
        if not dim.profile_ix:
            return False
        dim.profile_ix -= 1
        dim.steps_left += 1
    dim.tired += 1
    return True


def _compare(now: DimStats, before: DimStats) -> _Compared:
    """The first rate that changed decides: more bytes, more packets, fewer events."""
    rates = ((now.bpms, before.bpms, True), (now.ppms, before.ppms, True), (now.epms, before.epms, False))
    for rate, rate_before, more_is_better in rates:
        if not rate_before:
            return _Compared.BETTER if rate and more_is_better else _Compared.SAME
        if _significant(rate, rate_before):
            return _Compared.BETTER if (rate > rate_before) is more_is_better else _Compared.WORSE
    return _Compared.SAME


def _significant(now: int, before: int) -> bool:
    return 100 * abs(now - before) // before > _SIGNIFICANT
