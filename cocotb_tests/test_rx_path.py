"""The receive path up to the FIFO: verdict, bytes, descriptor contents and summary, for random frames and settings."""

import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge

from cocotb_tests.rx_reference import BROADCAST, RESERVED, Settings, expect, random_packet
from cocotb_tests.support import cycles, first_always, simulate, start, write_verilog
from emulator.engines.base import Verdict
from hdl.nic.regmap import RAH, RAL, RCTL, RXCSUM
from hdl.nic.rx_fifo import RxFrame
from hdl.nic.rx_ingress import RxSummary
from hdl.nic.rx_path import RxPath

REGISTERS = ("ctrl", "rctl", "vet", "ral", "rah", "rxcsum", "rsrpd")
INPUTS = (
    *REGISTERS,
    "stream__tvalid",
    "looped",
    "unheard",
    "reset",
    "room",
    "frame_room",
    "no_buffer",
    "mta__value",
    "vfta__value",
)
LENGTHS = (1, 3, 4, 5, 8, 14, 15, 16, 17, 20, 21, 60, 63, 64, 65, 66, 67, 68, 69, 127, 128, 129, 1518, 1522, 1523, 1600)
LONG_LENGTHS = (16383, 16384, 16385)
STATION = b"\x02\x11\x22\x33\x44\x55"
DESTINATIONS = (STATION, STATION, b"\x02\x11\x22\x33\x44\x54", b"\x01\x00\x5e\x00\x00\x01", BROADCAST, RESERVED)

#: Clocks that a frame takes through the path, and more.
LATENCY = 24


class Fifo:
    """Plays the FIFO and the tables: stores beats on trial, keeps what is committed, and notes the summaries.

    Attributes:
        frames: bytes, :class:`RxFrame`.
        room: beats that fit.
    """

    def __init__(self, dut):
        self.dut, self.trial, self.room = dut, [], 1 << 20
        self.frames: list[tuple[bytes, object]] = []
        self.summaries: list[object] = []
        self.settings = Settings()
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        dut, lanes = self.dut, len(self.dut.write_beat) // 8
        while True:
            dut.room.value = int(len(self.trial) < self.room)
            await ReadOnly()
            if dut.write.value:
                assert dut.room.value
                self.trial.append(dut.write_beat.value.to_unsigned().to_bytes(lanes, "little"))
            if dut.commit.value:
                assert dut.frame_room.value
                frame = RxFrame.from_bits(dut.frame.value.to_unsigned())
                assert len(self.trial) == -(-frame.length // lanes)
                self.frames.append((b"".join(self.trial)[: frame.length], frame))
            if dut.commit.value or dut.discard.value:
                assert not (dut.commit.value and dut.discard.value)
                self.trial = []
            if dut.summary_valid.value:
                self.summaries.append(RxSummary.from_bits(dut.summary.value.to_unsigned()))
            asked = {
                name: getattr(dut, f"{name}__index").value.to_unsigned()
                for name in ("mta", "vfta")
                if getattr(dut, f"{name}__read").value
            }
            await RisingEdge(dut.clk)
            for name, index in asked.items():
                getattr(dut, f"{name}__value").value = getattr(self.settings, name) >> 32 * index & 0xFFFF_FFFF

    def apply(self, settings: Settings) -> None:
        """Drive the registers."""
        self.settings, dut = settings, self.dut
        dut.ctrl.value, dut.rctl.value, dut.vet.value = settings.ctrl, settings.rctl, settings.vet
        dut.rxcsum.value = settings.rxcsum
        dut.ral.value = sum(int.from_bytes(a[:4], "little") << 32 * i for i, (a, _) in enumerate(settings.stations))
        high = ((int.from_bytes(a[4:], "little") | h) << 32 * i for i, (a, h) in enumerate(settings.stations))
        dut.rah.value = sum(high)


async def begin(dut) -> Fifo:
    """Reset, and room for everything."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    dut.frame_room.value = 1
    return Fifo(dut)


async def send(dut, frame: bytes, bad: bool = False, pause: float = 0.1, before_beat=None) -> None:
    """Drive a frame onto the stream; ``before_beat(number)`` may change other inputs."""
    lanes = len(dut.stream__tkeep)
    for number, offset in enumerate(range(0, len(frame), lanes)):
        while random.random() < pause:
            dut.stream__tvalid.value = 0
            await RisingEdge(dut.clk)
        if before_beat:
            before_beat(number)
        beat = frame[offset : offset + lanes]
        last = offset + lanes >= len(frame)
        empty = random.randbytes(lanes - len(beat)) if len(frame) >= 6 else b""  # else it would count as destination
        dut.stream__tdata.value = int.from_bytes(beat + empty, "little")
        dut.stream__tkeep.value = (1 << len(beat)) - 1
        dut.stream__tlast.value, dut.stream__tuser.value = int(last), int(bad and last)
        dut.stream__tvalid.value = 1
        await RisingEdge(dut.clk)
    dut.stream__tvalid.value = 0


def random_settings() -> Settings:
    """Any filter, any offload."""
    rctl = RCTL.EN if random.random() < 0.95 else 0
    for bit in (RCTL.SBP, RCTL.LPE, RCTL.SECRC, RCTL.UPE, RCTL.MPE, RCTL.BAM, RCTL.VFE, RCTL.CFIEN, RCTL.CFI):
        rctl |= random.choice((0, bit))
    rctl |= random.choice((0, RCTL.DPF)) | random.choice((0, RCTL.PMCF)) | RCTL.MO.put(random.randrange(4))
    high = random.choice((RAH.AV, RAH.AV, RAH.AV, 0, RAH.AV | RAH.AS.put(1)))
    stations = [(random.randbytes(6), int(RAH.AV)) for _ in range(RAL.count)]
    stations[random.randrange(RAL.count)] = (STATION, int(high))
    rxcsum = RXCSUM.PCSS.put(random.choice((0, 14, 15, 34, 255))) | random.choice((0, RXCSUM.IPOFLD))
    return Settings(
        rctl,
        vme=random.random() < 0.5,
        vet=random.choice((0x8100, 0x8100, 0x9100)),
        rxcsum=rxcsum | random.choice((0, RXCSUM.TUOFLD)),
        stations=stations,
        mta=random.getrandbits(4096),
        vfta=random.getrandbits(4096),
    )


def random_frame(settings: Settings) -> bytes:
    """Any length around the limits, or a packet; with a tag or without."""
    destination = random.choice(DESTINATIONS)
    vlan = random.choice((None, random.getrandbits(16)))
    if random.random() < 0.6:
        return random_packet(destination, vet=settings.vet, vlan=vlan)
    tag = settings.vet.to_bytes(2, "big") + vlan.to_bytes(2, "big") if vlan is not None else b""
    length = random.choice(LENGTHS)
    return (destination + random.randbytes(6) + tag + random.randbytes(length))[:length]


def check(fifo: Fifo, frame: bytes, bad: bool, settings: Settings, *, fits: bool = True) -> Verdict:
    """Compare the oldest frame that is over with what is expected of it; returns its verdict."""
    expected = expect(frame, bad, settings)
    verdict = expected.verdict
    if verdict is Verdict.KEPT and not fits:
        verdict = Verdict.MISSED
    got = fifo.summaries.pop(0)
    assert (Verdict(int(got.verdict.value)), got.length) == (verdict, len(frame))
    long = len(frame) > (16384 if settings.rctl & RCTL.LPE else 1522)
    if verdict is not Verdict.DISABLED:
        assert got.passed == (verdict is not Verdict.FILTERED)
        assert (got.bad_fcs, got.short, got.long) == (bad, len(frame) < 64, long)
    if len(frame) >= 6:
        assert got.broadcast == (frame[:6] == BROADCAST)
        assert got.multicast == (frame[0] & 1 and frame[:6] != BROADCAST)
    if verdict is not Verdict.KEPT:
        return verdict
    data, kept = fifo.frames.pop(0)
    assert data == expected.data
    status, errors, wrong = kept.report.status, kept.report.errors, len(frame) < 64 or long
    assert (bad, wrong) == (errors.CE, errors.RXE)
    assert (status.VP, kept.report.special, status.PIF) == (expected.stripped, expected.special, expected.inexact)
    assert kept.report.checksum == expected.packet_checksum
    assert (expected.ip_good is not None, expected.ip_good is False) == (status.IPCS, errors.IPE)
    assert (expected.l4_good is not None, expected.l4_good is False) == (status.TCPCS, errors.TCPE)
    assert (not status.IPCS and not status.TCPCS) == status.IXSM
    return verdict


@cocotb.test()
async def judges_frames(dut):
    """Every boundary of length, with all that decides drawn at random, the room in the FIFO, too."""
    fifo, seen = await begin(dut), set()
    lanes = len(dut.stream__tkeep)
    for number in range(500):
        settings, bad = random_settings(), random.random() < 0.15
        frame = random_frame(settings) if number % 150 else random.randbytes(random.choice(LONG_LENGTHS))
        frame_room, no_buffer = random.random() < 0.9, random.random() < 0.5
        needed = -(-len(expect(frame, bad, settings).data) // lanes)
        fifo.room = 1 << 20 if random.random() < 0.9 else random.randrange(max(1, needed))
        dut.frame_room.value, dut.no_buffer.value = int(frame_room), int(no_buffer)
        small_limit = random.choice((0, 40, 64, len(frame)))
        dut.rsrpd.value = small_limit
        fifo.apply(settings)
        await RisingEdge(dut.clk)
        await send(dut, frame, bad)
        await cycles(dut, LATENCY)
        got, kept = fifo.summaries[0], fifo.frames[-1:]
        fits = fifo.room >= max(1, needed) and frame_room
        verdict = check(fifo, frame, bad, settings, fits=fits)
        assert got.no_buffer == (no_buffer and verdict is Verdict.KEPT)
        if verdict is Verdict.KEPT:
            assert kept[0][1].small == (0 < kept[0][1].length <= small_limit % 4096)
        seen.add(verdict)
    assert seen == set(Verdict)


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.5])
async def frames_back_to_back(dut, pause):
    """Without a gap, or with pauses anywhere: no frame touches another."""
    fifo = await begin(dut)
    for _ in range(12):
        settings = random_settings()
        fifo.apply(settings)
        await RisingEdge(dut.clk)
        frames = [(random_frame(settings), random.random() < 0.1) for _ in range(30)]
        for frame, bad in frames:
            await send(dut, frame, bad, pause)
        await cycles(dut, LATENCY)
        for frame, bad in frames:
            check(fifo, frame, bad, settings)
        assert not fifo.summaries
        assert not fifo.frames


@cocotb.test()
async def enable_counts_at_the_first_beat(dut):
    """A frame that began before EN is ignored; one that began before EN was cleared is received."""
    fifo = await begin(dut)
    everything = RCTL.UPE | RCTL.MPE
    for first, later, verdict in ((0, RCTL.EN, Verdict.DISABLED), (RCTL.EN, 0, Verdict.KEPT)):
        dut.rctl.value = first | everything
        await cycles(dut, 2)

        def switch(number: int, rctl: int = later | everything) -> None:
            if number == 3:
                dut.rctl.value = rctl

        await send(dut, bytes(1024), before_beat=switch)
        await cycles(dut, LATENCY)
        assert Verdict(int(fifo.summaries.pop().verdict.value)) is verdict


@cocotb.test()
async def the_filters_answer_holds_for_the_frame(dut):
    """Whatever software writes while it arrives."""
    fifo = await begin(dut)
    settings = Settings(RCTL.EN, stations=[(STATION, int(RAH.AV))], vme=True)
    other = Settings(RCTL.EN, stations=[(STATION, 0)], vet=0x9100)
    frame = STATION + random.randbytes(6) + b"\x81\0\0\x07" + bytes(1000)
    fifo.apply(settings)
    await RisingEdge(dut.clk)
    await send(dut, frame, before_beat=lambda number: fifo.apply(other) if number == 4 else None)
    await cycles(dut, LATENCY)
    assert fifo.frames[0][0] == frame[:12] + frame[16:]
    assert fifo.frames[0][1].report.special == 7


@cocotb.test()
async def reset_forgets_frames_at_any_moment(dut):
    """The frame that arrives, and those in the pipeline, have a verdict and are not received; the next one is."""
    fifo = await begin(dut)
    fifo.apply(Settings(RCTL.EN | RCTL.UPE | RCTL.SECRC))
    frame = bytes(max(64, 8 * len(dut.stream__tkeep)))  # so short that the reset also comes when it ends
    for wait in range(LATENCY + 10):
        await cycles(dut, 2)
        task = cocotb.start_soon(send(dut, frame, pause=0))
        await cycles(dut, wait)
        before = len(fifo.frames)
        dut.reset.value = 1
        await RisingEdge(dut.clk)
        dut.reset.value = 0
        await task
        await cycles(dut, LATENCY)
        assert len(fifo.frames) == before
        verdict = Verdict(int(fifo.summaries.pop().verdict.value))
        assert not fifo.summaries
        assert verdict is (Verdict.KEPT if fifo.frames else Verdict.DISABLED)
        fifo.frames.clear()
        await send(dut, frame)
        await cycles(dut, LATENCY)
        assert Verdict(int(fifo.summaries.pop().verdict.value)) is Verdict.KEPT
        assert [data for data, _ in fifo.frames] == [frame[:-4]]
        fifo.frames.clear()


@pytest.mark.parametrize("data_width", first_always(64, 128, 512))
def test_rx_path(data_width):
    source = write_verilog(RxPath(data_width), "rx_path", folder=f"rx_path_{data_width}")
    simulate("test_rx_path", "rx_path", [source], folder=f"test_rx_path_{data_width}")
