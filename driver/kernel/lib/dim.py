"""Dynamic interrupt moderation, the part that every user shares: measuring, and walking on a line (lib/dim/dim.c).

DIM looks for the setting of moderation at which most gets through. Settings lie on a line, "right" is more moderation.
It takes a step, measures, and goes on in the direction that is better; where neither is, it parks.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NamedTuple

from driver.kernel.cpu import this_cpu

#: Events (interrupts) that make a measurement.
DIM_NEVENTS = 64

NSEC_PER_USEC = 1_000
USEC_PER_MSEC = 1_000


class DimState(enum.Enum):
    """What DIM is about."""

    START_MEASURE = 0
    MEASURE_IN_PROGRESS = 1
    APPLY_NEW_PROFILE = 2  #: the work that programs the hardware has not run yet


class DimTuneState(enum.Enum):
    """Where it goes."""

    PARKING_ON_TOP = 0  #: nowhere: the best setting is found
    PARKING_TIRED = 1  #: nowhere for a while: it went about for long
    GOING_RIGHT = 2
    GOING_LEFT = 3


class DimSample(NamedTuple):
    """A reading of a queue's counters (struct dim_sample); they wrap as Linux's do.

    Attributes:
        time: in ns.
        event_ctr: interrupts, 16 bits.
        pkt_ctr, byte_ctr: packets and bytes, 32 bits.
    """

    time: int
    event_ctr: int
    pkt_ctr: int
    byte_ctr: int


class DimStats(NamedTuple):
    """What a measurement says: packets, bytes and events per ms, rounded up (struct dim_stats)."""

    ppms: int
    bpms: int
    epms: int


_NOTHING_YET = DimSample(0, 0, 0, 0)
_NOTHING_KNOWN = DimStats(0, 0, 0)


@dataclass(slots=True, eq=False)
class Dim:
    """The state of one queue (struct dim). As it is made, it parks at profile 0.

    Attributes:
        work: programs the hardware with profile_ix, and sets START_MEASURE; it runs as a task.
        steps_right, steps_left: in this direction since the last turn.
        tired: steps since it last parked.
    """

    work: Callable[[Dim], Coroutine[Any, Any, None]]
    state: DimState = DimState.START_MEASURE
    tune_state: DimTuneState = DimTuneState.PARKING_ON_TOP
    profile_ix: int = 0
    steps_right: int = 0
    steps_left: int = 0
    tired: int = 0
    start_sample: DimSample = _NOTHING_YET
    prev_stats: DimStats = _NOTHING_KNOWN

    def on_top(self) -> bool:
        """Whether it just turned, after more than one step in the other direction: the best is here (dim_on_top)."""
        match self.tune_state:
            case DimTuneState.GOING_RIGHT:
                return self.steps_left > 1 and self.steps_right == 1
            case DimTuneState.GOING_LEFT:
                return self.steps_right > 1 and self.steps_left == 1
        return True

    def turn(self) -> None:
        """Go the other way (dim_turn)."""
        match self.tune_state:
            case DimTuneState.GOING_RIGHT:
                self.tune_state = DimTuneState.GOING_LEFT
                self.steps_left = 0
            case DimTuneState.GOING_LEFT:
                self.tune_state = DimTuneState.GOING_RIGHT
                self.steps_right = 0

    def park_on_top(self) -> None:
        """Stay until the traffic changes (dim_park_on_top)."""
        self.steps_right = self.steps_left = self.tired = 0
        self.tune_state = DimTuneState.PARKING_ON_TOP

    def park_tired(self) -> None:
        """Stay for as many measurements as it took steps (dim_park_tired)."""
        self.steps_right = self.steps_left = 0
        self.tune_state = DimTuneState.PARKING_TIRED


def dim_update_sample(event_ctr: int, pkt_ctr: int, byte_ctr: int) -> DimSample:
    """The counters as they are now."""
    return DimSample(this_cpu().machine.now, event_ctr & 0xFFFF, pkt_ctr & 0xFFFF_FFFF, byte_ctr & 0xFFFF_FFFF)


def dim_calc_stats(start: DimSample, end: DimSample) -> DimStats | None:
    """Rates between two samples; None if no time has passed. DIM_NEVENTS stands for the events, however many came."""
    delta_us = (end.time - start.time) // NSEC_PER_USEC
    if not delta_us:
        return None
    packets = (end.pkt_ctr - start.pkt_ctr) & 0xFFFF_FFFF
    nbytes = (end.byte_ctr - start.byte_ctr) & 0xFFFF_FFFF
    ppms, bpms, epms = (-(-count * USEC_PER_MSEC // delta_us) for count in (packets, nbytes, DIM_NEVENTS))
    return DimStats(ppms, bpms, epms)
