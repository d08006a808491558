"""Pause frames: made, recognised among others, and the silence that they bring."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.mac.octet_streams import Pulses, Sink, Source, as_beats, as_octets, random_frames
from cocotb_tests.mac.side_by_side import SideBySide
from cocotb_tests.support import cycles, simulate, start, write_verilog
from hdl.nic.mac.arbiter import Arbiter
from hdl.nic.mac.octets import Beat, Octet
from hdl.nic.mac.pause_receiver import PauseReceiver
from hdl.nic.mac.pause_sender import PauseFrame, PauseSender
from hdl.nic.mac.pause_timer import QUANTUM, PauseTimer

#: IEEE 802.3, 31B.1: the destination, the type and the opcode.
ADDRESS, TYPE, PAUSE = bytes.fromhex("0180c2000001"), 0x8808, 1
STATION = bytes.fromhex("02a1b2c3d4e5")

INPUTS = (
    "receiver__valid",
    "receiver__quanta__ready",
    "timer__quanta__valid",
    "sender__frames__valid",
    "sender__octets__ready",
    "arbiter__frames__valid",
    "arbiter__pauses__valid",
    "arbiter__paused",
    "arbiter__o__ready",
)


def number(address: bytes) -> int:
    """An address as the registers hold it."""
    return int.from_bytes(address, "little")


def pause(
    quanta: int, *, destination: bytes = ADDRESS, kind: int = TYPE, opcode: int = PAUSE, length: int = 64
) -> bytes:
    """A pause frame as it arrives, with room for an FCS."""
    head = destination + bytes.fromhex("020000000001") + kind.to_bytes(2, "big") + opcode.to_bytes(2, "big")
    return (head + quanta.to_bytes(2, "big")).ljust(length, b"\0")[:length]


@cocotb.test()
async def recognises(dut):
    """Both destinations and any length from 64; nothing that differs from a pause frame in one place."""
    settings = {"address": number(ADDRESS), "station": number(STATION), "type": TYPE, "enable": 1}
    await start(dut, **dict.fromkeys(INPUTS, 0), **{f"receiver__{name}": value for name, value in settings.items()})
    dut.receiver__quanta__ready.value = 1
    pulses, times = (
        Pulses(dut, "receiver__xon", "receiver__xoff", "receiver__unknown"),
        Sink(dut, "receiver__quanta", None),
    )
    other = random.randrange(1, 65536)
    good = [pause(other), pause(0), pause(65535, destination=STATION), pause(7, length=65), pause(256, length=1518)]
    other_station = bytes([*STATION[:5], STATION[5] ^ 1])
    wrong = [
        pause(5, destination=other_station),
        pause(5, kind=TYPE ^ 0x100),
        pause(5, opcode=PAUSE ^ 0x100),
        pause(5, opcode=PAUSE ^ 1),
        *(pause(5, length=length) for length in (63, 60, 56, 24, 18, 6)),
        b"".join(random_frames([200])),
    ]
    cases = [(frame, False, True) for frame in good] + [(frame, False, False) for frame in wrong]
    cases += [(pause(9), True, False)]
    random.shuffle(cases)
    for frame, bad, _ in cases:
        for beat in as_beats(frame, bad):
            dut.receiver__valid.value, dut.receiver__beat.value = 1, Beat.const(beat).as_bits()
            await RisingEdge(dut.clk)
            dut.receiver__valid.value = 0
            await cycles(dut, random.choice([0, 0, 1]))
        await cycles(dut, 6)
    expected = [int.from_bytes(frame[16:18], "big") for frame, _, is_pause in cases if is_pause]
    assert times.items == expected
    other = {"receiver__unknown": 2, "receiver__xoff": len(good) - expected.count(0)}
    assert pulses.counts == {"receiver__xon": expected.count(0), **other}


@cocotb.test()
async def counts_down(dut):
    """A pause lasts so many times 64 octets; a new one replaces it, and time 0 ends it."""
    await start(dut, **dict.fromkeys(INPUTS, 0))

    async def silence(quanta: int, most: int = 10_000) -> int:
        dut.timer__quanta__payload.value, dut.timer__quanta__valid.value = quanta, 1
        await RisingEdge(dut.clk)
        dut.timer__quanta__valid.value = 0
        for clocks in range(most):
            await ReadOnly()
            if not dut.timer__paused.value:
                return clocks
            await RisingEdge(dut.clk)
        return most

    for quanta in (1, 2, 10, 0):
        assert await silence(quanta) == quanta * QUANTUM
        await RisingEdge(dut.clk)
    assert await silence(65535, most=100) == 100
    assert await silence(3) == 3 * QUANTUM
    await RisingEdge(dut.clk)
    assert await silence(65535, most=100) == 100
    assert await silence(0) == 0


@cocotb.test()
async def makes_frames(dut):
    """Every field at its place; a request is over with its frame."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    source, sink = Source(dut, "sender__frames", PauseFrame), Sink(dut, "sender__octets", Octet, stall=0.2)
    expected = []
    for _ in range(3):
        destination, sender, kind, time = (random.randbytes(n) for n in (6, 6, 2, 2))
        fields = {"destination": number(destination), "source": number(sender)}
        fields |= {"type": int.from_bytes(kind, "big"), "quanta": int.from_bytes(time, "big")}
        source.queue.append(fields)
        expected.append((destination + sender + kind + b"\x00\x01" + time, False))
    await source.drained()
    assert sink.frames() == expected


@cocotb.test()
async def arbitrates(dut):
    """Frames stay whole; pause frames go first, and alone during a pause."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    frames, pauses = Source(dut, "arbiter__frames", Octet), Source(dut, "arbiter__pauses", Octet)
    sink = Sink(dut, "arbiter__o", Octet, stall=0.3)
    data, control = random_frames([30] * 40), random_frames([20] * 15)
    for frame in data:
        frames.queue += as_octets(frame)
    for frame in control:
        pauses.queue += as_octets(frame)
        await cycles(dut, random.randrange(10, 150))
        dut.arbiter__paused.value = random.choice([0, 1])
    dut.arbiter__paused.value = 0
    await pauses.drained()
    await frames.drained()
    sent = [frame for frame, _ in sink.frames()]
    assert [frame for frame in sent if len(frame) == 30] == data
    assert [frame for frame in sent if len(frame) == 20] == control

    sink.items.clear()
    dut.arbiter__paused.value = 1
    frames.queue += as_octets(data[0])
    await cycles(dut, 100)
    assert not sink.items
    pauses.queue += as_octets(control[0])
    await cycles(dut, 100)
    assert sink.frames() == [(control[0], False)]
    dut.arbiter__paused.value = 0
    await cycles(dut, 3)
    dut.arbiter__paused.value = 1
    pauses.queue += as_octets(control[1])
    await cycles(dut, 200)
    assert [frame for frame, _ in sink.frames()] == [control[0], data[0], control[1]]


@pytest.mark.slow
def test_pause():
    blocks = SideBySide(receiver=PauseReceiver(), timer=PauseTimer(), sender=PauseSender(), arbiter=Arbiter())
    simulate("mac.test_pause", "pause", [write_verilog(blocks, "pause")])
