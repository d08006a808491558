"""Transmission of the RTL against the model engine: random descriptors give the same frames, write-backs and counts."""

import cocotb
import pytest

from cocotb_tests.board_tester import begin, costs, run_on_board
from cocotb_tests.tx_programs import TxProgram
from emulator.engines.base import MmioDone
from emulator.engines.model import ModelEngine
from hdl.nic.regmap import (
    CRCERRS,
    CTRL,
    GOTCH,
    GOTCL,
    GPRC,
    GPTC,
    ICR,
    RCTL,
    RDBAL,
    RDH,
    RDLEN,
    RDT,
    RXCSUM,
    TCTL,
    TDBAH,
    TDBAL,
    TDH,
    TDLEN,
    TDT,
    TPT,
    TSCTC,
    TSCTFC,
    VET,
)

BYTE_PS = 2_000
LATENCIES = {"mmio_request": 48, "mmio_completion": 64, "dma_read": 96, "dma_write": 80}
RING_AT = 0x10_0000
RING = 256
PACKETS = 12
REST_NS = 150_000  # longer than all packets of a round take
COMPARED = (ICR, TDH, GPTC, TPT, GOTCL, GOTCH, TSCTC, TSCTFC)


class Side:
    """One engine, and the frames that its NIC sent."""

    def __init__(self, engine):
        self.engine = engine
        self.sent = []
        self._tag = 0
        engine.wires[0].listen(lambda frame: self.sent.append((frame.data, frame.bad_fcs)))

    async def rest(self, ns: int) -> None:
        """Let time pass."""
        until = self.engine.now + ns
        while self.engine.now < until:
            await self.engine.advance(until)

    async def write(self, register, value: int) -> None:
        """Write a register, and wait until it is there."""
        self.engine.mmio_write(0, register.offset, value)
        await self.rest(1_000)

    async def read(self, register) -> int:
        """Read a register."""
        return await self.read_at(register.offset)

    async def read_at(self, offset: int) -> int:
        """Read the register at an offset."""
        self._tag += 1
        self.engine.mmio_read(0, offset, self._tag)
        until = self.engine.now + 10_000
        while self.engine.now < until:
            for event in await self.engine.advance(until):
                if isinstance(event, MmioDone) and event.tag == self._tag:
                    return event.value
        raise AssertionError(f"no completion of a read of {offset:#x}")

    async def set_up(self) -> None:
        """A ring, the link, the transmitter, and tags."""
        for register, value in (
            (CTRL, CTRL.reset | CTRL.SLU | CTRL.VME),
            (VET, 0x88A8),
            (TDBAL, RING_AT),
            (TDBAH, 0),
            (TDLEN, 16 * RING),
            (TCTL, TCTL.EN | TCTL.PSP),
        ):
            await self.write(register, value)
        await self.rest(200_000)  # the link comes up

    async def run(self, program: TxProgram, tail: int) -> tuple[list, bytes, list[int]]:
        """Lay a program out from a descriptor on; returns what left, the descriptors then, and registers."""
        memory = self.engine.memory
        memory.write(0x1000, program.memory.read(0x1000, program.end - 0x1000))
        for index, bits in enumerate(program.descriptors):
            memory.write(RING_AT + 16 * ((tail + index) % RING), bits.to_bytes(16, "little"))
        self.sent.clear()
        await self.write(TDT, (tail + len(program.descriptors)) % RING)
        await self.rest(REST_NS)
        return list(self.sent), memory.read(RING_AT, 16 * RING), [await self.read(register) for register in COMPARED]


@cocotb.test()
async def random_packets_leave_alike(dut):
    rtl = Side(await begin(dut, byte_ps=BYTE_PS, **LATENCIES))
    model = Side(ModelEngine(1, costs(**LATENCIES), BYTE_PS))
    for side in (rtl, model):
        side.engine.memory.write(RING_AT, bytes(16 * RING))
        await side.set_up()
        await side.read(ICR)
    tail = 0
    program = TxProgram(tag_ethertype=0x88A8)
    for _ in range(3):
        program.begin_anew()
        for _ in range(PACKETS):
            program.random_packet()
        results = [await side.run(program, tail) for side in (rtl, model)]
        tail = (tail + len(program.descriptors)) % RING
        (frames, ring, registers), (model_frames, model_ring, model_registers) = results
        assert frames == model_frames
        assert len(frames) == len(program.frames)
        assert ring == model_ring
        names = [register.__name__ for register in COMPARED]
        assert dict(zip(names, registers, strict=True)) == dict(zip(names, model_registers, strict=True))


RX_RING_AT, RX_BUFFERS_AT, RX_RING, RX_BUFFER = 0x14_0000, 0x18_0000, 128, 2048


async def set_up_reception(side) -> None:
    """A ring of empty buffers, and what is sent comes back."""
    memory = side.engine.memory
    memory.write(RX_BUFFERS_AT, bytes(RX_RING * RX_BUFFER))
    for index in range(RX_RING):
        descriptor = (RX_BUFFERS_AT + index * RX_BUFFER).to_bytes(16, "little")
        memory.write(RX_RING_AT + 16 * index, descriptor)
    for register, value in (
        (RDBAL, RX_RING_AT),
        (RDLEN, 16 * RX_RING),
        (RDT, RX_RING - 1),
        (RXCSUM, RXCSUM.IPOFLD | RXCSUM.TUOFLD),
        (RCTL, RCTL.EN | RCTL.UPE | RCTL.MPE | RCTL.BAM | RCTL.LPE | RCTL.SBP | RCTL.SECRC | RCTL.LBM.put(3)),
    ):
        await side.write(register, value)


@cocotb.test()
async def frames_come_back_alike(dut):
    """Offloaded packets, through both halves of the NIC."""
    rtl = Side(await begin(dut, byte_ps=BYTE_PS, **LATENCIES))
    model = Side(ModelEngine(1, costs(**LATENCIES), BYTE_PS))
    program = TxProgram(tag_ethertype=0x88A8)
    for _ in range(PACKETS):
        program.random_packet()
    received = []
    for side in (rtl, model):
        side.engine.memory.write(RING_AT, bytes(16 * RING))
        await side.set_up()
        await set_up_reception(side)
        await side.run(program, 0)
        assert not side.sent
        counts = [await side.read(register) for register in (RDH, GPRC, CRCERRS, GPTC)]
        memory = side.engine.memory
        received.append(
            (counts, memory.read(RX_RING_AT, 16 * RX_RING), memory.read(RX_BUFFERS_AT, RX_RING * RX_BUFFER))
        )
    assert received[0] == received[1]


@pytest.mark.slow
def test_model_transmit():
    run_on_board(__name__)
