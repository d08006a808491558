"""Statistics: what each frame counts in, reads that clear, pairs of registers, and the maximum."""

import random
from collections import Counter

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import simulate, start, write_verilog
from emulator.engines.base import Verdict
from hdl.nic import regmap
from hdl.nic.mac_events import MacEvents
from hdl.nic.registers import port_name
from hdl.nic.rx_arrival import MAX_FRAME, MIN_FRAME
from hdl.nic.rx_ingress import RxSummary
from hdl.nic.statistics import COUNTERS, WIDE_COUNTERS, Statistics
from hdl.nic.tx_summary import TxSummary
from hdl.nic.verdict import RxVerdict

REGISTERS = (*COUNTERS, *(register for pair in WIDE_COUNTERS for register in pair))
LOW_HALF = {high: low for low, high in WIDE_COUNTERS}
LENGTHS = (5, 63, 64, 65, 127, 128, 255, 256, 511, 512, 1023, 1024, 1522, 1523, 9000)
CLASSES = {64: "PRC64", 127: "PRC127", 255: "PRC255", 511: "PRC511", 1023: "PRC1023", 1 << 20: "PRC1522"}


EVENTS = [name for name, _ in MacEvents.as_shape()]
PULSES = {"segmented": "TSCTC", "segmentation_failed": "TSCTFC"}


async def begin(dut):
    strobes = [f"{port_name(register)}__{kind}" for register in REGISTERS for kind in ("read", "write")]
    inputs = ("summary_valid", "summary", "sent_valid", "sent", "mac_events", *PULSES, *strobes)
    await start(dut, **dict.fromkeys(inputs, 0))


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


def random_sent() -> dict:
    """A frame that has left."""
    group = random.randrange(3)
    return {"length": random.choice(LENGTHS), "broadcast": int(group == 1), "multicast": int(group == 2)}


def counted_sent(frame: dict) -> dict[str, int]:
    """What a frame that has left adds to the registers."""
    length = frame["length"]
    counts = {"TPT": 1, "TOTL": length, "BPTC": frame["broadcast"], "MPTC": frame["multicast"]}
    if length >= MIN_FRAME:
        name = next(name for most, name in CLASSES.items() if length <= most)
        counts.update({"GPTC": 1, "GOTCL": length, name.replace("PRC", "PTC"): 1})
    return counts


def value(dut, register) -> int:
    return getattr(dut, f"{port_name(register)}__value").value.to_unsigned()


def drive_at_random(dut) -> Counter:
    """Events of all kinds for one cycle; returns what they add to the registers."""
    counts = Counter()
    received, sent = (random.random() < 0.5 for _ in range(2))
    dut.summary_valid.value, dut.sent_valid.value = received, sent
    if received:
        frame = random_frame()
        dut.summary.value = RxSummary.const(frame).as_bits()
        counts.update(counted_in(frame))
    if sent:
        frame = random_sent()
        dut.sent.value = TxSummary.const(frame).as_bits()
        counts.update(counted_sent(frame))
    events = {name: int(random.random() < 0.1) for name in EVENTS}
    events["MPC"] *= random.random() < 0.01  # those of the MAC are never close together
    dut.mac_events.value = MacEvents.const(events).as_bits()
    counts.update(events)
    for port, name in PULSES.items():
        pulse = int(random.random() < 0.1)
        getattr(dut, port).value = pulse
        counts[name] += pulse
    return counts


def be_quiet(dut) -> None:
    """No event."""
    for name in ("summary_valid", "sent_valid", "mac_events", *PULSES):
        getattr(dut, name).value = 0


async def read(dut, register) -> int:
    """The value in the cycle of a read; the next cycle has begun when it returns."""
    strobe = getattr(dut, f"{port_name(register)}__read")
    strobe.value = 1
    await ReadOnly()
    seen = value(dut, register)
    await RisingEdge(dut.clk)
    strobe.value = 0
    return seen


@cocotb.test()
async def counts_and_clears(dut):
    """Events in every cycle, and reads in any: nothing is lost or counted twice, also between the halves of a pair."""
    await begin(dut)
    totals, seen, halves = Counter(), Counter(), {}
    for _ in range(3000):
        totals.update(drive_at_random(dut))
        register = random.choice(REGISTERS)
        if random.random() < 0.6 or LOW_HALF.get(register, register) not in (register, *halves):
            await RisingEdge(dut.clk)
            continue
        shown = await read(dut, register)
        if register in COUNTERS:
            seen[register.__name__] += shown
        elif register.access is regmap.Access.READ_ONLY:
            halves[register] = shown
        else:
            low = LOW_HALF[register]
            seen[low.__name__] += halves.pop(low) | shown << 32
    be_quiet(dut)
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    await ReadOnly()
    for register in REGISTERS:
        if register not in LOW_HALF:
            seen[register.__name__] += value(dut, register)
    assert {name: seen[name] for name in totals} == totals


@cocotb.test()
async def sticks_at_the_maximum(dut):
    """Narrow and wide counters; reading the high half clears both, reading the low half nothing."""
    await begin(dut)
    dut.tpr__value.value, dut.torl.value = 0xFFFF_FFFE, (1 << 64) - 65
    dut.summary.value = RxSummary.const({"verdict": RxVerdict.FILTERED, "length": 64}).as_bits()
    dut.summary_valid.value = 1
    await RisingEdge(dut.clk)
    for tpr, tor in ((0xFFFF_FFFE, 2**64 - 65), (0xFFFF_FFFF, 2**64 - 1), (0xFFFF_FFFF, 2**64 - 1)):
        await ReadOnly()
        assert value(dut, regmap.TPR) == tpr
        assert value(dut, regmap.TORL) | value(dut, regmap.TORH) << 32 == tor
        await RisingEdge(dut.clk)
    be_quiet(dut)
    await RisingEdge(dut.clk)
    for register, left in ((regmap.TORL, 2**64 - 1), (regmap.TORH, 0)):
        await read(dut, register)
        await ReadOnly()
        assert value(dut, regmap.TORL) | value(dut, regmap.TORH) << 32 == left
        await RisingEdge(dut.clk)


@cocotb.test()
async def a_read_of_the_low_half_latches_the_high_half(dut):
    """A carry between the two reads is seen by neither, and is there the next time."""
    await begin(dut)
    dut.totl.value = (5 << 32) - 100
    assert await read(dut, regmap.TOTL) == (1 << 32) - 100
    dut.sent.value, dut.sent_valid.value = TxSummary.const({"length": 300}).as_bits(), 1
    await RisingEdge(dut.clk)
    dut.sent_valid.value = 0
    await RisingEdge(dut.clk)
    assert await read(dut, regmap.TOTH) == 4
    assert await read(dut, regmap.TOTL) == 300
    assert await read(dut, regmap.TOTH) == 0
    assert await read(dut, regmap.TOTL) == 0


@cocotb.test()
async def a_read_of_the_high_half_alone_clears_both(dut):
    await begin(dut)
    dut.totl.value = (5 << 32) + 100
    assert await read(dut, regmap.TOTH) == 5
    assert await read(dut, regmap.TOTL) == 0


def test_statistics():
    simulate("test_statistics", "statistics", [write_verilog(Statistics(), "statistics")])
