"""What the checks of parts 4 and 5 do with a whole driver: bring its interface up, send bursts, take it down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from driver.kernel.net.napi import Napi
from driver.kernel.net.netdevice import NetDevice, dev_close, dev_open, dev_set_mac_address
from driver.kernel.pci import PciDev
from emulator.exercises.bench import Bench

#: After this the device has seen what ndo_open wrote, and rules that wait for quiet have looked, in ns.
SETTLE_NS = 50_000

#: A driver that waits for the link has it after that time, in ns.
_LINK_NS = 20_000_000

#: How often a check lets the kernel look around while nothing happens, in ns.
STEP_NS = 10_000


async def bring_up(bench: Bench, nic: int = 0) -> NetDevice:
    """Probe the driver for a NIC and bring its interface up.

    Raises:
        CheckFailed: it does not come up.
    """
    netdev = await bench.call("e1000_probe", bench.pdevs[nic], comm="modprobe")
    bench.require(
        isinstance(netdev, NetDevice),
        "e1000_probe() returns no interface",
        "the NetDevice that it registered",
        repr(netdev),
    )
    await bench.call(dev_set_mac_address(netdev, bench.address(nic)), comm="ip")
    netdev.dev_addr = bench.address(nic)  # a driver that receives everything has nothing to program
    error = await bench.call(dev_open(netdev), comm="ip")
    bench.expect("what ndo_open returns", 0, error, why="ip link set up fails with this error.")
    await bench.wait(lambda: netdev.carrier, _LINK_NS)
    await pass_time(bench, SETTLE_NS)
    return cast(NetDevice, netdev)


async def take_down(bench: Bench, netdev: NetDevice) -> None:
    """Take an interface down; every buffer and mapping must be given back.

    Raises:
        CheckFailed: something is left.
    """
    await bench.call(dev_close(netdev), comm="ip", within_ns=50_000_000)
    await pass_time(bench, SETTLE_NS)
    mapped = len(cast(PciDev, netdev.parent).mappings)
    bench.expect("mappings for DMA that are left when the interface is down", 0, mapped)


def nothing_leaked(bench: Bench) -> None:
    """With all interfaces down no buffer is in use.

    Raises:
        CheckFailed: some are.
    """
    bench.expect("packet buffers in use when all interfaces are down", 0, bench.machine.frags.in_use)


async def pass_time(bench: Bench, ns: int) -> None:
    """Let so much time pass, in steps: what waits for quiet looks at each of them."""
    end = bench.now + ns
    while bench.now < end:
        await bench.run_for(min(STEP_NS, end - bench.now))


async def wait_for_packets(bench: Bench, count: int, within_ns: int) -> None:
    """Let time pass until so many packets reached the stack, or until there is no more hope."""
    end = bench.now + within_ns
    while bench.now < end and len(bench.delivered) < count:
        await bench.run_for(STEP_NS)


async def receive_bursts(
    bench: Bench, bursts: Sequence[int], *, sizes: Sequence[int] = (60, 300, 1000), pause_ns: int = 30_000
) -> list[bytes]:
    """Send bursts of frames to the first NIC, a pause of up to ``pause_ns`` after each; all must be delivered.

    Raises:
        CheckFailed: the first frame that is not delivered, or not as it was sent.
    """
    first = len(bench.delivered)
    frames: list[bytes] = []
    for count in bursts:
        burst = bench.frames(count, sizes=sizes)
        frames += burst
        bench.send(burst)
        await wait_for_packets(bench, first + len(frames), 500_000 + 20_000 * count)
        await bench.run_for(bench.random.randrange(1, pause_ns))
    bench.expect_delivered(frames, first=first, why="A packet that stays in the ring has nobody who will poll it.")
    await pass_time(bench, SETTLE_NS)
    return frames


def napi_of(netdev: NetDevice) -> Napi:
    """The first NAPI instance of an interface."""
    return netdev.napi_list[0]
