"""From transmit descriptors to the parts of packets: all that is known of the formats of descriptors (SDM 3.3).

Of a packet's options POPTS and TSE are those of its first descriptor; IFCS, VLE and the tag are the last one's, but
with TSE the first one's (SDM 3.3.3.1, 3.3.7.1). IC, CSS and CSO, too, are taken from the first one, though the manual
has them with EOP: sums are made while the data comes. A driver that gives all its descriptors the same ones is right.

A context descriptor changes its context, of which there are two, for the packets that begin behind it. It is a part
without data that belongs to no packet; so is an extended descriptor of a type that there is not.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic.layouts import TX_CONTEXT, TX_DATA, TxContextDescriptor, TxDataDescriptor, TxDescriptor
from hdl.nic.tx_offload import TxSums
from hdl.nic.tx_piece import TxFrame, TxReport


class TxPacket(data.Struct):
    """What is to be done with a packet."""

    segmented: 1
    tcp: 1  # or UDP
    ipv4: 1  # or IPv6
    sums: TxSums  # ``transport_bytes`` is 0
    ip_at: 8  # where its header starts
    transport_at: 8
    header_bytes: 8  # that each segment gets
    payload_bytes: 20  # of all segments
    mss: 16  # payload bytes of a segment


class TxPart(data.Struct):
    """What a descriptor has of a packet."""

    belongs: 1  # to a packet
    begin: 1  # of the packet
    end: 1
    address: 64
    length: 20
    report: TxReport
    frame: TxFrame  # with ``begin`` if the packet is segmented, else with ``end``
    packet: TxPacket


class TxPackets(wiring.Component):
    """See the module's docstring. It is to be reset with the device.

    Attributes:
        enable: a descriptor may be taken.
        abort: the packet that has begun is over.
        descriptors: in the order of the ring.
        parts: the same.
        between: no packet has begun.
    """

    enable: In(1)
    abort: In(1)
    descriptors: In(stream.Signature(TxDescriptor))
    parts: Out(stream.Signature(TxPart))
    between: Out(1)

    def elaborate(self, platform):
        m = Module()
        legacy, part = self.descriptors.payload, self.parts.payload
        extended = data.View(TxDataDescriptor, legacy.as_value())
        command = extended.command  # also of a legacy one, but for TSE
        is_data = ~command.DEXT | (extended.dtyp == TX_DATA)
        begun = Signal()
        take = Signal()
        m.d.comb += [
            self.descriptors.ready.eq((~self.parts.valid | self.parts.ready) & self.enable),
            take.eq(self.descriptors.valid & self.descriptors.ready),
            self.between.eq(~begun),
        ]
        with m.If(take | self.parts.ready):
            m.d.sync += self.parts.valid.eq(take)
        with m.If(take):
            length = Mux(command.DEXT, extended.dtalen, legacy.length)
            m.d.sync += [
                part.belongs.eq(is_data),
                part.begin.eq(is_data & ~begun),
                part.end.eq(is_data & command.EOP),
                part.address.eq(extended.address),
                part.length.eq(Mux(is_data & (extended.address != 0), length, 0)),  # a null address has no data
                part.report.report.eq(command.RS),
                part.report.report_sent.eq(command.RPS),
                part.report.delay.eq(command.IDE),
                part.frame.insert_fcs.eq(command.IFCS),
                part.frame.insert_tag.eq(command.VLE),
                part.frame.tag.eq(extended.special),
            ]
        with m.If(take & is_data):
            m.d.sync += begun.eq(~command.EOP)
        with m.Elif(self.abort & ~self.parts.valid):
            m.d.sync += begun.eq(0)
        self._begin(m, take & is_data & ~begun)
        return m

    def _begin(self, m, begin):
        """Takes the packet's options from its first descriptor and the context that this one names."""
        legacy, packet = self.descriptors.payload, self.parts.payload.packet
        extended = data.View(TxDataDescriptor, legacy.as_value())
        checksums, segmentation = self._contexts(m)
        segmented = extended.command.DEXT & extended.command.TSE
        context = Signal(TxContextDescriptor)
        m.d.comb += context.eq(Mux(segmented, segmentation, checksums))
        sums = packet.sums
        with m.If(begin):
            m.d.sync += [
                packet.segmented.eq(segmented),
                packet.tcp.eq(context.command.TCP),
                packet.ipv4.eq(context.command.IP),
                packet.ip_at.eq(context.ipcss),
                packet.transport_at.eq(context.tucss),
                packet.header_bytes.eq(context.hdrlen),
                packet.payload_bytes.eq(Mux(context.mss == 0, 0, context.paylen)),
                packet.mss.eq(context.mss),
                sums.ip.wanted.eq(extended.command.DEXT & extended.popts.IXSM),
                sums.ip.start.eq(context.ipcss),
                sums.ip.end.eq(context.ipcse),
                sums.ip.offset.eq(context.ipcso),
            ]
            with m.If(extended.command.DEXT):
                m.d.sync += [
                    sums.transport.wanted.eq(extended.popts.TXSM),
                    sums.transport.start.eq(context.tucss),
                    sums.transport.end.eq(context.tucse),
                    sums.transport.offset.eq(context.tucso),
                    sums.never_zero.eq(~context.command.TCP),
                ]
            with m.Else():
                m.d.sync += [
                    sums.transport.wanted.eq(legacy.command.IC),
                    sums.transport.start.eq(legacy.css),
                    sums.transport.end.eq(0),
                    sums.transport.offset.eq(legacy.cso),
                    sums.never_zero.eq(0),
                ]

    def _contexts(self, m):
        """The contexts, for checksums alone and for segmentation, as context descriptors (SDM 3.3.6)."""
        checksums, segmentation = Signal(TxContextDescriptor), Signal(TxContextDescriptor)
        descriptor = data.View(TxContextDescriptor, self.descriptors.payload.as_value())
        command = descriptor.command
        taken = self.descriptors.valid & self.descriptors.ready & command.DEXT & (descriptor.dtyp == TX_CONTEXT)
        with m.If(taken & command.TSE):
            m.d.sync += segmentation.eq(descriptor)
        with m.If(taken & ~command.TSE):
            m.d.sync += checksums.eq(descriptor)
        return checksums, segmentation
