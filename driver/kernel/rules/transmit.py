"""Rules 44 to 48: what a driver does with packets, transmit queues and byte queue limits (networking/driver.rst)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.kernel.cpu import KTIME_MAX, running, this_cpu
from driver.kernel.cpu import Level as ContextLevel
from driver.kernel.net.netdev_queue import netif_tx_queue_stopped
from driver.kernel.rules.place import calling_line, driver_line, function_line
from driver.kernel.rules.rule import CodeLine, Level, Rule

if TYPE_CHECKING:
    from driver.kernel.net.netdev_queue import NetdevQueue
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.net.skbuff import SkBuff
    from driver.kernel.rules.checker import Checker

#: A packet must be completed within that time, whatever moderation the device does: 8254x timers end after 67 ms.
COMPLETION_NS = 100_000_000

#: What netdev_tx_t knows (include/linux/netdevice.h).
_TX_OK, _TX_BUSY = 0, 0x10

#: Files from which packets are freed for somebody else.
_FREEING = ("net/skbuff.py", "net/xmit.py")

TX_RETURN_CODE = Rule(
    name="tx-return-code",
    invariant=44,
    level=Level.ERROR,
    demands="ndo_start_xmit returns NETDEV_TX_OK or NETDEV_TX_BUSY",
    mend="Return NETDEV_TX_OK for a packet that you sent or freed; errors of sending are counted, not returned.",
    source="Documentation/networking/driver.rst; net/sched/sch_generic.c, sch_direct_xmit",
    prints="BUG {dev} code {code} qlen {qlen}",
)

TX_BUSY_SKB = Rule(
    name="tx-busy-skb",
    invariant=44,
    level=Level.ERROR,
    demands="a packet for which ndo_start_xmit returns NETDEV_TX_BUSY is not freed, not changed, not kept",
    mend="Look for room before you touch the packet; to drop it, free it and return NETDEV_TX_OK.",
    source="Documentation/networking/driver.rst",
)

TX_BUSY_RUNNING = Rule(
    name="tx-busy-running",
    invariant=46,
    level=Level.ERROR,
    demands="a driver that returns NETDEV_TX_BUSY has stopped the queue: else the stack tries again at once",
    mend="Stop the queue when a packet fills the ring, so that you never have to return NETDEV_TX_BUSY.",
    source="Documentation/networking/driver.rst",
)

SKB_DOUBLE_FREE = Rule(
    name="skb-double-free",
    invariant=44,
    level=Level.ERROR,
    demands="a packet is freed once",
    mend="Clear the ring's pointer to a packet when you free it.",
    source="net/core/skbuff.c; lib/refcount.c",
    prints="refcount_t: underflow; use-after-free.",
)

TX_SKB_LEAK = Rule(
    name="tx-skb-leak",
    invariant=44,
    level=Level.ERROR,
    demands="each packet for which ndo_start_xmit returned NETDEV_TX_OK is freed, at the latest by ndo_stop",
    mend="Free what is still on the transmit ring when you empty it.",
    source="Documentation/networking/driver.rst",
)

TX_COMPLETION = Rule(
    name="tx-completion",
    invariant=45,
    level=Level.ERROR,
    demands="a packet that was sent is freed within finite time, here 100 ms, even if no other ever follows",
    mend="Reclaim on the device's own interrupt, or set a timer; do not wait for the next ndo_start_xmit.",
    source="Documentation/networking/driver.rst",
)

TX_QUEUE_STUCK = Rule(
    name="tx-queue-stuck",
    invariant=46,
    level=Level.ERROR,
    demands="a queue that ndo_start_xmit stopped is woken before the last packet is reclaimed",
    mend="After netif_stop_queue look again whether there is room; and wake the queue when you reclaim.",
    source="include/net/netdev_queues.h",
)

BQL_COMPLETED = Rule(
    name="bql-completed",
    invariant=47,
    level=Level.ERROR,
    demands="no more bytes are reported to netdev_completed_queue than were to netdev_sent_queue",
    mend="Report the same length of a packet on both sides, and each packet once.",
    source="lib/dynamic_queue_limits.c, dql_completed",
    prints="kernel BUG at lib/dynamic_queue_limits.c",
)

BQL_IDLE = Rule(
    name="bql-idle",
    invariant=47,
    level=Level.ERROR,
    demands="when no packet is under way, netdev_completed_queue has been told of all bytes that netdev_sent_queue was",
    mend="Report every packet that you reclaim, with the length that was reported when it was sent.",
    source="lib/dynamic_queue_limits.c",
)

BQL_RESET = Rule(
    name="bql-reset",
    invariant=47,
    level=Level.ERROR,
    demands="a driver that empties its ring without having sent what was on it calls netdev_reset_queue",
    mend="Call netdev_reset_queue where ndo_stop empties the transmit ring.",
    source="include/linux/netdevice.h, netdev_tx_reset_queue",
)

NAPI_CONSUME_CONTEXT = Rule(
    name="napi-consume-context",
    invariant=48,
    level=Level.ERROR,
    demands="napi_consume_skb with a budget is called in softirqs, or with softirqs off",
    mend="Pass on the budget of the poll, which is 0 in netpoll; elsewhere call dev_consume_skb_any.",
    source="net/core/skbuff.c, napi_consume_skb",
)

RX_CONTEXT = Rule(
    name="rx-context",
    invariant=48,
    level=Level.ERROR,
    demands="napi_gro_receive and netif_receive_skb are called in softirqs, or with softirqs off",
    mend="Call them in poll(); an interrupt handler without NAPI calls netif_rx.",
    source="net/core/dev.c, netif_receive_skb",
)

SKB_FREE_HARDIRQ = Rule(
    name="skb-free-hardirq",
    invariant=48,
    level=Level.ERROR,
    demands="an interrupt handler frees packets with dev_consume_skb_any or dev_consume_skb_irq",
    mend="Call dev_consume_skb_any, which leaves the work to the softirq if it has to.",
    source="net/core/skbuff.c, skb_release_head_state",
)


@dataclass(slots=True)
class _Stopped:
    """A queue that ndo_start_xmit stopped: when, and in which line."""

    time_ns: int
    where: CodeLine | None


class TransmitRules:
    """What drivers do with packets."""

    def __init__(self, checker: Checker) -> None:
        self._broken = checker.broken
        self._machine = checker.machine
        self._with_driver: dict[NetDevice, dict[SkBuff, int]] = {}  # since when, in ns; the oldest first
        self._in_xmit: dict[int, NetDevice] = {}  # by CPU
        self._given_back: set[SkBuff] = set()
        self._stopped: dict[NetdevQueue, _Stopped] = {}

    # --- ndo_start_xmit ------------------------------------------------------------------------------------------

    def xmit_begins(self, skb: SkBuff, dev: NetDevice) -> object:
        """A packet is about to be given to a driver; returns what xmit_returned wants to know."""
        self._given_back.discard(skb)
        if skb.head:  # else it freed it before and did not take it
            self._with_driver.setdefault(dev, {})[skb] = self._machine.now
        self._in_xmit[this_cpu().id] = dev
        return skb.head, skb.data, skb.shinfo

    def xmit_returned(self, skb: SkBuff, queue: NetdevQueue, result: int, before: object) -> None:
        """ndo_start_xmit returned."""
        dev = queue.dev
        del self._in_xmit[this_cpu().id]
        where = function_line(dev.ops.ndo_start_xmit)
        if result not in (_TX_OK, _TX_BUSY):
            what = f"ndo_start_xmit returned {result}"
            self._broken(TX_RETURN_CODE, what, where=where, dev=dev.name, code=result, qlen=queue.qdisc_sleeping.qlen)
        if result == _TX_OK:
            return
        self._with_driver.get(dev, {}).pop(skb, None)
        if result != _TX_BUSY:
            return
        self._given_back.add(skb)
        if not skb.head:
            self._broken(TX_BUSY_SKB, "ndo_start_xmit freed the packet and returned NETDEV_TX_BUSY", where=where)
        elif before != (skb.head, skb.data, skb.shinfo):
            self._broken(TX_BUSY_SKB, "ndo_start_xmit changed the packet and returned NETDEV_TX_BUSY", where=where)
        if not queue.state:
            self._broken(TX_BUSY_RUNNING, "ndo_start_xmit returned NETDEV_TX_BUSY, and its queue runs", where=where)

    def stopped(self, queue: NetdevQueue) -> None:
        """A driver stops a queue."""
        cpu = running()
        if cpu is not None and self._in_xmit.get(cpu.id) is queue.dev:
            self._stopped[queue] = _Stopped(self._machine.now, driver_line())
        else:
            self._stopped.pop(queue, None)  # it is going down, and knows when to wake it

    # --- freeing -------------------------------------------------------------------------------------------------

    def freed(self, skb: SkBuff) -> bool:
        """A packet is about to be freed; false if it must not be. The address of one that was freed is 0."""
        cpu = running()
        if not skb.head:
            if skb not in self._given_back:
                self._broken(SKB_DOUBLE_FREE, "a packet is freed that was freed before")
            self._given_back.discard(skb)
            return False
        if skb in self._given_back:
            where = calling_line(_FREEING)
            self._given_back.discard(skb)
            if where is not None:
                what = "a packet is freed for which ndo_start_xmit returned NETDEV_TX_BUSY"
                self._broken(TX_BUSY_SKB, what, where=where)
                return False
        if cpu is not None and cpu.in_hardirq:
            where = calling_line(_FREEING)
            if where is not None:
                self._broken(SKB_FREE_HARDIRQ, "an interrupt handler frees a packet", where=where)
        outstanding = self._with_driver.get(skb.dev)
        if outstanding:
            outstanding.pop(skb, None)
        return True

    def napi_consume(self) -> None:
        """napi_consume_skb was called with a budget."""
        if not _in_softirq():
            self._broken(NAPI_CONSUME_CONTEXT, f"napi_consume_skb is called in a {_context()}")

    def received(self, function: str) -> None:
        """A packet is handed to the stack by this function."""
        if not _in_softirq():
            self._broken(RX_CONTEXT, f"{function} is called in a {_context()}")

    # --- byte queue limits ---------------------------------------------------------------------------------------

    def completed(self, queue: NetdevQueue, nbytes: int) -> int:
        """So many bytes are reported as completed; returns how many can be."""
        under_way = queue.dql.num_queued - queue.dql.num_completed
        if nbytes > under_way:
            self._broken(BQL_COMPLETED, f"{nbytes} bytes are reported as completed, and {under_way} are under way")
        return min(nbytes, under_way)

    # --- at rest -------------------------------------------------------------------------------------------------

    def at_rest(self, dev: NetDevice) -> None:
        """The interface is about to go down."""
        self._check_completion(dev)
        self.check_queues(dev)

    def check_queues(self, dev: NetDevice) -> None:
        """Nothing wakes a queue any more by itself: the interface is about to go down, or its watchdog bit."""
        if self._with_driver.get(dev):
            return
        for queue in dev.tx_queues:
            stopped = self._stopped.get(queue)
            if stopped is not None and netif_tx_queue_stopped(queue):
                what = f"the queue is stopped since {stopped.time_ns:,} ns, and no packet is under way"
                self._broken(TX_QUEUE_STUCK, what, where=stopped.where)
            under_way = queue.dql.num_queued - queue.dql.num_completed
            if under_way:
                what = f"no packet is under way, but {under_way} bytes that were reported as sent"
                self._broken(BQL_IDLE, what, where=function_line(dev.ops.ndo_start_xmit))

    def closed(self, dev: NetDevice) -> None:
        """ndo_stop returned."""
        where = function_line(dev.ops.ndo_stop)
        left = len(self._with_driver.pop(dev, ()))
        if left:
            self._broken(TX_SKB_LEAK, f"ndo_stop left {left} packets that were neither sent nor freed", where=where)
        for queue in dev.tx_queues:
            self._stopped.pop(queue, None)
            under_way = queue.dql.num_queued - queue.dql.num_completed
            if under_way and not left:
                what = f"ndo_stop emptied the ring, and {under_way} bytes are still under way"
                self._broken(BQL_RESET, what, where=where)

    def _check_completion(self, dev: NetDevice) -> None:
        """The oldest packet that a driver has is young enough."""
        oldest = next(iter(self._with_driver.get(dev, {}).items()), None)
        if oldest is None or self._machine.now - oldest[1] <= COMPLETION_NS:
            return
        skb, since = oldest
        self._with_driver[dev][skb] = KTIME_MAX  # once
        what = f"a packet that was given to the driver at {since:,} ns is not freed yet"
        self._broken(TX_COMPLETION, what, where=function_line(dev.ops.ndo_start_xmit))


def _in_softirq() -> bool:
    cpu = running()
    return cpu is None or ((cpu.serving_softirq or cpu.bh_disabled > 0) and not cpu.in_hardirq)


def _context() -> str:
    """What the code runs in that is not a softirq."""
    return "hardirq" if this_cpu().level is ContextLevel.HARDIRQ else "task with softirqs on"
