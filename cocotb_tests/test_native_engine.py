"""The engine native: that skipping edges changes nothing, its contract, and what goes wrong.

``NAPI_HIL_SEED=n`` repeats the random programs of a run; a failure prints the seed.
"""

import os
import random

import pytest

from cocotb_tests.board_tester import costs
from emulator.engines import cxx
from emulator.engines.base import IrqChanged, MmioDone, Verdict, WireFrame
from emulator.engines.native import build
from emulator.engines.native.engine import NativeEngine
from emulator.errors import RunFailed, UserError
from emulator.execute import execute
from emulator.output import TRACE
from emulator.progress import no_progress
from emulator.scenario import Scenario
from hdl.nic.layouts import RxDescriptor
from hdl.nic.phy_registers import Control
from hdl.nic.regmap import CTRL, ICR, ICS, IMS, MDIC, RCTL, RDBAL, RDH, RDLEN, RDT, RTL_REGISTERS, STATUS

FAR = 1_000_000  # ns
NICS = 2
RING, BUFFERS, BUFFER_BYTES, DESCRIPTOR_BYTES = 0x1000, 0x10000, 2048, 16
SEED = int(os.environ.get("NAPI_HIL_SEED", random.randrange(1 << 32)))


def result(coroutine):
    """What a coroutine that never waits returns."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waited")


def advance(engine, until):
    return result(engine.advance(until))


def run(engine, until):
    """All events up to a time, with their times."""
    events = []
    while engine.now < until:
        events += [(engine.now, event) for event in advance(engine, until)]
    return events


def start_receiver(engine, *, count=8, nic=0, ring=RING):
    for index in range(count):
        descriptor = RxDescriptor.const({"address": BUFFERS + index * BUFFER_BYTES}).as_bits()
        engine.memory.write(RING + index * DESCRIPTOR_BYTES, descriptor.to_bytes(DESCRIPTOR_BYTES, "little"))
    engine.mmio_write(nic, RDBAL.offset, ring)
    engine.mmio_write(nic, RDLEN.offset, count * DESCRIPTOR_BYTES)
    engine.mmio_write(nic, RCTL.offset, RCTL.EN | RCTL.UPE | RCTL.SECRC)
    engine.mmio_write(nic, RDT.offset, count - 1)


def latencies(rng):
    names = ("mmio_request", "mmio_completion", "dma_read", "dma_write")
    return costs(**{name: rng.choice((0, 8, 40, 300)) for name in names})


class Lockstep:
    """Two boards that get the same: one skips edges, the other evaluates them all."""

    def __init__(self, rng):
        board_costs, byte_ps = latencies(rng), rng.choice((1000, 1300, 8000, 80_000))
        self.engines = [NativeEngine(board_costs, nics=NICS, byte_ps=byte_ps) for _ in range(2)]
        self.engines[1].evaluate_every_edge()

    def do(self, action):
        """Do something to both; returns what both return."""
        one, other = (action(engine) for engine in self.engines)
        assert one == other
        return one

    def close(self):
        """Free both."""
        for engine in self.engines:
            engine.close()


def random_step(rng, boards):
    nic = rng.randrange(NICS)
    kind = rng.random()
    if kind < 0.15:
        boards.do(lambda engine: start_receiver(engine, nic=nic))
    elif kind < 0.35:
        register = rng.choice([RDT, IMS, ICS, RCTL, RDH, CTRL, MDIC, *RTL_REGISTERS])
        value = rng.choice((rng.getrandbits(32), rng.randrange(8), register.reset))
        if register is CTRL:
            value = register.reset | rng.choice((0, CTRL.SLU, CTRL.PHY_RST))
        elif register is MDIC:  # have the PHY negotiate, or read something
            negotiate = MDIC.OP.put(1) | MDIC.DATA.put(Control.NEGOTIATE | Control.RESTART)
            value = rng.choice((negotiate, MDIC.OP.put(2))) | MDIC.PHYADD.put(1) | MDIC.REGADD.put(rng.randrange(2))
        elif register in (RDBAL, RDLEN) and rng.random() < 0.9:
            value = register.reset
        boards.do(lambda engine: engine.mmio_write(nic, register.offset, value))
    elif kind < 0.5:
        register = rng.choice([ICR, RDH, STATUS, *RTL_REGISTERS])
        boards.do(lambda engine: engine.mmio_read(nic, register.offset, tag=1))
    elif kind < 0.75:
        frames = [
            WireFrame(rng.randbytes(rng.choice((60, 61, 124, 1514, rng.randint(60, 1600)))), bad_fcs=rng.random() < 0.1)
            for _ in range(rng.randint(1, 6))
        ]
        boards.do(lambda engine: engine.wires[nic].send(frames))
    ns = rng.choice((0, 1, 7, 8, 90, 1000, 20_000))
    boards.do(lambda engine: run(engine, engine.now + ns))
    boards.do(lambda engine: engine.wires[nic].take_verdicts())


@pytest.mark.slow
@pytest.mark.parametrize("program", range(12))
def test_skipping_edges_changes_nothing(program):
    seed = SEED + program
    print(f"NAPI_HIL_SEED={seed}")
    rng = random.Random(seed)
    boards = Lockstep(rng)
    for nic in range(NICS):
        boards.do(lambda engine, nic=nic: start_receiver(engine, nic=nic))
    for _ in range(60):
        try:
            random_step(rng, boards)
        except RunFailed:  # a random ring or buffer outside of memory, which the board reports
            with pytest.raises(RunFailed):
                run(boards.engines[1], boards.engines[0].now + FAR)
            break
    else:
        for nic in range(NICS):
            for register in RTL_REGISTERS:
                boards.do(lambda engine, nic=nic, register=register: engine.mmio_read(nic, register.offset, tag=2))
                boards.do(lambda engine: run(engine, engine.now + 2000))
    boards.do(lambda engine: engine.memory.read(0, engine.memory.size))
    boards.close()


@pytest.fixture
def engine():
    with NativeEngine(costs(mmio_request=50, mmio_completion=70), nics=NICS) as native:
        yield native


@pytest.mark.slow
def test_time_and_cycles(engine):
    for until in (1, 4, 5, 12, 13, 14, 1000, 12_345):
        assert advance(engine, until) == []
        assert (engine.now, engine.cycles) == (until, (until + 3) // 8)
    assert advance(engine, engine.now - 5) == []
    assert engine.now == until


@pytest.mark.slow
def test_events_of_one_instant_come_lines_first_then_completions(engine):
    for nic in range(NICS):
        engine.mmio_write(nic, IMS.offset, ICR.LSC)
        engine.mmio_write(nic, ICS.offset, ICR.LSC)
    assert advance(engine, FAR) == [IrqChanged(0, True), IrqChanged(1, True)]
    for nic in (1, 0):
        engine.mmio_read(nic, ICR.offset, tag=10 + nic)
    (when, *_), *_ = events = run(engine, engine.now + 1000)
    lines = [IrqChanged(0, False), IrqChanged(1, False)]
    assert events == [(when, event) for event in [*lines, MmioDone(10, ICR.LSC), MmioDone(11, ICR.LSC)]]


@pytest.mark.slow
def test_more_accesses_than_the_board_has_room_for_are_refused(engine):
    for _ in range(256):
        engine.mmio_write(0, IMS.offset, 0)
    with pytest.raises(RunFailed, match="NIC 0: more than 256 register accesses are under way"):
        engine.mmio_write(0, IMS.offset, 0)


@pytest.mark.slow
def test_frames_reach_memory_that_python_reads_without_a_copy(engine):
    start_receiver(engine)
    run(engine, 5000)
    frames = [WireFrame(bytes([2, *range(1, 60 + length)])) for length in range(5)]
    engine.wires[0].send(frames)
    assert run(engine, engine.now + 100_000) == []
    assert engine.wires[0].idle
    assert engine.wires[0].take_verdicts() == [Verdict.KEPT] * 5
    for index, frame in enumerate(frames):
        assert engine.memory.read(BUFFERS + index * BUFFER_BYTES, len(frame.data)) == frame.data


@pytest.mark.slow
def test_memory_ends_where_it_ends(engine):
    size = engine.memory.size
    engine.memory.write(size - 3, b"end")
    assert engine.memory.read(size - 3, 3) == b"end"
    for address, length in ((size - 3, 4), (size, 1)):
        with pytest.raises(RunFailed, match="outside of 16777216 bytes of host memory"):
            engine.memory.read(address, length)
        with pytest.raises(RunFailed, match="outside of"):
            engine.memory.write(address, bytes(length))


@pytest.mark.slow
def test_what_the_board_reports_ends_the_run(engine):
    start_receiver(engine, ring=engine.memory.size)
    with pytest.raises(
        RunFailed, match=r"the RTL reports: ERROR: native_board.*DMA at 0x1000000: outside of host memory"
    ):
        run(engine, FAR)


@pytest.mark.long
@pytest.mark.parametrize(
    "options", [{"generate": (60,), "count": 300, "pps": 20_000}, {"generate": (60,), "count": 300}]
)
def test_waves_change_nothing(tmp_path, options):
    traces = []
    for waves in (False, True):
        directory = tmp_path / str(waves)
        directory.mkdir()
        execute(Scenario(engine="native", waves=waves, **options), directory, no_progress)
        traces.append((directory / TRACE).read_text())
    assert traces[0] == traces[1]


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("emulator.engines.cache.BUILD", tmp_path)
    cxx.find_compiler.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    cxx.find_compiler.cache_clear()


def test_without_a_compiler_there_is_one_line(empty_cache, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match=r"no C\+\+ compiler was found \(no-such-compiler\).* type: ") as failure:
        build.build_library()
    assert "\n" not in str(failure.value)


@pytest.mark.slow
def test_a_build_that_fails_shows_its_first_error_and_leaves_no_library(empty_cache, monkeypatch):
    compiler = empty_cache / "compiler"
    compiler.write_text(
        "#!/bin/sh\n[ $1 = --version ] && exit\necho 'x.h:3: error: first'\necho 'error: second'\nexit 1\n"
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.raises(UserError, match=r"compiler failed: x\.h:3: error: first; see .*\.log") as failure:
        build.build_library()
    assert str(failure.value).partition("see ")[2] in map(str, empty_cache.rglob("*.log"))
    assert not list(empty_cache.rglob("*.so"))
