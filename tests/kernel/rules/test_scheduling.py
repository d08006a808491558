"""Wrong drivers for rules 1 to 14."""

from __future__ import annotations

from driver.kernel.net.napi import Napi, napi_complete_done
from tests.kernel.net.test_napi import Poll, add_device, schedule
from tests.kernel.rules.support import broken_by
from tests.kernel.support import Computer


def broken_by_poll(poll: Poll) -> dict[str, int]:
    """Rules broken by one poll, and the number of the line in this file that is blamed."""
    computer = Computer()
    napi = add_device(computer, poll)
    found = broken_by(computer, schedule(napi))
    assert all(violation.where and violation.where.file.endswith("test_scheduling.py") for violation in found.values())
    return {name: violation.where.line for name, violation in found.items() if violation.where}


async def right(napi: Napi, budget: int) -> int:
    await napi_complete_done(napi, budget - 1)
    return budget - 1


async def too_much(napi: Napi, budget: int) -> int:
    if napi.polls:
        await napi_complete_done(napi, 0)
        return 0
    return budget + 1


async def complete_at_budget(napi: Napi, budget: int) -> int:
    await napi_complete_done(napi, budget)
    return 0 if napi.polls else budget


async def orphan(_napi: Napi, _budget: int) -> int:
    return 3


def test_the_right_way_breaks_nothing() -> None:
    assert broken_by_poll(right) == {}


def test_napi_poll_budget() -> None:
    assert broken_by_poll(too_much) == {"napi-poll-budget": too_much.__code__.co_firstlineno}


def test_napi_complete_at_budget() -> None:
    assert broken_by_poll(complete_at_budget) == {"napi-complete-at-budget": complete_at_budget.__code__.co_firstlineno}


def test_napi_orphan() -> None:
    assert broken_by_poll(orphan) == {"napi-orphan": orphan.__code__.co_firstlineno}
