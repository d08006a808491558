"""Several blocks in one simulation, which costs less than one simulation each."""

from amaranth.hdl import Module
from amaranth.lib import wiring


class SideBySide(wiring.Component):
    """The blocks' ports, each behind the block's name and two underscores."""

    def __init__(self, **blocks: wiring.Component):
        self._blocks = blocks
        super().__init__({name: wiring.Out(block.signature) for name, block in blocks.items()})

    def elaborate(self, platform):
        """Amaranth's."""
        m = Module()
        for name, block in self._blocks.items():
            m.submodules[name] = block
            wiring.connect(m, block, wiring.flipped(getattr(self, name)))
        return m
