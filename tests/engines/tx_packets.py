"""Packets for transmit offloads: what a driver lays out for them, and what scapy says must leave.

Software puts the pseudo header's sum, without the length if the packet is segmented, where the checksum goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from hdl.nic.layouts import TX_CONTEXT, TX_DATA, TxContextDescriptor, TxDataDescriptor, TxDescriptor

ETHERNET = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
ETHERNET_BYTES = 14
CHECKSUM_AT = {TCP: 16, UDP: 6}
IPV4_CHECKSUM_AT = 10


def folded(total: int) -> int:
    """A sum of 16-bit words with its carries added to it."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def words(data: bytes | bytearray) -> int:
    """The sum of 16-bit words; an odd byte is followed by a zero."""
    return sum(int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big") for at in range(0, len(data), 2))


@dataclass(frozen=True)
class Offloaded:
    """A TCP or UDP packet whose checksums the device inserts, and which it may segment.

    Attributes:
        packet: from the Ethernet header on, as scapy has it.
        mss: payload bytes of a segment; 0 not to segment.
    """

    packet: Packet
    mss: int = 0

    @property
    def ipv4(self) -> bool:
        """Or IPv6."""
        return IP in self.packet

    @property
    def transport(self) -> type[Packet]:
        """TCP or UDP."""
        return TCP if TCP in self.packet else UDP

    @property
    def transport_at(self) -> int:
        """Where its header starts."""
        return len(bytes(self.packet)) - len(bytes(self.packet[self.transport]))

    @property
    def payload(self) -> bytes:
        """Behind the headers."""
        return bytes(self.packet[self.transport].payload)

    @property
    def header_bytes(self) -> int:
        """Before the payload."""
        return len(bytes(self.packet)) - len(self.payload)

    def in_memory(self) -> bytes:
        """What software hands over: lengths, checksums as the device wants them."""
        raw = bytearray(bytes(self.packet))
        at = self.transport_at
        protocol = 6 if self.transport is TCP else 17
        partial = folded(words(self._addresses()) + protocol + (0 if self.mss else len(raw) - at))
        check = at + CHECKSUM_AT[self.transport]
        raw[check : check + 2] = partial.to_bytes(2, "big")
        if self.ipv4:
            raw[ETHERNET_BYTES + IPV4_CHECKSUM_AT : ETHERNET_BYTES + IPV4_CHECKSUM_AT + 2] = bytes(2)
        return bytes(raw)

    def _addresses(self) -> bytes:
        raw = bytes(self.packet)
        if self.ipv4:
            return raw[ETHERNET_BYTES + 12 : ETHERNET_BYTES + 20]
        return raw[ETHERNET_BYTES + 8 : ETHERNET_BYTES + 40]

    def context(self, *, rs: bool = False) -> int:
        """The context descriptor, as Linux's driver fills it in."""
        at = self.transport_at
        command = {"TCP": self.transport is TCP, "IP": self.ipv4, "TSE": bool(self.mss), "RS": rs, "DEXT": 1}
        fields: dict[str, Any] = {
            "ipcss": ETHERNET_BYTES,
            "ipcso": ETHERNET_BYTES + IPV4_CHECKSUM_AT,
            "ipcse": at - 1 if self.ipv4 else 0,
            "tucss": at,
            "tucso": at + CHECKSUM_AT[self.transport],
            "tucse": 0,
            "dtyp": TX_CONTEXT,
            "command": command,
        }
        if self.mss:
            fields |= {"paylen": len(self.payload), "hdrlen": self.header_bytes, "mss": self.mss}
        return int(TxContextDescriptor.const(fields).as_bits())

    def expected(self) -> list[bytes]:
        """The frames that must leave, as scapy builds them."""
        if not self.mss:
            return [self._rebuilt(self.packet)]
        payload = self.payload
        starts = range(0, len(payload), self.mss)
        return [self._segment(number, payload[at : at + self.mss]) for number, at in enumerate(starts)]

    def _segment(self, number: int, payload: bytes) -> bytes:
        packet = Ether(bytes(self.packet))
        if self.ipv4:
            packet[IP].id = (packet[IP].id + number) & 0xFFFF
        if self.transport is TCP:
            packet[TCP].seq = (packet[TCP].seq + number * self.mss) & 0xFFFF_FFFF
            if (number + 1) * self.mss < len(self.payload):
                packet[TCP].flags = int(packet[TCP].flags) & ~0x09
        packet[self.transport].remove_payload()
        return self._rebuilt(packet / Raw(payload))

    @staticmethod
    def _rebuilt(packet: Packet) -> bytes:
        """With lengths and checksums by scapy."""
        packet = Ether(bytes(packet))
        for layer, names in ((IP, ("len", "chksum")), (IPv6, ("plen",)), (UDP, ("len", "chksum")), (TCP, ("chksum",))):
            if layer in packet:
                for name in names:
                    delattr(packet[layer], name)
        return bytes(packet)


def legacy_descriptor(address: int, length: int, command: dict[str, int], **fields: int) -> int:
    """``fields``: cso, css, special."""
    return int(TxDescriptor.const({"address": address, "length": length, "command": command, **fields}).as_bits())


def data_descriptor(
    address: int, length: int, command: dict[str, int], popts: dict[str, int] | None = None, special: int = 0
) -> int:
    """A TCP/IP data descriptor; DEXT is set."""
    fields = {
        "address": address,
        "dtalen": length,
        "dtyp": TX_DATA,
        "command": command | {"DEXT": 1},
        "popts": popts or {},
        "special": special,
    }
    return int(TxDataDescriptor.const(fields).as_bits())
