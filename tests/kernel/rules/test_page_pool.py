"""Wrong drivers for rule 49."""

from __future__ import annotations

import pytest

from driver.kernel.net.page_pool import (
    page_pool_destroy,
    page_pool_dev_alloc_pages,
    page_pool_put_full_page,
    page_pool_recycle_direct,
)
from driver.kernel.rules.rule import Violation
from tests.kernel.net.pool_owner import PoolOwner
from tests.kernel.rules.support import checked, first_of_each, only

SECOND_NS = 1_000_000_000


def life(
    *, takes: str = "poll", gives: str = "poll", direct: bool = True, all_back: bool = True
) -> dict[str, Violation]:
    """The rules that an owner breaks who takes pages and gives them back here or there, and destroys the pool."""
    owner = PoolOwner()
    checker = checked(owner.computer)
    pages: list[int] = []
    places = {"poll": owner.in_poll, "thread": owner.in_thread}

    def take() -> None:
        pages.extend((page_pool_dev_alloc_pages(owner.pool), page_pool_dev_alloc_pages(owner.pool)))

    def give() -> None:
        for page in pages if all_back else pages[1:]:
            if direct:
                page_pool_recycle_direct(owner.pool, page)
            else:
                page_pool_put_full_page(owner.pool, page, allow_direct=False)

    places[takes](take)
    places[gives](give)
    owner.in_thread(lambda: page_pool_destroy(owner.pool))
    owner.computer.run(70 * SECOND_NS)
    return first_of_each(checker)


def test_the_right_way() -> None:
    assert life() == {}
    assert life(gives="thread", direct=False) == {}


@pytest.mark.parametrize(("takes", "gives", "offset"), [("thread", "poll", 10), ("poll", "thread", 15)])
def test_page_pool_context(takes: str, gives: str, offset: int) -> None:
    found = life(takes=takes, gives=gives)
    only(found, "page-pool-context", "test_page_pool.py", life.__code__.co_firstlineno + offset)


def test_page_pool_stalled() -> None:
    found = life(all_back=False)
    assert list(found) == ["page-pool-stalled"]
    printed = found["page-pool-stalled"].printed
    assert printed == "page_pool_release_retry() stalled pool shutdown: id 1, 1 inflight 60 sec"
