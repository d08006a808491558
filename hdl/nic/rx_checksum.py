"""Receive checksum offload: the packet checksum, and verdicts on those of IPv4, TCP and UDP (SDM 3.2.9, 13.5.4).

What the manual leaves open is so here:

- the packet checksum is the complement of the sum over what the host gets, from byte RXCSUM.PCSS on;
- there is no verdict on a fragment's TCP or UDP, on a UDP checksum of zero, which means none (RFC 768), or on a frame
  that ends before its datagram does;
- UDP is taken to be as long as IP says. If its own header says less, the checksum is wrong, and software looks again.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import ones_sum, regmap
from hdl.nic.ones_sum import OnesSum
from hdl.nic.registers import layout
from hdl.nic.rx_beat import FCS_BYTES, beat_layout
from hdl.nic.rx_parser import RxHeaders, RxParser

#: Where the addresses are in an IPv4 header, and how long a header without options is.
_ADDRESSES_AT, _IP_BYTES = 12, 20

#: Where the checksum is in a UDP header.
_UDP_CHECKSUM_AT = 6

#: Clocks from the parser's input to the input of the sums.
_PARSER_LATENCY = 3

#: Beats that the delay can hold; more than it is long, for all data widths.
_DELAY_BEATS = 16


class RxChecksums(data.Struct):
    """What is said of a frame; valid with its last beat."""

    packet: 16  # the packet checksum
    ip_checked: 1
    ip_bad: 1
    l4_checked: 1
    l4_bad: 1


class _Facts(data.Struct):
    """What the verdicts depend on besides sums; of a frame that is over."""

    headers: RxHeaders
    has_ip: 1  # the header is there to its end
    has_datagram: 1  # and so is the datagram
    checksum_given: 1  # the field of UDP is not zero


class RxChecksum(wiring.Component):
    """Beats pass with a fixed delay, after which the last beat's verdicts are there.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        reset: the frames that are here now began while the receiver was off.
        rxcsum, vet: the registers.
        valid, beat: a frame's beats, as the host gets them.
        out_valid, out: the same later.
        checksums: of the frame whose last beat is there.
    """

    def __init__(self, data_width: int):
        self._data_width = data_width
        self._lanes = data_width // 8
        self._layout = beat_layout(data_width)
        self._delay = _PARSER_LATENCY + ones_sum.latency(data_width)
        super().__init__(
            {
                "reset": In(1),
                "rxcsum": In(layout(regmap.RXCSUM)),
                "vet": In(layout(regmap.VET)),
                "valid": In(1),
                "beat": In(self._layout),
                "out_valid": Out(1),
                "out": Out(self._layout),
                "checksums": Out(RxChecksums),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.parser = parser = RxParser(self._data_width)
        m.submodules.packet = self._packet = OnesSum(self._data_width)
        m.submodules.ip = self._ip = OnesSum(self._data_width)
        m.submodules.l4 = self._l4 = OnesSum(self._data_width)
        m.d.comb += [parser.valid.eq(self.valid), parser.beat.eq(self.beat), parser.vet.eq(self.vet)]
        self._delay_beats(m)
        facts = self._sum(m, parser)
        self._judge(m, facts)
        return m

    def _delay_beats(self, m):
        """A ring of beats, and a shift register of when each is due."""
        m.submodules.beats = beats = memory.Memory(shape=self._layout, depth=_DELAY_BEATS, init=[])
        write_port, read_port = beats.write_port(), beats.read_port()
        write_index, read_index = Signal(range(_DELAY_BEATS)), Signal(range(_DELAY_BEATS))
        due = Signal(self._delay)
        alive = Signal(self._delay)  # the receiver was on, and no reset came since
        enabled = self.beat.info.enabled & ~self.reset
        m.d.comb += [
            write_port.addr.eq(write_index),
            write_port.data.eq(self.beat),
            write_port.en.eq(self.valid),
            read_port.addr.eq(read_index),
            read_port.en.eq(due[-2]),
            self.out_valid.eq(due[-1]),
            self.out.eq(read_port.data),
            # A frame that ends in the cycle of a reset would otherwise be received, and counted after it.
            self.out.info.enabled.eq(alive[-1] & ~self.reset),
        ]
        m.d.sync += [
            due.eq(Cat(self.valid, due)),
            alive.eq(Mux(self.reset, 0, Cat(self.valid & enabled, alive))),
        ]
        with m.If(self.valid):
            m.d.sync += write_index.eq(write_index + 1)
        with m.If(due[-2]):
            m.d.sync += read_index.eq(read_index + 1)

    def _sum(self, m, parser):
        """Choose the bytes of each sum, register them, and start the sums; returns the facts beside ``folding``."""
        headers, number, beat = parser.headers, parser.number, parser.stage_beat
        lanes = self._lanes

        def from_byte(position):
            """By lane, whether a byte of this beat is at this position or behind it."""
            mask = Signal(lanes)
            beat_of, lane = position // lanes, position % lanes
            m.d.comb += mask.eq(Mux(number > beat_of, ~0, Mux(number == beat_of, ((1 << lanes) - 1) << lane, 0)))
            return mask

        there = Signal(lanes)
        ip, l4, end = Signal(lanes), Signal(lanes), Signal(lanes)
        checksum_field = Signal(lanes)
        m.d.comb += [
            there.eq((1 << beat.bytes) - 1),
            ip.eq(from_byte(headers.ip)),
            l4.eq(from_byte(headers.l4)),
            end.eq(from_byte(headers.end)),
            checksum_field.eq(from_byte(headers.l4 + _UDP_CHECKSUM_AT) & ~from_byte(headers.l4 + _UDP_CHECKSUM_AT + 2)),
        ]
        addresses = from_byte(headers.ip + _ADDRESSES_AT) & ~from_byte(headers.ip + _IP_BYTES)
        chosen = (
            (self._packet, there & from_byte(self.rxcsum.PCSS)),
            (self._ip, Mux(self.rxcsum.IPOFLD, ip & ~l4, 0)),
            (self._l4, Mux(self.rxcsum.TUOFLD, addresses | (l4 & ~end), 0)),
        )
        summed, summed_beat = Signal(), Signal(self._layout)
        m.d.sync += summed.eq(parser.stage)
        with m.If(parser.stage):
            m.d.sync += summed_beat.eq(beat)
        for block, lanes_chosen in chosen:
            registered = Signal(lanes)
            with m.If(parser.stage):
                m.d.sync += registered.eq(lanes_chosen)
            m.d.comb += [
                block.valid.eq(summed),
                block.first.eq(summed_beat.first),
                block.last.eq(summed_beat.last),
                block.data.eq(summed_beat.data),
                block.chosen.eq(registered),
            ]
        return self._facts(m, parser, checksum_field)

    def _facts(self, m, parser, checksum_field):
        """What the verdicts need of a frame, on its way beside the sums."""
        headers, beat = parser.headers, parser.stage_beat
        given_here, given_before = Signal(), Signal()
        bytes_chosen = [checksum_field[lane] & beat.data.word_select(lane, 8).any() for lane in range(self._lanes)]
        length = Signal(18)  # of the frame without its FCS
        facts = Signal(_Facts)
        m.d.comb += [
            given_here.eq(Cat(bytes_chosen).any() | (given_before & ~beat.first)),
            length.eq(parser.number * self._lanes + beat.bytes + Mux(beat.info.fcs_stripped, FCS_BYTES, 0)),
            facts.headers.eq(headers),
            facts.has_ip.eq(headers.is_ip & (length >= headers.l4 + FCS_BYTES)),
            facts.has_datagram.eq(facts.has_ip & (headers.end >= headers.l4) & (length >= headers.end + FCS_BYTES)),
            facts.checksum_given.eq(given_here),
        ]
        with m.If(parser.stage):
            m.d.sync += given_before.eq(given_here)
        valid = parser.stage & beat.last
        for stage in range(ones_sum.latency(self._data_width) + 1):
            later = Signal(_Facts, name=f"facts{stage}")
            with m.If(valid):
                m.d.sync += later.eq(facts)
            valid_later = Signal(name=f"facts_valid{stage}")
            m.d.sync += valid_later.eq(valid)
            if stage == ones_sum.latency(self._data_width) - 2:
                self._add_pseudo_header(m, later)
            facts, valid = later, valid_later
        return facts

    def _add_pseudo_header(self, m, facts):
        """The rest of the pseudo header: protocol and length; the addresses were summed in the IP header."""
        protocol = Mux(facts.headers.is_tcp, 6, 17)
        m.d.comb += self._l4.addend.eq(facts.headers.l4_length + protocol)

    def _judge(self, m, facts):
        packet, ip, l4 = self._packet.total, self._ip.total, self._l4.total
        odd = self.rxcsum.PCSS[0]
        is_l4 = facts.headers.is_tcp | (facts.headers.is_udp & facts.checksum_given)
        m.d.comb += [
            self.checksums.packet.eq(~Mux(odd, Cat(packet[8:], packet[:8]), packet)),
            self.checksums.ip_checked.eq(self.rxcsum.IPOFLD & facts.has_ip),
            self.checksums.ip_bad.eq(self.checksums.ip_checked & ~ip.all()),
            self.checksums.l4_checked.eq(self.rxcsum.TUOFLD & facts.has_datagram & is_l4),
            self.checksums.l4_bad.eq(self.checksums.l4_checked & ~l4.all()),
        ]
