"""Finds the IPv4 and the TCP or UDP header in a frame as its beats pass (SDM 3.2.9).

Frames are Ethernet II or SNAP (RFC 1042), with a tag or without. What depends on bytes that have not come yet is wrong
until they have; but nothing is asked about a byte before it is there, as each header says where the next one begins.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.registers import layout
from hdl.nic.rx_beat import TAG_BYTES, TYPE_AT, beat_layout

#: Bytes of LLC and SNAP between the length and the type.
SNAP_BYTES = 8

#: LLC and SNAP of RFC 1042, up to the type, the first byte lowest.
_SNAP = int.from_bytes(b"\xaa\xaa\x03\x00\x00\x00", "little")

_TYPE_IPV4 = 0x0800
_LEAST_TYPE = 0x600  # below it is a length (IEEE 802.3, 3.2.6)
_TCP, _UDP = 6, 17

#: Where IP begins if there is neither tag nor SNAP.
_IP_AT = 14

#: Bytes that decide, with the IP header without options behind everything that may precede it.
_HEADER_BYTES = _IP_AT + TAG_BYTES + SNAP_BYTES + 20


class RxHeaders(data.Struct):
    """Where the headers are, and what they say; positions in bytes from the start of the frame."""

    ip: 5  # position of the IPv4 header, if there is one
    l4: 7  # position behind it
    end: 17  # position behind the datagram
    l4_length: 16  # bytes from l4 to there
    is_ip: 1
    is_tcp: 1  # and not a fragment
    is_udp: 1  # and not a fragment


class RxParser(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of a beat.

    Attributes:
        valid, beat: a frame's beats.
        vet: the register.
        stage: high for a beat two clocks after it was here; its number in the frame and it itself stand there, too.
        number, stage_beat: these.
        headers: as far as the beats up to that one say.
    """

    def __init__(self, data_width: int):
        self._layout = beat_layout(data_width)
        self._lanes = data_width // 8
        super().__init__(
            {
                "valid": In(1),
                "beat": In(self._layout),
                "vet": In(layout(regmap.VET)),
                "stage": Out(1),
                "number": Out(range((1 << 17) // self._lanes)),
                "stage_beat": Out(self._layout),
                "headers": Out(RxHeaders),
            }
        )

    def elaborate(self, platform):
        m = Module()
        valid, beat = Signal(), Signal(self._layout)
        number = Signal.like(self.number)  # of the beat that comes
        last_number = Signal.like(self.number)  # of the one that came
        m.d.comb += number.eq(Mux(self.beat.first, 0, Mux(last_number.all(), last_number, last_number + 1)))
        m.d.sync += valid.eq(self.valid)
        with m.If(self.valid):
            m.d.sync += [beat.eq(self.beat), last_number.eq(number)]

        header = self._collect(m, number)
        headers = self._parse(m, header)
        m.d.sync += self.stage.eq(valid)
        with m.If(valid):
            m.d.sync += [self.stage_beat.eq(beat), self.number.eq(last_number)]
            m.d.sync += [getattr(self.headers, name).eq(value) for name, value in headers.items()]
        return m

    def _collect(self, m, number):
        """The first bytes of the frame, as far as they have come."""
        lanes = self._lanes
        beats = -(-_HEADER_BYTES // lanes)
        header = Signal(8 * lanes * beats)
        for index in range(beats):
            with m.If(self.valid & (number == index)):
                m.d.sync += header.word_select(index, 8 * lanes).eq(self.beat.data)
        return header

    def _parse(self, m, header):
        """What the headers say, by name: Verilator takes a struct that is made of its own fields for a loop."""
        parsed = {name: Signal(field.shape, name=name) for name, field in RxHeaders.as_shape()}
        ip, is_ip = parsed["ip"], parsed["is_ip"]

        def big_endian(position: int, count: int):
            return Cat(header[8 * at : 8 * at + 8] for at in reversed(range(position, position + count)))

        tagged, snap, type_ok = Signal(), Signal(), Signal()
        m.d.comb += tagged.eq(big_endian(TYPE_AT, 2) == self.vet.VET)
        length_or_type = Mux(tagged, big_endian(TYPE_AT + TAG_BYTES, 2), big_endian(TYPE_AT, 2))
        m.d.comb += snap.eq(length_or_type < _LEAST_TYPE)
        places = [_IP_AT + TAG_BYTES * has_tag + SNAP_BYTES * has_snap for has_snap in (0, 1) for has_tag in (0, 1)]
        place = Cat(tagged, snap)

        def field(offset: int, count: int):
            """A field of the IP header, wherever that is."""
            value = Signal(8 * count)
            with m.Switch(place):
                for index, ip in enumerate(places):
                    with m.Case(index):
                        m.d.comb += value.eq(big_endian(ip + offset, count))
            return value

        llc = Mux(tagged, header[8 * 18 : 8 * 24], header[8 * 14 : 8 * 20])
        version_ihl, total_length, fragment, protocol = field(0, 1), field(2, 2), field(6, 2), field(9, 1)
        ihl = version_ihl[:4]
        m.d.comb += type_ok.eq((field(-2, 2) == _TYPE_IPV4) & (~snap | (llc == _SNAP)))
        whole = (fragment & 0x3FFF) == 0  # neither more fragments nor an offset
        m.d.comb += [
            ip.eq(_IP_AT + Mux(tagged, TAG_BYTES, 0) + Mux(snap, SNAP_BYTES, 0)),
            parsed["l4"].eq(ip + (ihl << 2)),
            parsed["end"].eq(ip + total_length),
            parsed["l4_length"].eq(total_length - (ihl << 2)),
            is_ip.eq(type_ok & (version_ihl[4:] == 4) & (ihl >= 5)),
            parsed["is_tcp"].eq(is_ip & whole & (protocol == _TCP)),
            parsed["is_udp"].eq(is_ip & whole & (protocol == _UDP)),
        ]
        return parsed
