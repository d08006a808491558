"""Transmission that is disturbed: the NIC sends whole frames or nothing, writes no more than status, and recovers."""

import random

import cocotb
import pytest

from cocotb_tests.nic_tester import DESCRIPTOR_BYTES, NicTester
from cocotb_tests.support import cycles, nic_verilog, simulate
from cocotb_tests.tx_ring import Sent, TxRing
from hdl.nic import regmap
from hdl.nic.regmap import CTRL, ICR, TCTL


def padded(data: bytes) -> Sent:
    """A frame as it leaves with PSP and IFCS."""
    return Sent(data.ljust(60, b"\0"), good_fcs=True)


async def check_alive(tester) -> None:
    """The NIC, reset and set up anew, sends."""
    await tester.write(CTRL, CTRL.RST)
    await cycles(tester.dut, 300)
    ring = await TxRing.open(tester, base=0xA000, size=16)
    await ring.sent()
    frames = [random.randbytes(200) for _ in range(3)]
    for frame in frames:
        ring.put_frame(frame, IFCS=1, RS=1)
    await ring.kick()
    await ring.wait()
    assert await ring.sent() == [padded(frame) for frame in frames]


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(attempt=range(6))
async def reset_at_any_moment(dut, attempt):
    """What has left by then is whole, nothing is written afterwards, and the NIC can be set up again."""
    tester = await NicTester.begin(dut, stalls=True)
    ring = await TxRing.open(tester, size=32)
    frames = [random.randbytes(random.choice((64, 300, 1500))) for _ in range(20)]
    for frame in frames:
        ring.put_frame(frame, parts=random.choice((1, 2)), IFCS=1, RS=1)
        if (ring.tail + 3) % 32 <= 3:
            break
    await ring.kick()
    await cycles(dut, random.randint(30, 2500))
    await tester.write(CTRL, CTRL.RST)
    for register in (TCTL, regmap.TDLEN, regmap.TDH, regmap.TDT, regmap.ICR, regmap.GPTC):
        assert await tester.read(register) == register.reset
    await cycles(dut, 250)
    before = bytes(tester.memory.read(0, 1 << 20))
    await tester.settle()
    assert bytes(tester.memory.read(0, 1 << 20)) == before
    sent = await ring.sent()
    assert sent == [padded(frame) for frame in frames][: len(sent)]
    await check_alive(tester)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def descriptors_without_data(dut):
    """Of length 0 or with a null address: they are done, and send nothing, alone or among others of a frame."""
    tester = await NicTester.begin(dut)
    ring = await TxRing.open(tester)
    frame = random.randbytes(100)
    ring.put(b"", EOP=1, RS=1, IFCS=1)
    ring.put(frame[:64], EOP=0)
    ring.put(b"", EOP=0, RS=1)
    ring.put(frame[64:], EOP=0)
    last = ring.put(b"", EOP=1, RS=1, IFCS=1)
    await ring.kick()
    await ring.wait()
    assert await ring.sent() == [padded(frame)]
    assert [ring.descriptor(index).status.DD for index in range(last + 1)] == [1, 0, 1, 0, 1]


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def tail_outside_the_ring_is_no_descriptor(dut):
    """Nor is there one in a ring of no length."""
    tester = await NicTester.begin(dut)
    ring = await TxRing.open(tester, size=8)
    before = bytes(tester.memory.read(0, 1 << 20))
    for length, tail in ((128, 8), (128, 0xFFFF), (0, 3)):
        await tester.write(TCTL, 0)
        await tester.write(regmap.TDLEN, length)
        await tester.write(regmap.TDT, tail)
        await tester.write(TCTL, TCTL.EN)
        await tester.settle()
        assert await tester.read(regmap.TDH) == 0
    assert not await ring.sent()
    assert bytes(tester.memory.read(0, 1 << 20)) == before


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_frame_waits_for_its_other_half_through_a_disable(dut):
    """TCTL.EN cleared in mid-frame, and set again; a new ring instead drops the half that was there."""
    tester = await NicTester.begin(dut)
    ring = await TxRing.open(tester)
    first, second = random.randbytes(77), random.randbytes(500)
    ring.put(first[:40], EOP=0, RS=1)
    await ring.kick()
    await ring.wait()
    await tester.write(TCTL, TCTL.PSP)
    ring.put(first[40:], EOP=1, IFCS=1, RS=1)
    await ring.kick()
    await tester.settle()
    assert await tester.read(regmap.TDH) == 1
    await tester.write(TCTL, TCTL.PSP | TCTL.EN)
    await ring.wait()
    assert await ring.sent() == [padded(first)]

    ring.put(first, EOP=0)
    await ring.kick()
    await ring.wait()
    await tester.write(TCTL, TCTL.PSP)
    ring = await TxRing.open(tester, base=0x9000, size=8)
    ring.put_frame(second, IFCS=1)
    await ring.kick()
    await ring.wait()
    assert await ring.sent() == [padded(second)]


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(fails=["descriptor", "data", "write-back", "length"])
async def an_error_halts_the_queue(dut, fails):
    """FER; frames before leave, the head stays before the descriptor that failed, and a reset recovers."""
    tester = await NicTester.begin(dut)
    ring = await TxRing.open(tester)
    good = random.randbytes(100)
    ring.put_frame(good, IFCS=1, RS=1)
    await ring.kick()
    await ring.wait()
    bad = ring.tail
    ring.put_frame(random.randbytes(5000 if fails == "length" else 100), IFCS=1, RS=1)
    if fails == "length":
        where = ring.base + bad * DESCRIPTOR_BYTES
        tester.memory.write(where + 8, (16289).to_bytes(2, "little"))
    ring.put_frame(random.randbytes(60), IFCS=1, RS=1)

    def refuse(address, *_):
        in_ring = ring.base <= address < ring.base + 32 * DESCRIPTOR_BYTES
        if fails == ("descriptor" if in_ring else "data"):
            raise ValueError("no memory here")
        return read(address, *_)

    def refuse_write(address, data):
        raise ValueError("no memory here")

    read, tester.tx_port.read_if.read = tester.tx_port.read_if.read, refuse
    write = tester.tx_port.write_if.write
    if fails == "write-back":
        tester.tx_port.write_if.write = refuse_write
    await ring.kick()
    await tester.settle()
    tester.tx_port.read_if.read, tester.tx_port.write_if.write = read, write
    assert await tester.read(regmap.TDH) == bad
    assert await tester.read(ICR) & ICR.FER
    sent = await ring.sent()
    assert sent[0] == padded(good)
    assert len(sent) == (3 if fails == "write-back" else 1)
    await check_alive(tester)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_frame_with_its_own_fcs_leaves_as_it_is(dut):
    """Without IFCS, right or wrong; it is not padded."""
    tester = await NicTester.begin(dut)
    ring = await TxRing.open(tester)
    frame = random.randbytes(50)
    ring.put_frame(frame, IFCS=0)
    await ring.kick()
    await ring.wait()
    assert await ring.sent() == [Sent(frame[:-4], good_fcs=False)]


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def the_low_threshold_and_the_delay_timer(dut):
    """TXD_LOW when 8 descriptors are left; TXDW at once, or with IDE after TIDV."""
    tester = await NicTester.begin(dut)
    ring = await TxRing.open(tester)
    await tester.write(regmap.TXDCTL, regmap.TXDCTL.LWTHRESH.put(1))
    await tester.write(regmap.TIDV, 4)
    await tester.read(ICR)
    for _ in range(8):
        ring.put_frame(random.randbytes(60), IFCS=1, RS=1, IDE=1)
    await ring.kick()
    await ring.wait()
    assert await tester.read(ICR) == ICR.TXQE
    await cycles(dut, 5 * 128)
    assert await tester.read(ICR) == ICR.TXDW
    for _ in range(9):
        ring.put_frame(random.randbytes(60), IFCS=1, RPS=1)
    await ring.kick()
    await ring.wait()
    assert await tester.read(ICR) == ICR.TXDW | ICR.TXQE | ICR.TXD_LOW


@pytest.mark.slow
def test_nic_transmit_faults():
    simulate("test_nic_transmit_faults", "nic", [nic_verilog()])
