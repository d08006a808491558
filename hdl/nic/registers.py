"""Register decode and storage; everything it knows about registers comes from regmap.py.

Registers that only hold what software wrote are stored here. The others live in the block that changes them, and are
reached over a :class:`RegisterPort`. Offsets at which there is no register read as zero and swallow writes.
"""

from amaranth.hdl import Const, Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi_lite import Access

#: Registers of access kind READ_WRITE that the hardware changes too.
_CHANGED_BY_HARDWARE = (regmap.RDH,)


def is_storage(register: type[regmap.Register]) -> bool:
    """Whether a register holds what software wrote and nothing else ever changes it."""
    return register.access is regmap.Access.READ_WRITE and register not in _CHANGED_BY_HARDWARE


#: The registers that are stored here.
STORAGE = tuple(register for register in regmap.REGISTERS if is_storage(register))

#: The registers that live in other blocks.
ELSEWHERE = tuple(register for register in regmap.REGISTERS if not is_storage(register))


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


class RegisterFile(wiring.Component):
    """The decoder, with a port per register, named as the register in lower case.

    Stored registers are outputs, views with their fields; a register array is an array of them. The other
    registers are :class:`RegisterPort`.

    Attributes:
        access: from the AXI4-Lite slave.
        write_data: data of a write, for the blocks that hold registers; bytes not strobed are zero.
    """

    def __init__(self):
        ports = {"access": In(Access()), "write_data": Out(regmap.REGISTER_BITS)}
        for register in STORAGE:
            shape = layout(register) if register.count == 1 else data.ArrayLayout(layout(register), register.count)
            init = register.reset if register.count == 1 else [register.reset] * register.count
            ports[port_name(register)] = Out(shape, init=_init(register, init))
        for register in ELSEWHERE:
            ports[port_name(register)] = Out(RegisterPort())
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        access = self.access
        m.d.comb += self.write_data.eq(access.write_data & access.write_mask)

        with m.If(access.write):
            with m.Switch(access.write_word):
                for register, index in _all_registers():
                    with m.Case(register.at(index) // 4):
                        self._write(m, register, index)

        with m.Switch(access.read_word):
            for register, index in _all_registers():
                with m.Case(register.at(index) // 4):
                    self._read(m, register, index)
        return m

    def _stored(self, register, index):
        """The signal that stores a register."""
        port = getattr(self, port_name(register))
        return (port if register.count == 1 else port[index]).as_value()

    def _write(self, m, register, index):
        if register not in STORAGE:
            m.d.comb += getattr(self, port_name(register)).write.eq(1)
            return
        stored = self._stored(register, index)
        mask = self.access.write_mask & register.writable
        m.d.sync += stored.eq((stored & ~mask) | (self.access.write_data & mask))

    def _read(self, m, register, index):
        if register in STORAGE:
            m.d.comb += self.access.read_data.eq(self._stored(register, index))
        else:
            port = getattr(self, port_name(register))
            m.d.comb += [self.access.read_data.eq(port.value), port.read.eq(self.access.read)]


def _all_registers():
    return ((register, index) for register in regmap.REGISTERS for index in range(register.count))


def _init(register, value):
    """A reset value in the form that the shape of the port takes: field by field."""
    if isinstance(value, list):
        return [_init(register, item) for item in value]
    return {name: field.get(value) for name, field in register.fields.items()}


def constant(register: type[regmap.Register], **fields):
    """A register's value from its reset value and the signals that drive some of its fields."""
    value = Const(register.reset, regmap.REGISTER_BITS)
    for name, signal in fields.items():
        field = register.fields[name]
        value = (value & ~int(field)) | (signal << field.lsb)
    return value[: regmap.REGISTER_BITS]
