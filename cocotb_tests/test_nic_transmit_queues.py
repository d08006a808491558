"""Several transmit queues of a NIC: every frame leaves once, in its queue's order, and the queues take turns."""

import random

import cocotb
import pytest

from cocotb_tests.nic_tester import DESCRIPTOR_BYTES, NicTester
from cocotb_tests.support import cycles, nic_verilog, simulate
from cocotb_tests.tx_ring import Sent, TxRing
from hdl.nic import regmap
from hdl.nic.layouts import TxContextDescriptor
from hdl.nic.regmap import CTRL, EICR, EIMS, GPIE, ICR, IVAR, TCTL, TXDCTL
from tests.engines.tx_packets import data_descriptor

SIZE = 32  # descriptors of a ring
BUFFERS_AT, BUFFER_BYTES = 0x20000, 0x20000


def padded(data: bytes) -> Sent:
    """A frame as it leaves with PSP and IFCS."""
    return Sent(data.ljust(60, b"\0"), good_fcs=True)


def frame_of(queue: int, number: int, length: int) -> bytes:
    """A frame that says whose it is."""
    return bytes([queue, number]) + random.randbytes(length - 2)


def by_queue(sent: list[Sent], queues: int) -> list[list[Sent]]:
    """What left, by the queue that it says."""
    return [[frame for frame in sent if frame.data[0] == queue] for queue in range(queues)]


async def open_rings(tester: NicTester) -> list[TxRing]:
    """A ring for each queue of the NIC, which says how many it has by its vectors."""
    dut = tester.dut
    dut.link_up.value = 1
    await tester.write(CTRL, CTRL.reset | CTRL.SLU)
    rings = []
    for queue in range(len(dut.vectors) - 1):
        start = BUFFERS_AT + queue * BUFFER_BYTES
        ring = TxRing(tester, 0x8000 + queue * 0x1000, SIZE, queue, (start, start + BUFFER_BYTES))
        await ring.set_up()
        rings.append(ring)
    await tester.write(TCTL, TCTL.EN | TCTL.PSP)
    return rings


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stalls=[False, True])
async def every_frame_leaves_once_and_in_order(dut, stalls):
    """All queues at once; any lengths, parts and reports, descriptors given in any portions."""
    tester = await NicTester.begin(dut, stalls=stalls)
    rings = await open_rings(tester)
    frames = [[] for _ in rings]
    sent = [[] for _ in rings]
    for _ in range(3):
        for ring in random.sample(rings, len(rings)):
            for _ in range(random.randint(0, 8)):
                frame = frame_of(ring.queue, len(frames[ring.queue]), random.choice((14, 60, 65, 300, 1514)))
                frames[ring.queue].append(padded(frame))
                ring.put_frame(frame, parts=random.choice((1, 1, 3)), IFCS=1, RS=1, RPS=random.getrandbits(1))
            await ring.kick()
        for ring in rings:
            await ring.wait()
        for queue, some in enumerate(by_queue(await rings[0].sent(), len(rings))):
            sent[queue] += some
    assert sent == frames
    assert await tester.read(regmap.GPTC) == sum(len(some) for some in frames)
    for ring in rings:
        assert await ring.read(regmap.TDH) == ring.tail


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(parts=[1, 2])
async def saturated_queues_take_turns(dut, parts):
    """Each queue has one of as many frames as there are queues, from the first to the last."""
    tester = await NicTester.begin(dut)
    rings = await open_rings(tester)
    dut.link_up.value = 0  # descriptors are fetched without it, and none is begun
    count = (SIZE - 1) // parts
    for ring in rings:
        for number in range(count):
            ring.put_frame(frame_of(ring.queue, number, 64), parts=parts, IFCS=1, RS=1)
        await ring.kick()
    await tester.settle()
    dut.link_up.value = 1
    for ring in rings:
        await ring.wait()
    turns = [frame.data[0] for frame in await rings[0].sent()]
    period = turns[: len(rings)]
    assert sorted(period) == list(range(len(rings)))
    assert turns == period * count


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(fails=["descriptor", "data", "write-back", "length"], halves=[False, True])
async def an_error_of_one_queue_does_not_stop_the_others(dut, fails, halves):
    """FER; the queue stands still with its head before what failed, also in mid-frame; CTRL.RST brings it back."""
    tester = await NicTester.begin(dut)
    rings = await open_rings(tester)
    bad = random.choice(rings)
    start, end = BUFFERS_AT + bad.queue * BUFFER_BYTES, BUFFERS_AT + (bad.queue + 1) * BUFFER_BYTES
    if fails == "length":
        where = bad.base + bad.put(bytes(10), EOP=not halves, IFCS=1, RS=1) * DESCRIPTOR_BYTES
        tester.memory.write(where + 8, (16289).to_bytes(2, "little"))
    else:
        bad.put(bytes([bad.queue]) * 100, EOP=not halves, IFCS=1, RS=1)
    for _ in range(0 if halves else 3):
        bad.put_frame(frame_of(bad.queue, 0, 60), IFCS=1, RS=1)

    def refuse(address, *_):
        in_ring = bad.base <= address < bad.base + SIZE * DESCRIPTOR_BYTES
        if (fails == "descriptor" and in_ring) or (fails == "data" and start <= address < end):
            raise ValueError("no memory here")
        return read(address, *_)

    def refuse_write(address, data):
        if fails == "write-back" and bad.base <= address < bad.base + SIZE * DESCRIPTOR_BYTES:
            raise ValueError("no memory here")
        write(address, data)

    port = tester.tx_port
    read, port.read_if.read = port.read_if.read, refuse
    write, port.write_if.write = port.write_if.write, refuse_write
    others = [ring for ring in rings if ring is not bad]
    frames = {ring.queue: [frame_of(ring.queue, number, 200) for number in range(6)] for ring in others}
    for number in range(6):
        if number == 1:
            await bad.kick()
        for ring in others:
            ring.put_frame(frames[ring.queue][number], parts=random.choice((1, 2)), IFCS=1, RS=1)
            await ring.kick()
    for ring in others:
        await ring.wait()
    assert await bad.read(regmap.TDH) == 0
    assert await tester.read(ICR) & ICR.FER
    sent = by_queue(await bad.sent(), len(rings))
    for ring in others:
        assert sent[ring.queue] == [padded(frame) for frame in frames[ring.queue]]
    if fails != "write-back" or halves:
        assert not sent[bad.queue]
    port.read_if.read, port.write_if.write = read, write
    await tester.write(CTRL, CTRL.RST)
    await cycles(dut, 300)
    rings = await open_rings(tester)
    for ring in rings:
        ring.put_frame(frame_of(ring.queue, 0, 100), IFCS=1, RS=1)
        await ring.kick()
    for ring in rings:
        await ring.wait()
    assert [len(some) for some in by_queue(await rings[0].sent(), len(rings))] == [1] * len(rings)


def put_half_a_segmented_packet(ring: TxRing) -> None:
    """A context, and the headers with the data of the first segment, right to its end."""
    fields = {"hdrlen": 54, "paylen": 1000, "mss": 100, "tucss": 34, "ipcss": 14}
    context = TxContextDescriptor.const(fields | {"command": {"TSE": 1, "TCP": 1, "IP": 1, "DEXT": 1}}).as_bits()
    data = data_descriptor(ring.place(random.randbytes(54 + 100)), 54 + 100, {"TSE": 1, "IFCS": 1}, {})
    for bits in (context, data):
        at = ring.base + ring.tail * DESCRIPTOR_BYTES
        ring.tester.memory.write(at, bits.to_bytes(DESCRIPTOR_BYTES, "little"))
        ring.tail += 1


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(segmented=[False, True])
async def half_a_packet_keeps_the_others_waiting_until_its_queue_is_off(dut, segmented):
    """TXDCTL.ENABLE cleared drops it; the queue, set up anew, sends again, and so do the others all the time."""
    tester = await NicTester.begin(dut)
    first, *others = await open_rings(tester)
    if segmented:
        put_half_a_segmented_packet(first)
    else:
        first.put(random.randbytes(100), EOP=0)
    await first.kick()
    await first.wait()
    frames = [frame_of(ring.queue, 0, 100) for ring in others]
    for ring, frame in zip(others, frames, strict=True):
        ring.put_frame(frame, IFCS=1, RS=1)
        await ring.kick()
    await tester.settle()
    assert len(await first.sent()) == segmented
    await first.write(TXDCTL, 0)
    for ring in others:
        await ring.wait()
    assert await first.sent() == [padded(frame) for frame in frames]

    first.put_frame(frame_of(0, 1, 100), IFCS=1, RS=1)
    await first.kick()
    await tester.settle()
    assert not await first.sent()
    await first.set_up()
    frame = frame_of(0, 2, 100)
    first.put_frame(frame, IFCS=1, RS=1)
    await first.kick()
    await first.wait()
    assert await first.sent() == [padded(frame)]


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def each_queue_has_its_vector(dut):
    """A frame that is reported sets the bit that IVAR names; TXDW stays clear, and IDE delays nothing."""
    tester = await NicTester.begin(dut)
    rings = await open_rings(tester)
    await tester.write(GPIE, GPIE.MULTIPLE_MSIX)
    await tester.write(regmap.TIDV, 1000)
    for ring in rings:
        await tester.write(IVAR, IVAR.TX_VALID | IVAR.TX_VECTOR.put(ring.queue + 1), ring.queue)
    await tester.write(EIMS, (1 << len(rings) + 1) - 1)
    for ring in rings:
        ring.put_frame(frame_of(ring.queue, 0, 100), IFCS=1, RS=1, IDE=1)
        await ring.kick()
        await ring.wait()
        assert await tester.read(EICR) == 1 << ring.queue + 1
    assert not await tester.read(ICR) & ICR.TXDW


@pytest.mark.slow
@pytest.mark.parametrize("queues", [2, pytest.param(4, marks=pytest.mark.long)])
def test_nic_transmit_queues(queues):
    folder = f"test_nic_transmit_queues{queues}"
    simulate("test_nic_transmit_queues", "nic", [nic_verilog(queues=queues)], folder=folder)
