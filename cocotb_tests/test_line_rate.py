"""Line rate: frames back to back at 10 Gb/s on the 64-bit stream at 156.25 MHz, in and out at once, with slow memory.

Of those that arrive nothing is lost, and between those that are sent the gap is never longer than Ethernet's.
"""

import os
import zlib
from pathlib import Path

import cocotb
import pytest
from cocotb.triggers import ClockCycles, RisingEdge

from cocotb_tests.support import build_folder, nic_verilog, simulate
from hdl.nic import regmap
from hdl.nic.layouts import RxDescriptor, TxDescriptor
from hdl.nic.regmap import CTRL, RCTL, TCTL

FRAMES = 10_000 if os.environ.get("LONG") else 500

#: Bytes on the wire besides the frame and its FCS: preamble, start delimiter and gap (IEEE 802.3, 4.4.2).
OVERHEAD = 8 + 12

#: Bytes of the FCS.
FCS = 4

#: Clocks from the last beat of a write to its response, and from the address of a read to its first data.
LATENCY = 100

#: Payload among the beats on the write channel; the rest are write-backs.
LEAST_EFFICIENCY = 0.85

BEAT_BYTES = 8
DESCRIPTOR_BYTES = 16
RING_SIZE = 16384
TX_RING = RING_SIZE * DESCRIPTOR_BYTES
BUFFERS = 2 * TX_RING


def frame(number: int, size: int) -> bytes:
    """The content of a frame, FCS included: to a unicast address, and different in every frame."""
    word = (number * 0x9E3779B1 + 0x7F4A7C15) & 0xFFFFFFFF
    return (b"\x02" + (word.to_bytes(4, "little") + number.to_bytes(3, "little")) * (size // 7 + 1))[:size]


def buffer_address(number: int, size: int) -> int:
    """Where a frame goes: any alignment within a beat, and room behind it that nobody may touch."""
    pitch = 2048 if size > 256 else 256
    return BUFFERS + number * pitch + number % BEAT_BYTES


def write_schedule(path, size: int) -> None:
    """Write a row for each clock, frames at exact Ethernet spacing."""
    rows = ["0"] * (FRAMES * (size + OVERHEAD) // BEAT_BYTES + 1)
    for number in range(FRAMES):
        start = number * (size + OVERHEAD) // BEAT_BYTES
        data = frame(number, size)
        for offset in range(0, size, BEAT_BYTES):
            beat = data[offset : offset + BEAT_BYTES]
            last = offset + BEAT_BYTES >= size
            row = int(last) << 72 | (1 << len(beat)) - 1 << 64 | int.from_bytes(beat, "little")
            rows[start + offset // BEAT_BYTES] = f"{row:x}"
    path.write_text("\n".join(rows) + "\n")


def write_image(path, size: int) -> int:
    """Write what memory holds besides zeros, the ring; returns the words of memory that are used."""
    end = buffer_address(FRAMES, size) & -BEAT_BYTES
    pitch = -(-size // BEAT_BYTES) * BEAT_BYTES
    command = {"EOP": 1, "IFCS": 1, "RS": 1}
    rings = {
        0: [RxDescriptor.const({"address": buffer_address(n, size)}) for n in range(FRAMES)],
        TX_RING: [
            TxDescriptor.const({"address": end + n * pitch, "length": size - FCS, "command": command})
            for n in range(FRAMES)
        ],
    }
    parts = {where: b"".join(d.as_bits().to_bytes(16, "little") for d in ring) for where, ring in rings.items()}
    parts[end] = b"".join(frame(n, size)[:-FCS].ljust(pitch, b"\0") for n in range(FRAMES))
    with path.open("w") as file:
        for where, data in parts.items():
            file.write(f"@{where // BEAT_BYTES:x}\n")
            file.writelines(f"{data[at : at + 8][::-1].hex()}\n" for at in range(0, len(data), 8))
    return end // BEAT_BYTES


def sent(path) -> list[bytes]:
    """The frames that the NIC sent."""
    frames, data = [], b""
    for line in path.read_text().splitlines():
        if line == "end":
            frames.append(data)
            data = b""
        else:
            keep, beat = line.split()
            data += bytes.fromhex(beat)[::-1][: int(keep, 16).bit_count()]
    return frames


async def write(dut, register, value: int) -> None:
    """Write a register."""
    dut.awaddr.value, dut.wdata.value = register.offset, value
    dut.awvalid.value = dut.wvalid.value = 1
    await RisingEdge(dut.clk)
    while not dut.awready.value:
        await RisingEdge(dut.clk)
    dut.awvalid.value = dut.wvalid.value = 0
    await RisingEdge(dut.clk)


async def read(dut, register) -> int:
    """Read a register."""
    dut.araddr.value, dut.arvalid.value = register.offset, 1
    await RisingEdge(dut.clk)
    dut.arvalid.value = 0
    while not dut.rvalid.value:
        await RisingEdge(dut.clk)
    return dut.rdata.value.to_unsigned()


def received(path, size: int) -> list[bytes]:
    """The frames that memory holds by the descriptors; what a buffer holds beyond its frame must be zeros."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("//")]
    memory = b"".join(bytes.fromhex(line)[::-1] for line in lines)
    frames = []
    for number in range(FRAMES):
        where = number * DESCRIPTOR_BYTES
        descriptor = RxDescriptor.from_bits(int.from_bytes(memory[where : where + DESCRIPTOR_BYTES], "little"))
        if not (descriptor.status.DD and descriptor.status.EOP):
            break
        start = buffer_address(number, size)
        end = start + descriptor.length
        frames.append(memory[start:end])
        assert not any(memory[end : buffer_address(number + 1, size) & -BEAT_BYTES])
    return frames


@cocotb.test()
async def line_rate(dut):
    """Every frame is in memory, unharmed and in order."""
    size, result = int(cocotb.plusargs["size"]), build_folder("line_rate") / cocotb.plusargs["result"]
    dut.rst.value = 1
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    dut.ring_words.value = BUFFERS // BEAT_BYTES
    await write(dut, regmap.RDBAL, 0)
    await write(dut, regmap.RDLEN, RING_SIZE * DESCRIPTOR_BYTES)
    await write(dut, regmap.RDT, FRAMES)
    await write(dut, regmap.RCTL, RCTL.EN | RCTL.UPE)
    await write(dut, CTRL, CTRL.reset | CTRL.SLU)
    await write(dut, regmap.TDBAL, TX_RING)
    await write(dut, regmap.TDLEN, RING_SIZE * DESCRIPTOR_BYTES)
    await write(dut, regmap.TDT, FRAMES)
    await ClockCycles(dut.clk, 3 * LATENCY)
    await write(dut, TCTL, TCTL.EN)
    dut.play.value = 1
    await RisingEdge(dut.played)
    await ClockCycles(dut.clk, 5 * LATENCY)

    assert await read(dut, regmap.MPC) == 0
    assert await read(dut, regmap.RNBC) == 0
    assert await read(dut, regmap.GPRC) == FRAMES
    assert await read(dut, regmap.RDH) == FRAMES
    payload, writebacks = (getattr(dut, f"{kind}_beats").value.to_unsigned() for kind in ("payload", "writeback"))
    efficiency = payload / (payload + writebacks)
    cocotb.log.info("%d bytes: %d beats of payload, %d of write-backs: %.3f", size, payload, writebacks, efficiency)
    assert writebacks == FRAMES
    assert efficiency >= LEAST_EFFICIENCY
    assert await read(dut, regmap.GPTC) == FRAMES
    assert await read(dut, regmap.TDH) == FRAMES
    assert dut.late_frames.value == 0
    dut.dump.value = 1
    await ClockCycles(dut.clk, 1)
    frames = received(result, size)
    assert len(frames) == FRAMES
    assert frames == [frame(number, size) for number in range(FRAMES)]
    data = [frame(number, size)[:-FCS] for number in range(FRAMES)]
    expected = [payload + zlib.crc32(payload).to_bytes(FCS, "little") for payload in data]
    assert sent(result.with_name(f"sent{size}.hex")) == expected


SIZES = (64, 129)


@pytest.mark.slow
@pytest.mark.parametrize(
    "size",
    [
        *SIZES,
        *(pytest.param(size, marks=pytest.mark.long) for size in (*range(65, 129), 130, 1518)),
    ],
)
def test_line_rate(size):
    folder = build_folder("line_rate")
    write_schedule(folder / f"schedule{size}.hex", size)
    words = write_image(folder / f"image{size}.hex", size)
    simulate(
        "test_line_rate",
        "line_rate_bench",
        [nic_verilog(), Path(__file__).with_name("line_rate_bench.v")],
        folder="line_rate",
        plusargs=[
            f"+size={size}",
            f"+words={words}",
            f"+latency={LATENCY}",
            f"+schedule={folder}/schedule{size}.hex",
            f"+image={folder}/image{size}.hex",
            f"+result={folder}/result{size}.hex",
            f"+sent={folder}/sent{size}.hex",
        ],
    )
