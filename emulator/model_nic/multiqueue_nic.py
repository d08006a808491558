"""A NIC with several queues, as software sees it: the registers of the 82576 beside those of the 8254x."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from driver.kernel.costs import Costs
from emulator.model_nic.delay_timers import DelayTimers
from emulator.model_nic.memory import ModelMemory
from emulator.model_nic.msix import Msix
from emulator.model_nic.nic import ModelNic, reset_values, writable_bits
from emulator.model_nic.rx_queue import Reception
from emulator.model_nic.rx_queues import RxQueues
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.tx_queue import TxQueue
from emulator.model_nic.tx_turns import TxTurns
from hdl.nic.regmap import (
    EIAC,
    EIAM,
    EICR,
    EICS,
    EIMC,
    EIMS,
    EITR,
    GPIE,
    ICR,
    IVAR,
    IVAR_MISC,
    RDH,
    RDT,
    REGISTERS,
    RQDPC,
    TDH,
    TDT,
)

#: Registers that only the vectors go by.
_OF_VECTORS = {GPIE.offset, EIAC.offset, EIAM.offset, *EITR.offsets(), *IVAR.offsets(), IVAR_MISC.offset}

#: Where queue 0 has its registers besides.
_ALIASES = {
    register.offset: register.at_queue(0)
    for register in REGISTERS
    if register.queue_offset is not None and register.offset != register.queue_offset
}


class _TxReports:
    """Who is told that a queue's descriptor is done: its vector, or the line."""

    def __init__(self, msix: Msix, number: int, timers: DelayTimers) -> None:
        self._msix = msix
        self._number = number
        self._timers = timers

    def event(self) -> None:
        """A descriptor with IDE, which delays no vector."""
        if self._msix.enabled:
            self._msix.sent(self._number)
        else:
            self._timers.event()

    def flush(self) -> None:
        """A descriptor without IDE."""
        if self._msix.enabled:
            self._msix.sent(self._number)
        else:
            self._timers.flush()


class ModelMultiqueueNic(ModelNic):
    """One NIC with several queues, with its EEPROM and its PHY."""

    def __init__(  # noqa: PLR0913, PLR0917  (what any NIC has, and its queues)
        self,
        number: int,
        schedule: Schedule,
        memory: ModelMemory,
        costs: Costs,
        byte_ps: int,
        irq_changed: Callable[[bool], None],
        *,
        queues: int,
        fires: Callable[[int], None],
    ) -> None:
        """``fires`` is called with the number of a vector when its message is sent."""
        self.reset_values, self.writable = reset_values(queues), writable_bits(queues)
        self._queues = queues
        self._msix = msix = Msix(schedule, queues, fires)
        super().__init__(number, schedule, memory, costs, byte_ps, irq_changed)
        self._readers |= {EICR.offset: msix.read_and_clear, EIMS.offset: lambda: msix.mask}
        self._writers |= {
            EICR.offset: msix.clear,
            EICS.offset: msix.latch,
            EIMS.offset: msix.enable,
            EIMC.offset: msix.disable,
        }

    def _make_reception(self, schedule: Schedule, memory: ModelMemory, costs: Costs) -> Reception:
        """The receive queues, with their registers."""
        queues = RxQueues(
            schedule,
            memory,
            costs,
            self._interrupts,
            self._statistics,
            self._values,
            self._queues,
            self._received,
        )
        for number in range(self._queues):
            self._readers[RDH.at_queue(number)] = partial(self._read_head, queues, number)
            self._readers[RQDPC.at_queue(number)] = partial(queues.read_dropped, number)
            self._writers[RDH.at_queue(number)] = partial(queues.write_head, number)
            self._writers[RDT.at_queue(number)] = partial(self._write_tail, queues, number)
        return queues

    def _make_transmission(self, schedule: Schedule, memory: ModelMemory, costs: Costs) -> list[TxQueue]:
        """The transmit queues, with their registers."""
        self._turns = TxTurns(schedule, self._queues)
        queues = []
        for number in range(self._queues):
            queue = TxQueue(
                schedule,
                memory,
                costs,
                self._interrupts,
                _TxReports(self._msix, number, self._tx_timers),
                self._statistics,
                self._tx_fifo,
                self._values,
                number,
                self._turns,
            )
            self._readers[TDH.at_queue(number)] = partial(getattr, queue, "head")
            self._writers[TDH.at_queue(number)] = queue.write_head
            self._writers[TDT.at_queue(number)] = partial(self._write_tx_tail, queue, number)
            queues.append(queue)
        return queues

    def read(self, offset: int) -> int:
        """A 32-bit read."""
        return super().read(_ALIASES.get(offset, offset))

    def write(self, offset: int, value: int) -> None:
        """A 32-bit write."""
        super().write(_ALIASES.get(offset, offset), value)

    def _configure(self, offset: int) -> None:
        if offset in _OF_VECTORS:
            self._msix.configure(self._values)
        else:
            super()._configure(offset)

    def _reset(self) -> None:
        self._turns.reset()
        super()._reset()
        self._msix.reset(self._values)

    def _requested(self, level: bool) -> None:
        self._msix.other(level)

    def _received(self, queue: int, small: bool) -> None:
        """A frame is in memory: its vector, or the line."""
        if small:
            self._interrupts.latch(ICR.SRPD)
            self._rx_timers.flush()
        if self._msix.enabled:
            self._msix.received(queue)
        elif not small:
            self._rx_timers.event()

    def _read_head(self, queues: RxQueues, number: int) -> int:
        return queues.rings[number].head

    def _write_tx_tail(self, queue: TxQueue, number: int, value: int) -> None:
        self._values[TDT.at_queue(number)] = value
        queue.write_tail(value)

    def _write_tail(self, queues: RxQueues, number: int, value: int) -> None:
        self._values[RDT.at_queue(number)] = value
        queues.write_tail(number, value)
