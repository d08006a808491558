"""Receive ingress: verdict, what goes into the FIFO, and the summary, for random frames and settings."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.support import cycles, simulate, start, write_verilog
from emulator.engines.base import Verdict
from hdl.nic.regmap import RCTL
from hdl.nic.rx_fifo import RxFrame
from hdl.nic.rx_ingress import RxIngress, RxSummary

INPUTS = ("stream__tvalid", "reset", "rctl", "passed", "broadcast", "multicast", "room", "frame_room", "no_buffer")
FCS_BYTES = 4
LENGTHS = (1, 3, 4, 5, 8, 14, 60, 63, 64, 65, 66, 67, 68, 69, 127, 128, 129, 1518, 1521, 1522, 1523, 1600)
LONG_LENGTHS = (16383, 16384, 16385)


class Fifo:
    """Plays the FIFO: stores beats on trial, and keeps what is committed."""

    def __init__(self, dut):
        self.dut, self.trial = dut, []
        self.frames: list[tuple[bytes, object]] = []
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        dut, lanes = self.dut, len(self.dut.write_beat) // 8
        while True:
            await ReadOnly()
            if dut.write.value:
                assert dut.room.value
                self.trial.append(dut.write_beat.value.to_unsigned().to_bytes(lanes, "little"))
            if dut.commit.value:
                assert dut.frame_room.value
                frame = RxFrame.from_bits(dut.frame.value.to_unsigned())
                beats = self.trial[:-1] if dut.commit_short.value else self.trial
                assert len(beats) == -(-frame.length // lanes)
                self.frames.append((b"".join(beats)[: frame.length], frame.report.errors))
            if dut.commit.value or dut.discard.value:
                assert not (dut.commit.value and dut.discard.value)
                self.trial = []
            await RisingEdge(dut.clk)


async def send(dut, frame: bytes, bad: bool, before_beat=None) -> None:
    """Drive a frame onto the stream, sometimes with pauses; ``before_beat(number)`` may change other inputs."""
    lanes = len(dut.stream__tkeep)
    for number, offset in enumerate(range(0, len(frame), lanes)):
        while random.random() < 0.1:
            dut.stream__tvalid.value = 0
            await RisingEdge(dut.clk)
        if before_beat:
            before_beat(number)
        beat = frame[offset : offset + lanes]
        last = offset + lanes >= len(frame)
        dut.stream__tdata.value = int.from_bytes(beat.ljust(lanes, b"\xee"), "little")
        dut.stream__tkeep.value = (1 << len(beat)) - 1
        dut.stream__tlast.value, dut.stream__tuser.value = int(last), int(bad and last)
        dut.stream__tvalid.value = 1
        await RisingEdge(dut.clk)
    dut.stream__tvalid.value = 0


async def summary(dut):
    """The summary of the frame that was sent last, or None if there is none."""
    for _ in range(3):
        await ReadOnly()
        if dut.summary_valid.value:
            found = RxSummary.from_bits(dut.summary.value.to_unsigned())
            await RisingEdge(dut.clk)
            return found
        await RisingEdge(dut.clk)
    return None


def drive(dut, **inputs: int) -> None:
    """Drive inputs by name."""
    for name, value in inputs.items():
        getattr(dut, name).value = int(value)


def expected_verdict(length: int, bad: bool, rctl: int, passed: bool, room: bool) -> Verdict:
    """The rules of the manual."""
    if not rctl & RCTL.EN:
        return Verdict.DISABLED
    if not passed:
        return Verdict.FILTERED
    wrong = bad or length < 64 or length > (16384 if rctl & RCTL.LPE else 1522)
    if wrong and not rctl & RCTL.SBP:
        return Verdict.ERROR
    return Verdict.KEPT if room else Verdict.MISSED


@cocotb.test()
async def judges_frames(dut):
    """Every boundary of length, with all that decides drawn at random."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    fifo = Fifo(dut)
    for length in (*LENGTHS * 12, *LONG_LENGTHS):
        frame, bad = random.randbytes(length), random.random() < 0.2
        rctl = RCTL.EN if random.random() < 0.9 else 0
        for bit in (RCTL.SBP, RCTL.LPE, RCTL.SECRC):
            rctl |= random.choice((0, bit))
        passed, room, frame_room = (random.random() < 0.85 for _ in range(3))
        no_buffer = random.random() < 0.5
        beats = -(-length // len(dut.stream__tkeep))
        full_from = beats if room else random.randrange(beats)  # the first beat that finds no room
        drive(dut, rctl=rctl, passed=passed, frame_room=frame_room, no_buffer=no_buffer, room=full_from > 0)

        # A beat reaches the FIFO one clock after it was on the stream.
        await send(dut, frame, bad, lambda number, full=full_from: drive(dut, room=number - 1 < full))
        drive(dut, room=beats - 1 < full_from)
        got = await summary(dut)

        verdict = expected_verdict(length, bad, rctl, passed, room and frame_room)
        assert (Verdict(int(got.verdict.value)), got.length) == (verdict, length)
        long = length > (16384 if rctl & RCTL.LPE else 1522)
        assert (got.passed, got.bad_fcs, got.short, got.long) == (passed, bad, length < 64, long)
        assert got.no_buffer == (no_buffer and verdict is Verdict.KEPT)
        if length >= 6:
            assert dut.destination.value.to_unsigned().to_bytes(6, "little") == frame[:6]
        if verdict is not Verdict.KEPT:
            assert not fifo.frames
            continue
        ((data, errors),) = fifo.frames
        fifo.frames.clear()
        assert data == (frame[:-FCS_BYTES] if rctl & RCTL.SECRC and length > FCS_BYTES else frame)
        assert (bad, length < 64 or long) == (errors.CE, errors.RXE)


@cocotb.test()
async def enable_counts_at_the_first_beat(dut):
    """A frame that began before EN is ignored; one that began before EN was cleared is received."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    drive(dut, passed=1, room=1, frame_room=1)
    for first, later, verdict in ((0, RCTL.EN, Verdict.DISABLED), (RCTL.EN, 0, Verdict.KEPT)):
        drive(dut, rctl=first)
        await cycles(dut, 2)
        await send(dut, bytes(1024), False, lambda number, rctl=later: drive(dut, rctl=rctl) if number == 3 else None)
        assert Verdict(int((await summary(dut)).verdict.value)) is verdict


@cocotb.test()
async def reset_forgets_the_arriving_frame(dut):
    """What is left of it is ignored, though the receiver is on again; the next frame is received."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    fifo = Fifo(dut)
    drive(dut, passed=1, room=1, frame_room=1, rctl=RCTL.EN)
    await cycles(dut, 2)

    def reset(number: int) -> None:
        drive(dut, reset=number == 3)

    await send(dut, bytes(1024), False, reset)
    assert Verdict(int((await summary(dut)).verdict.value)) is Verdict.DISABLED
    await send(dut, bytes(1024), False)
    assert Verdict(int((await summary(dut)).verdict.value)) is Verdict.KEPT
    assert [len(data) for data, _ in fifo.frames] == [1024]


@cocotb.test()
async def reset_takes_the_frame_that_ends(dut):
    """A reset in the cycle in which a frame is judged: nothing counts that frame after the reset."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    fifo = Fifo(dut)
    drive(dut, passed=1, room=1, frame_room=1, rctl=RCTL.EN)
    await cycles(dut, 2)
    await send(dut, bytes(1024), False)
    drive(dut, reset=1)
    await RisingEdge(dut.clk)
    drive(dut, reset=0)
    assert Verdict(int((await summary(dut)).verdict.value)) is Verdict.DISABLED
    assert not fifo.frames


@pytest.mark.parametrize("data_width", [64, 512])
def test_rx_ingress(data_width):
    source = write_verilog(RxIngress(data_width), "rx_ingress", folder=f"rx_ingress_{data_width}")
    simulate("test_rx_ingress", "rx_ingress", [source], folder=f"test_rx_ingress_{data_width}")
