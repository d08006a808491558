"""Wrong drivers for rules 44 to 48."""

from __future__ import annotations

import pytest

from driver.kernel.irq import IrqReturn
from driver.kernel.net.dev import netif_receive_skb
from driver.kernel.net.gro import napi_gro_receive
from driver.kernel.net.hard_start_xmit import NETDEV_TX_BUSY, NETDEV_TX_OK
from driver.kernel.net.napi import Napi, napi_complete_done
from driver.kernel.net.netdev_queue import netdev_completed_queue, netdev_sent_queue, netif_stop_queue
from driver.kernel.net.netdevice import NetDevice
from driver.kernel.net.skbuff import SkBuff, alloc_skb, consume_skb, kfree_skb_reason
from driver.kernel.net.xmit import dev_consume_skb_any, napi_consume_skb
from driver.kernel.rules.transmit import COMPLETION_NS
from tests.kernel.rules.sender import SENDING_NS, Sender, broken
from tests.kernel.rules.support import line, only

THIS = "test_transmit.py"


@pytest.mark.parametrize("packets", [0, 1, 2, 5])
def test_the_right_way_breaks_nothing(packets: int) -> None:
    assert broken(Sender, packets=packets) == {}


def test_the_right_way_with_a_device_that_hangs() -> None:
    class Hanging(Sender):
        hangs = True

    assert broken(Hanging, wait_ns=COMPLETION_NS // 2) == {}


class ReturnCode(Sender):
    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        result = await super().ndo_start_xmit(skb, dev)
        return 1 if result == NETDEV_TX_OK else result


def test_tx_return_code() -> None:
    violation = only(broken(ReturnCode), "tx-return-code", THIS, line(ReturnCode.ndo_start_xmit))
    assert violation.printed == "BUG eth0 code 1 qlen 0"


class BusyAndFreed(Sender):
    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        if self.ring:
            consume_skb(skb)
            netif_stop_queue(dev)
            return NETDEV_TX_BUSY
        if skb.head:
            self.put(skb)
        return NETDEV_TX_OK


class BusyAndChanged(Sender):
    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        if self.ring:
            skb.data += bytes(4)
            netif_stop_queue(dev)
            return NETDEV_TX_BUSY
        return await super().ndo_start_xmit(skb, dev)


class BusyAndKept(Sender):
    kept: SkBuff | None = None

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        if self.ring:
            self.kept = skb
            netif_stop_queue(dev)
            return NETDEV_TX_BUSY
        return await super().ndo_start_xmit(skb, dev)

    def reclaim(self, budget: int) -> None:
        if self.kept is not None:
            consume_skb(self.kept)
            self.kept = None
        super().reclaim(budget)


def test_tx_busy_skb_freed() -> None:
    only(broken(BusyAndFreed), "tx-busy-skb", THIS, line(BusyAndFreed.ndo_start_xmit))


def test_tx_busy_skb_changed() -> None:
    only(broken(BusyAndChanged), "tx-busy-skb", THIS, line(BusyAndChanged.ndo_start_xmit))


def test_tx_busy_skb_kept() -> None:
    only(broken(BusyAndKept), "tx-busy-skb", THIS, line(BusyAndKept.reclaim, 2))


class BusyRunning(Sender):
    refused = False

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        if not self.refused:
            self.refused = True
            return NETDEV_TX_BUSY
        return await super().ndo_start_xmit(skb, dev)


def test_tx_busy_running() -> None:
    only(broken(BusyRunning), "tx-busy-running", THIS, line(BusyRunning.ndo_start_xmit))


class DoubleFree(Sender):
    def reclaim(self, budget: int) -> None:
        first = self.ring[:1]
        super().reclaim(budget)
        for skb in first:
            consume_skb(skb)


def test_skb_double_free() -> None:
    violation = only(broken(DoubleFree), "skb-double-free", THIS, line(DoubleFree.reclaim, 4))
    assert violation.printed == "refcount_t: underflow; use-after-free."


class Leak(Sender):
    hangs = True

    def clean_ring(self) -> None:
        self.ring.pop()
        super().clean_ring()

    async def ndo_stop(self, dev: NetDevice) -> int:
        return await super().ndo_stop(dev)


def test_tx_skb_leak() -> None:
    only(broken(Leak, packets=2), "tx-skb-leak", THIS, line(Leak.ndo_stop))


class ReclaimsWhenSending(Sender):
    """As drivers without a transmit interrupt did: the last packets wait until others are sent."""

    def _has_sent(self) -> None:
        self.sent += 1

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        self.reclaim(0)
        return await super().ndo_start_xmit(skb, dev)


def test_tx_completion() -> None:
    found = broken(ReclaimsWhenSending, packets=1, wait_ns=COMPLETION_NS + 2 * SENDING_NS)
    only(found, "tx-completion", THIS, line(ReclaimsWhenSending.ndo_start_xmit))


class NeverWakes(Sender):
    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        self.put(skb)
        if len(self.ring) == self.size:
            netif_stop_queue(dev)
        return NETDEV_TX_OK

    def reclaim(self, budget: int) -> None:
        for skb in self.ring[: self.sent]:
            napi_consume_skb(skb, budget)
            netdev_completed_queue(self.dev, 1, skb.len)
        self.ring = self.ring[self.sent :]
        self.sent = 0


def test_tx_queue_stuck() -> None:
    only(broken(NeverWakes), "tx-queue-stuck", THIS, line(NeverWakes.ndo_start_xmit, 3))


class StopsTooLate(Sender):
    """Reclaims in its handler; when the queue stops at last, nothing is left that could wake it."""

    size = 1

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        self.put(skb)
        full = len(self.ring) == self.size
        self._has_sent()
        await self.handler(0, None)
        if full:
            netif_stop_queue(dev)
        return NETDEV_TX_OK

    def transmit(self) -> None: ...

    def interrupt(self) -> None: ...

    async def handler(self, _irq: int, _dev_id: object) -> IrqReturn:
        self.reclaim(0)
        return IrqReturn.HANDLED


def test_tx_queue_stuck_for_want_of_a_second_look() -> None:
    only(broken(StopsTooLate), "tx-queue-stuck", THIS, line(StopsTooLate.ndo_start_xmit, 6))


def test_tx_queue_stuck_is_found_by_the_watchdog() -> None:
    found = broken(NeverWakes, wait_ns=8_000_000_000)
    violation = only(found, "tx-queue-stuck", THIS, line(NeverWakes.ndo_start_xmit, 3))
    assert "softirq" in violation.context


def test_a_device_that_hangs_until_the_watchdog_bites_is_not_the_drivers_fault() -> None:
    class Reset(Sender):
        hangs = True

        async def ndo_tx_timeout(self, dev: NetDevice, txqueue: int) -> None:
            self.clean_ring()
            self.hangs = False

    assert broken(Reset, wait_ns=8_000_000_000) == {}


class CompletesTooMuch(Sender):
    def reclaim(self, budget: int) -> None:
        again = self.sent
        super().reclaim(budget)
        if again:
            netdev_completed_queue(self.dev, 0, 60)


def test_bql_completed() -> None:
    violation = only(broken(CompletesTooMuch, packets=1), "bql-completed", THIS, line(CompletesTooMuch.reclaim, 4))
    assert violation.printed == "kernel BUG at lib/dynamic_queue_limits.c"


class CompletesTooLittle(Sender):
    def put(self, skb: SkBuff) -> None:
        super().put(skb)
        netdev_sent_queue(self.dev, 4)  # the FCS too

    async def ndo_start_xmit(self, skb: SkBuff, dev: NetDevice) -> int:
        return await super().ndo_start_xmit(skb, dev)


def test_bql_idle() -> None:
    only(broken(CompletesTooLittle, packets=1), "bql-idle", THIS, line(CompletesTooLittle.ndo_start_xmit))


class ForgetsTheReset(Sender):
    hangs = True

    def clean_ring(self) -> None:
        while self.ring:
            consume_skb(self.ring.pop())

    async def ndo_stop(self, dev: NetDevice) -> int:
        return await super().ndo_stop(dev)


def test_bql_reset() -> None:
    only(broken(ForgetsTheReset), "bql-reset", THIS, line(ForgetsTheReset.ndo_stop))


class ConsumesInTheHandler(Sender):
    async def handler(self, irq: int, dev_id: object) -> IrqReturn:
        self.mask()
        self.reclaim(64)
        self.unmask()
        return IrqReturn.HANDLED


class FreesInTheHandler(ConsumesInTheHandler):
    def reclaim(self, _budget: int) -> None:
        super().reclaim(0)  # dev_consume_skb_any
        spare = alloc_skb(bytes(60), self.dev)
        assert spare is not None
        kfree_skb_reason(spare, "NOT_SPECIFIED")


class FreesRightInTheHandler(ConsumesInTheHandler):
    def reclaim(self, _budget: int) -> None:
        super().reclaim(0)
        spare = alloc_skb(bytes(60), self.dev)
        assert spare is not None
        dev_consume_skb_any(spare)


def test_skb_free_hardirq() -> None:
    only(broken(FreesInTheHandler), "skb-free-hardirq", THIS, line(FreesInTheHandler.reclaim, 4))


def test_the_right_way_to_free_in_a_handler() -> None:
    assert broken(FreesRightInTheHandler) == {}


class ConsumesInAThread(Sender):
    async def ndo_stop(self, dev: NetDevice) -> int:
        spare = alloc_skb(bytes(60), self.dev)
        assert spare is not None
        napi_consume_skb(spare, 64)
        return await super().ndo_stop(dev)


def test_napi_consume_context() -> None:
    only(broken(ConsumesInAThread), "napi-consume-context", THIS, line(ConsumesInAThread.ndo_stop, 3))


class ReceivesInTheHandler(Sender):
    async def handler(self, irq: int, dev_id: object) -> IrqReturn:
        received = alloc_skb(bytes(60), self.dev)
        assert received is not None
        await netif_receive_skb(received)
        return await super().handler(irq, dev_id)


class MergesInTheHandler(Sender):
    async def handler(self, irq: int, dev_id: object) -> IrqReturn:
        received = alloc_skb(bytes(60), self.dev)
        assert received is not None
        await napi_gro_receive(self.napi, received)
        return await super().handler(irq, dev_id)


class ReceivesInThePoll(Sender):
    async def poll(self, napi: Napi, budget: int) -> int:
        for receive in (netif_receive_skb, lambda skb: napi_gro_receive(napi, skb)):
            received = alloc_skb(bytes(60), self.dev)
            assert received is not None
            await receive(received)
        self.reclaim(budget)
        if await napi_complete_done(napi, 2):
            self.unmask()
        return 2


@pytest.mark.parametrize("sender", [ReceivesInTheHandler, MergesInTheHandler])
def test_rx_context(sender: type[Sender]) -> None:
    only(broken(sender), "rx-context", THIS, line(sender.handler, 3))


def test_the_right_way_to_receive() -> None:
    assert broken(ReceivesInThePoll) == {}
