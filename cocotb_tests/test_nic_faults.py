"""What goes wrong around the receiver: it never writes outside of the buffers it was given, and CTRL.RST mends it.

Every byte of host memory that is no buffer and no descriptor half is compared with what it was, after every fault.
"""

import itertools
import random

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from cocotb_tests.nic_tester import DESCRIPTOR_BYTES, FILL, MEMORY_BYTES, PROMISCUOUS, QUIET, NicTester, random_frame
from cocotb_tests.support import cycles, nic_verilog, simulate
from hdl.nic import regmap
from hdl.nic.regmap import CTRL, ICR, RCTL, RSRPD, RXCSUM

RING = 0x1000
WRITEBACK_BYTES = 8

#: An answer that takes as long as nobody expects.
LATE_CYCLES = 10_000


class Guard:
    """Knows which bytes the NIC may write."""

    def __init__(self, tester: NicTester):
        self.tester = tester
        self.before = bytes(tester.memory.read(0, MEMORY_BYTES))
        self.allowed = bytearray(MEMORY_BYTES)

    def allow(self, address: int, length: int) -> None:
        """These bytes are the NIC's."""
        self.allowed[address : address + length] = b"\1" * length

    def allow_ring(self, size: int) -> None:
        """The write-back half of each descriptor that was handed over, and its buffer."""
        for index in range(size):
            self.allow(RING + index * DESCRIPTOR_BYTES + DESCRIPTOR_BYTES - WRITEBACK_BYTES, WRITEBACK_BYTES)
        for address in self.tester.buffers.values():
            self.allow(address, self.tester.buffer_bytes)

    def check(self) -> None:
        """Nothing else was written."""
        now = bytes(self.tester.memory.read(0, MEMORY_BYTES))
        if now == self.before:
            return
        bad = [at for at, (a, b) in enumerate(zip(now, self.before, strict=True)) if a != b and not self.allowed[at]]
        assert not bad, f"{len(bad)} bytes were written that are not the NIC's, the first at {bad[0]:#x}"


async def mended(tester: NicTester) -> None:
    """CTRL.RST, and everything works: registers, reception, interrupts."""
    await tester.write(CTRL, CTRL.RST)
    await cycles(tester.dut, QUIET)
    tester.memory.write(0, bytes([FILL]) * MEMORY_BYTES)
    await tester.open(PROMISCUOUS, size=16)
    frames = [random_frame(random.choice((64, 65, 300))) for _ in range(4)]
    for frame in frames:
        await tester.send(frame)
    await tester.drain()
    assert [got.data for got in tester.clean()] == frames
    assert await tester.read(ICR) & ICR.RXT0


class Refusal:
    """Has host memory answer accesses to some addresses with an error.

    Attributes:
        refused: how many.
    """

    def __init__(self, interface, what: str, first: int, last: int):
        self._interface, self._what, self.refused = interface, what, 0
        self._good = getattr(interface, what)

        async def access(address: int, *rest, **more):
            if first <= address < last:
                self.refused += 1
                raise ValueError("no memory here")
            return await self._good(address, *rest, **more)

        setattr(interface, what, access)

    def stop(self) -> None:
        """Memory is good again."""
        setattr(self._interface, self._what, self._good)


@cocotb.test()
@cocotb.parametrize(which=["descriptor read", "payload write", "write-back"])
async def an_error_response_stops_the_queue(dut, which):
    """ICR.FER is set once, nothing more is written, frames are counted as missed, and registers still answer."""
    tester = await NicTester.begin(dut)
    interface = tester.memory.read_if if which == "descriptor read" else tester.memory.write_if
    where = (0x10000, MEMORY_BYTES) if which == "payload write" else (RING, RING + 0x200)
    refusal = Refusal(interface, "_read" if which == "descriptor read" else "_write", *where)
    await tester.open(PROMISCUOUS, size=32)
    guard = Guard(tester)
    guard.allow_ring(32)
    for _ in range(3):
        await tester.send(random_frame(200))
    await tester.drain()
    assert refusal.refused
    refusal.stop()
    guard.check()
    causes = await tester.read(ICR)
    assert causes & ICR.FER
    assert not causes & ICR.RXT0
    assert await tester.read(regmap.RDH) == 0
    assert not tester.clean(), "a descriptor was written back"

    for _ in range(20):
        await tester.send(random_frame(1000))
    await tester.drain()
    guard.check()
    assert await tester.read(regmap.MPC) > 0
    assert not await tester.read(ICR) & ICR.FER, "it is told once"
    assert await tester.read(regmap.RDH) == 0
    await mended(tester)


@cocotb.test()
@cocotb.parametrize(fault=["misaligned base", "length 0", "tail past the end", "head past the end"])
async def nonsense_in_the_ring_registers(dut, fault):
    """The NIC keeps to the ring that the registers can mean, or writes nothing."""
    tester = await NicTester.begin(dut)
    await tester.open(PROMISCUOUS, size=8, buffers=0)
    await tester.write(RCTL, 0)
    if fault == "misaligned base":
        await tester.write(regmap.RDBAL, RING + 7)  # the low four bits are not there
    elif fault == "length 0":
        await tester.write(regmap.RDLEN, 0)
    elif fault == "head past the end":
        await tester.write(regmap.RDH, 9)
    await tester.write(RCTL, PROMISCUOUS | RCTL.EN)
    await tester.refill(7)
    if fault == "tail past the end":
        await tester.write(regmap.RDT, 8)
    guard = Guard(tester)
    if fault in ("misaligned base", "tail past the end"):
        guard.allow_ring(8)
    frames = [random_frame(100) for _ in range(5)]
    for frame in frames:
        await tester.send(frame)
    await tester.drain()
    guard.check()
    received = [got.data for got in tester.clean()]
    # The descriptors that were read before the tail left the ring may be used.
    assert received == (frames if fault == "misaligned base" else received)
    assert fault == "tail past the end" or len(received) in (0, 5)
    await mended(tester)


@cocotb.test()
@cocotb.parametrize(how=["switched off", "reset"])
async def in_the_middle_of_a_burst(dut, how):
    """At each of some moments of a frame on its way to memory: bursts are finished, then nothing is written."""
    tester = await NicTester.begin(dut, stalls=True)
    for _ in range(4):
        await tester.open(PROMISCUOUS | RCTL.BSIZE.put(3), size=32)
        guard = Guard(tester)
        guard.allow_ring(32)
        for _ in range(3):
            await tester.send(random_frame(700))
        while not dut.m_axi_rx__wvalid.value:
            await RisingEdge(dut.clk)
        await cycles(dut, random.randint(0, 60))
        if how == "reset":
            await tester.write(CTRL, CTRL.RST)
        else:
            await tester.write(RCTL, 0)
        await tester.settle()
        guard.check()
        at_rest = Guard(tester)
        await tester.drain()
        at_rest.check()
        tester.buffers.clear()
        await tester.write(CTRL, CTRL.RST)
        tester.memory.write(0, bytes([FILL]) * MEMORY_BYTES)
    await mended(tester)


@cocotb.test()
async def memory_that_answers_late(dut):
    """After 10,000 cycles, writes and then reads: nothing is lost that the FIFO can hold."""
    tester = await NicTester.begin(dut)
    memory = tester.memory
    await tester.open(PROMISCUOUS, size=32)
    for channel in (memory.write_if.b_channel, memory.read_if.r_channel):
        channel.set_pause_generator(itertools.chain(itertools.repeat(True, LATE_CYCLES), itertools.repeat(False)))
        frames = [random_frame(1000) for _ in range(5)]
        for frame in frames:
            await tester.send(frame)
        await cycles(dut, LATE_CYCLES)
        await tester.drain()
        received = tester.clean()
        assert [got.data for got in received] == frames
        await tester.refill(len(received))
    await mended(tester)


@cocotb.test()
@cocotb.parametrize(offloads=[False, True])
async def frames_without_end_and_no_descriptors(dut, offloads):
    """The FIFO fills, whole frames are missed and counted, and all that were kept come with the first descriptors."""
    tester = await NicTester.begin(dut)
    await tester.open(PROMISCUOUS, size=64, buffers=0)
    if offloads:
        await tester.write(RXCSUM, RXCSUM.IPOFLD | RXCSUM.TUOFLD)
        await tester.write(RSRPD, 4095)
    guard = Guard(tester)
    frames = [random_frame(random.choice((64, 700, 1518))) for _ in range(60)]
    for frame in frames:
        await tester.send(frame)
    await tester.drain()
    guard.check()
    kept = [frame for frame, verdict in zip(frames, tester.verdicts, strict=True) if verdict.name == "KEPT"]
    assert 0 < len(kept) < 60
    assert await tester.read(regmap.MPC) == 60 - len(kept)
    assert await tester.read(ICR) & ICR.RXO
    await tester.refill(60)
    await tester.drain()
    assert [got.data for got in tester.clean()] == kept
    assert bool(await tester.read(ICR) & ICR.SRPD) == offloads
    await mended(tester)


@pytest.mark.slow
def test_nic_faults():
    simulate("test_nic_faults", "nic", [nic_verilog()])
