"""Rule 49: who may use a page pool, and that its pages come back (net/core/page_pool.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.rules.rule import Level, Rule

if TYPE_CHECKING:
    from driver.kernel.net.page_pool import PagePool
    from driver.kernel.rules.checker import Checker

PAGE_POOL_CONTEXT = Rule(
    name="page-pool-context",
    invariant=49,
    level=Level.ERROR,
    demands="pages are taken, and given directly back, in the poll of the pool's NAPI instance: its cache has no lock",
    mend="Elsewhere give pages back with page_pool_put_full_page(allow_direct=False); take them in poll().",
    source="net/core/page_pool.c; Documentation/networking/page_pool.rst",
)

PAGE_POOL_STALLED = Rule(
    name="page-pool-stalled",
    invariant=49,
    level=Level.WARN,
    demands="all pages of a pool come back once it is destroyed",
    mend="Give back what is on the ring before page_pool_destroy, and free or recycle every packet's pages once.",
    source="net/core/page_pool.c, page_pool_release_retry",
    prints="page_pool_release_retry() stalled pool shutdown: id {id}, {inflight} inflight {seconds} sec",
)


class PagePoolRules:
    """What drivers do with page pools."""

    def __init__(self, checker: Checker) -> None:
        self._broken = checker.broken
        self._lifetime = checker.lifetime

    def owners(self, pool: PagePool, does: str) -> None:
        """Something that only the pool's owner may do. While its NAPI is disabled, whoever disabled it is the owner."""
        napi = pool.p.napi
        if napi is None or not self._lifetime.is_enabled(napi) or pool.napi_local():
            return
        self._broken(PAGE_POOL_CONTEXT, f"code outside the poll of instance {napi.id} {does} its page pool {pool.id}")

    def stalled(self, pool: PagePool, seconds: int) -> None:
        """A pool that was destroyed so long ago still has pages out."""
        what = f"{pool.inflight} pages of page pool {pool.id} are not back {seconds} s after it was destroyed"
        self._broken(PAGE_POOL_STALLED, what, id=pool.id, inflight=pool.inflight, seconds=seconds)
