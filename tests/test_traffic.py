"""What goes on each wire, and when."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from pathlib import Path

import pytest

from emulator.engines.base import WireFrame
from emulator.errors import UserError
from emulator.generator import PAYLOAD_HEAD
from emulator.scenario import Scenario
from emulator.traffic import TrafficFacts, check_traffic, frames
from tests.capture_files import Stamped, block, interface, pcapng, section_header

SECOND_NS = 10**9
CAPTURED = [
    Stamped(bytes([number]) * size, 5 * SECOND_NS + at)
    for number, (size, at) in enumerate([(42, 0), (60, 700), (1514, 100), (64, 5_000_000)], start=1)
]  # the third came before the second


@pytest.fixture
def capture(tmp_path: Path) -> str:
    path = tmp_path / "some.pcapng"
    path.write_bytes(pcapng(CAPTURED, nano=True).content)
    return str(path)


def starts(traffic: list[WireFrame]) -> list[int]:
    return [frame.start_ps for frame in traffic]


def test_a_capture_is_replayed_and_padded(capture: str) -> None:
    scenario = Scenario(capture=capture, repeat=3, nics=2)
    assert check_traffic(scenario) == TrafficFacts(frames=24, padded=6)
    sent = [CAPTURED[0].data + bytes(18), *(frame.data for frame in CAPTURED[1:])]
    for nic in range(2):
        traffic = list(frames(scenario, nic))
        assert [frame.data for frame in traffic] == 3 * sent
        assert set(starts(traffic)) == {0}
        assert not any(frame.bad_fcs for frame in traffic)


def test_own_times_of_a_capture(capture: str) -> None:
    """From the first frame on, never back; a repetition starts when the one before has ended."""
    scenario = Scenario(capture=capture, timing="capture", repeat=2)
    once = [0, 700_000, 700_000, 5_000_000_000]
    assert starts(list(frames(scenario, 0))) == once + [5_000_000_000 + start for start in once]


def test_times_count_from_the_origin(capture: str) -> None:
    """The content of generated frames does not: it says when they are sent, counted from the start of the traffic."""
    for scenario in (Scenario(capture=capture, timing="capture"), Scenario(generate=(60,), count=9, pps=7_001)):
        moved, plain = list(frames(scenario, 0, 5_000)), list(frames(scenario, 0))
        assert starts(moved) == [5_000 + start for start in starts(plain)]
        assert [frame.data for frame in moved] == [frame.data for frame in plain]


def test_exact_pace(capture: str) -> None:
    """Frame i starts at i/pps, rounded down to ps, without an error that grows; over repetitions too."""
    expected = [index * 10**12 // 7_001 for index in range(40)]
    assert starts(list(frames(Scenario(capture=capture, pps=7_001, repeat=10), 0))) == expected
    assert starts(list(frames(Scenario(generate=(60,), count=40, pps=7_001), 0))) == expected


def test_a_pace_that_the_line_does_not_carry(capture: str) -> None:
    check_traffic(Scenario(capture=capture, pps=81_274))
    with pytest.raises(UserError, match="--pps 81275: the line carries at most 81274 frames of 1514 bytes"):
        check_traffic(Scenario(capture=capture, pps=81_275))
    check_traffic(Scenario(generate=(60,), count=1, pps=1_488_095))
    with pytest.raises(UserError, match="at most 1488095 frames of 60 bytes"):
        check_traffic(Scenario(generate=(60,), count=1, pps=1_488_096))


def test_times_are_needed_only_where_they_are_used(tmp_path: Path) -> None:
    path = tmp_path / "untimed.pcapng"
    simple = block("<", 3, (60).to_bytes(4, "little") + bytes(60))
    path.write_bytes(section_header("<") + block("<", 1, bytes([1, 0, 0, 0, 0, 0, 4, 0])) + simple)
    check_traffic(Scenario(capture=str(path)))
    with pytest.raises(UserError, match="its frames carry no times"):
        check_traffic(Scenario(capture=str(path), timing="capture"))


def test_an_empty_capture(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcapng"
    path.write_bytes(section_header("<") + interface("<"))
    with pytest.raises(UserError, match="holds no frames"):
        check_traffic(Scenario(capture=str(path)))


def send_times(traffic: list[WireFrame]) -> list[int]:
    return [PAYLOAD_HEAD.unpack_from(frame.data, 42)[2] for frame in traffic]


def test_generated_frames_carry_their_send_time() -> None:
    back_to_back = list(frames(Scenario(generate=(60, 1514), count=5), 0))
    assert set(starts(back_to_back)) == {0}
    assert send_times(back_to_back) == [0, 672, 12_976, 13_648, 25_952]
    paced = list(frames(Scenario(generate=(60,), count=3, pps=3_000), 0))
    assert send_times(paced) == [0, 333_333, 666_666]


def test_generated_frames_of_each_nic_are_its_own() -> None:
    scenario = Scenario(generate=(60, 61), count=10, nics=2)
    assert check_traffic(scenario) == TrafficFacts(frames=20, padded=0)
    first, second = (list(frames(scenario, nic)) for nic in range(2))
    assert len(first) == len(second) == 10
    assert not {frame.data for frame in first} & {frame.data for frame in second}
    assert first == list(frames(scenario, 0))


@pytest.mark.parametrize("kind", ["generated", "replayed"])
def test_memory_does_not_grow_with_the_traffic(capture: str, kind: str) -> None:
    scenario = (
        Scenario(generate=(1514,), count=10**12) if kind == "generated" else Scenario(capture=capture, repeat=10**9)
    )
    traffic = frames(scenario, 0)

    def in_use_after(count: int) -> int:
        for _ in itertools.islice(traffic, count):
            pass
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    before = in_use_after(500)
    after = in_use_after(4_000)
    tracemalloc.stop()
    assert after - before < 100_000  # the frames would be at least 240,000 bytes
