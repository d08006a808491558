"""The NIC as software sees it: its registers, and what reads and writes of them do."""

from __future__ import annotations

from collections.abc import Callable

from driver.kernel.costs import Costs
from emulator.engines.base import Listener, Verdict
from emulator.model_nic.delay_timers import DelayTimers
from emulator.model_nic.ingress import Ingress
from emulator.model_nic.interrupts import Interrupts
from emulator.model_nic.memory import ModelMemory
from emulator.model_nic.rx_queue import RxQueue
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.statistics import Statistics
from emulator.model_nic.tx_queue import TxQueue
from hdl.nic.regmap import (
    CTRL,
    CTRL_EXT,
    IAM,
    ICR,
    ICS,
    IMC,
    IMS,
    ITR,
    RADV,
    RDH,
    RDT,
    RDTR,
    REGISTERS,
    STATUS,
    TADV,
    TDH,
    TDT,
    TIDV,
    Access,
)

#: Reset value of every register that keeps what is written to it, by offset.
_RESET_VALUES = {
    offset: register.reset
    for register in REGISTERS
    if register.access is Access.READ_WRITE and register not in (RDH, TDH)
    for (offset,) in register.places(queues=1)
}

#: The bits that a write changes, by offset.
_WRITABLE = {offset: register.writable for register in REGISTERS for (offset,) in register.places(queues=1)}


class ModelNic:
    """One NIC. Its link partner is always there."""

    def __init__(
        self, schedule: Schedule, memory: ModelMemory, costs: Costs, byte_ps: int, irq_changed: Callable[[bool], None]
    ) -> None:
        """``irq_changed`` is called with the new level of the interrupt line when it changes."""
        self._values = dict(_RESET_VALUES)
        self._interrupts = interrupts = Interrupts(schedule, irq_changed)
        self._statistics = Statistics()
        self._rx_timers = DelayTimers(schedule, interrupts, ICR.RXT0)
        self._tx_timers = DelayTimers(schedule, interrupts, ICR.TXDW)
        self._queue = RxQueue(schedule, memory, costs, interrupts, self._rx_timers, self._statistics, self._values)
        self._tx_queue = TxQueue(
            schedule, memory, costs, byte_ps, interrupts, self._tx_timers, self._statistics, self._values
        )
        self._ingress = Ingress(schedule, self._queue, interrupts, self._statistics, self._values)
        self.receive: Callable[[bytes, bool, int], Verdict] = self._ingress.receive
        self._readers: dict[int, Callable[[], int]] = {
            STATUS.offset: self._read_status,
            ICR.offset: interrupts.read_and_clear,
            ICS.offset: lambda: interrupts.latched,
            IMS.offset: lambda: interrupts.mask,
            RDH.offset: lambda: self._queue.head,
            TDH.offset: lambda: self._tx_queue.head,
        }
        self._writers: dict[int, Callable[[int], None]] = {
            CTRL.offset: self._write_ctrl,
            ICR.offset: interrupts.clear,
            ICS.offset: interrupts.latch,
            IMS.offset: interrupts.enable,
            IMC.offset: interrupts.disable,
            RDH.offset: self._queue.write_head,
            RDT.offset: self._write_tail,
            TDH.offset: self._tx_queue.write_head,
            TDT.offset: self._write_tx_tail,
        }

    @property
    def cut_off(self) -> int:
        """Frames that were taken for sending and that a reset cut off."""
        return self._tx_queue.cut_off

    def listen(self, listener: Listener) -> None:
        """Call a listener with each frame that is sent."""
        self._tx_queue.listener = listener

    def read(self, offset: int) -> int:
        """A 32-bit read; where there is no register it returns zero."""
        reader = self._readers.get(offset)
        if reader is not None:
            return reader()
        if offset in Statistics.offsets:
            return self._statistics.read(offset)
        return self._values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """A 32-bit write; where there is no register, or one that is read only, it does nothing."""
        value &= _WRITABLE.get(offset, 0)
        writer = self._writers.get(offset)
        if writer is not None:
            writer(value)
        elif offset in self._values:
            self._values[offset] = value
            self._configure(offset)

    def _configure(self, offset: int) -> None:
        """Tell the blocks of a register that was written."""
        values = self._values
        match offset:
            case ITR.offset:
                self._interrupts.throttle(values[offset])
            case IAM.offset | CTRL_EXT.offset:
                self._interrupts.auto_mask = values[IAM.offset] if values[CTRL_EXT.offset] & CTRL_EXT.IAME else 0
            case RDTR.offset | RADV.offset:
                self._rx_timers.configure(values[RDTR.offset], values[RADV.offset])
            case TIDV.offset | TADV.offset:
                self._tx_timers.configure(values[TIDV.offset], values[TADV.offset])
            case _:
                self._ingress.configure(values)
                self._queue.configure(values)
                self._tx_queue.configure(values)

    def _read_status(self) -> int:
        return STATUS.reset | (STATUS.LU if self._values[CTRL.offset] & CTRL.SLU else 0)

    def _write_ctrl(self, value: int) -> None:
        if value & CTRL.RST:
            self._values.update(_RESET_VALUES)
            self._rx_timers.reset()
            self._tx_timers.reset()
            self._interrupts.reset()
            self._statistics.reset()
            self._ingress.reset(self._values)
            self._queue.reset(self._values)
            self._tx_queue.reset(self._values)
            return
        link_changed = (value ^ self._values[CTRL.offset]) & CTRL.SLU
        self._values[CTRL.offset] = value
        self._tx_queue.configure(self._values)
        if link_changed:
            self._interrupts.latch(ICR.LSC)

    def _write_tail(self, value: int) -> None:
        self._values[RDT.offset] = value
        self._queue.write_tail(value)

    def _write_tx_tail(self, value: int) -> None:
        self._values[TDT.offset] = value
        self._tx_queue.write_tail(value)
