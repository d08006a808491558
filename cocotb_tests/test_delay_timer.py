"""The delay timers against arithmetic: when a cause comes for events and flushes at random."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import simulate, start, write_verilog
from hdl.nic.delay_timer import UNIT_CYCLES, DelayTimer


async def fired(dut, events: set[int], flushes: set[int], cycles: int) -> list[int]:
    """Cycles in which the cause comes, for events and flushes in these cycles."""
    times = []
    for cycle in range(cycles):
        dut.event.value, dut.flush.value = int(cycle in events), int(cycle in flushes)
        await ReadOnly()
        if dut.fires.value:
            times.append(cycle)
        await RisingEdge(dut.clk)
    dut.event.value = dut.flush.value = 0
    return times


def expected(events: set[int], flushes: set[int], delay: int, absolute: int, cycles: int) -> list[int]:
    """The same by the manual; delays in cycles."""
    times, due, bound = [], None, None
    for cycle in range(cycles):
        expires = due is not None and cycle >= (due if bound is None else min(due, bound))
        if expires or cycle in flushes or (cycle in events and not delay):
            times.append(cycle)
            due = bound = None
        elif cycle in events:
            if due is None:
                bound = cycle + absolute if absolute else None
            due = cycle + delay
    return times


@cocotb.test()
@cocotb.parametrize(delay=[0, 1, 3], absolute=[0, 2, 5])
async def comes_when_events_stop_or_waited_for_long_enough(dut, delay, absolute):
    await start(dut, event=0, flush=0, delay=delay, absolute=absolute)
    cycles = 3000
    for event_count, flush_count in ((4, 1), (45, 4)):
        events = set(random.sample(range(cycles // 2), event_count))
        flushes = set(random.sample(range(cycles // 2), flush_count))
        times = await fired(dut, events, flushes, cycles)
        assert times == expected(events, flushes, delay * UNIT_CYCLES, absolute * UNIT_CYCLES, cycles)
        assert times


@cocotb.test()
async def what_runs_goes_on_with_its_old_delay(dut):
    await start(dut, event=0, flush=0, delay=2, absolute=0)
    assert await fired(dut, {0}, set(), 10) == []
    dut.delay.value = 100
    assert await fired(dut, set(), set(), 2 * UNIT_CYCLES) == [2 * UNIT_CYCLES - 10]


def test_delay_timer():
    simulate("test_delay_timer", "delay_timer", [write_verilog(DelayTimer(), "delay_timer")])
