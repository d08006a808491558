"""Captures as they are written, read back by scapy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from emulator.capture import check_capture, read_capture
from emulator.pcapng_writer import PcapngWriter

records = st.lists(st.tuples(st.integers(0, 2), st.binary(min_size=60, max_size=70), st.integers(0, 2**64 - 1)))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("delivered") / "delivered.pcapng"


@given(records)
def test_frames_times_and_interfaces(file: Path, records: list[tuple[int, bytes, int]]) -> None:
    with PcapngWriter(file, ["eth0", "eth1", "eth2"]) as delivered:
        for nic, data, now_ns in records:
            delivered.write(nic, data, now_ns)
    with RawPcapNgReader(str(file)) as reader:
        found = list(reader)
        assert isinstance(reader, RawPcapNgReader)
        assert [(link_type, options["name"]) for link_type, _, options in reader.interfaces] == [
            (1, b"eth0"),
            (1, b"eth1"),
            (1, b"eth2"),
        ]
    assert [data for data, _ in found] == [data for _, data, _ in records]
    metadata: list[Any] = [details for _, details in found]  # scapy's annotations know only those of pcap
    assert [details.ifname for details in metadata] == [f"eth{nic}".encode() for nic, _, _ in records]
    assert {details.tsresol for details in metadata} <= {10**9}
    assert [details.tshigh << 32 | details.tslow for details in metadata] == [now_ns for _, _, now_ns in records]


def test_it_is_a_capture_that_can_be_replayed(file: Path) -> None:
    with PcapngWriter(file, ["eth0"]) as delivered:
        for length in range(60, 70):
            delivered.write(0, bytes([length]) * length, length)
    assert check_capture(str(file)).frames == 10
    assert list(read_capture(str(file))) == [(bytes([length]) * length, length * 1000) for length in range(60, 70)]
