"""Ways from one clock domain into another: for frames, words, settings and events.

All of them lose nothing, whatever the clocks are. The domains are reset together.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.fifo import AsyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from hdl.nic.mac.octets import Beat

#: Beats that are on their way at most.
DEPTH = 32

#: Events that wait to cross at most.
MAX_EVENTS = 255


class BeatCrossing(wiring.Component):
    """A queue of beats, with pointers in Gray code.

    Parameters:
        i_domain, o_domain: from where, and to where.
    """

    i: In(stream.Signature(Beat))
    o: Out(stream.Signature(Beat))

    def __init__(self, i_domain: str, o_domain: str):
        self._domains = {"w_domain": i_domain, "r_domain": o_domain}
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        width = Beat.as_shape().size
        m.submodules.queue = queue = AsyncFIFOBuffered(width=width, depth=DEPTH + 1, **self._domains)
        m.d.comb += [
            queue.w_data.eq(self.i.payload),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            self.o.payload.eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
        ]
        return m


class WordCrossing(wiring.Component):
    """A stream of words, one at a time: a word is taken when it was taken on the other side.

    The word itself is not synchronized: it is stored and holds until the other side has answered.

    Parameters:
        shape: of a word.
        i_domain, o_domain: from where, and to where.
    """

    def __init__(self, shape, i_domain: str, o_domain: str):
        self._domains = i_domain, o_domain
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        i_domain, o_domain = self._domains
        request, answer = Signal(), Signal()  # they change once per word
        request_there, answer_here = Signal(), Signal()
        m.submodules.request = FFSynchronizer(request, request_there, o_domain=o_domain)
        m.submodules.answer = FFSynchronizer(answer, answer_here, o_domain=i_domain)

        word, waiting = Signal.like(self.i.payload), Signal()
        m.d.comb += self.i.ready.eq(waiting & (answer_here == request))
        with m.If(self.i.ready):
            m.d[i_domain] += waiting.eq(0)
        with m.Elif(self.i.valid & ~waiting):
            m.d[i_domain] += [waiting.eq(1), request.eq(~request), word.eq(self.i.payload)]

        with m.If(self.o.valid & self.o.ready):
            m.d[o_domain] += [self.o.valid.eq(0), answer.eq(request_there)]
        with m.Elif(request_there != answer):
            m.d[o_domain] += [self.o.valid.eq(1), self.o.payload.eq(word)]
        return m


class SettingCrossing(wiring.Component):
    """A value that changes seldom; it arrives whole, some clocks later.

    Parameters:
        width: bits of it.
        i_domain, o_domain: from where, and to where.
    """

    def __init__(self, width: int, i_domain: str, o_domain: str):
        self._domains = i_domain, o_domain
        super().__init__({"i": In(width), "o": Out(width)})

    def elaborate(self, platform):
        m = Module()
        i_domain, o_domain = self._domains
        m.submodules.word = word = WordCrossing(len(self.i), i_domain, o_domain)
        with m.If(word.i.ready):
            m.d[i_domain] += word.i.valid.eq(0)
        with m.Elif(~word.i.valid & (self.i != word.i.payload)):
            m.d[i_domain] += [word.i.valid.eq(1), word.i.payload.eq(self.i)]
        m.d.comb += word.o.ready.eq(1)
        with m.If(word.o.valid):
            m.d[o_domain] += self.o.eq(word.o.payload)
        return m


class EventCrossing(wiring.Component):
    """Pulses of one clock; none is lost while no more than :data:`MAX_EVENTS` wait.

    Parameters:
        i_domain, o_domain: from where, and to where.
    """

    i: In(1)
    o: Out(1)

    def __init__(self, i_domain: str, o_domain: str):
        self._domains = i_domain, o_domain
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        i_domain, _ = self._domains
        m.submodules.word = word = WordCrossing(0, *self._domains)
        waiting = Signal(range(MAX_EVENTS + 1))
        m.d.comb += [word.i.valid.eq(waiting != 0), self.o.eq(word.o.valid), word.o.ready.eq(1)]
        with m.If(self.i & ~word.i.ready & (waiting != MAX_EVENTS)):
            m.d[i_domain] += waiting.eq(waiting + 1)
        with m.Elif(~self.i & word.i.ready):
            m.d[i_domain] += waiting.eq(waiting - 1)
        return m
