"""The NIC as software sees it: its registers, and what reads and writes of them do."""

from __future__ import annotations

from collections.abc import Callable

from driver.kernel.costs import Costs
from emulator.engines.base import Listener, Verdict
from emulator.model_nic.delay_timers import DelayTimers
from emulator.model_nic.eeprom import EepromPort
from emulator.model_nic.ingress import Ingress
from emulator.model_nic.interrupts import Interrupts
from emulator.model_nic.mdio import Mdio
from emulator.model_nic.memory import ModelMemory
from emulator.model_nic.microwire import MicrowireEeprom, contents
from emulator.model_nic.phy import Phy
from emulator.model_nic.rx_queue import Reception, RxQueue
from emulator.model_nic.schedule import Schedule
from emulator.model_nic.statistics import Statistics
from emulator.model_nic.tx_fifo import TxFifo
from emulator.model_nic.tx_queue import TxQueue
from hdl.nic.regmap import (
    CTRL,
    CTRL_EXT,
    EECD,
    EERD,
    IAM,
    ICR,
    ICS,
    IMC,
    IMS,
    ITR,
    MDIC,
    RADV,
    RAH,
    RAL,
    RCTL,
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

#: Registers in memories, which a reset does not clear.
_TABLES = [offset for register in REGISTERS if register.memory for offset in register.offsets()]


def reset_values(queues: int) -> dict[int, int]:
    """Reset value of every register that keeps what is written to it, by offset; of queue 0's the later offset."""
    return {
        places[0]: register.reset_of(index, queues)
        for register in REGISTERS
        if register.access is Access.READ_WRITE and not register.live
        for index, places in enumerate(register.places(queues))
    }


def writable_bits(queues: int) -> dict[int, int]:
    """The bits that a write changes, by offset."""
    return {places[0]: register.writable for register in REGISTERS for places in register.places(queues)}


class ModelNic:
    """One NIC, with its EEPROM and its PHY.

    Attributes:
        eeprom: what is on the board.
        phy: the same.
        receive: a frame has arrived; see Ingress.receive.
        reset_values, writable: see the functions of these names.
    """

    reset_values = reset_values(1)
    writable = writable_bits(1)

    def __init__(  # noqa: PLR0913, PLR0917  (the board around it)
        self,
        number: int,
        schedule: Schedule,
        memory: ModelMemory,
        costs: Costs,
        byte_ps: int,
        irq_changed: Callable[[bool], None],
    ) -> None:
        """NIC of this number; ``irq_changed`` is called with the new level of the interrupt line when it changes."""
        self._values = dict(self.reset_values)
        self._link = False  # STATUS.LU
        self._interrupts = interrupts = Interrupts(schedule, irq_changed, self._requested)
        self._statistics = Statistics()
        self._rx_timers = DelayTimers(schedule, interrupts, ICR.RXT0)
        self._tx_timers = DelayTimers(schedule, interrupts, ICR.TXDW)
        self._readers: dict[int, Callable[[], int]] = {}
        self._writers: dict[int, Callable[[int], None]] = {}
        self._queue = self._make_reception(schedule, memory, costs)
        self._tx_fifo = TxFifo(schedule, byte_ps, self._statistics, self._values)
        self._tx_queues = self._make_transmission(schedule, memory, costs)
        self._ingress = Ingress(schedule, self._queue, interrupts, self._statistics, self._values)
        self.phy = Phy(schedule, self._check_link)
        self.eeprom = MicrowireEeprom(contents(number))
        self._mdio = Mdio(schedule, self.phy, interrupts)
        self._eeprom_port = EepromPort(schedule, self.eeprom, self._load_station)
        self.receive: Callable[[bytes, bool, int], Verdict] = self._ingress.receive
        self._tx_fifo.receive = self._ingress.receive_looped
        self._readers |= {
            STATUS.offset: self._read_status,
            EECD.offset: self._eeprom_port.read_eecd,
            EERD.offset: self._eeprom_port.read_eerd,
            MDIC.offset: self._mdio.read,
            ICR.offset: interrupts.read_and_clear,
            ICS.offset: lambda: interrupts.latched,
            IMS.offset: lambda: interrupts.mask,
        }
        self._writers |= {
            CTRL.offset: self._write_ctrl,
            CTRL_EXT.offset: self._write_ctrl_ext,
            EECD.offset: self._eeprom_port.write_eecd,
            EERD.offset: self._eeprom_port.write_eerd,
            MDIC.offset: self._mdio.write,
            RAL.at(0): lambda value: self._write_station(RAL.at(0), value),
            RAH.at(0): lambda value: self._write_station(RAH.at(0), value),
            ICR.offset: interrupts.clear,
            ICS.offset: interrupts.latch,
            IMS.offset: interrupts.enable,
            IMC.offset: interrupts.disable,
        }

    def _make_reception(self, schedule: Schedule, memory: ModelMemory, costs: Costs) -> Reception:
        """The receive queue, with its registers."""
        queue = RxQueue(schedule, memory, costs, self._interrupts, self._rx_timers, self._statistics, self._values)

        def write_tail(value: int) -> None:
            self._values[RDT.offset] = value
            queue.write_tail(value)

        self._readers[RDH.offset] = lambda: queue.head
        self._writers |= {RDH.offset: queue.write_head, RDT.offset: write_tail}
        return queue

    def _make_transmission(self, schedule: Schedule, memory: ModelMemory, costs: Costs) -> list[TxQueue]:
        """The transmit queue, with its registers."""
        queue = TxQueue(
            schedule,
            memory,
            costs,
            self._interrupts,
            self._tx_timers,
            self._statistics,
            self._tx_fifo,
            self._values,
        )

        def write_tail(value: int) -> None:
            self._values[TDT.offset] = value
            queue.write_tail(value)

        self._readers[TDH.offset] = lambda: queue.head
        self._writers |= {TDH.offset: queue.write_head, TDT.offset: write_tail}
        return [queue]

    @property
    def cut_off(self) -> int:
        """Frames that were taken for sending and that a reset cut off."""
        return self._tx_fifo.cut_off

    def listen(self, listener: Listener) -> None:
        """Call a listener with each frame that is sent."""
        self._tx_fifo.listener = listener

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
        value &= self.writable.get(offset, 0)
        writer = self._writers.get(offset)
        if writer is not None:
            writer(value)
        elif offset in self._values:
            self._values[offset] = value | self.reset_values[offset] & ~self.writable[offset]
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
                flush = values[RDTR.offset] & RDTR.FPD
                values[RDTR.offset] &= ~RDTR.FPD
                self._rx_timers.configure(values[RDTR.offset], values[RADV.offset])
                if flush:
                    self._rx_timers.flush()
            case TIDV.offset | TADV.offset:
                self._tx_timers.configure(values[TIDV.offset], values[TADV.offset])
            case _:
                self._ingress.configure(values)
                self._queue.configure(values)
                self._configure_transmission()

    def _configure_transmission(self) -> None:
        """Tell the queues and the FIFO of a register that was written."""
        self._tx_fifo.configure(self._values)
        self._tell_link()
        for queue in self._tx_queues:
            queue.configure(self._values)

    def _read_status(self) -> int:
        ctrl = self._values[CTRL.offset]
        status = STATUS.LU * self._link | STATUS.ASDV.put(STATUS.ASDV.reset)
        status |= STATUS.FD.put(CTRL.FD.get(ctrl) if ctrl & CTRL.FRCDPLX else STATUS.FD.reset)
        return status | STATUS.SPEED.put(CTRL.SPEED.get(ctrl) if ctrl & CTRL.FRCSPD else STATUS.SPEED.reset)

    def _check_link(self) -> None:
        """Take in the PHY's link and CTRL.SLU."""
        link = self.phy.link and bool(self._values[CTRL.offset] & CTRL.SLU)
        if link != self._link:
            self._link = link
            self._tell_link()
            self._interrupts.latch(ICR.LSC)

    def _tell_link(self) -> None:
        """Tell the transmit queues whether frames can leave; those that come back need no link."""
        link = self._link or bool(RCTL.LBM.get(self._values[RCTL.offset]))
        for queue in self._tx_queues:
            queue.set_link(link)

    def _write_ctrl(self, value: int) -> None:
        self.phy.reset(bool(value & CTRL.PHY_RST))
        if value & CTRL.RST:
            self._reset()
            return
        self._values[CTRL.offset] = value
        self._ingress.configure(self._values)
        self._configure_transmission()
        self._check_link()

    def _reset(self) -> None:
        """CTRL.RST, which clears PHY_RST too."""
        kept = {offset: self._values[offset] for offset in _TABLES}
        self._values.update(self.reset_values)
        self._values.update(kept)
        self._link = False
        self.phy.reset(False)
        self._rx_timers.reset()
        self._tx_timers.reset()
        self._statistics.reset()
        self._ingress.reset(self._values)
        self._queue.reset(self._values)
        self._tx_fifo.reset(self._values)
        for queue in self._tx_queues:
            queue.reset(self._values)
        self._mdio.reset()
        self._eeprom_port.reset()
        self._interrupts.reset()

    def _write_ctrl_ext(self, value: int) -> None:
        self._values[CTRL_EXT.offset] = value & ~CTRL_EXT.self_clearing
        self._configure(CTRL_EXT.offset)
        if value & CTRL_EXT.EE_RST:
            self._eeprom_port.reload()

    def _write_station(self, offset: int, value: int) -> None:
        self._eeprom_port.station_written()
        self._values[offset] = value
        self._configure(offset)

    def _load_station(self, address: bytes) -> None:
        """The EEPROM's address goes into the first receive address."""
        self._values[RAL.at(0)] = int.from_bytes(address[:4], "little")
        self._values[RAH.at(0)] = int.from_bytes(address[4:], "little") | RAH.AV
        self._configure(RAL.at(0))

    def _requested(self, level: bool) -> None:
        """Whether a cause is latched that is enabled; a NIC with one queue has its line for that."""
