"""Dynamic queue limits: growing when starved, shrinking when there is slack, and their invariants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driver.kernel.lib.dynamic_queue_limits import Dql


def test_it_begins_with_one_object_at_a_time() -> None:
    dql = Dql(hold_time=1000)
    assert dql.avail == 0
    dql.queued(100)
    assert dql.avail == -100


def test_a_starved_queue_gets_what_it_sent_and_what_was_over() -> None:
    dql = Dql(hold_time=1000)
    dql.queued(100)
    dql.completed(100, 1)  # over the limit of 0, and empty now
    assert dql.limit == 100
    dql.queued(80)
    dql.queued(80)
    assert dql.avail == -60
    dql.completed(160, 2)
    assert dql.limit == 100 + 160


def test_over_the_limit_before_and_all_of_that_done_is_starved_too() -> None:
    dql = Dql(hold_time=1000)
    dql.queued(100)
    dql.queued(100)
    dql.completed(100, 1)  # the limit stays 0: 200 were queued, 100 are
    assert (dql.limit, dql.prev_ovlimit) == (0, 200)
    dql.queued(50)
    dql.completed(120, 2)
    assert dql.limit == 20 + 200


def test_slack_shrinks_the_limit_by_its_minimum_after_the_hold_time() -> None:
    dql = Dql(hold_time=10)
    dql.queued(10_000)
    dql.completed(10_000, 0)
    assert dql.limit == 10_000
    dql.queued(5_000)
    for jiffies in range(1, 11):  # always 5,000 under way, 1,000 completed at a time: 8,000 more than needed
        dql.queued(1_000)
        dql.completed(1_000 if jiffies != 5 else 1_500, jiffies)
        assert dql.limit == 10_000
    dql.queued(1_000)
    dql.completed(1_000, 11)
    assert dql.limit == 10_000 - 7_000  # the least, of jiffy 5: 10,000 - 2 * 1,500


def test_the_part_of_the_last_object_below_the_limit_is_slack_too() -> None:
    dql = Dql(hold_time=10)
    dql.min_limit = 1_000
    dql.reset(0)
    dql.queued(900)
    dql.queued(300)  # 200 of it over the limit
    dql.completed(300, 1)
    dql.queued(100)
    dql.completed(700, 2)  # busy all the time, and twice 700 is more than the limit
    assert dql.lowest_slack == 100


def test_an_idle_queue_does_not_change_the_limit() -> None:
    dql = Dql(hold_time=10)
    dql.queued(10_000)
    dql.completed(10_000, 0)
    for jiffies in range(1, 100):
        dql.queued(100)
        dql.completed(100, jiffies)
    assert dql.limit == 10_000


def test_the_limit_keeps_its_bounds() -> None:
    dql = Dql(hold_time=10)
    dql.min_limit, dql.max_limit = 500, 1_000
    dql.reset(0)
    assert dql.limit == 500
    dql.queued(5_000)
    dql.completed(5_000, 1)
    assert dql.limit == 1_000


def test_completing_more_than_is_queued_is_a_bug() -> None:
    dql = Dql(hold_time=10)
    dql.queued(100)
    with pytest.raises(RuntimeError, match=r"kernel BUG: dql_completed of 101 bytes, but 100 are queued"):
        dql.completed(101, 0)


def test_a_reset_forgets_everything() -> None:
    dql = Dql(hold_time=10)
    dql.queued(100)
    dql.completed(50, 1)
    dql.reset(5)
    assert (dql.avail, dql.limit, dql.num_queued, dql.num_completed, dql.slack_start_time) == (0, 0, 0, 0, 5)
    dql.queued(10)
    dql.completed(10, 6)
    assert dql.limit == 10


@given(st.lists(st.tuples(st.integers(1, 2000), st.integers(0, 100)), max_size=60))
def test_a_queue_that_is_filled_when_it_may_be_never_stalls(steps: list[tuple[int, int]]) -> None:
    """Whatever is completed when: with nothing under way there is room for an object."""
    dql = Dql(hold_time=3)
    under_way: list[int] = []
    for jiffies, (size, percent) in enumerate(steps):
        while dql.avail >= 0:
            dql.queued(size)
            under_way.append(size)
        count = len(under_way) * percent // 100
        if count:
            dql.completed(sum(under_way[:count]), jiffies)
            del under_way[:count]
        assert dql.adj_limit == dql.num_completed + dql.limit
        assert dql.num_queued - dql.num_completed == sum(under_way)
        assert under_way or dql.avail >= 0
