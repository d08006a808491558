"""A rig whose interface has an address, and which is up for applications."""

from __future__ import annotations

from typing import Any

from driver.apps.thread import Application, start
from emulator.client import Client, ClosedLoopClient, OpenLoopClient, configure_interface
from emulator.generator import UdpGenerator
from emulator.wire_timing import PS_PER_NS
from tests.e1000.support import Rig

MS = 1_000_000


class AppRig(Rig):
    """The model engine with an address on its interface."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        configure_interface(self.netdevs[0], 0)

    def start(self, *apps: Application, nice: int = 0) -> None:
        """Start applications and give them time to get ready."""
        for app in apps:
            start(self.machine, app, nice=nice)
        self.run_for(100_000)

    def open_loop(self, pps: int, count: int, *, size: int = 100, port: int = 7) -> OpenLoopClient:
        """A client that sends from now on."""
        client = OpenLoopClient(self.engine.wires[0], self._generator(size, port), 0)
        client.start(pps, count, self.engine.now * PS_PER_NS)
        return client

    def closed_loop(self, outstanding: int, count: int, *, size: int = 100, port: int = 7) -> ClosedLoopClient:
        """A client that sends from now on."""
        client = ClosedLoopClient(self.engine.wires[0], self._generator(size, port), 0)
        client.start(outstanding, count, self.engine.now * PS_PER_NS)
        return client

    def run_until_answered(self, client: Client, count: int, limit_ns: int = 1000 * MS) -> int:
        """Run until a client has so many answers; returns how long it took, in ns."""
        start = self.engine.now
        while client.answered < count and self.engine.now < start + limit_ns:
            self.run_for(10_000)
        assert client.answered == count
        return self.engine.now - start

    def _generator(self, size: int, port: int) -> UdpGenerator:
        return UdpGenerator([size], nic=0, seed=1, port=port)
