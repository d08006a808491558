"""Frames as they arrive: beats are registered, measured, and compared with the filters (SDM 3.1, 13.4.22).

A beat stands in a first register while the filters look at it, and in a second one when their answers are there. The
answer to a frame's destination holds for the whole frame, and so does RCTL.EN at its first beat, whatever software
writes meanwhile. Of a frame that nobody wants only the last beat goes on: it carries what is counted.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi import AxiStream
from hdl.nic.registers import TablePort, layout
from hdl.nic.rx_beat import TYPE_AT, beat_layout, count_bytes
from hdl.nic.rx_control_frames import RxControlFrames
from hdl.nic.rx_filter import RxFilter
from hdl.nic.rx_multicast import RxMulticast
from hdl.nic.rx_vlan_filter import RxVlanFilter

#: Shortest frame of Ethernet, FCS included (IEEE 802.3, 4A.4.2).
MIN_FRAME = 64

#: Longest frame without and with RCTL.LPE, FCS included (SDM 13.4.22).
MAX_FRAME = 1522
MAX_LONG_FRAME = 16384


class RxArrival(wiring.Component):
    """See the module's docstring.

    Parameters:
        data_width: bits of the stream.

    Attributes:
        stream: from the MAC. Only the last beat of a frame may have empty lanes.
        looped, unheard: with the stream, see :class:`hdl.nic.loopback.Loopback`.
        reset: forget the frame that is arriving; what is left of it is ignored.
        ctrl, rctl, vet, ral, rah: the registers.
        mta, vfta: the tables.
        valid, beat: beats, two clocks later.
        strip: with the beat that has bytes 12 to 15: they are a tag that is to be taken out.
    """

    def __init__(self, data_width: int):
        self._layout = beat_layout(data_width)
        super().__init__(
            {
                "stream": In(AxiStream(data_width)),
                "looped": In(1),
                "unheard": In(1),
                "reset": In(1),
                "ctrl": In(layout(regmap.CTRL)),
                "rctl": In(layout(regmap.RCTL)),
                "vet": In(layout(regmap.VET)),
                "ral": In(data.ArrayLayout(layout(regmap.RAL), regmap.RAL.count)),
                "rah": In(data.ArrayLayout(layout(regmap.RAH), regmap.RAH.count)),
                "mta": Out(TablePort(regmap.MTA)),
                "vfta": Out(TablePort(regmap.VFTA)),
                "valid": Out(1),
                "beat": Out(self._layout),
                "strip": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        stream = self.stream
        lanes = len(stream.tkeep)
        arrived, beat = Signal(), Signal(self._layout)  # the first register
        bad = Signal()
        destination = Signal(48)
        between = Signal(init=1)  # the next beat begins a frame
        m.d.comb += stream.tready.eq(1)
        m.d.sync += arrived.eq(stream.tvalid)
        with m.If(stream.tvalid):
            m.d.sync += [
                beat.data.eq(stream.tdata),
                beat.bytes.eq(count_bytes(stream.tkeep)),
                beat.first.eq(between),
                beat.last.eq(stream.tlast),
                bad.eq(stream.tuser),
                between.eq(stream.tlast),
            ]
            with m.If(between):
                m.d.sync += [
                    destination.eq(stream.tdata),
                    beat.info.enabled.eq(self.rctl.EN & ~self.unheard),
                    beat.info.looped.eq(self.looped),
                ]
        with m.If(self.reset):
            m.d.sync += beat.info.enabled.eq(0)

        number = Signal(range((1 << 17) // lanes))  # of the beat in the frame
        with m.If(arrived):
            m.d.sync += number.eq(Mux(beat.last, 0, Mux(number.all(), number, number + 1)))
        has_type = (number == TYPE_AT // lanes) & (beat.bytes >= TYPE_AT % lanes + 4)
        tag_here = Signal()
        m.d.comb += tag_here.eq(arrived & has_type)

        now = Signal(self._layout)  # the second register
        tag_now, strip_tags = Signal(), Signal()
        self._broadcast, self._multicast = Signal(), Signal()
        passed, inexact, tag = self._filter(m, arrived & beat.first, tag_here, destination, beat)
        m.d.sync += tag_now.eq(tag_here)
        stands = Signal()
        m.d.sync += stands.eq(arrived)
        with m.If(arrived):
            m.d.sync += now.eq(beat)
            self._measure(m, now.info, number * lanes + beat.bytes, bad)
            with m.If(beat.first):
                m.d.sync += strip_tags.eq(self.ctrl.VME)
        with m.If(self.reset):
            m.d.sync += now.info.enabled.eq(0)

        wanted = now.info.enabled & passed
        m.d.comb += [
            self.beat.eq(now),
            self.beat.info.enabled.eq(now.info.enabled & ~self.reset),
            self.beat.info.passed.eq(passed),
            self.beat.info.inexact.eq(inexact),
            self.beat.info.broadcast.eq(self._broadcast),
            self.beat.info.multicast.eq(self._multicast),
            self.beat.info.stripped.eq(wanted & strip_tags & tag.tagged),
            self.beat.info.tag.eq(tag.tag),
            self.beat.info.fcs_stripped.eq(0),
            self.valid.eq(stands & (wanted | now.last)),
            self.strip.eq(stands & tag_now & self.beat.info.stripped),
        ]
        return m

    def _measure(self, m, info, length, bad):
        """Length and errors of the frame up to the beat that goes to the second register."""
        total = Signal(17)
        m.d.comb += total.eq(length)
        m.d.sync += [
            info.length.eq(total),
            info.bad.eq(bad),
            info.short.eq(total < MIN_FRAME),
            info.long.eq(total > Mux(self.rctl.LPE, MAX_LONG_FRAME, MAX_FRAME)),
        ]

    def _filter(self, m, begin, tag_here, destination, beat):
        """Ask the filters; returns, for the second register: passed, inexactly, and the block that knows the tag."""
        m.submodules.addresses = addresses = RxFilter()
        m.submodules.multicast = multicast = RxMulticast()
        m.submodules.vlan = vlan = RxVlanFilter()
        m.submodules.control = control = RxControlFrames()
        for block in (addresses, multicast, vlan, control):
            for name in ("rctl", "vet", "ral", "rah"):
                if name in block.signature.members:
                    m.d.comb += getattr(block, name).eq(getattr(self, name))
        wiring.connect(m, multicast.mta, wiring.flipped(self.mta))
        wiring.connect(m, vlan.vfta, wiring.flipped(self.vfta))
        offset = TYPE_AT % (len(beat.data) // 8)
        type_bytes = beat.data[8 * offset : 8 * offset + 32]
        m.d.comb += [
            addresses.destination.eq(destination),
            multicast.valid.eq(begin),
            multicast.destination.eq(destination),
            *(block.begin.eq(begin) for block in (vlan, control)),
            *(block.valid.eq(tag_here) for block in (vlan, control)),
            *(block.bytes.eq(type_bytes) for block in (vlan, control)),
            control.destination.eq(destination),
            control.station.eq(addresses.station),
        ]
        exact, promiscuous = Signal(), Signal()
        with m.If(begin):
            m.d.sync += [
                exact.eq(addresses.exact),
                promiscuous.eq(addresses.promiscuous),
                self._broadcast.eq(addresses.broadcast),
                self._multicast.eq(addresses.multicast),
            ]
        passed = Signal()
        m.d.comb += passed.eq((exact | promiscuous | multicast.hit) & vlan.passed & ~control.discard)
        return passed, ~exact, vlan
