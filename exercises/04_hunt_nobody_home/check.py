"""What exercise 4 demands: the NIC takes the frames that are for its station, and no others."""

from __future__ import annotations

from driver.kernel.net.netdevice import dev_close, dev_open
from emulator.engines.base import Verdict
from emulator.exercises.bench import Bench, mac
from hdl.nic.regmap import RAH, RAL

FRAMES = 8


async def check(bench: Bench) -> None:
    """The EEPROM's address, frames for it, and frames for a neighbour."""
    address = bytes([0x00, *bench.random.sample(range(1, 256), 5)])
    await bench.board_write(RAL, int.from_bytes(address[:4], "little"))
    await bench.board_write(RAH, int.from_bytes(address[4:], "little") | RAH.AV)
    netdev = await bench.call("e1000_probe", bench.pdev)
    await bench.call(dev_open(netdev))
    await _offer(bench, address, "frames for this station that the NIC takes", wanted=FRAMES)
    neighbour = bytes([0x00, *bench.random.sample(range(1, 256), 5)])
    await _offer(bench, neighbour, "frames for others that the NIC takes", wanted=0)
    bench.expect("the interface's MAC address", address, netdev.dev_addr, show=mac)
    await bench.call(dev_close(netdev))


async def _offer(bench: Bench, address: bytes, what: str, *, wanted: int) -> None:
    bench.take_verdicts()
    kept = bench.verdicts[Verdict.KEPT]
    bench.send([address + frame[6:] for frame in bench.frames(FRAMES)])
    await bench.run_for(FRAMES * 1_000)
    bench.take_verdicts()
    bench.expect(what, wanted, bench.verdicts[Verdict.KEPT] - kept)
