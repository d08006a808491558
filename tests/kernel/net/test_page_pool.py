"""Page pools: where pages come from and go to, their mappings, and packets that recycle."""

from __future__ import annotations

from driver.kernel.dma import PAGE_SIZE
from driver.kernel.net.page_pool import (
    ALLOC_CACHE_SIZE,
    PpFlag,
    page_pool_destroy,
    page_pool_dev_alloc_pages,
    page_pool_put_full_page,
    page_pool_recycle_direct,
    skb_mark_for_recycle,
)
from driver.kernel.net.skbuff import build_skb, consume_skb
from tests.kernel.net.pool_owner import PoolOwner


def take(owner: PoolOwner, count: int) -> list[int]:
    """Pages that the owner takes in a poll."""
    pages: list[int] = []
    owner.in_poll(lambda: pages.extend(page_pool_dev_alloc_pages(owner.pool) for _ in range(count)))
    assert len(pages) == count
    return pages


def give_back(owner: PoolOwner, pages: list[int], *, direct: bool) -> None:
    """The owner gives pages back in a poll, or somebody else does in a thread."""

    def give() -> None:
        for page in pages:
            page_pool_put_full_page(owner.pool, page, allow_direct=direct)

    (owner.in_poll if direct else owner.in_thread)(give)


def test_the_page_that_was_given_back_last_is_taken_first() -> None:
    owner = PoolOwner()
    first, second = take(owner, 2)
    owner.in_poll(lambda: page_pool_recycle_direct(owner.pool, first))
    assert take(owner, 1) == [first]
    assert owner.pool.inflight == 2
    owner.in_poll(lambda: page_pool_recycle_direct(owner.pool, second))
    assert owner.pool.inflight == 1


def test_what_others_give_back_comes_over_the_ring() -> None:
    owner = PoolOwner()
    pages = take(owner, 3)
    give_back(owner, pages, direct=False)
    assert owner.pool.inflight == 0
    assert sorted(take(owner, 3)) == pages


def test_what_does_not_fit_goes_back_to_the_allocator() -> None:
    owner = PoolOwner(pool_size=2, flags=PpFlag.DMA_MAP)
    pages = take(owner, ALLOC_CACHE_SIZE + 3)
    assert len(owner.pdev.mappings) == len(pages)
    give_back(owner, pages, direct=True)
    assert len(owner.pdev.mappings) == ALLOC_CACHE_SIZE + 2
    assert owner.machine.pages.alloc(PAGE_SIZE) == pages[-1]


def test_a_packet_gives_its_pages_back() -> None:
    owner = PoolOwner()
    (page,) = take(owner, 1)

    def packet_dies() -> None:
        skb = build_skb(page + 64, 60, owner.dev)
        skb_mark_for_recycle(skb)
        consume_skb(skb)

    owner.in_poll(packet_dies)
    assert owner.pool.inflight == 0
    assert take(owner, 1) == [page]


def test_no_memory() -> None:
    owner = PoolOwner()
    owner.machine.pages.size = 0
    assert take(owner, 1) == [0]
    assert owner.pool.inflight == 0


def test_a_pool_that_is_destroyed_waits_for_its_pages() -> None:
    owner = PoolOwner(flags=PpFlag.DMA_MAP)
    kept, idle = take(owner, 2)
    owner.in_poll(lambda: page_pool_recycle_direct(owner.pool, idle))
    owner.in_thread(lambda: page_pool_destroy(owner.pool))
    assert list(owner.pdev.mappings) == [kept]
    owner.in_thread(lambda: page_pool_put_full_page(owner.pool, kept, allow_direct=False))
    assert not owner.pdev.mappings
    owner.computer.run(5_000_000_000)
    assert owner.machine.cpus[0].timers.deadline > 5_000_000_000, "it still waits"
