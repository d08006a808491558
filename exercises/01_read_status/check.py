"""What exercise 1 demands: link and address are what the device says, whatever that is."""

from __future__ import annotations

from emulator.exercises.bench import Bench, mac
from hdl.nic.regmap import CTRL, RAH, RAL


async def check(bench: Bench) -> None:
    """Two devices of different state; who only guesses is wrong with one of them."""
    for link_up in bench.random.sample([False, True], 2):
        address = bytes([0x02, *bench.random.randbytes(5)])
        await _firmware(bench, address, link_up=link_up)
        adapter = await bench.call("e1000_probe", bench.pdev)
        bench.require(
            bench.accesses,
            "the driver has read no register",
            "link and address are what the registers STATUS, RAL and RAH say",
            "e1000_probe() returned without an access to the device",
        )
        bench.expect(
            "the link that the driver found",
            "up" if link_up else "down",
            "up" if adapter.link_up else "down",
            why="STATUS.LU tells (bit 1).",
        )
        bench.expect("the speed that the driver found", 1000, adapter.link_speed, why="STATUS.SPEED tells (bits 7:6).")
        bench.expect("full duplex", True, adapter.full_duplex, why="STATUS.FD tells (bit 0).")
        bench.expect(
            "the MAC address that the driver found",
            address,
            adapter.mac_addr,
            why="RAL has bytes 0 to 3, RAH bytes 4 and 5; byte 0, the first on the wire, is in bits 7:0 of RAL.",
            show=mac,
        )


async def _firmware(bench: Bench, address: bytes, *, link_up: bool) -> None:
    """What is done before the driver comes: the EEPROM's autoload, and perhaps a boot loader that used the link."""
    await bench.board_write(RAL, int.from_bytes(address[:4], "little"))
    await bench.board_write(RAH, int.from_bytes(address[4:], "little") | RAH.AV)
    await bench.board_write(CTRL, CTRL.reset | CTRL.SLU if link_up else CTRL.reset)
