"""Register decode and storage; everything it knows about registers comes from regmap.py.

Registers that only hold what software wrote are stored here. The others live in the block that changes them, and are
reached over a :class:`RegisterPort`. Offsets at which there is no register read as zero and swallow writes.
"""

from functools import reduce
from operator import or_

from amaranth.hdl import Const, Module, Mux, Signal
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
STORAGE = tuple(register for register in regmap.RTL_REGISTERS if is_storage(register))

#: The registers that live in other blocks.
ELSEWHERE = tuple(register for register in regmap.RTL_REGISTERS if not is_storage(register))


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

        self._write(m)

        # An OR of gated values, not a multiplexer with as many inputs: it sleeps while counters count unread.
        gated = (self._read(m, register, index) for register, index in _all_registers())
        m.d.comb += access.read_data.eq(reduce(or_, gated))
        return m

    def _stored(self, register, index):
        """The signal that stores a register."""
        port = getattr(self, port_name(register))
        return (port if register.count == 1 else port[index]).as_value()

    def _write(self, m):
        """Store what is written, or tell the block that holds the register."""
        access = self.access
        before, after = Signal(regmap.REGISTER_BITS), Signal(regmap.REGISTER_BITS)
        stored = [
            (access.write_word == register.at(index) // 4, self._stored(register, index), register.writable)
            for register in STORAGE
            for index in range(register.count)
        ]
        m.d.comb += [
            before.eq(reduce(or_, (Mux(addressed, value, 0) for addressed, value, _ in stored))),
            after.eq((before & ~access.write_mask) | self.write_data),
        ]
        for addressed, value, writable in stored:
            with m.If(access.write & addressed):
                m.d.sync += value.eq((after & writable) | (value & ~writable))
        for register in ELSEWHERE:
            addressed = access.write_word == register.offset // 4
            m.d.comb += getattr(self, port_name(register)).write.eq(access.write & addressed)

    def _read(self, m, register, index):
        """The register's value while it is addressed, else zero."""
        addressed = self.access.read_word == register.at(index) // 4
        if register in STORAGE:
            return Mux(addressed, self._stored(register, index), 0)
        port = getattr(self, port_name(register))
        m.d.comb += port.read.eq(self.access.read & addressed)
        return Mux(addressed, port.value, 0)


def _all_registers():
    return ((register, index) for register in regmap.RTL_REGISTERS for index in range(register.count))


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
