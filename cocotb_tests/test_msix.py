"""MSI-X: vectors, masks and throttles against a model of their rules, and that no event is lost."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import simulate, start, write_verilog
from hdl.nic.msix import EITR_UNIT_CYCLES, Msix
from hdl.nic.regmap import EITR, GPIE, IVAR, IVAR_MISC

QUEUES = 2
VECTORS = QUEUES + 1
EVERY = (1 << VECTORS) - 1
MSIX = int(GPIE.MULTIPLE_MSIX)
STROBES = ("eicr__read", "eicr__write", "eics__write", "eims__write", "eimc__write")
LEVELS = ("rx", "tx", "other", "gpie", "eiac", "eiam", "eitr", "ivar", "ivar_misc", "write_data")


async def begin(dut, gpie: int = MSIX) -> None:
    """Queue n has vector n both ways, other causes have the last one."""
    unused = dict.fromkeys(("eics__read", "eims__read", "eimc__read"), 0)
    await start(dut, **dict.fromkeys(LEVELS, 0), **unused, **dict.fromkeys(STROBES, 0))
    ivars = [IVAR.RX_VALID | IVAR.TX_VALID | IVAR.RX_VECTOR.put(n) | IVAR.TX_VECTOR.put(n) for n in range(QUEUES)]
    dut.ivar.value = sum(value << 32 * n for n, value in enumerate(ivars))
    dut.ivar_misc.value = IVAR_MISC.OTHER_VALID | IVAR_MISC.OTHER_VECTOR.put(QUEUES)
    dut.gpie.value = gpie


async def clock(dut, strobe: str | None = None, data: int = 0, **events: int) -> int:
    """One cycle with an access, events or both; returns the vectors that fire in it."""
    return (await look(dut, strobe, data, **events))[0]


async def look(dut, strobe: str | None = None, data: int = 0, **events: int) -> tuple[int, tuple[int, int]]:
    """The same; returns EICR and EIMS in this cycle, too."""
    if strobe:
        getattr(dut, strobe).value = 1
    dut.write_data.value = data
    for name, value in events.items():
        getattr(dut, name).value = value
    await ReadOnly()
    fired = dut.vectors.value.to_unsigned()
    state = dut.eicr__value.value.to_unsigned(), dut.eims__value.value.to_unsigned()
    await RisingEdge(dut.clk)
    if strobe:
        getattr(dut, strobe).value = 0
    dut.rx.value = dut.tx.value = 0
    return fired, state


@cocotb.test()
@cocotb.parametrize(eiame=[False, True])
async def agrees_with_model(dut, eiame):
    """Random accesses and events; without throttling."""
    await begin(dut, MSIX | GPIE.EIAME * eiame)
    eiac, eiam = random.getrandbits(VECTORS), random.getrandbits(VECTORS)
    dut.eiac.value, dut.eiam.value = eiac, eiam
    latched = mask = sent = other_before = 0
    fired_in_all = 0
    for _ in range(4000):
        strobe = random.choice((None, None, *STROBES))
        data = random.getrandbits(32)
        rx, tx, other = random.getrandbits(2) & random.getrandbits(2), random.getrandbits(2) & 1, random.getrandbits(1)
        fired, state = await look(dut, strobe, data, rx=rx, tx=tx, other=other)
        assert state == (latched, mask)
        assert fired == latched & mask & ~sent
        sent = latched & mask & ~eiac
        fired_in_all += fired.bit_count()
        bits = data & EVERY
        latched &= ~{"eicr__read": EVERY, "eicr__write": bits}.get(strobe, 0) & ~(fired & eiac)
        latched |= rx | tx | (other and not other_before) << QUEUES | (bits if strobe == "eics__write" else 0)
        mask &= ~(bits if strobe == "eimc__write" else 0) & ~(fired & eiam if eiame else 0)
        mask |= bits if strobe == "eims__write" else 0
        other_before = other
    assert fired_in_all > 300


@cocotb.test()
async def events_in_the_cycle_of_a_message_send_another(dut):
    """As many messages as events while the bit clears itself and nothing holds them back."""
    await begin(dut)
    dut.eiac.value = EVERY
    await clock(dut, "eims__write", EVERY)
    fired = [await clock(dut, rx=1) for _ in range(10)]
    fired += [await clock(dut) for _ in range(5)]
    assert fired == [0] + [1] * 10 + [0] * 4


@cocotb.test()
async def a_vector_is_throttled_on_its_own(dut):
    """EITR of vector 1 holds back its messages, and none of vector 0; what was held back comes when it is over."""
    await begin(dut)
    dut.eiac.value = EVERY
    dut.eitr.value = EITR.INTERVAL.put(2) << 32
    await clock(dut, "eims__write", EVERY)
    times = {0: [], 1: []}
    for now in range(4 * 2 * EITR_UNIT_CYCLES):
        fired = await clock(dut, rx=3 if now % 50 == 0 else 0)
        for vector, when in times.items():
            when.extend([now] if fired >> vector & 1 else [])
    assert len(times[0]) == 20
    assert [after - before for before, after in zip(times[1], times[1][1:], strict=False)] == [2 * EITR_UNIT_CYCLES] * 3


@cocotb.test()
async def without_msix_there_are_no_vectors(dut):
    """Events before the mode is switched on are not for it."""
    await begin(dut, 0)
    await clock(dut, "eims__write", EVERY)
    assert not any([await clock(dut, rx=3, tx=3, other=n % 2) for n in range(10)])
    dut.gpie.value = MSIX
    assert not any([await clock(dut) for _ in range(5)])
    assert [await clock(dut, rx=1), await clock(dut)] == [0, 1]


@cocotb.test()
async def a_vector_that_is_not_there_stays_silent(dut):
    """IVAR may name any of 32."""
    await begin(dut)
    dut.ivar.value = IVAR.RX_VALID | IVAR.RX_VECTOR.put(VECTORS)
    await clock(dut, "eims__write", EVERY)
    assert not any([await clock(dut, rx=1) for _ in range(5)])


def test_msix():
    simulate("test_msix", "msix", [write_verilog(Msix(QUEUES), "msix")])
