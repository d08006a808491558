"""Descriptor prefetch: every buffer once and in order, whatever the tail does, and never a read outside of the ring."""

import itertools
import logging
import random

import cocotb
import pytest
from cocotb.triggers import ReadOnly, RisingEdge
from cocotbext.axi import AxiRamRead, AxiReadBus

from cocotb_tests.support import cycles, first_always, simulate, start, write_verilog
from hdl.nic.layouts import RxDescriptor
from hdl.nic.rx_descriptors import (
    BURST_DESCRIPTORS,
    CACHE_DESCRIPTORS,
    DESCRIPTOR_BYTES,
    Buffer,
    Ring,
    RxDescriptors,
)

INPUTS = ("ring", "head", "tail", "run", "hold", "buffers__ready", "axi__arready", "axi__rvalid")


class Bench:
    """The prefetcher, memory with random pauses, and a watch on the addresses that are read."""

    def __init__(self, dut, base: int, size: int):
        logging.getLogger("cocotb.rx_descriptors.axi_").setLevel(logging.WARNING)
        self.dut, self.base, self.size = dut, base, size
        self.memory = AxiRamRead(AxiReadBus.from_prefix(dut, "axi_"), dut.clk, dut.rst, size=1 << 16)
        for channel in (self.memory.ar_channel, self.memory.r_channel):
            often = random.choice((0.0, 0.5, 0.9))
            channel.set_pause_generator(random.random() < often for _ in itertools.repeat(None))
        for index in range(size):
            descriptor = RxDescriptor.const({"address": self.address(index), "length": 0xFFFF, "special": 0xFFFF})
            raw = descriptor.as_bits().to_bytes(DESCRIPTOR_BYTES, "little")
            self.memory.write(base + index * DESCRIPTOR_BYTES, raw)
        dut.ring.value = Ring.const({"base": base, "size": size}).as_bits()
        cocotb.start_soon(self._watch())

    @staticmethod
    def address(index: int) -> int:
        """The buffer of a descriptor."""
        return 0x1234_5678_0000_0000 + index * 0x801

    async def _watch(self) -> None:
        """Bursts stay within the ring and within 128 bytes."""
        dut = self.dut
        while True:
            await ReadOnly()
            if dut.axi__arvalid.value and dut.axi__arready.value:
                first = dut.axi__araddr.value.to_unsigned()
                beats, beat = dut.axi__arlen.value.to_unsigned() + 1, 1 << dut.axi__arsize.value.to_unsigned()
                last = first + beats * beat - 1
                assert self.base <= first <= last < self.base + self.size * DESCRIPTOR_BYTES
                assert first // 128 == last // 128
            await RisingEdge(dut.clk)

    async def take(self, patience: int = 400) -> int | None:
        """The next buffer, or None if none comes."""
        dut = self.dut
        dut.buffers__ready.value = 1
        try:
            for _ in range(patience):
                await ReadOnly()
                valid, payload = bool(dut.buffers__valid.value), dut.buffers__payload.value
                await RisingEdge(dut.clk)
                if valid:
                    buffer = Buffer.from_bits(payload.to_unsigned())
                    assert buffer.address == self.address(buffer.index)
                    return buffer.address
            return None
        finally:
            dut.buffers__ready.value = 0


@cocotb.test()
@cocotb.parametrize(size=[8, 64], base=[0x1000, 0x1FD0])
async def hands_out_every_buffer_in_order(dut, size, base):
    """The tail moves at random ahead of what was taken; rings that begin anywhere."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    bench = Bench(dut, base, size)
    head = random.randrange(size)
    dut.head.value = dut.tail.value = head
    await cycles(dut, 2)
    dut.run.value = 1
    tail = taken = head
    for _ in range(60):
        tail += random.randint(0, size - 1 - (tail - taken))
        dut.tail.value = tail % size
        for _ in range(random.randint(0, tail - taken)):
            assert await bench.take() == Bench.address(taken % size)
            taken += 1
            await cycles(dut, random.choice((0, 0, 5)))
        await cycles(dut, 2)
        assert bool(dut.exhausted.value) == (taken == tail)
    while taken < tail:
        assert await bench.take() == Bench.address(taken % size)
        taken += 1
    assert await bench.take(200) is None
    assert dut.exhausted.value


@cocotb.test()
async def forgets_when_stopped(dut):
    """Stopped in mid-flight: what is under way is swallowed, and the next run begins at the head."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    bench = Bench(dut, 0x1000, 64)
    for _ in range(20):
        head = random.randrange(64)
        dut.head.value, dut.tail.value = head, (head + 40) % 64
        await cycles(dut, 2)
        dut.run.value = 1
        for number in range(random.randint(0, 20)):
            assert await bench.take() == Bench.address((head + number) % 64)
        await cycles(dut, random.randint(0, 20))
        dut.run.value = 0
        await cycles(dut, 1)
        while not dut.idle.value:
            assert not dut.buffers__valid.value
            await RisingEdge(dut.clk)


@cocotb.test()
@cocotb.parametrize(ring=[(0, 0, 0), (8, 0, 8), (8, 0, 0xFFFF), (8, 8, 3), (8, 9, 3)])
async def reads_nothing_outside(dut, ring):
    """No ring, or a head or a tail that lies outside: there are no descriptors."""
    size, head, tail = ring
    await start(dut, **dict.fromkeys(INPUTS, 0))
    bench = Bench(dut, 0x1000, size)
    dut.head.value, dut.tail.value = head, tail
    await cycles(dut, 2)
    dut.run.value = 1
    assert await bench.take(100) is None
    assert dut.exhausted.value


@cocotb.test()
async def prefetches_in_bursts(dut):
    """With nobody taking, the cache fills up with bursts of 8 and no more."""
    await start(dut, **dict.fromkeys(INPUTS, 0))
    bench = Bench(dut, 0x1000, 64)
    dut.tail.value = 63
    bursts = []
    await cycles(dut, 2)
    dut.run.value = 1
    for _ in range(1500):
        await ReadOnly()
        if dut.axi__arvalid.value and dut.axi__arready.value:
            beat = 1 << dut.axi__arsize.value.to_unsigned()
            bursts.append((dut.axi__arlen.value.to_unsigned() + 1) * beat // DESCRIPTOR_BYTES)
        await RisingEdge(dut.clk)
    assert bursts == [BURST_DESCRIPTORS] * (CACHE_DESCRIPTORS // BURST_DESCRIPTORS)
    assert await bench.take() == Bench.address(0)


@pytest.mark.parametrize("data_width", first_always(64, 128, 512))
def test_rx_descriptors(data_width):
    source = write_verilog(RxDescriptors(data_width), "rx_descriptors", folder=f"rx_descriptors_{data_width}")
    simulate("test_rx_descriptors", "rx_descriptors", [source], folder=f"test_rx_descriptors_{data_width}")
