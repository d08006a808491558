"""Captures: any Ethernet pcap or pcapng, read with scapy, and checked so that nothing of it is lost silently.

scapy's readers take a file that ends in the middle of a record for a shorter capture, and skip what they cannot
read; so the framing of the file is checked first (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng), and what scapy
returns is counted against it.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, NoReturn, Protocol, cast

import scapy.data
from scapy.error import Scapy_Exception
from scapy.utils import RawPcapNgReader, RawPcapReader

from emulator.errors import UserError
from emulator.wire_timing import MAX_FRAME_BYTES, MIN_FRAME_BYTES, PS_PER_S

HEADER_BYTES = 14  #: destination, source, type

_LINKTYPE_ETHERNET = 1
_PCAP_HEADER_BYTES = 24
_PCAP_RECORD_BYTES = 16
_PCAP_MAGICS = {
    b"\xd4\xc3\xb2\xa1": "<",
    b"\x4d\x3c\xb2\xa1": "<",  # nanoseconds
    b"\xa1\xb2\xc3\xd4": ">",
    b"\xa1\xb2\x3c\x4d": ">",
}
_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
_PCAPNG_BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_PCAPNG_PACKETS = (2, 3, 6)  # obsolete, simple and enhanced packet block
_GZIP_MAGIC = b"\x1f\x8b"

# What its readers warn of, the checks here report as errors.
logging.getLogger("scapy").setLevel(logging.CRITICAL)


class CapturedFrame(NamedTuple):
    """A frame of a capture.

    Attributes:
        data: the frame without FCS, as captured.
        time_ps: when it was captured, in ps from an arbitrary origin; None if the file does not say.
    """

    data: bytes
    time_ps: int | None


class CaptureFacts(NamedTuple):
    """What a look through a whole capture found.

    Attributes:
        frames: how many.
        short: how many are under 60 bytes, which a sender pads.
        longest: bytes of the longest, without FCS.
        timed: whether every frame has a time.
    """

    frames: int
    short: int
    longest: int
    timed: bool


def check_capture(path: str) -> CaptureFacts:
    """Read a whole capture and make sure that every frame of it can be sent.

    Raises:
        UserError: not a capture, truncated, empty, not Ethernet, or a frame that no wire takes.
    """
    records = _count_records(path)
    frames = short = longest = 0
    timed = True
    for data, time_ps in read_capture(path):
        frames += 1
        short += len(data) < MIN_FRAME_BYTES
        longest = max(longest, len(data))
        timed = timed and time_ps is not None
    if frames != records:
        raise UserError(
            f"{path}: corrupt capture: only {frames} of its {records} frames can be read; record or copy it again"
        )
    if not frames:
        raise UserError(f"{path}: the capture holds no frames; record some, or use --generate")
    return CaptureFacts(frames, short, longest, timed)


def read_capture(path: str) -> Iterator[CapturedFrame]:
    """The frames of a capture, one after the other.

    Raises:
        UserError: not a capture, or a frame that was cut, is not Ethernet, or that no wire takes.
    """
    try:
        reader = RawPcapReader(path)
    except (OSError, Scapy_Exception):
        _not_a_capture(path)
    with reader:
        for number, (data, record) in enumerate(reader, start=1):
            if isinstance(reader, RawPcapNgReader):
                details = cast("_PcapngRecord", record)  # scapy's annotations know only the record of pcap
                link_type, time_ps = details.linktype, _pcapng_time_ps(details)
            else:
                link_type = reader.linktype
                time_ps = record.sec * PS_PER_S + record.usec * (1_000 if reader.nano else 1_000_000)
            length, original = len(data), record.wirelen
            if link_type != _LINKTYPE_ETHERNET or length < original or not HEADER_BYTES <= length <= MAX_FRAME_BYTES:
                _refuse(f"{path}: frame {number}", link_type, length, original)
            yield CapturedFrame(data, time_ps)


class _PcapngRecord(Protocol):
    """What scapy says of a frame besides its data."""

    linktype: int
    tshigh: int | None
    tslow: int
    tsresol: int  #: per second


def _pcapng_time_ps(record: _PcapngRecord) -> int | None:
    if record.tshigh is None:
        return None
    return (record.tshigh << 32 | record.tslow) * PS_PER_S // record.tsresol


def _refuse(frame: str, link_type: int, length: int, original_length: int) -> NoReturn:
    """Say why a frame cannot be sent."""
    if link_type != _LINKTYPE_ETHERNET:
        names = [name for name, number in vars(scapy.data).items() if name.startswith("DLT_") and number == link_type]
        name = f" ({names[0].removeprefix('DLT_')})" if names else ""
        raise UserError(
            f"{frame} has link type {link_type}{name}; only Ethernet captures (link type 1) can be replayed"
        )
    if length < original_length:
        raise UserError(
            f"{frame} was cut to {length} of {original_length} bytes when it was captured; "
            "capture whole frames (tcpdump -s 0)"
        )
    if length < HEADER_BYTES:
        raise UserError(f"{frame} has {length} bytes, less than an Ethernet header")
    raise UserError(
        f"{frame} has {length} bytes, more than the {MAX_FRAME_BYTES} (without FCS) that the wire takes; "
        "capture with offloads off (ethtool -K DEV tso off gso off gro off)"
    )


def _not_a_capture(path: str) -> NoReturn:
    raise UserError(f"{path}: not a pcap or pcapng capture; record one with tcpdump -w or Wireshark")


def _count_records(path: str) -> int:
    """Walk the framing of the whole file; how many frames it holds.

    Raises:
        UserError: not a capture, or the framing is broken.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise UserError(f"{path}: not a regular file; a capture is read more than once, so give a file on disk")
    try:
        with Path(path).open("rb") as file:
            magic = file.read(4)
            if magic[:2] == _GZIP_MAGIC:
                raise UserError(f"{path}: compressed; unpack it first (gunzip)")
            size = os.fstat(file.fileno()).st_size
            if magic in _PCAP_MAGICS:
                return _count_pcap_records(file, path, size, _PCAP_MAGICS[magic])
            if magic == _PCAPNG_MAGIC:
                return _count_pcapng_records(file, path, size)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    _not_a_capture(path)


def _truncated(path: str, position: int, size: int) -> NoReturn:
    raise UserError(
        f"{path}: truncated: the record at byte {position} is longer than what is left, {size - position} bytes; "
        "record or copy it again"
    )


def _count_pcap_records(file: IO[bytes], path: str, size: int, byte_order: str) -> int:
    if size < _PCAP_HEADER_BYTES:
        _truncated(path, 0, size)
    count, position = 0, _PCAP_HEADER_BYTES
    while position < size:
        file.seek(position)
        header = file.read(_PCAP_RECORD_BYTES)
        if len(header) < _PCAP_RECORD_BYTES:
            _truncated(path, position, size)
        end = position + _PCAP_RECORD_BYTES + struct.unpack_from(byte_order + "I", header, 8)[0]
        if end > size:
            _truncated(path, position, size)
        count, position = count + 1, end
    return count


def _count_pcapng_records(file: IO[bytes], path: str, size: int) -> int:
    count = position = section_end = 0
    byte_order = "<"
    while position < size:
        file.seek(position)
        head = file.read(24)
        if len(head) < 12:
            _truncated(path, position, size)
        if head[:4] == _PCAPNG_MAGIC:
            if section_end > position:
                break
            byte_order = _PCAPNG_BYTE_ORDERS.get(head[8:12], "")
            if not byte_order:
                _not_a_capture(path)
        kind, total = struct.unpack_from(byte_order + "II", head)
        if total < 12 or total % 4:
            raise UserError(f"{path}: corrupt capture: the block at byte {position} gives its length as {total} bytes")
        if position + total > size:
            _truncated(path, position, size)
        file.seek(position + total - 4)
        if file.read(4) != head[4:8]:
            raise UserError(f"{path}: corrupt capture: the two lengths of the block at byte {position} differ")
        if head[:4] == _PCAPNG_MAGIC:
            section_end = position + total + max(0, _section_length(head, byte_order))
        count += kind in _PCAPNG_PACKETS
        position += total
    if section_end > position:
        raise UserError(
            f"{path}: truncated: its section ends at byte {position}, {section_end - position} bytes too early; "
            "record or copy it again"
        )
    return count


def _section_length(head: bytes, byte_order: str) -> int:
    """Bytes of a section after its header block, from the start of that block; -1 if the writer did not know."""
    length: int = struct.unpack_from(byte_order + "q", head.ljust(24, b"\0"), 16)[0]
    return length
