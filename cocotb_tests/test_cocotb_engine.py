"""The engines icarus and verilator: who is woken when, events of several NICs, host memory, what bad use gives."""

import random

import cocotb
import pytest
from cocotb.triggers import Timer

from cocotb_tests.board_tester import begin, run_on_board
from emulator.engines.base import IrqChanged, MmioDone, Verdict, WireFrame
from emulator.errors import RunFailed
from hdl.nic.layouts import RxDescriptor
from hdl.nic.regmap import ICR, ICS, IMS, RCTL, RDBAL, RDLEN, RDT, STATUS

NICS = 3
FAR = 1_000_000  # ns
BUFFER_BYTES = 2048
DESCRIPTOR_BYTES = RxDescriptor.as_shape().size // 8


@pytest.mark.slow
def test_cocotb_engine():
    run_on_board(__name__, nics=NICS)


def start_receiver(engine, nic, ring, buffers, count=8):
    """Give the NIC a ring of descriptors with buffers one after the other, and turn it on."""
    for index in range(count):
        descriptor = RxDescriptor.const({"address": buffers + index * BUFFER_BYTES}).as_bits()
        engine.memory.write(ring + index * DESCRIPTOR_BYTES, descriptor.to_bytes(DESCRIPTOR_BYTES, "little"))
    engine.mmio_write(nic, RDBAL.offset, ring)
    engine.mmio_write(nic, RDLEN.offset, count * DESCRIPTOR_BYTES)
    engine.mmio_write(nic, RCTL.offset, RCTL.EN | RCTL.UPE | RCTL.SECRC)
    engine.mmio_write(nic, RDT.offset, count - 1)


@cocotb.test
async def nobody_is_woken_while_nothing_happens(dut):
    engine = await begin(dut)
    wakeups = engine.wakeups
    assert await engine.advance(engine.now + FAR) == []
    assert engine.wakeups == wakeups + 1


@cocotb.test
async def time_and_cycles(dut):
    engine = await begin(dut)
    for _ in range(20):
        until = engine.now + random.randint(1, 100)
        await engine.advance(until)
        assert engine.now == until
        assert engine.cycles == (until + 3) // 8 == dut.core.cycle.value
    now = engine.now
    assert await engine.advance(now) == []
    assert await engine.advance(now - 5) == []
    assert engine.now == now


@cocotb.test
async def frames_wake_nobody_until_they_interrupt(dut):
    engine = await begin(dut, dma_read=200, dma_write=100)
    start_receiver(engine, 0, ring=0x1000, buffers=0x10000)
    await engine.advance(engine.now + 5000)
    wakeups = engine.wakeups
    frames = [WireFrame(b"\x02" + random.randbytes(59)) for _ in range(5)]
    engine.wires[0].send(frames)
    assert await engine.advance(engine.now + FAR) == []
    assert engine.wakeups == wakeups + 1
    assert engine.wires[0].take_verdicts() == [Verdict.KEPT] * 5
    for index, frame in enumerate(frames):
        assert engine.memory.read(0x10000 + index * BUFFER_BYTES, 60) == frame.data
    engine.mmio_write(0, IMS.offset, ICR.RXT0)  # a cause that is latched interrupts at once
    assert await engine.advance(engine.now + FAR) == [IrqChanged(0, True)]
    assert engine.wakeups == wakeups + 2


@cocotb.test
async def events_of_one_instant_come_lines_first_then_completions(dut):
    engine = await begin(dut, mmio_request=50, mmio_completion=70)
    for nic in range(NICS):
        engine.mmio_write(nic, IMS.offset, ICR.LSC)
        engine.mmio_write(nic, ICS.offset, ICR.LSC)
    assert await engine.advance(engine.now + FAR) == [IrqChanged(nic, True) for nic in range(NICS)]
    for nic in reversed(range(NICS)):
        engine.mmio_read(nic, ICR.offset, tag=10 + nic)
    events = []
    while len(events) < 2 * NICS:
        events += await engine.advance(engine.now + FAR)
    lines = [IrqChanged(nic, False) for nic in range(NICS)]
    assert events == lines + [MmioDone(10 + nic, ICR.LSC) for nic in range(NICS)]


@cocotb.test
async def an_event_at_the_deadline_is_seen_once(dut):
    engine = await begin(dut, mmio_request=8, mmio_completion=8)
    engine.mmio_read(0, STATUS.offset, tag=1)
    started = engine.now
    await engine.advance(started + FAR)
    took = engine.now - started
    await engine.advance((engine.now + 8) // 8 * 8 + started % 8)
    started = engine.now
    engine.mmio_read(0, STATUS.offset, tag=2)
    events = await engine.advance(started + took)
    assert [event.tag for event in events] == [2]
    assert engine.now == started + took
    assert await engine.advance(engine.now + 100) == []


@cocotb.test
async def an_event_that_nobody_waited_for_is_delivered_at_once(dut):
    engine = await begin(dut)
    engine.mmio_write(1, IMS.offset, ICR.LSC)
    engine.mmio_write(1, ICS.offset, ICR.LSC)
    await Timer(1, unit="us")
    now = engine.now
    assert await engine.advance(now + FAR) == [IrqChanged(1, True)]
    assert engine.now == now


@cocotb.test
async def every_nic_writes_into_the_same_memory(dut):
    engine = await begin(dut, dma_read=100, dma_write=100)
    for nic in range(NICS):
        start_receiver(engine, nic, ring=0x2000 + 0x80 * nic, buffers=0x40000 + 8 * BUFFER_BYTES * nic)
    await engine.advance(engine.now + 5000)
    frames = [[WireFrame(b"\x02" + random.randbytes(random.randint(59, 1513))) for _ in range(6)] for _ in range(NICS)]
    for nic in range(NICS):
        engine.wires[nic].send(frames[nic])
    await engine.advance(engine.now + 200_000)
    for nic in range(NICS):
        for index, frame in enumerate(frames[nic]):
            address = 0x40000 + 8 * BUFFER_BYTES * nic + index * BUFFER_BYTES
            assert engine.memory.read(address, len(frame.data)) == frame.data
            written = engine.memory.read(0x2000 + 0x80 * nic + index * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES)
            descriptor = RxDescriptor.from_bits(int.from_bytes(written, "little"))
            assert (descriptor.length, descriptor.status.DD, descriptor.status.EOP) == (len(frame.data), 1, 1)


@cocotb.test
async def memory_is_bytes_at_any_address(dut):
    engine = await begin(dut)
    size, base = 1000, 0x8000
    model = bytearray(engine.memory.read(base, size))
    for _ in range(300):
        start = random.randrange(size)
        length = random.choice([0, 1, 8, 16, 64, random.randrange(size)]) % (size - start + 1)
        if random.random() < 0.5:
            data = random.randbytes(length)
            engine.memory.write(base + start, data)
            model[start : start + length] = data
        else:
            assert engine.memory.read(base + start, length) == model[start : start + length]
        if random.random() < 0.2:
            await engine.advance(engine.now + 1)
    engine.memory.write(base, bytes(size))  # small values go another way into the simulator
    assert engine.memory.read(base, size) == bytes(size)
    await engine.advance(engine.now + 1)
    assert engine.memory.read(base, size) == bytes(size)


@cocotb.test
async def memory_ends_where_it_ends(dut):
    engine = await begin(dut)
    size = engine.memory.size
    engine.memory.write(size - 3, b"end")
    assert engine.memory.read(size - 3, 3) == b"end"
    for address, length in ((size - 3, 4), (size, 1), (-1, 1)):
        with pytest.raises(RunFailed, match="outside of 16777216 bytes of host memory"):
            engine.memory.read(address, length)
        with pytest.raises(RunFailed, match="outside of"):
            engine.memory.write(address, bytes(length))
