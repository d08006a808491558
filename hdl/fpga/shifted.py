"""Makes a core placeable that has more ports than the package has pins: the wide ports go through shift registers.

Every input bit of the core comes from a register of a chain that is fed by a pin, and every output bit goes to a
register of another chain that ends at a pin. So nothing is optimised away, and each path into, through and out of the
core starts and ends at a register: the clock that is found is that of the core.
"""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Shifted(wiring.Component):
    """See the module's docstring.

    Parameters:
        core: the component.
        pins: its ports that are pins as they are, and such on other clocks.

    Attributes:
        shift_in: next bit of the inputs.
        shift_out: last bit of the outputs.
        capture: the output chain takes the core's outputs instead of shifting.
    """

    def __init__(self, core: wiring.Component, pins: tuple[str, ...] = ()):
        self._core = core
        self._pins = pins
        ports = {name: member for name, member in core.signature.members.items() if name in pins}
        super().__init__({"shift_in": In(1), "shift_out": Out(1), "capture": In(1), **ports})

    @property
    def registers(self) -> int:
        """Registers of both chains."""
        return sum(len(port) for _, port in self._shifted())

    def _shifted(self):
        """The core's ports that are shifted, each with its member."""
        for path, member, port in self._core.signature.flatten(self._core):
            if path[0] not in self._pins:
                yield member, Value.cast(port)

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self._core
        members = core.signature.members
        for name in self._pins:
            if members[name].is_signature:
                wiring.connect(m, getattr(core, name), wiring.flipped(getattr(self, name)))
            else:
                inner, outer = getattr(core, name), getattr(self, name)
                m.d.comb += outer.eq(inner) if members[name].flow == Out else inner.eq(outer)

        shifted = list(self._shifted())
        inputs = Cat(port for member, port in shifted if member.flow == In)
        outputs = Cat(port for member, port in shifted if member.flow == Out)
        chain_in, chain_out = Signal(len(inputs)), Signal(len(outputs))
        m.d.sync += [
            chain_in.eq(Cat(self.shift_in, chain_in)),
            chain_out.eq(Mux(self.capture, outputs, Cat(0, chain_out))),
        ]
        m.d.comb += [inputs.eq(chain_in), self.shift_out.eq(chain_out[-1])]
        return m
