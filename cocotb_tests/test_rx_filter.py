"""Address filter against the manual's rules, written again in Python."""

import random

import cocotb
from cocotb.triggers import Timer

from cocotb_tests.support import simulate, write_verilog
from hdl.nic.regmap import RAH, RAL, RCTL
from hdl.nic.rx_filter import RxFilter

BROADCAST = b"\xff" * 6


def expected(destination: bytes, rctl: int, table: list[tuple[bytes, int]]) -> tuple[bool, bool]:
    """Whether an entry matches, given the receive addresses with the high bits of RAH; whether a frame is for us."""
    station = any(address == destination and high & RAH.AV and not high & RAH.AS for address, high in table)
    return station, station or (destination == BROADCAST and bool(rctl & RCTL.BAM))


def random_entry() -> tuple[bytes, int]:
    """A receive address and the bits of RAH beside it."""
    address = random.choice((random.randbytes(6), BROADCAST, b"\x01" + random.randbytes(5)))
    return address, random.choice((0, int(RAH.AV), int(RAH.AV), int(RAH.AV), RAH.AV | RAH.AS.put(1), RAH.AS.put(1)))


def near(address: bytes) -> bytes:
    """An address with one bit changed."""
    return (int.from_bytes(address, "little") ^ 1 << random.randrange(48)).to_bytes(6, "little")


@cocotb.test()
async def filters_as_the_manual_says(dut):
    """Random tables; destinations that match an entry, or all but a bit of it, or nothing."""
    for _ in range(300):
        table = [random_entry() for _ in range(RAL.count)]
        rctl = random.choice((RCTL.UPE, 0)) | random.choice((RCTL.MPE, 0)) | random.choice((RCTL.BAM, 0))
        low = sum(int.from_bytes(address[:4], "little") << 32 * i for i, (address, _) in enumerate(table))
        high = sum((int.from_bytes(address[4:], "little") | bits) << 32 * i for i, (address, bits) in enumerate(table))
        dut.rctl.value, dut.ral.value, dut.rah.value = rctl, low, high
        entry = random.choice(table)[0]
        for destination in (entry, near(entry), BROADCAST, near(BROADCAST), random.randbytes(6)):
            dut.destination.value = int.from_bytes(destination, "little")
            await Timer(1, unit="ns")
            assert (bool(dut.station.value), bool(dut.exact.value)) == expected(destination, rctl, table)
            assert bool(dut.promiscuous.value) == bool(rctl & (RCTL.MPE if destination[0] & 1 else RCTL.UPE))
            assert bool(dut.broadcast.value) == (destination == BROADCAST)
            assert bool(dut.multicast.value) == (destination[0] & 1 and destination != BROADCAST)


def test_rx_filter():
    simulate("test_rx_filter", "rx_filter", [write_verilog(RxFilter(), "rx_filter")])
