"""What the manual says becomes of a received frame, in Python: for tests of the receive path, block by block."""

import random
import struct
from dataclasses import dataclass, field

from emulator.engines.base import Verdict
from hdl.nic.regmap import CTRL, RAH, RCTL, RXCSUM

BROADCAST = b"\xff" * 6
RESERVED = b"\x01\x80\xc2\x00\x00\x01"
FCS_BYTES = 4


@dataclass
class Settings:
    """What the registers say."""

    rctl: int = 0
    vme: bool = False
    vet: int = 0x8100
    rxcsum: int = 0
    stations: list[tuple[bytes, int]] = field(default_factory=list)  # address, RAH beside it
    mta: int = 0  # bit n for hash n
    vfta: int = 0  # bit n for VLAN n

    @property
    def ctrl(self) -> int:
        """CTRL."""
        return CTRL.reset | (CTRL.VME if self.vme else 0)


@dataclass
class Expected:
    """What becomes of a frame; the rest is meaningless if it is not kept."""

    verdict: Verdict
    data: bytes = b""
    stripped: bool = False
    special: int = 0
    inexact: bool = False
    packet_checksum: int = 0
    ip_good: bool | None = None
    l4_good: bool | None = None


def expect(frame: bytes, bad: bool, settings: Settings) -> Expected:
    """The fate of a frame, FCS included, if there is room for it."""
    rctl = settings.rctl
    if not rctl & RCTL.EN:
        return Expected(Verdict.DISABLED)
    accepted, inexact = accepts(frame, settings)
    if not accepted:
        return Expected(Verdict.FILTERED)
    wrong = bad or len(frame) < 64 or len(frame) > (16384 if rctl & RCTL.LPE else 1522)
    if wrong and not rctl & RCTL.SBP:
        return Expected(Verdict.ERROR)
    data, tag = frame, tag_of(frame, settings) if settings.vme else None
    if tag is not None:
        data = frame[:12] + frame[16:]
    without_fcs = data[:-FCS_BYTES]
    if rctl & RCTL.SECRC and len(data) > FCS_BYTES:
        data = without_fcs
    expected = Expected(Verdict.KEPT, data, tag is not None, tag or 0, inexact)
    expected.packet_checksum = ~ones_sum(data[RXCSUM.PCSS.get(settings.rxcsum) :]) & 0xFFFF
    if not wrong:
        expected.ip_good, expected.l4_good = checksums(without_fcs, settings)
    return expected


def tag_of(frame: bytes, settings: Settings) -> int | None:
    """Tag control information, if there is a tag."""
    if len(frame) < 16 or int.from_bytes(frame[12:14], "big") != settings.vet:
        return None
    return int.from_bytes(frame[14:16], "big")


def accepts(frame: bytes, settings: Settings) -> tuple[bool, bool]:
    """Whether a frame passes the filters, and whether only because of a mode or of a hash."""
    rctl, destination = settings.rctl, frame[:6].ljust(6, b"\0")
    station = any(a == destination and h & RAH.AV and not h & RAH.AS for a, h in settings.stations)
    exact = station or (destination == BROADCAST and bool(rctl & RCTL.BAM))
    group = destination[0] & 1
    shift = {0: 4, 1: 3, 2: 2, 3: 0}[RCTL.MO.get(rctl)]
    address_hash = (destination[4] >> shift | destination[5] << 8 - shift) & 0xFFF
    hit = group and settings.mta >> address_hash & 1
    passes = exact or hit or rctl & (RCTL.MPE if group else RCTL.UPE)
    tag = tag_of(frame, settings)
    if tag is not None and rctl & RCTL.VFE:
        right_cfi = not rctl & RCTL.CFIEN or (tag >> 12 & 1) == RCTL.CFI.get(rctl)
        passes = passes and right_cfi and settings.vfta >> (tag & 0xFFF) & 1
    if len(frame) >= 16 and frame[12:14] == b"\x88\x08" and (station or destination == RESERVED):
        pause = frame[14:16] == b"\x00\x01"
        passes = passes and not (rctl & RCTL.DPF if pause else not rctl & RCTL.PMCF)
    return bool(passes), not exact


def ones_sum(data: bytes) -> int:
    """Ones' complement sum of 16-bit big-endian words; zero only if all bytes are."""
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    return (total - 1) % 0xFFFF + 1 if total else 0


def checksums(packet: bytes, settings: Settings) -> tuple[bool | None, bool | None]:
    """Of a frame without its FCS: whether the checksums of IP and of TCP or UDP are good; None if nothing is said."""
    at = 12
    if packet[at : at + 2] == settings.vet.to_bytes(2, "big"):
        at += 4
    if int.from_bytes(packet[at : at + 2], "big") < 0x600:
        if packet[at + 2 : at + 8] != b"\xaa\xaa\x03\0\0\0":
            return None, None
        at += 8
    ip = packet[at + 2 :]
    header = (ip[0] & 15) * 4 if ip else 0
    if packet[at : at + 2] != b"\x08\x00" or not ip or ip[0] >> 4 != 4 or header < 20 or len(ip) < header:
        return None, None
    ip_good = ones_sum(ip[:header]) == 0xFFFF if settings.rxcsum & RXCSUM.IPOFLD else None
    total, fragment, protocol = int.from_bytes(ip[2:4], "big"), int.from_bytes(ip[6:8], "big") & 0x3FFF, ip[9]
    segment = ip[header:total]
    no_checksum = protocol == 17 and segment[6:8].ljust(2, b"\0") == b"\0\0"
    if fragment or protocol not in (6, 17) or not header <= total <= len(ip) or no_checksum:
        return ip_good, None
    if not settings.rxcsum & RXCSUM.TUOFLD:
        return ip_good, None
    pseudo = ip[12:20] + struct.pack(">HH", protocol, total - header)
    return ip_good, ones_sum(pseudo + segment) == 0xFFFF


# --- frames that are worth trying -----------------------------------------------------------------------------------


def random_packet(destination: bytes, *, vet: int = 0x8100, vlan: int | None = None) -> bytes:
    """A frame with IPv4, UDP or TCP in it more often than not, mostly right, now and then not; FCS included."""
    tag = vet.to_bytes(2, "big") + vlan.to_bytes(2, "big") if vlan is not None else b""
    header = destination + random.randbytes(6) + tag
    ip = random_datagram()
    kind = random.choice(("ethernet", "ethernet", "ethernet", "snap", "llc", "other"))
    if kind == "snap":
        body = struct.pack(">H", len(ip) + 8) + b"\xaa\xaa\x03\0\0\0\x08\0" + ip
    elif kind == "llc":
        body = struct.pack(">H", len(ip) + 8) + b"\xaa\xaa\x03\0\0\x01\x08\0" + ip
    elif kind == "ethernet":
        body = b"\x08\0" + ip
    else:
        body = random.choice((b"\x86\xdd", b"\x08\x06", b"\x88\x08\0\x01", b"\x88\x08\0\x02")) + ip
    return (header + body).ljust(60, random.choice((b"\0", b"\x5a"))) + random.randbytes(FCS_BYTES)


def random_datagram() -> bytes:
    """IPv4 with options or without, a fragment or not; TCP, UDP with a checksum or without, or something else."""
    protocol = random.choice((6, 6, 17, 17, 1))
    options = random.randbytes(4 * random.choice((0, 0, 0, 1, 5, 10)))
    length = random.choice((8, 9, 20, 21, 40, random.randint(8, 300), random.randint(8, 1300)))
    segment = bytearray(random.randbytes(length))
    source, destination = random.randbytes(4), random.randbytes(4)
    check_at = {6: 16, 17: 6}.get(protocol)
    if check_at is not None and length >= check_at + 2:
        segment[check_at : check_at + 2] = b"\0\0"
        pseudo = source + destination + struct.pack(">HH", protocol, length)
        check = ~ones_sum(pseudo + segment) & 0xFFFF or 0xFFFF
        check ^= random.choice((0, 0, 0, 1, 0x100))
        segment[check_at : check_at + 2] = check.to_bytes(2, "big") if random.random() < 0.9 else b"\0\0"
    fragment = random.choice((0, 0, 0, 0x4000, 0x2000, 0x0001))
    claimed = 20 + len(options) + length + random.choice((0, 0, 0, 0, 0, 1, 200, -1))
    version_ihl = 0x40 | 5 + len(options) // 4 if random.random() < 0.95 else random.getrandbits(8)
    fields = struct.pack(">BBHHHBBH", version_ihl, 0, claimed & 0xFFFF, 7, fragment, 64, protocol, 0)
    header = bytearray(fields + source + destination + options)
    header[10:12] = (~ones_sum(header) & 0xFFFF ^ random.choice((0, 0, 0, 8))).to_bytes(2, "big")
    return bytes(header) + bytes(segment)
