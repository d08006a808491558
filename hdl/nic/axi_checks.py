"""What AXI4 asks of a master (Arm IHI 0022), as assertions on a DMA port; for simulation, no output depends on it."""

from amaranth.hdl import Assert, Cat, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from hdl.nic.axi import BOUNDARY, MAX_BEATS, Axi, Burst

#: Bursts whose addresses and data may be apart.
_BURSTS = 64

#: What a channel carries besides its handshake.
_PAYLOADS = {
    "aw": ("awid", "awaddr", "awlen", "awsize", "awburst"),
    "w": ("wdata", "wstrb", "wlast"),
    "ar": ("arid", "araddr", "arlen", "arsize", "arburst"),
}


class AxiChecks(wiring.Component):
    """Watches a port; its members are named as those of :class:`~hdl.nic.axi.Axi`.

    Parameters:
        data_width: bits of the port.
    """

    def __init__(self, data_width: int):
        self._lane_bits = (data_width // 8).bit_length() - 1
        super().__init__({name: In(member.shape) for name, member in Axi(data_width).members.items()})

    def elaborate(self, platform):
        m = Module()
        for channel in _PAYLOADS:
            self._holds(m, channel)
        for channel in ("aw", "ar"):
            self._is_legal(m, channel)
        self._ends_bursts(m)
        return m

    def _holds(self, m, channel):
        """What is valid and not taken stays as it is (A3.2.1)."""
        valid, ready = getattr(self, f"{channel}valid"), getattr(self, f"{channel}ready")
        payload = Cat(getattr(self, name) for name in _PAYLOADS[channel])
        waits, before = Signal(name=f"{channel}_waits"), Signal(len(payload), name=f"{channel}_before")
        m.d.sync += waits.eq(valid & ~ready)
        with m.If(valid & ~ready):
            m.d.sync += before.eq(payload)
        with m.If(waits):
            m.d.sync += Assert(valid & (payload == before))

    def _is_legal(self, m, channel):
        """INCR, beats no wider than the port, and no 4 KiB boundary crossed (A3.4.1)."""
        valid, address, beats, size, burst = (
            getattr(self, f"{channel}{name}") for name in ("valid", "addr", "len", "size", "burst")
        )
        inside = (address % BOUNDARY >> size) + beats <= (BOUNDARY - 1 >> size)
        with m.If(valid):
            m.d.sync += Assert((burst == Burst.INCR) & (size <= self._lane_bits) & inside)

    def _ends_bursts(self, m):
        """As many beats as AWLEN says, whether address or data come first (A3.4.1)."""
        asked = self._queue(m, "asked", self.awvalid & self.awready, self.awlen)
        beat = Signal(range(MAX_BEATS))
        taken = self.wvalid & self.wready
        with m.If(taken):
            m.d.sync += beat.eq(beat + 1)
            with m.If(self.wlast):
                m.d.sync += beat.eq(0)
        sent = self._queue(m, "sent", taken & self.wlast, beat)
        both = (asked.level != 0) & (sent.level != 0)
        m.d.comb += [asked.take.eq(both), sent.take.eq(both)]
        with m.If(both):
            m.d.sync += Assert(asked.head == sent.head)

    @staticmethod
    def _queue(m, name, put, value):
        """A queue of lengths."""
        queue = _Queue()
        m.submodules[name] = queue
        m.d.comb += [queue.put.eq(put), queue.value.eq(value)]
        return queue


class _Queue(wiring.Component):
    put: In(1)
    value: In(8)
    take: In(1)

    def __init__(self):
        super().__init__()
        self.head, self.level = Signal(8), Signal(range(_BURSTS + 1))

    def elaborate(self, platform):
        m = Module()
        m.submodules.lengths = lengths = memory.Memory(shape=8, depth=_BURSTS, init=[])
        write_port, read_port = lengths.write_port(), lengths.read_port(domain="comb")
        m.d.comb += [
            write_port.data.eq(self.value),
            write_port.en.eq(self.put),
            self.head.eq(read_port.data),
        ]
        for port, moves in ((write_port, self.put), (read_port, self.take)):
            pointer = Signal(range(_BURSTS))
            m.d.comb += port.addr.eq(pointer)
            with m.If(moves):
                m.d.sync += pointer.eq(pointer + 1)
        with m.If(self.put ^ self.take):
            m.d.sync += self.level.eq(self.level + self.put - self.take)
        return m
