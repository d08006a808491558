"""Receive side scaling of the model engine: the hash against published values, and what frames are hashed."""

from __future__ import annotations

import ipaddress

import pytest

from emulator.model_nic import rss
from emulator.model_nic.rss import QUEUE_0, Rss, toeplitz
from hdl.nic.regmap import MRQC, RETA, RSSRK, VET

#: The key and the hashes with which Microsoft's "Verifying the RSS Hash Calculation" lets one check an implementation.
KEY = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
IPV4 = [
    ("66.9.149.187", 2794, "161.142.100.80", 1766, 0x323E8FC2, 0x51CCC178),
    ("199.92.111.2", 14230, "65.69.140.83", 4739, 0xD718262A, 0xC626B0EA),
    ("24.19.198.95", 12898, "12.22.207.184", 38024, 0xD2D0A5DE, 0x5C2B394A),
]
IPV6 = [
    ("3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x2CC18CD5, 0x40207D3D),
    ("3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0x0F0C461C, 0xDDE51BBF),
]

EVERYTHING = MRQC.IPV4 | MRQC.TCPIPV4 | MRQC.UDPIPV4 | MRQC.IPV6 | MRQC.TCPIPV6 | MRQC.UDPIPV6


def registers(mrqc: int = EVERYTHING | MRQC.MODE.put(2), *, queues: int = 4) -> dict[int, int]:
    """Of a NIC whose table has all queues in turn."""
    values = {MRQC.offset: mrqc, VET.offset: VET.reset}
    values |= {offset: int.from_bytes(KEY[4 * n : 4 * n + 4], "little") for n, offset in enumerate(RSSRK.offsets())}
    entries = bytes(entry % queues for entry in range(128))
    return values | {
        offset: int.from_bytes(entries[4 * n : 4 * n + 4], "little") for n, offset in enumerate(RETA.offsets())
    }


def frame(  # noqa: PLR0913
    source: str, sport: int, destination: str, dport: int, *, protocol: int = 6, tag: bytes = b""
) -> bytes:
    """A frame of at least 60 bytes between two addresses, behind a tag or not."""
    one, other = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    ports = sport.to_bytes(2) + dport.to_bytes(2)
    if len(one) == 4:
        packet = b"\x08\x00\x45" + bytes(8) + bytes((protocol, 0, 0)) + one + other
    else:
        packet = b"\x86\xdd\x60" + bytes(5) + bytes((protocol, 64)) + one + other
    return (bytes(12) + tag + packet + ports).ljust(60, b"\0")


def routed(data: bytes, values: dict[int, int] | None = None, *, queues: int = 4) -> rss.Route:
    router = Rss(queues)
    router.configure(registers() if values is None else values)
    return router.route(data)


@pytest.mark.parametrize(("source", "sport", "destination", "dport", "addresses", "ports"), IPV4 + IPV6)
def test_hashes_are_those_that_were_published(  # noqa: PLR0913, PLR0917
    source: str, sport: int, destination: str, dport: int, addresses: int, ports: int
) -> None:
    one, other = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    assert toeplitz(KEY, one + other) == addresses
    assert toeplitz(KEY, one + other + sport.to_bytes(2) + dport.to_bytes(2)) == ports
    route = routed(frame(source, sport, destination, dport))
    assert (route.rss_hash, route.queue) == (ports, (ports & 127) % 4)
    only = routed(frame(source, sport, destination, dport), registers(MRQC.MODE.put(2) | MRQC.IPV4 | MRQC.IPV6))
    assert only.rss_hash == addresses


def test_types() -> None:
    four, six = IPV4[0][:4], IPV6[0][:4]
    assert routed(frame(*four)).rss_type == rss.TCP_IPV4
    assert routed(frame(*four, protocol=17)).rss_type == rss.UDP_IPV4
    assert routed(frame(*four, protocol=1)).rss_type == rss.IPV4
    assert routed(frame(*six).ljust(62)).rss_type == rss.TCP_IPV6
    assert routed(frame(*six, protocol=17)).rss_type == rss.UDP_IPV6
    assert routed(frame(*six, protocol=0)).rss_type == rss.IPV6
    assert routed(frame(*four, tag=b"\x81\x00\x00\x05")) == routed(frame(*four))


def test_fragments_and_options_have_no_ports() -> None:
    plain = bytearray(frame(*IPV4[0][:4]))
    fragment, options = plain.copy(), plain.copy()
    fragment[20] = 0x20
    options[14] = 0x46
    assert routed(bytes(fragment)).rss_type == routed(bytes(options)).rss_type == rss.IPV4


def test_what_is_not_hashed_goes_to_queue_0() -> None:
    assert routed(bytes(12) + b"\x08\x06" + bytes(46)) == QUEUE_0
    assert routed(frame(*IPV4[0][:4]), registers(EVERYTHING)) == QUEUE_0
    assert routed(frame(*IPV4[0][:4]), registers(MRQC.MODE.put(2) | MRQC.IPV6)) == QUEUE_0


def test_a_queue_that_is_not_there_is_queue_0() -> None:
    queues = {routed(frame(f"10.0.0.{n}", 1, "10.0.1.1", 2), registers(queues=8), queues=2).queue for n in range(60)}
    assert queues == {0, 1}
