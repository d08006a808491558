"""The frames of a scenario: what goes on each wire, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emulator.engines.base import WireFrame
from emulator.errors import UserError
from emulator.generator import UdpGenerator
from emulator.scenario import Scenario
from emulator.wire_timing import MIN_FRAME_BYTES, PS_PER_NS, PS_PER_S, byte_time_ps, occupied_ps


@dataclass(frozen=True, slots=True)
class TrafficFacts:
    """What is known of the traffic before the run.

    Attributes:
        frames: frames offered to all NICs together.
        padded: how many of them are padded to 60 bytes.
    """

    frames: int
    padded: int


def check_traffic(scenario: Scenario) -> TrafficFacts:
    """Look through the whole traffic before the run.

    Raises:
        UserError: the capture cannot be replayed, or not at this pace.
    """
    if scenario.generate:
        frames, short, longest = scenario.count or 0, 0, max(scenario.generate)
    else:
        from emulator.capture import check_capture  # noqa: PLC0415  (scapy takes longer to import than all of the emulator)

        facts = check_capture(_capture_of(scenario))
        if scenario.timing == "capture" and not facts.timed:
            raise UserError(
                f"{scenario.capture}: its frames carry no times; use --rate or --pps instead of --timing capture"
            )
        frames, short, longest = facts.frames * scenario.repeat, facts.short * scenario.repeat, facts.longest
    if scenario.pps is not None:
        _check_pace(scenario.pps, scenario.rate, longest)
    return TrafficFacts(frames=frames * scenario.nics, padded=short * scenario.nics)


def frames(scenario: Scenario, nic: int, origin_ps: int = 0) -> Iterator[WireFrame]:
    """The frames for one NIC in order, made as they are asked for; the traffic starts at ``origin_ps``.

    Each NIC receives its own copy of the capture, or its own generated frames.
    """
    if scenario.generate:
        return _generated(scenario, nic, origin_ps)
    return _replayed(scenario, origin_ps)


def _generated(scenario: Scenario, nic: int, origin_ps: int) -> Iterator[WireFrame]:
    generator = UdpGenerator(scenario.generate, nic=nic, seed=scenario.seed, flows=scenario.flows)
    count, pps = scenario.count or 0, scenario.pps
    if pps is not None:
        for index in range(count):
            start_ps = index * PS_PER_S // pps
            yield WireFrame(generator.next_frame(start_ps // PS_PER_NS), origin_ps + start_ps)
        return
    byte_ps = byte_time_ps(scenario.rate)
    start_ps = 0
    for _ in range(count):
        data = generator.next_frame(start_ps // PS_PER_NS)
        yield WireFrame(data, origin_ps)  # it waits for the one before
        start_ps += occupied_ps(len(data), byte_ps)


def _replayed(scenario: Scenario, origin_ps: int) -> Iterator[WireFrame]:
    """The capture, repeated; with its own times a repetition starts as soon as the one before is over."""
    from emulator.capture import read_capture  # noqa: PLC0415  (see above)

    index = 0
    round_starts_ps = 0
    for _ in range(scenario.repeat):
        first_ps: int | None = None
        start_ps = round_starts_ps
        for data, time_ps in read_capture(_capture_of(scenario)):
            if scenario.pps is not None:
                start_ps = index * PS_PER_S // scenario.pps
            elif scenario.timing == "capture" and time_ps is not None:
                first_ps = time_ps if first_ps is None else first_ps
                start_ps = max(start_ps, round_starts_ps + time_ps - first_ps)
            yield WireFrame(data.ljust(MIN_FRAME_BYTES, b"\0"), origin_ps + start_ps)
            index += 1
        round_starts_ps = start_ps


def _capture_of(scenario: Scenario) -> str:
    assert scenario.capture is not None
    return scenario.capture


def _check_pace(pps: int, rate: int, longest: int) -> None:
    """Every frame must be over before the next is due, or the pace would not be exact."""
    most = PS_PER_S // occupied_ps(max(longest, MIN_FRAME_BYTES), byte_time_ps(rate))
    if pps > most:
        raise UserError(f"--pps {pps}: the line carries at most {most} frames of {longest} bytes per second; give less")
