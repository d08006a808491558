"""The board's DMA ports: latency, pipelining and contents, with an independent AXI master on the other side."""

import random
from pathlib import Path

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, Timer
from cocotbext.axi import AxiBurstType, AxiBus, AxiMaster

from cocotb_tests.support import build_folder, first_always, simulate

HARNESS = Path(__file__).parents[1] / "hdl" / "harness"
BENCH = Path(__file__).with_name("dma_port_bench.v")
MEMORY_BYTES = 65536


@pytest.mark.parametrize("data_width", first_always(64, 256))
def test_board_dma(data_width):
    simulate_bench("test_board_dma", data_width, f"test_board_dma_{data_width}")


def simulate_bench(module, data_width, folder):
    """Run the cocotb tests of a module on the bench with this width of data."""
    bench = build_folder(folder) / BENCH.name
    bench.write_text(BENCH.read_text().replace("DATA_WIDTH = 64", f"DATA_WIDTH = {data_width}"))
    sources = [bench, *(HARNESS / f"{name}.v" for name in ("dma_port", "clock_gate", "host_memory"))]
    simulate(module, "dma_port_bench", sources, folder=folder)


async def begin(dut, *, read_cycles=1, write_cycles=1):
    """A master on the port, with these latencies."""
    for name in ("awvalid", "wvalid", "bready", "arvalid", "rready"):
        dut[f"axi_{name}"].value = 0
    dut.rst.value = 1
    await Timer(1, unit="ns")  # the master reads its outputs before it drives them
    dut.read_cycles.value, dut.write_cycles.value = read_cycles, write_cycles
    master = AxiMaster(AxiBus.from_prefix(dut, "axi"), dut.clk, dut.rst)
    Clock(dut.clk, 8, unit="ns", impl="gpi").start()
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 2)
    return master


async def watch(dut, events):
    """Note the number of the clock cycle in which each channel's handshake or valid is seen."""
    cycle = 0
    while True:
        await FallingEdge(dut.clk)
        cycle += 1
        for channel in ("ar", "r", "w", "b"):
            valid = getattr(dut, f"axi_{channel}valid").value
            ready = getattr(dut, f"axi_{channel}ready").value
            if valid == 1:
                events.setdefault(f"{channel}valid", []).append(cycle)
                if ready == 1:
                    events.setdefault(channel, []).append(cycle)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(latency=[1, 2, 50])
async def first_data_and_response_come_after_their_latencies(dut, latency):
    master = await begin(dut, read_cycles=latency, write_cycles=latency + 3)
    events = {}
    cocotb.start_soon(watch(dut, events))
    await master.write(0x100, random.randbytes(200))
    await master.read(0x100, 200)
    assert events["bvalid"][0] == events["w"][-1] + 1 + latency + 3
    assert events["rvalid"][0] == events["ar"][0] + 1 + latency


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reads_are_pipelined_at_a_beat_per_cycle(dut):
    master = await begin(dut, read_cycles=40)
    events = {}
    cocotb.start_soon(watch(dut, events))
    operations = [master.init_read(0x1000 * index, 32 * len(dut.axi_rdata) // 8) for index in range(8)]
    for operation in operations:
        await operation.wait()
    assert events["ar"][-1] < events["r"][0], "not all were asked for before the first came"
    assert len(events["r"]) == 8 * 32
    assert events["r"] == list(range(events["r"][0], events["r"][0] + 8 * 32))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def writes_are_pipelined_at_a_beat_per_cycle(dut):
    master = await begin(dut, write_cycles=40)
    events = {}
    cocotb.start_soon(watch(dut, events))
    beat = len(dut.axi_wdata) // 8
    operations = [master.init_write(0x1000 * index, random.randbytes(8 * beat)) for index in range(4)]
    for operation in operations:
        await operation.wait()
    assert events["w"][-1] < events["b"][0], "data waited for a response"
    assert len(events["w"]) == 32
    assert events["w"][-1] - events["w"][0] <= 32 + 4


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def what_was_written_is_read(dut):
    master = await begin(dut, read_cycles=5, write_cycles=3)
    model = bytearray((await master.read(0, MEMORY_BYTES)).data)
    widest = (len(dut.axi_wdata) // 8).bit_length() - 1
    for _ in range(150):
        length = random.choice([1, 7, 8, 16, 64, random.randint(1, 3000)])
        address = random.randrange(MEMORY_BYTES - length)
        size = random.choice([widest, widest, random.randint(min(3, widest), widest)])
        if random.random() < 0.5:
            data = random.randbytes(length)
            await master.write(address, data, size=size, burst=AxiBurstType.INCR)
            model[address : address + length] = data
        else:
            response = await master.read(address, length, size=size)
            assert response.data == model[address : address + length]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def data_is_in_memory_before_the_response(dut):
    master = await begin(dut, write_cycles=20)
    data = random.randbytes(64)
    operation = master.init_write(0x400, data)
    while dut.axi_wlast.value != 1 or dut.axi_wready.value != 1:
        await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    assert dut.memory.words[0x400 // 64].value.to_unsigned().to_bytes(64, "little") == data
    assert dut.axi_bvalid.value == 0
    await operation.wait()
