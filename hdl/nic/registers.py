"""Register decode and storage; everything it knows about registers comes from regmap.py.

Registers that only hold what software wrote are stored here. The others live in the block that changes them, and are
reached over a :class:`RegisterPort`. Offsets at which there is no register read as zero and swallow writes.
"""

from functools import reduce
from operator import or_

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi_lite import Access


def is_storage(register: type[regmap.Register]) -> bool:
    """Whether a register holds what software wrote; but for RAL[0] and RAH[0] nothing else ever changes it."""
    return register.access is regmap.Access.READ_WRITE and not register.live and not register.memory


def has_port(register: type[regmap.Register]) -> bool:
    """Whether there is anything of a register; those of features that are left out only read as zero."""
    return register.access is not regmap.Access.ZERO


#: The registers that are words of memories here.
TABLES = tuple(register for register in regmap.RTL_REGISTERS if register.memory)


def is_array(register: type[regmap.Register]) -> bool:
    """Whether its port is an array: of several registers, or of one for each queue."""
    return not register.memory and (register.count > 1 or register.queue_offset is not None)


def port_name(register: type[regmap.Register]) -> str:
    """Name of a register's port."""
    return register.__name__.lower()


def layout(register: type[regmap.Register]) -> data.Layout:
    """A register as a view: its fields by name."""
    fields = {name: data.Field(field.width, field.lsb) for name, field in register.fields.items()}
    return data.FlexibleLayout(regmap.REGISTER_BITS, fields)


class RegisterPort(wiring.Signature):
    """A register that lives in another block, seen from the decoder.

    Members:
        value: what a read returns.
        read: it is being read in this cycle.
        write: it is being written in this cycle, with ``write_data`` of the register file.
    """

    def __init__(self):
        super().__init__({"value": In(regmap.REGISTER_BITS), "read": Out(1), "write": Out(1)})


class TablePort(wiring.Signature):
    """A register array in a memory, seen from the block that looks things up in it.

    Parameters:
        register: the array.

    Members:
        index: which of the registers.
        read: it is asked for in this cycle.
        value: it, from the next cycle until it is asked for another one.
    """

    def __init__(self, register: type[regmap.Register]):
        index = range(register.count)
        super().__init__({"index": Out(index), "read": Out(1), "value": In(regmap.REGISTER_BITS)})


class RegisterFile(wiring.Component):
    """The decoder, with a port per register, named as the register in lower case.

    Stored registers are outputs, views with their fields. The other registers are :class:`RegisterPort`. A register
    array is an array of them, and so is a register of which each queue has one, also if there is one queue. An
    array in a memory is a :class:`TablePort`; a read of a word of it takes one clock more than others.

    Parameters:
        queues: receive queues, and transmit queues.

    Attributes:
        access: from the AXI4-Lite slave.
        write_data: data of a write, for the blocks that hold registers; bytes not strobed are zero.
        station: a MAC address, its first byte in bits 7 to 0.
        load_station: put it into RAL[0] and RAH[0].
        station_written: software is writing one of these.
    """

    def __init__(self, queues: int = 1):
        registers = [register for register in regmap.rtl_registers(queues) if has_port(register)]
        self._places = {register: register.places(queues) for register in registers}
        ports = {
            "access": In(Access()),
            "write_data": Out(regmap.REGISTER_BITS),
            "station": In(48),
            "load_station": In(1),
            "station_written": Out(1),
        }
        for register, places in self._places.items():
            ports[port_name(register)] = _port(register, len(places), queues)
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        access = self.access
        m.d.comb += self.write_data.eq(access.write_data & access.write_mask)

        self._load_station(m)
        self._write(m)

        # An OR of gated values, not a multiplexer with as many inputs: it sleeps while counters count unread.
        gated = [self._read(m, register, index) for register, index in self._all()]
        gated += self._tables(m)
        m.d.comb += access.read_data.eq(reduce(or_, gated))
        return m

    def _tables(self, m):
        """The memories: software's ports and the hardware's; returns what they read as, zero if not addressed."""
        access = self.access
        fetched = Signal()
        waits, values = [], []
        for register in TABLES:
            table = memory.Memory(shape=regmap.REGISTER_BITS, depth=register.count, init=[])
            m.submodules[port_name(register)] = table
            write_port = table.write_port(granularity=8)
            read_port, hardware_port = table.read_port(), table.read_port()
            port = getattr(self, port_name(register))
            first = register.offset // 4
            written, read = (
                (word >= first) & (word < first + register.count) for word in (access.write_word, access.read_word)
            )
            m.d.comb += [
                write_port.addr.eq(access.write_word - first),
                write_port.data.eq(access.write_data),
                write_port.en.eq(Mux(access.write & written, access.write_mask[::8], 0)),
                read_port.addr.eq(access.read_word - first),
                read_port.en.eq(access.asked & read & ~fetched),
                hardware_port.addr.eq(port.index),
                hardware_port.en.eq(port.read),
                port.value.eq(hardware_port.data),
            ]
            waits.append(read & ~fetched)
            values.append(Mux(read, read_port.data, 0))
        m.d.comb += access.ready.eq(~reduce(or_, waits))
        m.d.sync += fetched.eq(access.asked & ~access.ready)
        return values

    def _all(self):
        """The registers that are not in memories."""
        places = self._places.items()
        return [(register, index) for register, at in places if not register.memory for index in range(len(at))]

    def _port(self, register, index):
        """The port of a register, or of one of an array."""
        port = getattr(self, port_name(register))
        return port[index] if is_array(register) else port

    def _addressed(self, word, register, index):
        """Whether the word is one of those at which the register is."""
        return reduce(or_, (word == offset // 4 for offset in self._places[register][index]))

    def _load_station(self, m):
        """The receive address that the EEPROM has; software's, if it writes in the same cycle."""
        written = [self.access.write_word == register.at(0) // 4 for register in (regmap.RAL, regmap.RAH)]
        m.d.comb += self.station_written.eq(self.access.write & (written[0] | written[1]))
        with m.If(self.load_station):
            m.d.sync += [
                self.ral[0].ADDRESS.eq(self.station[:32]),
                self.rah[0].eq(constant(regmap.RAH, ADDRESS=self.station[32:], AV=1)),
            ]

    def _write(self, m):
        """Store what is written, or tell the block that holds the register."""
        access = self.access
        before, after = Signal(regmap.REGISTER_BITS), Signal(regmap.REGISTER_BITS)
        stored = []
        for register, index in self._all():
            addressed = self._addressed(access.write_word, register, index)
            if is_storage(register):
                stored.append((addressed, self._port(register, index).as_value(), register.writable))
            else:
                m.d.comb += self._port(register, index).write.eq(access.write & addressed)
        m.d.comb += [
            before.eq(reduce(or_, (Mux(addressed, value, 0) for addressed, value, _ in stored))),
            after.eq((before & ~access.write_mask) | self.write_data),
        ]
        for register in self._places:
            if register.self_clearing and is_storage(register):
                once = self._port(register, 0).as_value()
                with m.If((once & register.self_clearing).any()):
                    m.d.sync += once.eq(once & ~register.self_clearing)
        for addressed, value, writable in stored:
            with m.If(access.write & addressed):
                m.d.sync += value.eq((after & writable) | (value & ~writable))

    def _read(self, m, register, index):
        """The register's value while it is addressed, else zero."""
        addressed = self._addressed(self.access.read_word, register, index)
        port = self._port(register, index)
        if is_storage(register):
            return Mux(addressed, port.as_value(), 0)
        m.d.comb += port.read.eq(self.access.read & addressed)
        return Mux(addressed, port.value, 0)


def _port(register, count, queues):
    """The port of so many registers, in a NIC with so many queues."""
    if register.memory:
        return In(TablePort(register))
    if not is_storage(register):
        return Out(RegisterPort()).array(count) if is_array(register) else Out(RegisterPort())
    init = [_init(register, register.reset_of(index, queues)) for index in range(count)]
    if is_array(register):
        return Out(data.ArrayLayout(layout(register), count), init=init)
    return Out(layout(register), init=init[0])


def _init(register, value):
    """A reset value in the form that the shape of the port takes: field by field."""
    return {name: field.get(value) for name, field in register.fields.items()}


def constant(register: type[regmap.Register], **fields):
    """A register's value from its reset value and the signals that drive some of its fields."""
    value = Const(register.reset, regmap.REGISTER_BITS)
    for name, signal in fields.items():
        field = register.fields[name]
        value = (value & ~int(field)) | (signal << field.lsb)
    return value[: regmap.REGISTER_BITS]
