"""A client outside, on the wire of one NIC: it sends requests, finds their answers, and measures how long they took.

Requests are the generator's frames to a UDP port; an answer is a datagram that starts with the request's payload, of
which the sequence number says which one it is. The time of a request counts from when the client wanted to send it, not
from when the wire was free, until the last FCS byte of the answer: an open-loop client that waits for nobody also
measures the queue in front of the wire.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from driver.kernel.net.ipv4.devinet import inet_add_addr, ip_route_add, neigh_add
from driver.kernel.net.netdevice import NetDevice
from emulator.engines.base import SentFrame, Wire, WireFrame
from emulator.generator import (
    MAGIC,
    PAYLOAD_AT,
    PAYLOAD_HEAD,
    UdpGenerator,
    ip_addresses,
    peer_address,
    station_address,
)
from emulator.latency import exact_latency
from emulator.results import Latency
from emulator.wire_timing import PS_PER_NS, PS_PER_S

_UDP = b"\x08\x00\x45"
_UDP_PROTOCOL = 17


def configure_interface(netdev: NetDevice, nic: int, flows: int = 1) -> None:
    """Give an interface the address that clients of this NIC send to, and a way back to so many of them."""
    first, server = ip_addresses(nic)
    inet_add_addr(netdev, f"{_dotted(server)}/24")
    for flow in range(flows):
        client = _dotted((*first[:3], first[3] + flow))
        ip_route_add(netdev, f"{client}/32")
        neigh_add(netdev, client, peer_address(nic))


def _dotted(address: Iterable[int]) -> str:
    return ".".join(map(str, address))


class Client:
    """What open and closed loop have in common.

    Attributes:
        sent: requests that are on the wire or were.
        answered: requests that an answer came to in time.
        lost: requests that were given up.
        late: answers to requests that were given up or answered already.
        unexpected: frames that are no answers from the port that it sends to.
        latencies: answered requests by ns.
    """

    def __init__(self, wire: Wire, generator: UdpGenerator, nic: int) -> None:
        self.sent = self.answered = self.lost = self.late = self.unexpected = 0
        self.latencies: Counter[int] = Counter()
        self._wire = wire
        self._generator = generator
        self._address = peer_address(nic) + station_address(nic)
        self._port = generator.port.to_bytes(2)
        self._outstanding: dict[int, int] = {}  # when each was to be sent, in ps, by sequence number; oldest first
        wire.listen(self._receive)

    @property
    def outstanding(self) -> int:
        """Requests under way."""
        return len(self._outstanding)

    @property
    def latency(self) -> Latency | None:
        """Of the answered requests; None if there are none."""
        return exact_latency(self.latencies)

    def _request(self, start_ps: int) -> WireFrame:
        """The next request, to be sent at a time."""
        frame = WireFrame(self._generator.next_frame(start_ps // PS_PER_NS), start_ps)
        self._outstanding[self.sent] = start_ps
        self.sent += 1
        return frame

    def _receive(self, frame: SentFrame) -> None:
        """The NIC sent a frame."""
        sequence = self._sequence_of(frame.data)
        if sequence is None or sequence >= self.sent or frame.bad_fcs:
            self.unexpected += 1
            return
        start_ps = self._outstanding.pop(sequence, None)
        if start_ps is None:
            self.late += 1
            return
        self.answered += 1
        self.latencies[(frame.end_ps - start_ps) // PS_PER_NS] += 1
        self._ended(frame.end_ps)

    def _ended(self, now_ps: int) -> None:
        """A request was answered or given up."""

    def _sequence_of(self, data: bytes) -> int | None:
        """The number of the request that a frame answers; None if it is no answer."""
        if data[:12] != self._address or data[12:15] != _UDP or data[23] != _UDP_PROTOCOL:
            return None
        if data[34:36] != self._port or len(data) < PAYLOAD_AT + PAYLOAD_HEAD.size:
            return None
        magic, sequence, _ = PAYLOAD_HEAD.unpack_from(data, PAYLOAD_AT)
        return sequence if magic == MAGIC else None

    def give_up(self, timeout_ps: int, now_ps: int) -> None:
        """Give up the requests that are older than this; whoever runs the experiment calls it now and then."""
        for sequence, start_ps in list(self._outstanding.items()):
            if now_ps - start_ps <= timeout_ps:
                break
            del self._outstanding[sequence]
            self.lost += 1
            self._ended(now_ps)


class OpenLoopClient(Client):
    """Sends at a fixed rate, whatever becomes of the requests."""

    def start(self, pps: int, count: int, origin_ps: int) -> None:
        """Send so many requests, so many per second, from a time on."""
        self._wire.send(self._requests(pps, count, origin_ps))

    def _requests(self, pps: int, count: int, origin_ps: int) -> Iterator[WireFrame]:
        for index in range(count):
            yield self._request(origin_ps + index * PS_PER_S // pps)


class ClosedLoopClient(Client):
    """Keeps a number of requests under way: each that ends makes room for another.

    Whoever runs the experiment must give up requests that may be lost, or they are missed for ever.
    """

    def __init__(self, wire: Wire, generator: UdpGenerator, nic: int) -> None:
        super().__init__(wire, generator, nic)
        self._left = 0

    def start(self, outstanding: int, count: int, origin_ps: int) -> None:
        """Send so many requests in all, so many at once, from a time on."""
        self._left = count
        for _ in range(min(outstanding, count)):
            self._ended(origin_ps)

    def _ended(self, now_ps: int) -> None:
        """Send the next one, if there is one."""
        if self._left:
            self._left -= 1
            self._wire.send([self._request(now_ps)])
