"""The read channels of a DMA port, shared by those who read: each asks for bursts, and each beat goes to who asked.

Bursts are made of whole beats. The port has a single ID, so data comes in the order of the addresses; a queue says
whose it is. Beats that nobody takes hold up all readers: who asks for data should have room for it.
"""

from amaranth.hdl import Assert, Cat, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import BOUNDARY, MAX_BEATS, AxiRead, Burst, Resp

#: Bursts that may be under way.
BURSTS = 64


class DmaRead(data.Struct):
    """A burst to be read; it does not cross a multiple of 4 KiB."""

    address: 64  # of the first beat
    beats: range(MAX_BEATS + 1)


class DmaBeat(data.StructLayout):
    """A beat of a burst: ``data``; ``last`` of its burst; ``error``, the response was none of success."""

    def __init__(self, data_width: int):
        super().__init__({"data": data_width, "last": 1, "error": 1})


class DmaReads(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the port.
        readers: how many share it.

    Attributes:
        requests: bursts, a stream for each reader; those of the first go first.
        beat: data of the port.
        beat_valid: whose it is, one bit for each reader.
        beat_ready: who takes beats, if they are theirs.
        axi: read channels.
        idle: no read is under way.
    """

    def __init__(self, data_width: int, readers: int):
        super().__init__(
            {
                "requests": In(stream.Signature(DmaRead)).array(readers),
                "beat": Out(DmaBeat(data_width)),
                "beat_valid": Out(readers),
                "beat_ready": In(readers),
                "axi": Out(AxiRead(data_width)),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        axi = self.axi
        m.submodules.owners = owners = memory.Memory(shape=range(len(self.requests)), depth=BURSTS, init=[])
        write_port, read_port = owners.write_port(), owners.read_port(domain="comb")
        write_pointer, read_pointer = Signal(range(BURSTS)), Signal(range(BURSTS))
        level = Signal(range(BURSTS + 1))
        ask, answered = Signal(), Signal()
        self._ask(m, ask, level, write_port)

        m.d.comb += [
            write_port.addr.eq(write_pointer),
            write_port.en.eq(ask),
            read_port.addr.eq(read_pointer),
            axi.rready.eq((self.beat_ready & self.beat_valid).any()),
            self.beat.data.eq(axi.rdata),
            self.beat.last.eq(axi.rlast),
            self.beat.error.eq(axi.rresp != Resp.OKAY),
            self.beat_valid.eq(Cat(axi.rvalid & (read_port.data == reader) for reader in range(len(self.requests)))),
            answered.eq(axi.rvalid & axi.rready & axi.rlast),
            self.idle.eq((level == 0) & ~axi.arvalid),
        ]
        with m.If(ask):
            m.d.sync += write_pointer.eq(write_pointer + 1)
        with m.If(answered):
            m.d.sync += [read_pointer.eq(read_pointer + 1), Assert(level != 0)]
        with m.If(ask ^ answered):
            m.d.sync += level.eq(Mux(ask, level + 1, level - 1))
        return m

    def _ask(self, m, ask, level, owner):
        """The address channel."""
        axi = self.axi
        beat_bytes = len(axi.rdata) // 8
        free = Signal()
        m.d.comb += [
            free.eq((level != BURSTS) & (~axi.arvalid | axi.arready)),
            axi.arid.eq(0),
            axi.arsize.eq(beat_bytes.bit_length() - 1),
            axi.arburst.eq(Burst.INCR),
        ]
        chosen = Signal(DmaRead)
        for reader, requests in reversed(list(enumerate(self.requests))):
            earlier = [other.valid for other in self.requests[:reader]]
            m.d.comb += requests.ready.eq(free & ~Cat(earlier).any())
            with m.If(requests.valid):
                m.d.comb += [chosen.eq(requests.payload), owner.data.eq(reader), ask.eq(free)]
        with m.If(ask):
            first_beat = chosen.address % BOUNDARY // beat_bytes
            m.d.sync += [
                axi.arvalid.eq(1),
                axi.araddr.eq(chosen.address),
                axi.arlen.eq(chosen.beats - 1),
                Assert((chosen.beats != 0) & (first_beat + chosen.beats <= BOUNDARY // beat_bytes)),
                Assert(chosen.address % beat_bytes == 0),
            ]
        with m.Elif(axi.arready & axi.arvalid):
            m.d.sync += axi.arvalid.eq(0)
