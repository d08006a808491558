"""AXI4-Lite slave: an independent master with random pauses; every transaction becomes exactly one access."""

import itertools
import logging
import random

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from cocotb_tests.support import simulate, start, write_verilog
from hdl.nic.axi_lite import AxiLiteSlave
from hdl.nic.regmap import BAR_BYTES

INPUTS = (
    "hold",
    "access__read_data",
    "access__ready",
    *(f"bus__{name}" for name in ("awvalid", "wvalid", "bready", "arvalid", "rready")),
)


def answer(word: int) -> int:
    """What the registers of this test read as."""
    return (word * 0x9E3779B1 + 1) & 0xFFFF_FFFF


async def serve(dut, accesses: list) -> None:
    """Be ready for reads at random, and note all accesses."""
    while True:
        dut.access__ready.value = ready = random.getrandbits(1)
        await ReadOnly()
        assert bool(dut.access__read.value) == bool(dut.access__asked.value and ready)
        word = dut.access__read_word.value
        reading, writing = bool(dut.access__read.value), bool(dut.access__write.value)
        assert not (dut.hold.value and (reading or writing))
        if reading:
            accesses.append(("read", word.to_unsigned(), None, None))
        if writing:
            fields = (dut.access__write_word, dut.access__write_data, dut.access__write_mask)
            accesses.append(("write", *(field.value.to_unsigned() for field in fields)))
        await RisingEdge(dut.clk)


async def feed_reads(dut) -> None:
    """Drive the data of the register that the bus addresses."""
    while True:
        await dut.access__read_word.value_change
        if dut.access__read_word.value.is_resolvable:
            dut.access__read_data.value = answer(dut.access__read_word.value.to_unsigned())


def pauses(probability: float):
    return (random.random() < probability for _ in itertools.repeat(None))


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.5])
async def one_access_per_transaction(dut, pause):
    """Random reads and writes, byte strobes included."""
    logging.getLogger("cocotb.axi_lite.bus_").setLevel(logging.WARNING)
    await start(dut, **dict.fromkeys(INPUTS, 0))
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "bus_"), dut.clk, dut.rst)
    for channel in (
        master.write_if.aw_channel,
        master.write_if.w_channel,
        master.write_if.b_channel,
        master.read_if.ar_channel,
        master.read_if.r_channel,
    ):
        channel.set_pause_generator(pauses(pause))
    accesses: list = []
    cocotb.start_soon(serve(dut, accesses))
    cocotb.start_soon(feed_reads(dut))
    for _ in range(200):
        accesses.clear()
        address = random.randrange(BAR_BYTES)
        if random.random() < 0.5:
            assert await master.read_dword(address & ~3) == answer(address // 4)
            assert accesses == [("read", address // 4, None, None)]
        else:
            size = random.choice([n for n in (1, 2, 4) if address % n == 0])
            data = random.randbytes(size)
            await master.write(address, data)
            ((kind, word, value, mask),) = accesses
            lane = address % 4 * 8
            assert (kind, word, mask) == ("write", address // 4, (1 << 8 * size) - 1 << lane)
            assert value & mask == int.from_bytes(data, "little") << lane


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def many_accesses_under_way(dut):
    """The master does not wait for a response before it asks again, and takes responses late."""
    logging.getLogger("cocotb.axi_lite.bus_").setLevel(logging.WARNING)
    await start(dut, **dict.fromkeys(INPUTS, 0))
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "bus_"), dut.clk, dut.rst)
    for channel in (master.write_if.b_channel, master.read_if.r_channel):
        channel.set_pause_generator(pauses(0.7))
    accesses: list = []
    cocotb.start_soon(serve(dut, accesses))
    cocotb.start_soon(feed_reads(dut))
    words = [random.randrange(BAR_BYTES // 4) for _ in range(100)]
    reads = [cocotb.start_soon(master.read_dword(4 * word)) for word in words]
    writes = [cocotb.start_soon(master.write_dword(4 * word, word)) for word in words]
    assert [await read for read in reads] == [answer(word) for word in words]
    for write in writes:
        await write
    for kind in ("read", "write"):
        assert [access[1] for access in accesses if access[0] == kind] == words


@cocotb.test()
async def hold_delays(dut):
    """No access starts while ``hold`` is high, and it starts afterwards."""
    logging.getLogger("cocotb.axi_lite.bus_").setLevel(logging.WARNING)
    await start(dut, **dict.fromkeys(INPUTS, 0))
    dut.hold.value = 1
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "bus_"), dut.clk, dut.rst)
    accesses: list = []
    cocotb.start_soon(serve(dut, accesses))
    write, read = cocotb.start_soon(master.write_dword(4, 5)), cocotb.start_soon(master.read_dword(8))
    for _ in range(20):
        await RisingEdge(dut.clk)
    assert not accesses
    dut.hold.value = 0
    await write
    await read
    assert {access[0] for access in accesses} == {"read", "write"}


def test_axi_lite():
    simulate("test_axi_lite", "axi_lite", [write_verilog(AxiLiteSlave(), "axi_lite")])
