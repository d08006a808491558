"""Pools of pages for receive buffers, recycled without going through the page allocator (net/core/page_pool.c)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driver.kernel.cpu import this_cpu
from driver.kernel.dma import (
    PAGE_SIZE,
    DmaDirection,
    dma_map_page,
    dma_mapping_error,
    dma_sync_single_range_for_device,
    dma_unmap_page,
)
from driver.kernel.timer import TimerList

if TYPE_CHECKING:
    from driver.kernel.net.napi import Napi
    from driver.kernel.net.skbuff import SkBuff
    from driver.kernel.pci import PciDev

#: Pages that the owner keeps for itself, without a lock (PP_ALLOC_CACHE_SIZE).
ALLOC_CACHE_SIZE = 128

#: Pages that it takes from the ring, or from the allocator, at once (PP_ALLOC_CACHE_REFILL).
ALLOC_CACHE_REFILL = 64

#: A pool that is being destroyed looks so often whether its pages are back, and says so often that they are not
#: (DEFER_TIME, DEFER_WARN_INTERVAL), in seconds.
DEFER_SECONDS, WARN_SECONDS = 1, 60


class PpFlag(enum.IntFlag):
    """What a pool does besides (PP_FLAG_*)."""

    NONE = 0
    DMA_MAP = 1 << 0  #: it maps its pages, once
    DMA_SYNC_DEV = 1 << 1  #: it syncs what comes back for the device


@dataclass(frozen=True, slots=True)
class PagePoolParams:
    """What a driver wants of a pool (struct page_pool_params).

    Attributes:
        dev: the device that writes to the pages.
        napi: the instance whose poll takes pages and gives them back directly; None for a pool without an owner.
        pool_size: pages that wait in the ring at most.
        dma_dir: what the device does with them.
        offset, max_len: the bytes of a page that the device may write, for syncing.
    """

    dev: PciDev
    napi: Napi | None = None
    pool_size: int = 1024
    flags: PpFlag = PpFlag.NONE
    dma_dir: DmaDirection = DmaDirection.FROM_DEVICE
    offset: int = 0
    max_len: int = PAGE_SIZE


class PagePool:
    """A pool (struct page_pool).

    Attributes:
        id: unlike that of any other.
        p: what it was made with.
        inflight: pages that are neither in the pool nor given back to the allocator.
        destroyed: page_pool_destroy was called.
    """

    def __init__(self, params: PagePoolParams, id_: int) -> None:
        self.id = id_
        self.p = params
        self.inflight = 0
        self.destroyed = False
        self._machine = params.dev.machine
        self._alloc: list[int] = []  # the owner's cache
        self._ring: list[int] = []  # anybody gives back here
        self._release = TimerList(self._release_retry)
        self._waiting = 0  # seconds since it was destroyed

    def take(self) -> int:
        """A page; 0 if there is no memory left."""
        if not self._alloc:
            self._alloc, self._ring = self._ring[-ALLOC_CACHE_REFILL:], self._ring[:-ALLOC_CACHE_REFILL]
        page = self._alloc.pop() if self._alloc else self._alloc_pages_slow()
        if page:
            self.inflight += 1
            self._machine.page_pools[page] = self
        return page

    def put(self, page: int, *, direct: bool) -> None:
        """A page comes back: to its owner, to the ring, or where there is no room for it to the allocator."""
        del self._machine.page_pools[page]
        self.inflight -= 1
        if self.destroyed:
            self._return(page)
            return
        p = self.p
        if p.flags & PpFlag.DMA_SYNC_DEV:
            dma_sync_single_range_for_device(p.dev, page, p.offset, p.max_len, p.dma_dir)
        if direct and len(self._alloc) < ALLOC_CACHE_SIZE:
            self._alloc.append(page)
        elif len(self._ring) < p.pool_size:
            self._ring.append(page)
        else:
            self._return(page)

    def napi_local(self) -> bool:
        """Whether the code that runs may use the owner's cache: it is in the owner's poll (page_pool_napi_local)."""
        cpu, napi = this_cpu(), self.p.napi
        return napi is not None and cpu.in_interrupt and not cpu.in_hardirq and napi.list_owner == cpu.id

    def destroy(self) -> None:
        """Give back what is in the pool, and wait for the rest."""
        self.destroyed = True
        while self._alloc or self._ring:
            self._return((self._alloc or self._ring).pop())
        if self.inflight:
            self._wait()

    def _alloc_pages_slow(self) -> int:
        machine, p = self._machine, self.p
        page = machine.pages.alloc(PAGE_SIZE)
        if page and p.flags & PpFlag.DMA_MAP:
            dma = dma_map_page(p.dev, page, 0, PAGE_SIZE, p.dma_dir)
            if dma_mapping_error(p.dev, dma):
                machine.pages.free(page, PAGE_SIZE)
                return 0
        return page

    def _return(self, page: int) -> None:
        if self.p.flags & PpFlag.DMA_MAP:
            dma_unmap_page(self.p.dev, page, PAGE_SIZE, self.p.dma_dir)
        self._machine.pages.free(page, PAGE_SIZE)

    def _wait(self) -> None:
        machine = self._machine
        self._release.mod(machine.jiffies + DEFER_SECONDS * machine.sysctl.hz)

    async def _release_retry(self, _timer: TimerList) -> None:
        """page_pool_release_retry."""
        if not self.inflight:
            return
        self._waiting += DEFER_SECONDS
        if self._machine.rules is not None and self._waiting % WARN_SECONDS == 0:
            self._machine.rules.page_pool.stalled(self, self._waiting)
        self._wait()


def page_pool_create(params: PagePoolParams) -> PagePool:
    """A new pool, empty."""
    machine = params.dev.machine
    machine.last_page_pool_id += 1
    return PagePool(params, machine.last_page_pool_id)


def page_pool_dev_alloc_pages(pool: PagePool) -> int:
    """Address of a page for a receive buffer; 0 if there is no memory left. Only for the pool's owner."""
    rules = this_cpu().machine.rules
    if rules is not None:
        rules.page_pool.owners(pool, "takes a page from")
    return pool.take()


def page_pool_get_dma_addr(page: int) -> int:
    """Address of a page as the device sees it."""
    return page


def page_pool_put_full_page(pool: PagePool, page: int, *, allow_direct: bool) -> None:
    """Give a page back; ``allow_direct``: by the pool's owner, who keeps it at hand."""
    rules = this_cpu().machine.rules
    if rules is not None and allow_direct:
        rules.page_pool.owners(pool, "gives a page directly back to")
    pool.put(page, direct=allow_direct or pool.napi_local())


def page_pool_recycle_direct(pool: PagePool, page: int) -> None:
    """Give a page back as the pool's owner."""
    page_pool_put_full_page(pool, page, allow_direct=True)


def skb_mark_for_recycle(skb: SkBuff) -> None:
    """When this packet is freed its pages go back to their pool."""
    skb.pp_recycle = True


def napi_pp_put_page(skb: SkBuff, head: int) -> bool:
    """A packet that was marked for recycling is freed: give the page that a buffer is in back, if it is a pool's."""
    page = head - head % PAGE_SIZE
    pool = skb.dev.machine.page_pools.get(page)
    if pool is None:
        return False
    pool.put(page, direct=pool.napi_local())
    return True


def page_pool_destroy(pool: PagePool) -> None:
    """The driver is done with a pool. Pages that are still in packets come back later."""
    pool.destroy()
