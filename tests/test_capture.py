"""Captures are read as they are, or refused with a reason; nothing of them is lost silently."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap, wrpcapng

from emulator.capture import CaptureFacts, check_capture, read_capture
from emulator.errors import UserError
from tests.capture_files import CaptureFile, Stamped, block, interface, packet, pcap, pcapng, section_header

Maker = Callable[..., CaptureFile]
FORMATS: list[Maker] = [pcap, pcapng]

frame_lists = st.lists(
    st.tuples(st.binary(min_size=14, max_size=80), st.integers(0, 2**32 * 10**9 - 1)).map(lambda pair: Stamped(*pair)),
    min_size=1,
    max_size=6,
)
THREE = [Stamped(bytes([1]) * 60, 10**18), Stamped(bytes([2]) * 61, 10**18 + 1_000), Stamped(bytes([3]) * 14, 10**18)]


def complaint(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        check_capture(str(path))
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("captures") / "some.cap"


@pytest.mark.parametrize("make", FORMATS)
@given(frames=frame_lists, order=st.sampled_from("<>"), nano=st.booleans())
def test_every_frame_and_time(file: Path, make: Maker, frames: list[Stamped], order: str, *, nano: bool) -> None:
    file.write_bytes(make(frames, order=order, nano=nano).content)
    lengths = [len(frame.data) for frame in frames]
    short = sum(length < 60 for length in lengths)
    assert check_capture(str(file)) == CaptureFacts(len(frames), short, max(lengths), timed=True)
    unit = 1 if nano else 1000
    expected = [(frame.data, frame.time_ns // unit * unit * 1000) for frame in frames]
    assert list(read_capture(str(file))) == expected


@pytest.mark.parametrize("write", [wrpcap, wrpcapng])
def test_files_that_scapy_writes(file: Path, write: Callable[[str, list[Ether]], None]) -> None:
    write(str(file), [Ether(frame.data) for frame in THREE])
    assert [frame.data for frame in read_capture(str(file))] == [frame.data for frame in THREE]
    assert check_capture(str(file)).frames == 3


@pytest.mark.parametrize("make", FORMATS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_cut_at_every_byte(file: Path, make: Maker, order: str) -> None:
    """A cut shows, unless it leaves what is a whole capture of fewer frames."""
    whole = make(THREE, order=order)
    for length in range(len(whole.content)):
        file.write_bytes(whole.content[:length])
        left = whole.cuts.get(length)
        if left:
            assert check_capture(str(file)).frames == left
        elif left == 0:
            assert "holds no frames" in complaint(file)
        elif length < 4:
            assert "not a pcap or pcapng capture" in complaint(file)
        else:
            assert complaint(file).startswith("truncated: "), f"cut at byte {length}"


def test_cut_between_blocks_shows_if_the_section_gives_its_length(file: Path) -> None:
    packets = [packet("<", frame, 0) for frame in THREE]
    body = interface("<") + b"".join(packets)
    file.write_bytes(section_header("<", len(body)) + body)
    assert check_capture(str(file)).frames == 3
    file.write_bytes(section_header("<", len(body)) + body[: -len(packets[-1])])
    assert f"{len(packets[-1])} bytes too early" in complaint(file)


def test_two_sections_of_different_byte_order(file: Path) -> None:
    file.write_bytes(pcapng(THREE, order="<").content + pcapng(THREE, order=">").content)
    assert [frame.data for frame in read_capture(str(file))] == 2 * [frame.data for frame in THREE]
    assert check_capture(str(file)).frames == 6


def test_blocks_that_are_no_frames_are_skipped(file: Path) -> None:
    statistics = block("<", 5, bytes(12))
    file.write_bytes(pcapng(THREE, tail=statistics).content)
    assert check_capture(str(file)).frames == 3


def test_simple_packet_blocks_have_no_time(file: Path) -> None:
    data = bytes(range(60))
    simple = block("<", 3, len(data).to_bytes(4, "little") + data)
    wide = block("<", 1, bytes([1, 0, 0, 0, 0, 0, 4, 0]))  # scapy takes the least of this and the length
    file.write_bytes(section_header("<") + wide + simple)
    assert list(read_capture(str(file))) == [(data, None)]
    assert not check_capture(str(file)).timed


@pytest.mark.parametrize("make", FORMATS)
@given(data=st.data())
def test_damage_never_gives_a_traceback(file: Path, make: Maker, data: st.DataObject) -> None:
    content = bytearray(make(THREE).content)
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[position] = data.draw(st.integers(0, 255))
    file.write_bytes(content)
    try:
        facts = check_capture(str(file))
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017  (both outcomes are right)
    else:
        assert facts.frames == len(list(read_capture(str(file))))


@pytest.mark.parametrize("make", FORMATS)
def test_other_link_types(file: Path, make: Maker) -> None:
    file.write_bytes(make(THREE, link_type=113).content)
    assert complaint(file).startswith("frame 1 has link type 113 (LINUX_SLL); only Ethernet")
    file.write_bytes(make(THREE, link_type=65000).content)
    assert complaint(file).startswith("frame 1 has link type 65000; only Ethernet")


def test_link_type_of_a_second_interface(file: Path) -> None:
    start = section_header("<") + interface("<") + interface("<", link_type=113)
    file.write_bytes(start + packet("<", THREE[0], 0) + packet("<", THREE[1], 0, number=1))
    assert complaint(file).startswith("frame 2 has link type 113")


def test_frame_of_an_unknown_interface_is_not_lost(file: Path) -> None:
    file.write_bytes(
        section_header("<") + interface("<") + packet("<", THREE[0], 0) + packet("<", THREE[1], 0, number=1)
    )
    assert complaint(file).startswith("corrupt capture: only 1 of its 2 frames can be read")


@pytest.mark.parametrize("make", FORMATS)
def test_frames_cut_by_the_snapshot_length(file: Path, make: Maker) -> None:
    file.write_bytes(make([THREE[0], Stamped(bytes(96), 0, original=1514)]).content)
    assert complaint(file).startswith("frame 2 was cut to 96 of 1514 bytes when it was captured")


@pytest.mark.parametrize("make", FORMATS)
def test_longest_and_shortest_frames(file: Path, make: Maker) -> None:
    file.write_bytes(make([Stamped(bytes(14)), Stamped(bytes(1518))]).content)
    assert check_capture(str(file)) == CaptureFacts(2, 1, 1518, timed=True)
    file.write_bytes(make([Stamped(bytes(1519))]).content)
    assert complaint(file).startswith("frame 1 has 1519 bytes, more than the 1518")
    file.write_bytes(make([Stamped(bytes(70_000))]).content)
    assert complaint(file).startswith("frame 1 ")
    file.write_bytes(make([Stamped(bytes(13))]).content)
    assert complaint(file).startswith("frame 1 has 13 bytes, less than an Ethernet header")


def test_what_is_no_capture(tmp_path: Path) -> None:
    file = tmp_path / "some.cap"
    assert complaint(file) == "No such file or directory"
    for content in (b"", b"x", b"#!/bin/sh\n" * 20, bytes(100), b"\n\r\r\n" + bytes(100)):
        file.write_bytes(content)
        assert complaint(file) == "not a pcap or pcapng capture; record one with tcpdump -w or Wireshark"
    file.write_bytes(gzip.compress(pcap(THREE).content))
    assert complaint(file) == "compressed; unpack it first (gunzip)"
    assert complaint(tmp_path).startswith("not a regular file")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert complaint(pipe).startswith("not a regular file")
