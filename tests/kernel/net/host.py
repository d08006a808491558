"""A computer with an interface that has an address, for tests of the stack: frames go in, frames come out."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from driver.kernel.net.dev import netif_receive_skb
from driver.kernel.net.hard_start_xmit import NETDEV_TX_OK
from driver.kernel.net.ipv4.devinet import inet_add_addr, neigh_add
from driver.kernel.net.netdevice import NetDevice, RtnlLinkStats64, dev_open, netif_carrier_on, register_netdev
from driver.kernel.net.skbuff import SkBuff, build_skb, consume_skb
from driver.kernel.softirq import local_bh_disable, local_bh_enable
from tests.kernel.net.frames import PEER, STATION
from tests.kernel.support import Computer, events

Result = TypeVar("Result")

NAPI_ID = 70


class Host:
    """10.0.0.1 on a wire with 10.0.0.2; sockets and threads are made in it by the tests.

    Attributes:
        sent: frames that the driver was given.
        held: packets that the driver has not freed yet, if it was told to hold them.
    """

    def __init__(self, *, cpus: int = 1, **costs: Any) -> None:
        self.computer = Computer(cpus=cpus, **costs)
        self.machine = self.computer.machine
        self.dev = NetDevice(self.machine, "", self, None, dev_addr=STATION, driver="test")
        register_netdev(self.dev)
        self.sent: list[bytes] = []
        self.held: list[SkBuff] = []
        self.hold = False
        self.call(self._up())
        inet_add_addr(self.dev, "10.0.0.1/24")
        neigh_add(self.dev, "10.0.0.2", PEER)
        self.drops = events(self.computer, "kfree_skb")

    @property
    def mib(self) -> Any:
        return self.machine.init_net.mib

    @property
    def drop_reasons(self) -> list[str]:
        return [reason for *_, reason in self.drops]

    async def _up(self) -> None:
        netif_carrier_on(self.dev)
        assert await dev_open(self.dev) == 0

    # --- the driver ---------------------------------------------------------------------------------------------------

    async def ndo_open(self, _dev: NetDevice) -> int:
        return 0

    async def ndo_stop(self, _dev: NetDevice) -> int:
        return 0

    async def ndo_start_xmit(self, skb: SkBuff, _dev: NetDevice) -> int:
        self.sent.append(skb.data)
        if self.hold:
            self.held.append(skb)
        else:
            consume_skb(skb)
        return NETDEV_TX_OK

    def release(self, count: int) -> None:
        """The driver frees packets that it held."""

        async def reclaim() -> None:
            for _ in range(count):
                consume_skb(self.held.pop(0))

        self.call(reclaim())

    async def ndo_tx_timeout(self, dev: NetDevice, txqueue: int) -> None: ...

    async def ndo_set_rx_mode(self, dev: NetDevice) -> None: ...

    async def ndo_set_mac_address(self, _dev: NetDevice, _address: bytes) -> int:
        return 0

    async def ndo_get_stats64(self, _dev: NetDevice) -> RtnlLinkStats64:
        return RtnlLinkStats64()

    # --- what tests do ------------------------------------------------------------------------------------------------

    def receive(self, *frames: bytes) -> None:
        """Let frames come in, as from a poll."""
        self.call(self.deliver(*frames))

    async def deliver(self, *frames: bytes) -> None:
        """Hand frames to netif_receive_skb."""
        local_bh_disable()
        for frame in frames:
            buffer = self.machine.frags.alloc()
            self.machine.memory.write(buffer, frame)
            skb = build_skb(buffer, len(frame), self.dev)
            skb.napi_id = NAPI_ID
            await netif_receive_skb(skb)
        await local_bh_enable()

    def call(self, code: Coroutine[Any, Any, Result]) -> Result:
        """Run kernel code as a thread, to its end, which must come within a millisecond."""
        results: list[Result] = []

        async def thread() -> None:
            results.append(await code)

        self.computer.spawn(thread())
        start = self.machine.now
        for now in range(start, start + 1_000_000, 100):
            self.computer.run(now)
            if results:
                break
        return results[0]
