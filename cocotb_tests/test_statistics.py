"""Statistics: what each frame counts in, reads that clear, and the maximum."""

import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import simulate, start, write_verilog
from emulator.engines.base import Verdict
from hdl.nic import regmap
from hdl.nic.registers import port_name
from hdl.nic.rx_ingress import MAX_FRAME, MIN_FRAME, RxSummary
from hdl.nic.statistics import COUNTERS, WIDE_COUNTERS, Statistics
from hdl.nic.verdict import RxVerdict

REGISTERS = (*COUNTERS, *(register for pair in WIDE_COUNTERS for register in pair))
LENGTHS = (5, 63, 64, 65, 127, 128, 255, 256, 511, 512, 1023, 1024, 1522, 1523, 9000)
CLASSES = {64: "PRC64", 127: "PRC127", 255: "PRC255", 511: "PRC511", 1023: "PRC1023", 1 << 20: "PRC1522"}


async def begin(dut):
    strobes = [f"{port_name(register)}__{kind}" for register in REGISTERS for kind in ("read", "write")]
    await start(dut, summary_valid=0, summary=0, **dict.fromkeys(strobes, 0))


def random_frame() -> dict:
    """A summary as the ingress makes it."""
    length = random.choice(LENGTHS)
    short, long, bad = length < MIN_FRAME, length > MAX_FRAME, random.random() < 0.3
    passed = random.random() < 0.8
    kinds = [Verdict.DISABLED, Verdict.FILTERED] if not passed else [Verdict.KEPT, Verdict.KEPT, Verdict.MISSED]
    if passed and (short or long or bad):
        kinds.append(Verdict.ERROR)
    verdict = random.choice(kinds)
    return {
        "verdict": RxVerdict(int(verdict)),
        "length": length,
        "passed": int(passed),
        "broadcast": int((group := random.randrange(3)) == 1),
        "multicast": int(group == 2),
        "bad_fcs": int(bad),
        "short": int(short),
        "long": int(long),
        "no_buffer": int(verdict is Verdict.KEPT and random.random() < 0.5),
    }


def counted_in(frame: dict) -> dict[str, int]:
    """What a frame adds to the registers, by the documentation of regmap.py."""
    counts: dict[str, int] = {}
    verdict, length, bad = frame["verdict"], frame["length"], frame["bad_fcs"]
    if verdict is RxVerdict.DISABLED:
        return counts
    counts.update(TPR=1, TORL=length)
    if not frame["passed"]:
        return counts
    if frame["short"] or frame["long"]:
        counts["RLEC"] = 1
        counts[("RFC" if bad else "RUC") if frame["short"] else ("RJC" if bad else "ROC")] = 1
    if bad and not frame["short"]:
        counts["CRCERRS"] = 1
    if verdict is RxVerdict.MISSED:
        counts["MPC"] = 1
    if frame["no_buffer"]:
        counts["RNBC"] = 1
    if verdict is RxVerdict.KEPT and not (bad or frame["short"] or frame["long"]):
        counts.update(GPRC=1, GORCL=length)
        counts[next(name for most, name in CLASSES.items() if length <= most)] = 1
        if frame["broadcast"] or frame["multicast"]:
            counts["BPRC" if frame["broadcast"] else "MPRC"] = 1
    return counts


def value(dut, register) -> int:
    return getattr(dut, f"{port_name(register)}__value").value.to_unsigned()


@cocotb.test()
async def counts_and_clears(dut):
    """Random frames, and reads in the cycles in which they are counted: nothing is lost or counted twice."""
    await begin(dut)
    totals = {register.__name__: 0 for register in REGISTERS}
    seen = dict.fromkeys(totals, 0)
    reading = None
    for _ in range(3000):
        frame = random_frame() if random.random() < 0.5 else None
        dut.summary_valid.value = int(frame is not None)
        if frame is not None:
            dut.summary.value = RxSummary.const(frame).as_bits()
            for name, count in counted_in(frame).items():
                totals[name] += count
        reading = random.choice(COUNTERS) if random.random() < 0.3 else None
        if reading:
            getattr(dut, f"{port_name(reading)}__read").value = 1
        await ReadOnly()
        if reading:
            seen[reading.__name__] += value(dut, reading)
        await RisingEdge(dut.clk)
        if reading:
            getattr(dut, f"{port_name(reading)}__read").value = 0
    dut.summary_valid.value = 0
    await RisingEdge(dut.clk)
    await ReadOnly()
    for register in REGISTERS:
        seen[register.__name__] += value(dut, register)
    assert seen == totals


@cocotb.test()
async def sticks_at_the_maximum(dut):
    """Narrow and wide counters; reading the high half clears both, reading the low half nothing."""
    await begin(dut)
    dut.tpr__value.value, dut.torl.value = 0xFFFF_FFFE, (1 << 64) - 65
    dut.summary.value = RxSummary.const({"verdict": RxVerdict.FILTERED, "length": 64}).as_bits()
    dut.summary_valid.value = 1
    for tpr, tor in ((0xFFFF_FFFE, 2**64 - 65), (0xFFFF_FFFF, 2**64 - 1), (0xFFFF_FFFF, 2**64 - 1)):
        await ReadOnly()
        assert value(dut, regmap.TPR) == tpr
        assert value(dut, regmap.TORL) | value(dut, regmap.TORH) << 32 == tor
        await RisingEdge(dut.clk)
    dut.summary_valid.value = 0
    for register, left in ((regmap.TORL, 2**64 - 1), (regmap.TORH, 0)):
        strobe = getattr(dut, f"{port_name(register)}__read")
        strobe.value = 1
        await RisingEdge(dut.clk)
        strobe.value = 0
        await ReadOnly()
        assert value(dut, regmap.TORL) | value(dut, regmap.TORH) << 32 == left
        await RisingEdge(dut.clk)


def test_statistics():
    simulate("test_statistics", "statistics", [write_verilog(Statistics(), "statistics")])
