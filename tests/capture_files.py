"""Capture files for tests, made byte by byte and so independent of the reader."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

ETHERNET = 1


class Stamped(NamedTuple):
    """A frame and its time in ns."""

    data: bytes
    time_ns: int = 0
    original: int | None = None  # length on the wire, if the capture cut it


class CaptureFile(NamedTuple):
    """A capture, and the offsets at which it may be cut to give a shorter capture, by the number of frames left."""

    content: bytes
    cuts: dict[int, int]


def pcap(frames: Sequence[Stamped], *, order: str = "<", nano: bool = False, link_type: int = ETHERNET) -> CaptureFile:
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    content = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 262144, link_type)
    cuts = {len(content): 0}
    for count, frame in enumerate(frames, start=1):
        seconds, rest = divmod(frame.time_ns, 10**9)
        original = len(frame.data) if frame.original is None else frame.original
        part = rest if nano else rest // 1000
        content += struct.pack(order + "IIII", seconds, part, len(frame.data), original) + frame.data
        cuts[len(content)] = count
    return CaptureFile(content, cuts)


def block(order: str, kind: int, body: bytes) -> bytes:
    total = struct.pack(order + "I", 12 + len(body) + -len(body) % 4)
    return struct.pack(order + "I", kind) + total + body + bytes(-len(body) % 4) + total


def section_header(order: str, length: int = -1) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, length))


def interface(order: str, link_type: int = ETHERNET, resolution: int | None = None) -> bytes:
    options = b"" if resolution is None else struct.pack(order + "HHB3xHH", 9, 1, resolution, 0, 0)
    return block(order, 1, struct.pack(order + "HHI", link_type, 0, 0) + options)


def packet(order: str, frame: Stamped, ticks: int, number: int = 0) -> bytes:
    original = len(frame.data) if frame.original is None else frame.original
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame.data), original)
    return block(order, 6, head + frame.data)


def pcapng(
    frames: Sequence[Stamped], *, order: str = "<", nano: bool = False, link_type: int = ETHERNET, tail: bytes = b""
) -> CaptureFile:
    content = section_header(order)
    cuts = {len(content): 0}
    content += interface(order, link_type, 9 if nano else None)
    cuts[len(content)] = 0
    for count, frame in enumerate(frames, start=1):
        content += packet(order, frame, frame.time_ns if nano else frame.time_ns // 1000)
        cuts[len(content)] = count
    content += tail
    cuts[len(content)] = len(frames)
    return CaptureFile(content, cuts)
