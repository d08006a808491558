"""A page pool and its owner: a NAPI instance whose poll does what a test says."""

from __future__ import annotations

from collections.abc import Callable

from driver.kernel.net.napi import Napi, napi_complete_done, napi_enable, napi_schedule, netif_napi_add
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps
from driver.kernel.net.page_pool import PagePoolParams, PpFlag, page_pool_create
from driver.kernel.pci import PciDev
from tests.kernel.support import Computer

#: So long a step of a test may take, in ns.
STEP_NS = 1_000_000


class PoolOwner:
    """See the module's docstring."""

    def __init__(self, *, flags: PpFlag = PpFlag.NONE, pool_size: int = 1024) -> None:
        self.computer = Computer()
        self.machine = self.computer.machine
        self.pdev = PciDev(self.machine, 0)
        self.dev = NetDevice(self.machine, "eth0", NetDeviceOps, None, parent=self.pdev)  # type: ignore[arg-type]
        self.napi = netif_napi_add(self.dev, self.poll)
        self.pool = page_pool_create(PagePoolParams(self.pdev, self.napi, pool_size, flags))
        self._work: Callable[[], object] | None = None
        self.in_thread(lambda: napi_enable(self.napi))

    async def poll(self, napi: Napi, _budget: int) -> int:
        """Do the work."""
        assert self._work is not None
        self._work()
        await napi_complete_done(napi, 0)
        return 0

    def in_poll(self, work: Callable[[], object]) -> None:
        """Let the poll do something."""
        self._work = work
        self.in_thread(lambda: napi_schedule(self.napi))

    def in_thread(self, work: Callable[[], object]) -> None:
        """Let a thread do something."""

        async def thread() -> None:
            work()

        self.computer.spawn(thread())
        self.computer.run(self.machine.now + STEP_NS)
