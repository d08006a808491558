"""The MAC: connects its blocks, from the NIC's streams to the pins and back.

Clock domains: ``sync`` is the NIC's, ``tx`` that of the transmit pins, ``rx`` that of the receive pins.
"""

from amaranth.hdl import DomainRenamer, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.axi import AxiStream
from hdl.nic.mac.arbiter import Arbiter
from hdl.nic.mac.carrier import Carrier
from hdl.nic.mac.clock_crossing import BeatCrossing, EventCrossing, SettingCrossing, WordCrossing
from hdl.nic.mac.fcs import FcsCheck, FcsInsert
from hdl.nic.mac.gap import GAP_BITS, TxGap
from hdl.nic.mac.gmii import Gmii, GmiiRx, GmiiTx
from hdl.nic.mac.octets import LANES, Beat, Octet
from hdl.nic.mac.overflow import Overflow
from hdl.nic.mac.padding import Padding
from hdl.nic.mac.pause_receiver import PauseReceiver
from hdl.nic.mac.pause_sender import PauseFrame, PauseSender
from hdl.nic.mac.pause_timer import PauseTimer
from hdl.nic.mac.preamble import RxPreamble, TxPreamble
from hdl.nic.mac.underrun import Underrun
from hdl.nic.mac.width import BeatsToOctets, OctetsToBeats
from hdl.nic.mac_port import MacPort
from hdl.nic.stream_buffer import StreamBuffer


class Mac(wiring.Component):
    """See the module's docstring.

    Attributes:
        frames_tx: frames from the NIC, FCS included.
        frames_rx: frames to the NIC, FCS included, bad ones marked.
        gap: octets of the gap between two frames.
        nic: settings and events.
        gmii: the pins.
    """

    frames_tx: In(AxiStream(8 * LANES))
    frames_rx: Out(AxiStream(8 * LANES))
    gap: In(GAP_BITS)
    nic: In(MacPort())
    gmii: Out(Gmii())

    def elaborate(self, platform):
        m = Module()
        arbiter = self._transmit(m)
        self._send_pauses(m, arbiter)
        crossing = self._receive(m)
        self._heed_pauses(m, crossing, arbiter)
        return m

    def _transmit(self, m):
        """From the NIC's stream to the pins; returns the block at which pause frames join in."""
        tx = DomainRenamer("tx")
        m.submodules.tx_crossing = crossing = BeatCrossing("sync", "tx")
        m.submodules.tx_octets = octets = tx(BeatsToOctets())
        # Without buffers the whole way would be one path.
        m.submodules.tx_beat_buffer = beat_buffer = tx(StreamBuffer(Beat))
        m.submodules.tx_octet_buffer = octet_buffer = tx(StreamBuffer(Octet))
        m.submodules.underrun = underrun = tx(Underrun())
        m.submodules.arbiter = arbiter = tx(Arbiter())
        m.submodules.tx_preamble = preamble = tx(TxPreamble())
        m.submodules.tx_gap = gap = tx(TxGap())
        m.submodules.gmii_tx = pins = tx(GmiiTx())
        m.submodules.gap_octets = gap_octets = SettingCrossing(GAP_BITS, "sync", "tx")

        stream, beat = self.frames_tx, crossing.i.payload
        m.d.comb += [
            beat.data.eq(stream.tdata),
            beat.keep.eq(stream.tkeep),
            beat.last.eq(stream.tlast),
            beat.error.eq(stream.tuser),
            crossing.i.valid.eq(stream.tvalid),
            stream.tready.eq(crossing.i.ready),
            gap_octets.i.eq(self.gap),
            gap.octets.eq(gap_octets.o),
        ]
        wiring.connect(m, crossing.o, beat_buffer.i)
        wiring.connect(m, beat_buffer.o, octets.beats)
        wiring.connect(m, octets.octets, octet_buffer.i)
        wiring.connect(m, octet_buffer.o, underrun.i)
        wiring.connect(m, underrun.o, arbiter.frames)
        wiring.connect(m, arbiter.o, preamble.i)
        wiring.connect(m, preamble.o, gap.i)
        wiring.connect(m, gap.o, pins.octets)
        for name in ("txd", "tx_en", "tx_er"):
            m.d.comb += getattr(self.gmii, name).eq(getattr(pins, name))
        return arbiter

    def _send_pauses(self, m, arbiter):
        """The pause frames that the NIC asks for."""
        tx = DomainRenamer("tx")
        m.submodules.pause_crossing = crossing = WordCrossing(PauseFrame, "sync", "tx")
        m.submodules.pause_sender = sender = tx(PauseSender())
        m.submodules.padding = padding = tx(Padding())
        m.submodules.fcs_insert = fcs = tx(FcsInsert())
        m.submodules.padding_buffer = padding_buffer = tx(StreamBuffer(Octet))
        m.submodules.pause_buffer = pause_buffer = tx(StreamBuffer(Octet))
        frame = crossing.i.payload
        m.d.comb += [
            frame.destination.eq(self.nic.pause_address),
            frame.source.eq(self.nic.station),
            frame.type.eq(self.nic.pause_type),
            frame.quanta.eq(self.nic.pause.payload),
            crossing.i.valid.eq(self.nic.pause.valid),
            self.nic.pause.ready.eq(crossing.i.ready),
            self.nic.events.XONTXC.eq(crossing.i.ready & (self.nic.pause.payload == 0)),
            self.nic.events.XOFFTXC.eq(crossing.i.ready & (self.nic.pause.payload != 0)),
        ]
        wiring.connect(m, crossing.o, sender.frames)
        wiring.connect(m, sender.octets, padding.i)
        wiring.connect(m, padding.o, padding_buffer.i)
        wiring.connect(m, padding_buffer.o, fcs.i)
        wiring.connect(m, fcs.o, pause_buffer.i)
        wiring.connect(m, pause_buffer.o, arbiter.pauses)

    def _receive(self, m):
        """From the pins to the NIC's stream; returns the block that brings beats to the NIC."""
        rx = DomainRenamer("rx")
        m.submodules.gmii_rx = pins = rx(GmiiRx())
        m.submodules.carrier = carrier = rx(Carrier())
        m.submodules.rx_preamble = preamble = rx(RxPreamble())
        m.submodules.fcs_check = fcs = rx(FcsCheck())
        m.submodules.rx_beats = beats = rx(OctetsToBeats())
        m.submodules.overflow = overflow = rx(Overflow())
        m.submodules.rx_crossing = crossing = BeatCrossing("rx", "sync")

        for name in ("rxd", "rx_dv", "rx_er"):
            m.d.comb += getattr(pins, name).eq(getattr(self.gmii, name))
        m.d.comb += [carrier.pins.eq(pins.pins), preamble.pins.eq(pins.pins)]
        wiring.connect(m, preamble.octets, fcs.i)
        wiring.connect(m, fcs.o, beats.octets)
        wiring.connect(m, beats.beats, overflow.i)
        wiring.connect(m, overflow.o, crossing.i)

        stream, beat = self.frames_rx, crossing.o.payload
        m.d.comb += [
            stream.tdata.eq(beat.data),
            stream.tkeep.eq(beat.keep),
            stream.tlast.eq(beat.last),
            stream.tuser.eq(beat.error),
            stream.tvalid.eq(crossing.o.valid),
            crossing.o.ready.eq(stream.tready),
        ]
        events = {
            "SYMERRS": carrier.false_carrier,
            "RXERRC": preamble.phy_error | preamble.no_frame,
            "CEXTERR": carrier.extension_error,
            "MPC": overflow.dropped,
        }
        for name, pulse in events.items():
            m.submodules[name.lower()] = event = EventCrossing("rx", "sync")
            m.d.comb += [event.i.eq(pulse), self.nic.events[name].eq(event.o)]
        return crossing

    def _heed_pauses(self, m, crossing, arbiter):
        """From pause frames among the received ones to the transmitter's silence."""
        m.submodules.pause_receiver = receiver = PauseReceiver()
        m.submodules.pause_quanta = quanta = WordCrossing(16, "sync", "tx")
        m.submodules.pause_timer = timer = DomainRenamer("tx")(PauseTimer())
        nic = self.nic
        m.d.comb += [
            receiver.valid.eq(crossing.o.valid & crossing.o.ready),
            receiver.beat.eq(crossing.o.payload),
            receiver.enable.eq(nic.rfce),
            receiver.address.eq(nic.pause_address),
            receiver.station.eq(nic.station),
            receiver.type.eq(nic.pause_type),
            nic.events.XONRXC.eq(receiver.xon),
            nic.events.XOFFRXC.eq(receiver.xoff),
            nic.events.FCRUC.eq(receiver.unknown),
            arbiter.paused.eq(timer.paused),
        ]
        wiring.connect(m, receiver.quanta, quanta.i)
        wiring.connect(m, quanta.o, timer.quanta)
