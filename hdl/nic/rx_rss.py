"""Receive side scaling: which queue a frame goes to (82576, 7.1.1.7).

The frame's addresses, and its ports if it is a whole TCP or UDP datagram without IP options or extension headers, are
hashed as MRQC says; the hash's last seven bits choose an entry of RETA. Frames with a bad FCS or that are too short,
and those of which nothing is hashed, go to queue 0, and so do those for which RETA names a queue that is not there.

Headers are collected as the beats pass. Each committed frame then is parsed in two steps and waits in a queue for the
hash, which takes fewer clocks than the least frame. Routes wait for the frames that have to wait in the FIFO.
"""

from amaranth.hdl import Assert, Cat, Module, Mux, Signal
from amaranth.lib import data, enum, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.registers import layout
from hdl.nic.rx_beat import TAG_BYTES, TYPE_AT, beat_layout
from hdl.nic.rx_segments import RxRoute
from hdl.nic.toeplitz import INPUT_WORDS, KEY_WORDS, Toeplitz

#: Frames that may wait for their hash.
_JOBS = 16

#: Words that are hashed in a clock, by bits of a beat: a frame of 64 bytes has more clocks than its hash takes.
_STEP_WORDS = {64: 2, 128: 5, 256: 9, 512: 9}

#: MRQC.MODE.
_RSS = 2

_IPV4, _IPV6 = 0x0800, 0x86DD
_TCP, _UDP = 6, 17
_IPV4_BYTES, _IPV6_BYTES, _PORT_BYTES = 20, 40, 4
_IP_AT = TYPE_AT + 2

#: Bytes from the type on that decide, behind a tag or not.
_HEADER_BYTES = 2 + _IPV6_BYTES + _PORT_BYTES

#: Shortest frame, tag and FCS included, that has ports behind a tag and an IPv6 header.
_LEAST_IPV6_PORTS = _IP_AT + TAG_BYTES + _IPV6_BYTES + _PORT_BYTES + 4


class RssType(enum.Enum, shape=4):
    """What was hashed, as advanced descriptors say it (82576, 7.1.5.2)."""

    NONE = 0
    TCP_IPV4 = 1
    IPV4 = 2
    TCP_IPV6 = 3
    IPV6 = 5
    UDP_IPV4 = 7
    UDP_IPV6 = 8


class RxRss(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of a beat.
        queues: receive queues.
        frames: routes that may wait.

    Attributes:
        valid, beat: beats, as they go to the FIFO.
        commit: with a frame's last beat: the frame is kept.
        mrqc, reta, rssrk, vet: the registers.
        routes: of the frames that are kept, in their order.
    """

    def __init__(self, data_width: int, queues: int, frames: int):
        self._data_width, self._queues, self._frames = data_width, queues, frames
        super().__init__(
            {
                "valid": In(1),
                "beat": In(beat_layout(data_width)),
                "commit": In(1),
                "mrqc": In(layout(regmap.MRQC)),
                "reta": In(data.ArrayLayout(layout(regmap.RETA), regmap.RETA.count)),
                "rssrk": In(data.ArrayLayout(layout(regmap.RSSRK), regmap.RSSRK.count)),
                "vet": In(layout(regmap.VET)),
                "routes": Out(stream.Signature(RxRoute)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        job = data.StructLayout({"type": RssType, "words": data.ArrayLayout(32, INPUT_WORDS)})
        m.submodules.jobs = jobs = fifo.SyncFIFO(width=job.size, depth=_JOBS)
        m.submodules.toeplitz = toeplitz = Toeplitz(_STEP_WORDS[self._data_width])
        m.submodules.waiting = waiting = fifo.SyncFIFOBuffered(width=RxRoute.as_shape().size, depth=self._frames)

        parsed, new_job = self._parse(m, *self._collect(m), job)
        m.d.comb += [jobs.w_en.eq(parsed), jobs.w_data.eq(new_job)]
        with m.If(parsed):
            m.d.sync += Assert(jobs.w_rdy)

        first = data.View(job, jobs.r_data)
        present = Signal(RssType)  # of the frame that is being hashed
        m.d.comb += [
            *(toeplitz.key[n].eq(_swapped(self.rssrk[n].as_value(), 4)) for n in range(KEY_WORDS)),
            toeplitz.inputs.payload.words.eq(first.words),
            toeplitz.inputs.payload.empty.eq(first.type == RssType.NONE),
            toeplitz.inputs.valid.eq(jobs.r_rdy),
            jobs.r_en.eq(toeplitz.inputs.ready),
            toeplitz.hashes.ready.eq(1),
        ]
        with m.If(jobs.r_rdy & jobs.r_en):
            m.d.sync += present.eq(first.type)
        ready, route = self._redirect(m, toeplitz.hashes, present)
        m.d.comb += [
            waiting.w_en.eq(ready),
            waiting.w_data.eq(route),
            self.routes.valid.eq(waiting.r_rdy),
            self.routes.payload.eq(waiting.r_data),
            waiting.r_en.eq(self.routes.ready),
        ]
        return m

    def _collect(self, m):
        """First step: the bytes from the type on, behind the tag if there is one.

        Returns a pulse per kept frame, the bytes, and what else is known of the frame.
        """
        lanes = self._data_width // 8
        end = TYPE_AT + TAG_BYTES + _HEADER_BYTES
        beats = -(-end // lanes)
        number = Signal(range(beats + 1))  # of the beat
        collected = Signal(8 * lanes * beats)
        info = Signal(self.beat.info.shape())
        kept, moved = Signal(), Signal()
        header = Signal(8 * _HEADER_BYTES)
        long_enough = Signal()  # for ports behind a tag and an IPv6 header
        good = Signal()
        tagged = Signal()
        with m.If(self.valid):
            m.d.sync += [number.eq(Mux(self.beat.last, 0, Mux(number == beats, beats, number + 1)))]
            with m.If(self.beat.last):
                m.d.sync += info.eq(self.beat.info)
            for index in range(beats):
                with m.If(number == index):
                    m.d.sync += collected.word_select(index, 8 * lanes).eq(self.beat.data)
        m.d.sync += [kept.eq(self.commit), moved.eq(kept)]

        untagged = collected[8 * TYPE_AT : 8 * (TYPE_AT + _HEADER_BYTES)]
        behind = collected[8 * (TYPE_AT + TAG_BYTES) : 8 * end]
        m.d.comb += tagged.eq(_swapped(collected[8 * TYPE_AT : 8 * TYPE_AT + 16], 2) == self.vet.VET)
        with m.If(kept):
            m.d.sync += [
                header.eq(Mux(tagged, behind, untagged)),
                good.eq(~info.bad & ~info.short),
                long_enough.eq(~(tagged | info.stripped) | (info.length >= _LEAST_IPV6_PORTS)),
            ]
        return moved, header, good, long_enough

    def _parse(self, m, moved, header, good, long_enough, job):  # noqa: PLR0913, PLR0917
        """Second step: what is hashed."""

        def field(position: int, count: int):
            """Bytes of the IP header."""
            return _swapped(header[8 * (2 + position) : 8 * (2 + position + count)], count)

        mrqc = self.mrqc
        protocol4, protocol6 = field(9, 1), field(6, 1)
        ethertype = _swapped(header[:16], 2)
        enabled = good & (mrqc.MODE == _RSS)
        is_ipv4 = enabled & (ethertype == _IPV4) & (field(0, 1)[4:] == 4)
        is_ipv6 = enabled & (ethertype == _IPV6) & (field(0, 1)[4:] == 6)
        whole = (field(0, 1)[:4] == _IPV4_BYTES // 4) & (field(6, 2)[:14] == 0)  # no options, no fragment
        new, parsed = Signal(job), Signal()
        m.d.sync += parsed.eq(moved)
        with m.If(moved):
            m.d.sync += [new.type.eq(RssType.NONE), new.words.eq(0)]
            with m.If(is_ipv4):
                with m.If(whole & (protocol4 == _TCP) & mrqc.TCPIPV4):
                    m.d.sync += [new.type.eq(RssType.TCP_IPV4), new.words[2].eq(field(20, 4))]
                with m.Elif(whole & (protocol4 == _UDP) & mrqc.UDPIPV4):
                    m.d.sync += [new.type.eq(RssType.UDP_IPV4), new.words[2].eq(field(20, 4))]
                with m.Elif(mrqc.IPV4):
                    m.d.sync += new.type.eq(RssType.IPV4)
                m.d.sync += [new.words[n].eq(field(12 + 4 * n, 4)) for n in range(2)]
            with m.Elif(is_ipv6):
                with m.If(long_enough & (protocol6 == _TCP) & mrqc.TCPIPV6):
                    m.d.sync += [new.type.eq(RssType.TCP_IPV6), new.words[8].eq(field(40, 4))]
                with m.Elif(long_enough & (protocol6 == _UDP) & mrqc.UDPIPV6):
                    m.d.sync += [new.type.eq(RssType.UDP_IPV6), new.words[8].eq(field(40, 4))]
                with m.Elif(mrqc.IPV6):
                    m.d.sync += new.type.eq(RssType.IPV6)
                m.d.sync += [new.words[n].eq(field(8 + 4 * n, 4)) for n in range(8)]
        return parsed, new

    def _redirect(self, m, hashes, rss_type):
        """The route by RETA: one clock for the register, one for the queue in it."""
        found, looked = Signal(), Signal()
        entry = Signal(32)
        held = Signal(RxRoute)
        route = Signal(RxRoute)
        queue = Signal(4)
        m.d.sync += [looked.eq(hashes.valid), found.eq(looked)]
        with m.If(hashes.valid):
            hashed = rss_type != RssType.NONE
            m.d.sync += [
                entry.eq(self.reta[hashes.payload[2:7]]),
                held.rss_type.eq(rss_type),
                held.rss_hash.eq(Mux(hashed, hashes.payload, 0)),
            ]
        m.d.comb += queue.eq(entry.word_select(held.rss_hash[:2], 8)[:4])
        with m.If(looked):
            there = (held.rss_type != 0) & (queue < self._queues)
            m.d.sync += [route.eq(held), route.queue.eq(Mux(there, queue, 0))]
        return found, route


def _swapped(value, count: int):
    """So many bytes in the other order."""
    return Cat(value.word_select(index, 8) for index in reversed(range(count)))
