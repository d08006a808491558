"""Settings of the kernel for a run: ``--set NAME=VALUE``, checked before it and written at its start."""

from __future__ import annotations

from collections.abc import Sequence

from driver.e1000.adapter import HW_FEATURES
from driver.e1000.ethtool import E1000EthtoolOps
from driver.e1000.moderation import MAX_ITR_USECS
from driver.kernel.cpu import KTIME_MAX
from driver.kernel.irq import IrqReturn, request_irq
from driver.kernel.machine import Machine
from driver.kernel.net.ethtool import EthtoolCoalesce
from driver.kernel.net.napi import Napi, napi_enable, netif_napi_add
from driver.kernel.net.netdev_rx_queue import NetdevRxQueue
from driver.kernel.net.netdevice import NetDevice, NetDeviceOps, register_netdev
from driver.kernel.pci import FIRST_IRQ, msi_irq
from driver.kernel.settings import SettingError, find_setting, parse_setting, write_setting
from emulator.cost_profiles import load_costs
from emulator.emulation import Emulation
from emulator.errors import UserError
from emulator.model_nic.memory import ModelMemory


async def write_settings(emulation: Emulation, assignments: Sequence[str], *, at_boot: bool) -> None:
    """Write those settings of a list of NAME=VALUE that can be written at boot, or the others; in their order.

    Raises:
        UserError: the driver does not take one as it is.
    """
    for name, value in map(parse_setting, assignments):
        if find_setting(name)[0].at_boot is at_boot:
            try:
                await emulation.call(write_setting(emulation.machine, name, value), "sh")
            except SettingError as error:
                raise UserError(f"--set {error}") from None


def check_settings(assignments: Sequence[str], *, nics: int, cpus: int, queues: int = 1) -> None:
    """Try settings on a machine with so many interfaces and CPUs, which does nothing else.

    Raises:
        UserError: there is no such setting, it does not take the value, or the machine has nothing of that name.
    """
    machine = Machine(ModelMemory(4096), load_costs("modern"), cpus=cpus)
    complaints: list[str] = []

    async def write_all() -> None:
        for nic in range(nics):
            _add_interface(machine, nic, queues)
        try:
            for name, value in sorted(map(parse_setting, assignments), key=_boot_first):
                await write_setting(machine, name, value)
        except SettingError as error:
            complaints.append(f"--set {error}")

    machine.kthread_run(write_all(), "sh")
    while machine.deadline < KTIME_MAX:
        machine.now = machine.deadline
        machine.run()
    if complaints:
        raise UserError(complaints[0])


def _boot_first(assignment: tuple[str, str]) -> bool:
    return not find_setting(assignment[0])[0].at_boot


def _add_interface(machine: Machine, nic: int, queues: int) -> None:
    """An interface without a device, with the names and numbers that a run's has."""
    dev = NetDevice(machine, "", NetDeviceOps, None)  # type: ignore[arg-type]  # nobody brings it up
    dev.ethtool_ops = _Coalescing()
    dev.hw_features = HW_FEATURES
    register_netdev(dev)
    dev.rx_queues = [NetdevRxQueue() for _ in range(queues)]
    for _ in range(queues):
        napi_enable(netif_napi_add(dev, _no_poll))
    irqs = [FIRST_IRQ + nic] if queues == 1 else [msi_irq(nic, vector) for vector in range(queues + 1)]
    for irq in irqs:
        request_irq(irq, _no_interrupt, 0, dev.name, None)


class _Coalescing(E1000EthtoolOps):
    """The limits of the driver's ethtool operations."""

    async def set_coalesce(self, dev: NetDevice, coalesce: EthtoolCoalesce) -> int:
        """Complain of what the driver would refuse."""
        usecs = coalesce.rx_coalesce_usecs
        if usecs is not None and usecs > MAX_ITR_USECS:
            raise SettingError(
                f"coalesce-set/{dev.name}/rx-usecs={usecs}: out of range; allowed are 0 to {MAX_ITR_USECS}"
            )
        return 0


async def _no_poll(_napi: Napi, _budget: int) -> int:
    return 0


async def _no_interrupt(_irq: int, _dev_id: object) -> IrqReturn:
    return IrqReturn.NONE
