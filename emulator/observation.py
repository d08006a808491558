"""What the emulation sees of a run: tracepoints of the kernel, verdicts of the NICs, and the books kept of both."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

from driver.kernel.cpu import this_cpu
from driver.kernel.net.flow_dissector import flow_hash
from driver.kernel.net.gso import skb_gso_segment
from driver.kernel.net.netdevice import NetDevice
from driver.kernel.net.skbuff import SkBuff
from driver.kernel.trace import FORMATS, Tracepoints, ftrace_line
from emulator.engines.base import Verdict, Wire
from emulator.flow_order import order_lane
from emulator.ledger import Ledger

#: Called with NIC, frame and time in ns when a frame reaches netif_receive_skb.
Delivered = Callable[[int, bytes, int], None]

_KEPT = int(Verdict.KEPT)


class FrameObserver:
    """Keeps the ledger of one NIC up to date.

    The driver takes frames off the ring in the order in which the NIC kept them; the first tracepoint that shows an skb
    gives it its number. With several queues that order holds within each of them.
    """

    def __init__(self, nic: int, netdev: NetDevice, ledger: Ledger, wire: Wire, delivered: Delivered) -> None:
        self.ledger = ledger
        self.netdev = netdev
        self._nic = nic
        self._wire = wire
        self._delivered = delivered
        self._received = 0
        self._several_queues = len(netdev.rx_queues) > 1
        self._in_kernel: dict[int, int] = {}  # in GRO or the backlog: rx_seq by the packet's buffer
        self._gro = self._rps = False  # it has seen packets

    def collect_verdicts(self) -> None:
        """Take over what the NIC has decided since the last call."""
        self.ledger.judged(self._wire.take_verdicts())

    def napi_gro_receive(self, skb: SkBuff) -> None:
        """A packet is handed to GRO."""
        self._gro = True
        self._in_kernel[skb.head] = self._number(skb.data)

    def netif_rx(self, skb: SkBuff) -> None:
        """A packet is offered to the backlog, of the CPU that RPS chooses."""
        self._rps = self._rps or skb.dev.machine.rps_needed > 0
        self._in_kernel[skb.head] = self._number(skb.data)

    def netif_receive_skb_entry(self, skb: SkBuff) -> None:
        """RPS decides which CPU a packet goes to; from here on flows may overtake each other."""
        self._rps = True
        for head, data in _frames(skb):
            if head not in self._in_kernel:
                self._in_kernel[head] = self._number(data)

    def kfree_skb(self, skb: SkBuff) -> None:
        """A packet is dropped: by the backlog; or beyond netif_receive_skb or on its way out, where others count it."""
        for head, data in _frames(skb):
            if head in self._in_kernel:
                self.ledger.drop_at_backlog(self._in_kernel.pop(head), data)

    def netif_receive_skb(self, skb: SkBuff) -> None:
        """A packet enters the stack."""
        now, in_kernel = skb.dev.machine.now, self._in_kernel
        for head, data in _frames(skb):
            rx_seq = in_kernel.pop(head) if head in in_kernel else self._number(data)
            lane = self._lane(data) if self._gro or self._rps else None
            self.ledger.deliver(rx_seq, data, now, (lane, skb.queue_mapping) if self._several_queues else lane)
            self._delivered(self._nic, data, now)

    def _lane(self, data: bytes) -> Hashable:
        """What a frame is in order with."""
        return (order_lane(data) if self._gro else None, flow_hash(data) if self._rps else None)

    def _number(self, data: bytes) -> int:
        """The rx_seq of a frame that is seen for the first time."""
        if self._several_queues:
            self.collect_verdicts()
            return self.ledger.find(data)
        rx_seq = self._received
        self._received += 1
        if rx_seq >= self.ledger.verdicts[_KEPT]:
            self.collect_verdicts()
        return rx_seq


def _frames(skb: SkBuff) -> Iterable[tuple[int, bytes]]:
    """The frames that a packet consists of, each with the buffer that it was received in."""
    if skb.shinfo is None:
        return ((skb.head, skb.data),)
    return zip((piece.head for piece in skb.pieces()), skb_gso_segment(skb), strict=True)


def observe_frames(tracepoints: Tracepoints, observers: Iterable[FrameObserver]) -> None:
    """From now on tell each observer of the packets of its interface."""
    by_netdev = {observer.netdev: observer for observer in observers}
    tracepoints.register("napi_gro_receive_entry", lambda skb: by_netdev[skb.dev].napi_gro_receive(skb))
    tracepoints.register("netif_rx", lambda skb: by_netdev[skb.dev].netif_rx(skb))
    tracepoints.register("netif_receive_skb_entry", lambda skb: by_netdev[skb.dev].netif_receive_skb_entry(skb))
    tracepoints.register("kfree_skb", lambda skb, _reason: by_netdev[skb.dev].kfree_skb(skb))
    tracepoints.register("netif_receive_skb", lambda skb: by_netdev[skb.dev].netif_receive_skb(skb))


class TraceFile:
    """Writes every tracepoint as a line of ftrace's text; a context manager."""

    def __init__(self, path: Path, tracepoints: Tracepoints) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._file.write("# tracer: nop\n#\n")
        for name in FORMATS:
            tracepoints.register(name, self._writer(name))

    def _writer(self, name: str) -> Callable[..., None]:
        def write(*arguments: object) -> None:
            self._file.write(ftrace_line(this_cpu(), name, *arguments) + "\n")

        return write

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
