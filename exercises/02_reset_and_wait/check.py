"""What exercise 2 demands: quiet before the reset, silence while it lasts, and a device that is at rest after it."""

from __future__ import annotations

from emulator.exercises.bench import Bench
from emulator.exercises.register_access import RegisterAccess
from hdl.nic.regmap import CTRL, ICR, ICS, IMC, IMS, RCTL

#: SDM 13.4.1: about 1 us.
SILENCE_NS = 1_000


async def check(bench: Bench) -> None:
    """A device that somebody left running, with an interrupt pending."""
    await bench.board_write(RCTL, RCTL.EN | RCTL.BAM)
    await bench.board_write(IMS, ICR.RXT0 | ICR.LSC)
    await bench.board_write(ICS, ICR.LSC)
    await bench.call("e1000_probe", bench.pdev)
    resets = [n for n, access in enumerate(bench.accesses) if _writes(access, CTRL.offset) and access.value & CTRL.RST]
    bench.expect("writes of CTRL.RST", 1, len(resets))
    before, reset, after = bench.accesses[: resets[0]], bench.accesses[resets[0]], bench.accesses[resets[0] + 1 :]
    masked = any(_writes(access, IMC.offset) and access.value == IMC.writable for access in before)
    bench.expect("interrupts when the reset comes", "masked", "masked" if masked else "not masked")
    stopped = any(_writes(access, RCTL.offset) and not access.value & RCTL.EN for access in before)
    bench.expect(
        "the receiver when the reset comes",
        "off",
        "off" if stopped else "on",
        why="A frame that is being written to memory when the reset comes leaves half a packet there.",
    )
    flushed = [access for access in before if not access.write]
    bench.require(
        flushed and flushed[-1].time_ns > max(access.time_ns for access in before if access.write),
        "the writes before the reset",
        "a read after them, which pushes them to the device",
        "no read after the last of them",
    )
    bench.require(after, "what follows the reset", "IMC and ICR are accessed", "nothing")
    silence = _starts(bench, after[0]) - reset.time_ns
    bench.require(
        silence >= SILENCE_NS,
        "the first access after the reset",
        f"{SILENCE_NS:,} ns or more after the write of CTRL.RST",
        f"{silence:,} ns after it",
        why="While it resets the device answers nothing. Real 8254x hang the bus, or return all ones.",
    )
    cleared = any(access.offset == ICR.offset for access in after)
    bench.expect("ICR after the reset", "cleared by a read", "cleared by a read" if cleared else "not read")


def _writes(access: RegisterAccess, offset: int) -> bool:
    return access.write and access.offset == offset


def _starts(bench: Bench, access: RegisterAccess) -> int:
    """When an access left the CPU; a read is in the list when it is back."""
    costs = bench.machine.costs
    return access.time_ns - (0 if access.write else costs.mmio_request + costs.mmio_completion)
