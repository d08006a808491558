"""A NIC with several queues against the model: random programs give the same rings, drops, messages and hashes.

What queues that send at the same time make of any packets is in test_model_transmit_queues.py.
"""

import os
import random
from collections import Counter

import cocotb
import pytest

from cocotb_tests.board_tester import begin, costs, run_on_board
from cocotb_tests.test_model import BYTE_PS, DRAIN_NS, FRAMES_NS, LATENCIES, Twins
from cocotb_tests.test_rx_rss import random_frame
from emulator.engines.base import IrqChanged, MmioDone, VectorFired, WireFrame
from emulator.engines.model import ModelEngine
from hdl.nic.layouts import RxDescriptor, TxDescriptor
from hdl.nic.regmap import (
    CTRL,
    EIAC,
    EIAM,
    EICR,
    EICS,
    EIMC,
    EIMS,
    EITR,
    GPIE,
    ICR,
    ICS,
    IMS,
    IVAR,
    IVAR_MISC,
    MRQC,
    RCTL,
    RDBAH,
    RDBAL,
    RDH,
    RDLEN,
    RDT,
    RETA,
    RQDPC,
    RSSRK,
    RXDCTL,
    SRRCTL,
    TCTL,
    TDBAL,
    TDH,
    TDLEN,
    TDT,
    TXDCTL,
    rtl_registers,
)

QUEUES = 3
PROGRAMS = 10 if os.environ.get("CI") else 1
STEPS = 40
SIZE = 16  # descriptors of each ring
RING_BYTES = 0x400
RINGS_AT, BUFFERS_AT, BUFFER_BYTES = 0x4000, 0x1_0000, 0x1000
TX_RINGS_AT, TX_BUFFERS_AT = 0x6000, 0x8_0000
LINK_NS = 200_000  # longer than the PHY takes to have a link
EVERY_VECTOR = (1 << QUEUES + 1) - 1
OFFSETS = [
    offset
    for register in rtl_registers(QUEUES)
    if not register.memory
    for places in register.places(QUEUES)
    for offset in places
]


@pytest.mark.slow
def test_model_queues():
    run_on_board(__name__, queues=QUEUES)


class QueueTwins(Twins):
    """Both engines with several queues; the messages that came are compared, too."""

    def __init__(self, rtl, model):
        super().__init__(rtl, model)
        self.fired = {rtl: Counter(), model: Counter()}
        self.sent = {rtl: [], model: []}
        for engine in self.engines:
            engine.wires[0].listen(lambda frame, sent=self.sent[engine]: sent.append((frame.data, frame.bad_fcs)))

    async def rest(self, ns: int = 1_500) -> None:
        """Let both come to rest, and compare what they said."""
        await super().rest(ns)
        rtl, model = self.engines
        assert self.fired[rtl] == self.fired[model], "messages by vector"
        assert self.sent[rtl] == self.sent[model], "frames that were sent"

    async def _run(self, engine, ns: int = 1_500) -> list[int]:
        values = []
        idle = False
        while not idle:
            idle = engine.wires[0].idle
            until = engine.now + ns
            while engine.now < until:
                for event in await engine.advance(until):
                    match event:
                        case IrqChanged():
                            self.irq[engine] = event.level
                        case VectorFired():
                            self.fired[engine][event.vector] += 1
                        case MmioDone():
                            values.append(event.value)
        return values

    def compare_rings(self) -> None:
        """Rings and buffers of all queues."""
        places = [(at + queue * RING_BYTES, RING_BYTES) for at in (RINGS_AT, TX_RINGS_AT) for queue in range(QUEUES)]
        places += [(buffer_at(queue, index), BUFFER_BYTES) for queue in range(QUEUES) for index in range(SIZE)]
        for address, length in places:
            rtl, model = (engine.memory.read(address, length) for engine in self.engines)
            assert rtl == model, f"host memory at {address:#x}: RTL {rtl.hex()}, model {model.hex()}"


def buffer_at(queue: int, index: int) -> int:
    return BUFFERS_AT + (queue * SIZE + index) * BUFFER_BYTES


class Program:
    """Random steps of a driver with several queues."""

    def __init__(self, twins: QueueTwins):
        self.twins = twins
        self.tails = [0] * QUEUES
        self.tx_tails = [0] * QUEUES

    async def set_up(self) -> None:
        """Rings, RSS and vectors from reset; no queue keeps the others waiting for good."""
        write = self.twins.write
        await write(CTRL.offset, CTRL.reset | CTRL.SLU, LINK_NS)
        await self.twins.read(ICR.offset)  # LSC
        await write(TCTL.offset, TCTL.EN | TCTL.PSP)
        for offset in (*RSSRK.offsets(), *RETA.offsets()):
            await write(offset, random.getrandbits(32), 200)
        kinds = MRQC.IPV4 | MRQC.TCPIPV4 | MRQC.IPV6 | MRQC.TCPIPV6 | MRQC.UDPIPV4
        await write(MRQC.offset, kinds | MRQC.MODE.put(2))
        await write(GPIE.offset, GPIE.MULTIPLE_MSIX | random.choice((0, GPIE.EIAME)))
        for register in (EIAC, EIAM):
            await write(register.offset, random.choice((0, EVERY_VECTOR)))
        await write(EIMS.offset, EVERY_VECTOR)
        await write(IMS.offset, ICR.LSC)
        await write(IVAR_MISC.offset, IVAR_MISC.OTHER_VALID)
        await write(ICS.offset, ICR.LSC)
        for queue in range(QUEUES):
            vectors = IVAR.RX_VECTOR.put(queue + 1) | IVAR.TX_VECTOR.put(random.randint(1, QUEUES))
            await write(IVAR.at(queue), IVAR.RX_VALID | IVAR.TX_VALID | vectors)
            await self.set_up_ring(queue)
            await self.set_up_tx_ring(queue)
        await write(RCTL.offset, RCTL.EN | RCTL.UPE | RCTL.MPE | RCTL.BAM | RCTL.SECRC)
        for queue in range(QUEUES):
            await self.give(queue, SIZE - 1)

    async def set_up_ring(self, queue: int) -> None:
        """A ring, legacy or advanced."""
        write = self.twins.write
        for index in range(SIZE):
            descriptor = RxDescriptor.const({"address": buffer_at(queue, index)}).as_bits()
            self.twins.fill(RINGS_AT + queue * RING_BYTES + 16 * index, descriptor.to_bytes(16, "little"))
        await write(RXDCTL.at_queue(queue), RXDCTL.reset)
        await write(RDBAL.at_queue(queue), RINGS_AT + queue * RING_BYTES)
        await write(RDBAH.at_queue(queue), 0)
        await write(RDLEN.at_queue(queue), SIZE * 16)
        await write(RDH.at_queue(queue), 0)
        await write(RDT.at_queue(queue), 0)
        self.tails[queue] = 0
        srrctl = (
            SRRCTL.DROP_EN | SRRCTL.DESCTYPE.put(random.getrandbits(1)) | SRRCTL.BSIZEPACKET.put(random.choice((0, 2)))
        )
        await write(SRRCTL.at_queue(queue), srrctl)
        await write(RXDCTL.at_queue(queue), RXDCTL.reset | RXDCTL.ENABLE)

    async def set_up_tx_ring(self, queue: int) -> None:
        """An empty ring; a packet of the queue that was not whole is dropped."""
        write = self.twins.write
        await write(TXDCTL.at_queue(queue), 0)
        await write(TDBAL.at_queue(queue), TX_RINGS_AT + queue * RING_BYTES)
        await write(TDLEN.at_queue(queue), SIZE * 16)
        self.tx_tails[queue] = random.randrange(SIZE)
        await write(TDH.at_queue(queue), self.tx_tails[queue])
        await write(TDT.at_queue(queue), self.tx_tails[queue])
        await write(TXDCTL.at_queue(queue), TXDCTL.ENABLE)

    async def give(self, queue: int, most: int) -> None:
        """Move a tail up, at most to right behind the head; what was written back is laid out anew."""
        head = await self.twins.read(RDH.at_queue(queue))
        room = (head - self.tails[queue] - 1) % SIZE
        for _ in range(min(room, most)):
            index = self.tails[queue]
            descriptor = RxDescriptor.const({"address": buffer_at(queue, index)}).as_bits()
            self.twins.fill(RINGS_AT + queue * RING_BYTES + 16 * index, descriptor.to_bytes(16, "little"))
            self.tails[queue] = (index + 1) % SIZE
        await self.twins.write(RDT.at_queue(queue), self.tails[queue], DRAIN_NS)

    async def step(self) -> None:
        """One of the steps."""
        steps = {
            self.send: 6,
            self.give_some: 4,
            self.read_anything: 3,
            self.write_vectors: 3,
            self.transmit: 4,
            self.break_off: 1,
            self.switch: 1,
            self.throttle: 1,
        }
        (step,) = random.choices(list(steps), list(steps.values()))
        await step()

    async def send(self) -> None:
        """Frames one by one, so far apart that each has its message."""
        for _ in range(random.choice((1, 3, 8))):
            await self.twins.send([WireFrame(random_frame(), bad_fcs=random.random() < 0.1)])

    async def give_some(self) -> None:
        """A few descriptors for any queue."""
        await self.give(random.randrange(QUEUES), random.randint(1, 6))

    async def read_anything(self) -> None:
        """Any register."""
        await self.twins.read(random.choice([*OFFSETS, *(RQDPC.at_queue(queue) for queue in range(QUEUES))]))

    async def write_vectors(self) -> None:
        """One of the vectors' registers."""
        register = random.choice((EICS, EIMS, EIMS, EIMS, EIMC, EICR, EIAC))
        await self.twins.write(register.offset, random.getrandbits(QUEUES + 1))

    async def transmit(self, *, whole: bool = True) -> int:
        """A frame of any queue, in parts; the last one is reported, if the frame is whole. Returns the queue."""
        queue = random.randrange(QUEUES)
        parts = random.choice((1, 1, 2, 3))
        for part in range(parts):
            index = self.tx_tails[queue]
            data = random.randbytes(random.randint(20, 600))
            at = TX_BUFFERS_AT + (queue * SIZE + index) * BUFFER_BYTES + random.randrange(64)
            self.twins.fill(at, data)
            last = whole and part == parts - 1
            command = {"EOP": last, "RS": last, "RPS": last and random.getrandbits(1), "IFCS": 1, "IDE": 1}
            descriptor = TxDescriptor.const({"address": at, "length": len(data), "command": command}).as_bits()
            self.twins.fill(TX_RINGS_AT + queue * RING_BYTES + 16 * index, descriptor.to_bytes(16, "little"))
            self.tx_tails[queue] = (index + 1) % SIZE
        await self.twins.write(TDT.at_queue(queue), self.tx_tails[queue], DRAIN_NS)
        return queue

    async def break_off(self) -> None:
        """Half a frame keeps the other queues waiting, until its queue is switched off."""
        queue = await self.transmit(whole=False)
        other = await self.transmit()
        assert (await self.twins.read(TDH.at_queue(other)) != self.tx_tails[other]) == (other != queue)
        if other != queue:
            await self.twins.write(TXDCTL.at_queue(queue), 0, DRAIN_NS)
            assert await self.twins.read(TDH.at_queue(other)) == self.tx_tails[other]
            await self.set_up_tx_ring(queue)

    async def throttle(self) -> None:
        """An interval that is over before the step is."""
        await self.twins.write(
            EITR.at(random.randrange(QUEUES + 1)), EITR.INTERVAL.put(random.getrandbits(1)), FRAMES_NS
        )

    async def switch(self) -> None:
        """A queue off; its frames are dropped and counted; and on again with its ring laid out anew."""
        queue = random.randrange(QUEUES)
        await self.twins.write(RXDCTL.at_queue(queue), RXDCTL.reset)
        await self.send()
        await self.set_up_ring(queue)
        await self.give(queue, SIZE - 1)


@cocotb.test
async def random_programs(dut):
    rtl = await begin(dut, byte_ps=BYTE_PS, **LATENCIES)
    twins = QueueTwins(rtl, ModelEngine(1, costs(**LATENCIES), BYTE_PS, queues=QUEUES))
    for _ in range(PROGRAMS):
        await twins.write(CTRL.offset, CTRL.RST)
        program = Program(twins)
        await program.set_up()
        for _ in range(STEPS):
            await program.step()
        for offset in OFFSETS:
            await twins.read(offset)
        twins.compare_rings()
    cocotb.log.info("frames: %s, messages: %s", dict(twins.seen), dict(twins.fired[rtl]))
    assert 0 in twins.fired[rtl]
    assert len(twins.fired[rtl]) > 2
    assert twins.sent[rtl]
