"""Several transmit queues against the model: random packets on all of them give the same frames, rings and counts."""

import random

import cocotb
import pytest

from cocotb_tests.board_tester import begin, costs, run_on_board
from cocotb_tests.test_model import BYTE_PS, LATENCIES
from cocotb_tests.test_model_transmit import RING, Side
from cocotb_tests.tx_programs import TxProgram
from emulator.engines.model import ModelEngine
from hdl.nic.regmap import (
    CTRL,
    GOTCH,
    GOTCL,
    GPTC,
    ICR,
    TCTL,
    TDBAL,
    TDH,
    TDLEN,
    TDT,
    TPT,
    TSCTC,
    TSCTFC,
    TXDCTL,
    VET,
)

QUEUES = 3
PACKETS = 6
ROUNDS = 2
RINGS_AT = 0x10_0000
REST_NS = 250_000  # longer than all packets of a round take
COMPARED = [TDH.at_queue(queue) for queue in range(QUEUES)]
COMPARED += [register.offset for register in (ICR, GPTC, TPT, GOTCL, GOTCH, TSCTC, TSCTFC)]


@pytest.mark.slow
def test_model_transmit_queues():
    run_on_board(__name__, queues=QUEUES)


def ring_at(queue: int) -> int:
    return RINGS_AT + queue * 16 * RING


async def set_up(side: Side) -> None:
    """Rings, the link, the transmitter, and tags."""
    writes = [(CTRL.offset, CTRL.reset | CTRL.SLU | CTRL.VME), (VET.offset, 0x88A8)]
    for queue in range(QUEUES):
        writes += [
            (TDBAL.at_queue(queue), ring_at(queue)),
            (TDLEN.at_queue(queue), 16 * RING),
            (TXDCTL.at_queue(queue), TXDCTL.ENABLE),
        ]
    for offset, value in (*writes, (TCTL.offset, TCTL.EN | TCTL.PSP)):
        side.engine.mmio_write(0, offset, value)
        await side.rest(1_000)
    await side.rest(200_000)  # the link comes up


async def run(side: Side, programs: list[TxProgram], tails: list[int], order: list[int]) -> tuple[bytes, list[int]]:
    """Have all queues send at once; returns the descriptors then, and registers."""
    engine = side.engine
    side.sent.clear()
    for queue in order:
        program = programs[queue]
        engine.memory.write(program.start, program.memory.read(program.start, program.end - program.start))
        for index, bits in enumerate(program.descriptors):
            engine.memory.write(ring_at(queue) + 16 * ((tails[queue] + index) % RING), bits.to_bytes(16, "little"))
    for queue in order:
        engine.mmio_write(0, TDT.at_queue(queue), (tails[queue] + len(programs[queue].descriptors)) % RING)
    await side.rest(REST_NS)
    return engine.memory.read(RINGS_AT, 16 * RING * QUEUES), [await side.read_at(offset) for offset in COMPARED]


def check_order(sent: list[tuple[bytes, bool]], programs: list[TxProgram]) -> list[int]:
    """Each frame is the next one of a queue, and none is missing; returns the queues in the order of the wire."""
    left = [list(program.frames) for program in programs]
    order = []
    for data, _ in sent:
        for queue, frames in enumerate(left):
            if frames and data in (frames[0][:-4], frames[0][:-4].ljust(60, b"\0")):
                frames.pop(0)
                order.append(queue)
                break
        else:
            raise AssertionError(f"frame {len(order)} is the next one of no queue")
    assert not any(left), "frames are missing"
    return order


@cocotb.test()
async def random_packets_leave_alike(dut):
    rtl = Side(await begin(dut, byte_ps=BYTE_PS, **LATENCIES))
    model = Side(ModelEngine(1, costs(**LATENCIES), BYTE_PS, queues=QUEUES))
    for side in (rtl, model):
        side.engine.memory.write(RINGS_AT, bytes(16 * RING * QUEUES))
        await set_up(side)
        await side.read(ICR)
    tails = [0] * QUEUES
    programs = [TxProgram(tag_ethertype=0x88A8, start=0x1000 + queue * 0x50000) for queue in range(QUEUES)]
    for _ in range(ROUNDS):
        for program in programs:
            program.begin_anew()
            for _ in range(PACKETS):
                program.random_packet()
        order = random.sample(range(QUEUES), QUEUES)
        results = [await run(side, programs, tails, order) for side in (rtl, model)]
        for side in (rtl, model):
            cocotb.log.info("order: %s", check_order(side.sent, programs))
        (rings, registers), (model_rings, model_registers) = results
        assert sorted(rtl.sent) == sorted(model.sent)
        assert rings == model_rings
        assert registers == model_registers
        tails = [(tail + len(program.descriptors)) % RING for tail, program in zip(tails, programs, strict=True)]
        assert registers[:QUEUES] == tails
