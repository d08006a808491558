"""The counters of /proc/net/snmp and /proc/net/netstat, under the names that they have there (net/ipv4/proc.c)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class IpMib:
    """``Ip:``, and of ``IpExt:`` what starts with InCsum, InTruncated and InOctets.

    Attributes:
        InReceives: packets that entered ip_rcv; the segments of a merged one each.
        InHdrErrors: bad version, length or checksum.
        InAddrErrors: not for an address of ours; there is no forwarding.
        InUnknownProtos: no handler for the protocol.
        InDelivers: packets handed to a protocol.
        OutRequests: packets that a protocol wanted to send.
        OutNoRoutes: packets that no interface or neighbour could be found for.
        OutDiscards: packets dropped for want of memory.
        ReasmReqds, ReasmFails: fragments; the model does not put them together.
    """

    InReceives: int = 0
    InHdrErrors: int = 0
    InAddrErrors: int = 0
    InUnknownProtos: int = 0
    InDelivers: int = 0
    OutRequests: int = 0
    OutDiscards: int = 0
    OutNoRoutes: int = 0
    ReasmReqds: int = 0
    ReasmFails: int = 0
    InTruncatedPkts: int = 0
    InOctets: int = 0
    InCsumErrors: int = 0


@dataclass(slots=True)
class IcmpMib:
    """``Icmp:``.

    Attributes:
        InMsgs: messages received, bad ones included.
        InErrors: bad ones.
        OutRateLimitHost: error messages that were not sent since the peer had its share.
    """

    InMsgs: int = 0
    InErrors: int = 0
    InCsumErrors: int = 0
    InDestUnreachs: int = 0
    InEchos: int = 0
    InEchoReps: int = 0
    OutMsgs: int = 0
    OutRateLimitHost: int = 0
    OutDestUnreachs: int = 0
    OutEchoReps: int = 0


@dataclass(slots=True)
class UdpMib:
    """``Udp:``.

    Attributes:
        InDatagrams: datagrams that an application got.
        NoPorts: no socket on their port.
        InErrors: dropped for another reason; RcvbufErrors and InCsumErrors are among them.
        RcvbufErrors: the socket's receive buffer was full.
        SndbufErrors: no room in the socket's send buffer, or the interface dropped it.
        OutDatagrams: datagrams sent.
    """

    InDatagrams: int = 0
    NoPorts: int = 0
    InErrors: int = 0
    OutDatagrams: int = 0
    RcvbufErrors: int = 0
    SndbufErrors: int = 0
    InCsumErrors: int = 0


@dataclass(slots=True)
class TcpMib:
    """``Tcp:``.

    Attributes:
        InSegs: segments received; the model has no TCP beyond this.
    """

    InSegs: int = 0


@dataclass(slots=True)
class Mib:
    """All of them."""

    ip: IpMib = field(default_factory=IpMib)
    icmp: IcmpMib = field(default_factory=IcmpMib)
    udp: UdpMib = field(default_factory=UdpMib)
    tcp: TcpMib = field(default_factory=TcpMib)
