"""The whole MAC between the NIC's streams and cocotbext-eth's GMII, with clocks that know nothing of each other."""

import random
from collections import Counter

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

from cocotb_tests.mac.gmii_line import GAP, PREAMBLE, SFD, Line, gaps, with_fcs
from cocotb_tests.mac.nic_streams import NicStreams
from cocotb_tests.mac.octet_streams import random_frames
from cocotb_tests.mac.test_pause import ADDRESS, STATION, TYPE, number, pause
from cocotb_tests.support import cycles, simulate, write_verilog
from hdl.nic.mac.mac import Mac
from hdl.nic.mac.pause_timer import QUANTUM
from hdl.nic.mac_events import MacEvents

#: Octets that the standard's shortest and longest frames have before the FCS, and those around them.
LENGTHS = (60, 61, 63, 64, 65, 67, 68, 124, 500, 1514)


class Events:
    """Counts the MAC's events; ``seen`` has those that there were."""

    def __init__(self, dut):
        self.seen: Counter[str] = Counter()
        cocotb.start_soon(self._run(dut))

    async def _run(self, dut) -> None:
        while True:
            await RisingEdge(dut.clk)
            now = MacEvents.from_bits(dut.nic__events.value.to_unsigned())
            self.seen.update(name for name, _ in MacEvents.as_shape() if now[name])


async def begin(dut, *, ppm: int = 250) -> tuple[Line, NicStreams, Events]:
    """Clocks, reset and the two ends."""
    settings = {"rfce": 1, "station": number(STATION), "pause_address": number(ADDRESS)}
    for name, value in {**settings, "pause_type": TYPE, "pause__valid": 0, "pause__payload": 0}.items():
        getattr(dut, f"nic__{name}").value = value
    dut.gap.value = GAP
    for domain in ("rst", "tx_rst", "rx_rst"):
        getattr(dut, domain).value = 1
    streams = NicStreams(dut)
    await Timer(1, unit="ns")  # no edge may see the inputs undriven
    Clock(dut.clk, int(cocotb.plusargs["period"]), unit="ps", impl="gpi").start()
    line = Line(dut, dut.tx_clk, dut.rx_clk, ppm=ppm)
    await cycles(dut, 10)
    for domain in ("rst", "tx_rst", "rx_rst"):
        getattr(dut, domain).value = 0
    await cycles(dut, 30)
    return line, streams, Events(dut)


@cocotb.test()
async def both_ways_at_line_rate(dut):
    """Random frames at the smallest gap in both directions at once: all arrive, and the gap is the standard's."""
    line, nic, events = await begin(dut, ppm=random.choice([-250, 0, 250]))
    out, into = ([with_fcs(frame) for frame in random_frames(random.choices(LENGTHS, k=12))] for _ in range(2))
    nic.queue += [(frame, False) for frame in out]
    for frame in into:
        line.send(frame)
    await line.silence()
    await nic.drained()
    await Timer(20, unit="us")
    assert nic.frames == [(frame, False) for frame in into]
    sent = line.sent()
    assert [frame.get_payload(strip_fcs=False) for frame in sent] == out
    assert not any(frame.error for frame in sent)
    assert gaps(sent) == [GAP] * (len(out) - 1)
    assert not events.seen


@cocotb.test()
async def bad_carriers(dut):
    """Bad FCS, RX_ER anywhere, short preambles, runts and what is no frame at all, the gap down to one octet."""
    line, nic, events = await begin(dut)
    expected, phy_errors, no_frames = [], 0, 0
    for _ in range(40):
        line.source.ifg = random.choice([1, 5, GAP])
        frame = with_fcs(random.randbytes(random.choice([0, 1, 10, 60, 100])))
        kind = random.choice(["good", "fcs", "rx_er", "preamble", "runt", "nothing"])
        preamble, errors = PREAMBLE, ()
        if kind == "fcs":
            frame = bytes([frame[0] ^ 1 << random.randrange(8)]) + frame[1:]
        if kind == "rx_er":
            errors, phy_errors = (random.randrange(8 + len(frame)),), phy_errors + 1
        if kind == "preamble":
            preamble = PREAMBLE[: random.randrange(7)]
        if kind == "runt":
            frame = frame[: random.randrange(1, 4)]
        if kind == "nothing":
            line.send(b"", preamble=random.choice([PREAMBLE, PREAMBLE + SFD]))
            no_frames += 1
        else:
            line.send(frame, preamble=preamble + SFD, errors=errors)
            expected.append((frame, kind in ("fcs", "rx_er", "runt")))
        await line.silence()
    await Timer(2, unit="us")
    assert nic.frames == expected
    assert events.seen == Counter(RXERRC=phy_errors + no_frames)


@cocotb.test()
async def between_frames(dut):
    """False carriers and errors in a carrier extension are told, once each; the frames around them are whole."""
    line, nic, events = await begin(dut)
    frame = with_fcs(random.randbytes(60))
    codes = [0x0E] * 3 + [0x1F] * 2 + [0x0F]
    random.shuffle(codes)
    for code in codes:
        line.send(frame)
        await line.silence()
        dut.gmii__rx_er.value, dut.gmii__rxd.value = 1, code
        for _ in range(random.randrange(1, 5)):
            await RisingEdge(dut.rx_clk)
        dut.gmii__rx_er.value = 0
        await Timer(300, unit="ns")
    assert nic.frames == [(frame, False)] * len(codes)
    assert events.seen == Counter(SYMERRS=3, CEXTERR=2)


@cocotb.test()
async def marks_bad_frames(dut):
    """A frame that the NIC gives up goes out with TX_ER, so that nobody takes it for a good one."""
    line, nic, _ = await begin(dut)
    frames = [with_fcs(frame) for frame in random_frames([60, 70, 60])]
    nic.queue += [(frames[0], False), (frames[1], True), (frames[2], False)]
    await nic.drained()
    await Timer(4, unit="us")
    sent = line.sent()
    assert [bool(frame.error) for frame in sent] == [False, True, False]


@cocotb.test()
async def heeds_pause_frames(dut):
    """The present frame ends, then there is silence for the time asked for; time 0 ends it; rfce off, nothing."""
    line, nic, events = await begin(dut, ppm=0)
    frames = [with_fcs(frame) for frame in random_frames([500] * 3)]

    async def pause_in_first_frame(quanta: int) -> list[int]:
        nic.queue += [(frame, False) for frame in frames]
        line.send(with_fcs(pause(quanta, length=60)))
        await nic.drained()
        await Timer(500 * 8 * 3, unit="ns")
        sent = line.sent()
        assert [frame.get_payload(strip_fcs=False) for frame in sent] == frames
        return gaps(sent)

    # The pause begins when the pause frame has ended, in about the tenth part of the first frame.
    first, second = await pause_in_first_frame(20)
    begun = PAUSE_ENDS - (8 + 504)
    assert abs(first - (20 * QUANTUM + begun)) < LATENCY
    assert second == GAP
    assert nic.frames == [(with_fcs(pause(20, length=60)), False)], "a pause frame goes to the NIC as well"
    dut.nic__rfce.value = 0
    assert await pause_in_first_frame(20) == [GAP, GAP]
    dut.nic__rfce.value = 1
    line.send(with_fcs(pause(65535, length=60)))
    await Timer(2, unit="us")
    line.send(with_fcs(pause(0, length=60)))
    assert await pause_in_first_frame(0) == [GAP, GAP]
    assert events.seen == Counter(XOFFRXC=2, XONRXC=2)


#: Octet times from the first beat that the NIC sends to the end of the pause frame that starts with it.
PAUSE_ENDS = 72

#: Octet times that the way of a pause frame through both clock crossings may take: two quanta (31B.3.7).
LATENCY = 2 * QUANTUM


@cocotb.test()
async def sends_pause_frames(dut):
    """On request, between two frames and also while the other end has asked for silence."""
    line, nic, events = await begin(dut)
    line.send(with_fcs(pause(65535, length=60)))
    await Timer(2, unit="us")
    nic.queue += [(with_fcs(bytes(60)), False)]
    for quanta in (0xABCD, 0):
        dut.nic__pause__payload.value, dut.nic__pause__valid.value = quanta, 1
        await RisingEdge(dut.clk)
        while not dut.nic__pause__ready.value:
            await RisingEdge(dut.clk)
        dut.nic__pause__valid.value = 0
        await RisingEdge(dut.clk)
    await Timer(3, unit="us")
    head = ADDRESS + STATION + b"\x88\x08\x00\x01"
    expected = [with_fcs((head + time).ljust(60, b"\0")) for time in (b"\xab\xcd", b"\0\0")]
    assert [frame.get_payload(strip_fcs=False) for frame in line.sent()] == expected
    assert events.seen == Counter(XOFFRXC=1, XOFFTXC=1, XONTXC=1)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def overflows(dut):
    """The NIC takes nothing for a while: each frame arrives whole, arrives bad, or is counted."""
    line, nic, events = await begin(dut)
    frames = [with_fcs(frame) for frame in random_frames(random.choices([60, 200], k=40))]
    for frame in frames:
        line.send(frame)
    for lost in (3, 6):
        await Timer(random.randrange(4000, 8000), unit="ns")
        nic.stall = 1
        while events.seen["MPC"] < lost:
            await RisingEdge(dut.clk)
        nic.stall = 0
    await line.silence()
    await Timer(1, unit="us")
    good = [frame for frame, bad in nic.frames if not bad]
    rest = iter(frames)
    assert all(frame in rest for frame in good), "out of order, or joined"
    assert len(nic.frames) + events.seen["MPC"] == len(frames)
    assert len(good) < len(frames) - 5, "the test does not test"


@pytest.mark.slow
@pytest.mark.parametrize("period", [8000, 6400, 20000])
def test_mac(period):
    source = write_verilog(Mac(), "mac")
    simulate("mac.test_mac", "mac", [source], folder=f"test_mac_{period}", plusargs=[f"+period={period}"])
