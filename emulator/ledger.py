"""The books of one NIC: every frame offered is delivered once, unchanged and in order, or dropped at one named place.

The ledger learns what is offered as the wire takes it, what the NIC decided from the board's verdicts, and what the
stack got from the kernel. Frames that the NIC kept leave it in ring order: the n-th frame that the driver takes off
the ring (``rx_seq``, from 0) is the n-th kept one. It holds only frames that are under way, so a run can be as long
as it likes.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator

from emulator.engines.base import Verdict, WireFrame
from emulator.errors import RunFailed
from emulator.latency import exact_latency
from emulator.results import FrameCounts, Latency, NicStatistics
from emulator.wire_timing import PS_PER_NS, WireTiming

#: A frame that is on the wire, in the NIC or in the kernel: its number among those offered to this NIC, from 0; its
#: bytes; when its last FCS byte has passed, in ps.
_UnderWay = tuple[int, bytes, int]

_KEPT = int(Verdict.KEPT)


class Ledger:
    """Follows the frames of one NIC.

    Attributes:
        offered: frames that the wire has taken so far.
        verdicts: frames by what the NIC decided; the index is a Verdict.
        delivered: frames that reached netif_receive_skb.
        backlog_dropped: frames that found the backlog full.
        latencies: frames by ns from the last FCS byte on the wire to netif_receive_skb.
    """

    def __init__(self, nic: int, byte_ps: int, *, several_queues: bool = False) -> None:
        """Books for the NIC of this number on a wire with this time per byte, in ps.

        With several queues frames leave the NIC in the order of each queue, and are known by what is in them.
        """
        self.nic = nic
        self.offered = 0
        self.verdicts = [0] * len(Verdict)
        self.delivered = 0
        self.backlog_dropped = 0
        self.latencies: dict[int, int] = {}
        self._timing = WireTiming(byte_ps)
        self._on_wire: deque[_UnderWay] = deque()
        self._kept: dict[int, _UnderWay] = {}  # by rx_seq
        self._by_data: defaultdict[bytes, deque[int]] | None = defaultdict(deque) if several_queues else None
        self._next_delivery: dict[Hashable, int] = {}  # by lane: least rx_seq that may come next

    @property
    def done(self) -> int:
        """Frames that have come to their end, one way or another."""
        return self.delivered + self.backlog_dropped + sum(self.verdicts) - self.verdicts[_KEPT]

    def offer(self, frames: Iterable[WireFrame]) -> Iterator[WireFrame]:
        """Pass frames on to the engine's wire, and put each on the books as the wire takes it."""
        for frame in frames:
            data = frame.data
            _, end_ps = self._timing.send(len(data), frame.start_ps)
            self._on_wire.append((self.offered, data, end_ps))
            self.offered += 1
            yield frame

    def judged(self, verdicts: Iterable[Verdict]) -> None:
        """Take the NIC's verdicts on the next frames, in the order of the wire.

        Raises:
            RunFailed: a verdict on a frame that was not sent.
        """
        on_wire, kept, counts = self._on_wire, self._kept, self.verdicts
        for verdict in verdicts:
            if not on_wire:
                raise RunFailed(f"NIC {self.nic}: verdict {verdict.name}, but all {self.offered} frames sent have one")
            frame = on_wire.popleft()
            if verdict == _KEPT:
                kept[counts[_KEPT]] = frame
                if self._by_data is not None:
                    self._by_data[frame[1]].append(counts[_KEPT])
            counts[verdict] += 1

    def find(self, data: bytes) -> int:
        """With several queues: the rx_seq of the next frame of these bytes that came out of the driver.

        Raises:
            RunFailed: there is none.
        """
        assert self._by_data is not None
        numbers = self._by_data.get(data)
        if numbers:
            rx_seq = numbers.popleft()
            if not numbers:
                del self._by_data[data]
            return rx_seq
        raise RunFailed(
            f"NIC {self.nic}: the driver received {len(data)} bytes that are no frame which the NIC has kept"
        )

    def deliver(self, rx_seq: int, data: bytes, now_ns: int, lane: Hashable = None) -> None:
        """A frame reached netif_receive_skb; it has to be in order among those of its lane.

        Raises:
            RunFailed: it is not the frame that should come here, or not as it was sent.
        """
        frame = self._kept.pop(rx_seq, None)
        if frame is None or frame[1] != data:
            raise self._wrong(frame, rx_seq, data)
        number, _, end_ps = frame
        if rx_seq < self._next_delivery.get(lane, 0):
            raise RunFailed(f"NIC {self.nic}: frame {number} was delivered after a later one: out of order")
        latency = now_ns - end_ps // PS_PER_NS
        if latency < 0:
            raise RunFailed(f"NIC {self.nic}: frame {number} was delivered {-latency} ns before it had arrived")
        self._next_delivery[lane] = rx_seq + 1
        self.delivered += 1
        self.latencies[latency] = self.latencies.get(latency, 0) + 1

    def drop_at_backlog(self, rx_seq: int, data: bytes) -> None:
        """netif_rx dropped a frame because the backlog was full.

        Raises:
            RunFailed: it is not the frame that should come here, or not as it was sent.
        """
        frame = self._kept.pop(rx_seq, None)
        if frame is None or frame[1] != data:
            raise self._wrong(frame, rx_seq, data)
        self.backlog_dropped += 1

    def close(self, statistics: NicStatistics, queue_dropped: int = 0) -> FrameCounts:
        """End the books once the wire, the NIC and the kernel are empty; where the frames went.

        Args:
            statistics: the NIC's own.
            queue_dropped: of the frames that it kept, those that its queues dropped (RQDPC).

        Raises:
            RunFailed: the sum is off, or the NIC's own statistics say something else.
        """
        self._check_nothing_under_way(queue_dropped)
        counts = FrameCounts(
            offered=self.offered,
            delivered=self.delivered,
            nic_missed=self.verdicts[Verdict.MISSED],
            nic_error=self.verdicts[Verdict.ERROR],
            nic_filtered=self.verdicts[Verdict.FILTERED],
            nic_queue=queue_dropped,
            backlog=self.backlog_dropped,
        )
        check_conservation(counts, f"NIC {self.nic}")
        self._check_statistics(statistics)
        return counts

    def _wrong(self, frame: _UnderWay | None, rx_seq: int, data: bytes) -> RunFailed:
        """What is wrong with what came out of the driver, where this frame should, or none."""
        if frame is not None:
            number, sent, _ = frame
            return RunFailed(f"NIC {self.nic}: frame {number} changed on its way: {_difference(sent, data)}")
        known = self.verdicts[Verdict.KEPT]
        if rx_seq < known:
            return RunFailed(f"NIC {self.nic}: received frame {rx_seq} came out of the driver twice")
        return RunFailed(f"NIC {self.nic}: the driver received frame {rx_seq}, but the NIC kept only {known} frames")

    def _check_nothing_under_way(self, queue_dropped: int) -> None:
        if self._on_wire:
            number, count = self._on_wire[0][0], len(self._on_wire)
            raise RunFailed(f"NIC {self.nic}: {count} of {self.offered} frames got no verdict, from frame {number} on")
        if self.verdicts[Verdict.DISABLED]:
            raise RunFailed(
                f"NIC {self.nic}: {self.verdicts[Verdict.DISABLED]} frames arrived while its receiver was off"
            )
        if len(self._kept) < queue_dropped:
            raise RunFailed(
                f"NIC {self.nic}: its queues say that they dropped {queue_dropped} frames, but {len(self._kept)} "
                f"of those that it kept never reached the stack"
            )
        if len(self._kept) > queue_dropped:
            number, count = next(iter(self._kept.values()))[0], len(self._kept) - queue_dropped
            raise RunFailed(
                f"NIC {self.nic}: {count} of the {self.verdicts[Verdict.KEPT]} frames that it kept "
                f"never reached the stack, the first is frame {number}"
            )

    def _check_statistics(self, statistics: NicStatistics) -> None:
        pairs = (
            (Verdict.KEPT, statistics.kept),
            (Verdict.MISSED, statistics.missed),
            (Verdict.ERROR, statistics.error),
            (Verdict.FILTERED, statistics.filtered),
        )
        for verdict, counted in pairs:
            if self.verdicts[verdict] != counted:
                raise RunFailed(
                    f"NIC {self.nic}: {self.verdicts[verdict]} frames had the verdict {verdict.name}, "
                    f"but its statistics registers say {counted}"
                )


def check_conservation(counts: FrameCounts, whose: str) -> None:
    """Offered frames are delivered or dropped.

    Raises:
        RunFailed: the sum is off.
    """
    dropped = counts.nic_missed + counts.nic_error + counts.nic_filtered + counts.nic_queue + counts.backlog
    if counts.offered != counts.delivered + dropped:
        raise RunFailed(
            f"{whose}: {counts.offered} frames offered, but {counts.delivered} delivered + {dropped} dropped "
            f"(missed {counts.nic_missed}, error {counts.nic_error}, filtered {counts.nic_filtered}, "
            f"queues {counts.nic_queue}, backlog {counts.backlog}) = {counts.delivered + dropped}"
        )


def total_counts(counts: Iterable[FrameCounts]) -> FrameCounts:
    """The sum over all NICs."""
    nics = list(counts)
    return FrameCounts(
        offered=sum(nic.offered for nic in nics),
        delivered=sum(nic.delivered for nic in nics),
        nic_missed=sum(nic.nic_missed for nic in nics),
        nic_error=sum(nic.nic_error for nic in nics),
        nic_filtered=sum(nic.nic_filtered for nic in nics),
        nic_queue=sum(nic.nic_queue for nic in nics),
        backlog=sum(nic.backlog for nic in nics),
    )


def total_latency(ledgers: Iterable[Ledger]) -> Latency | None:
    """Exact latencies over all NICs, percentiles by nearest rank; None if nothing was delivered."""
    latencies: Counter[int] = Counter()
    for ledger in ledgers:
        latencies.update(ledger.latencies)
    return exact_latency(latencies)


def _difference(sent: bytes, received: bytes) -> str:
    if len(sent) != len(received):
        return f"sent {len(sent)} bytes, received {len(received)}"
    index = next(index for index, pair in enumerate(zip(sent, received, strict=True)) if pair[0] != pair[1])
    return f"byte {index} was sent as {sent[index]:#04x} and received as {received[index]:#04x}"
