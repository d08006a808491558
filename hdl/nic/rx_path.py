"""The receive path up to the FIFO: the blocks through which a frame's beats pass, one behind the other."""

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi import AxiStream
from hdl.nic.registers import TablePort, layout
from hdl.nic.rx_arrival import RxArrival
from hdl.nic.rx_beat import beat_layout
from hdl.nic.rx_checksum import RxChecksum
from hdl.nic.rx_fcs_strip import RxFcsStrip
from hdl.nic.rx_fifo import RxFrame
from hdl.nic.rx_ingress import RxIngress, RxSummary
from hdl.nic.rx_stage import RxStage
from hdl.nic.rx_vlan_strip import RxVlanStrip


class RxPath(wiring.Component):
    """Pipes the blocks together; what each port is stands there.

    Parameters:
        data_width: bits of the stream.

    Attributes:
        reset: device reset, a pulse: the frames on their way, and the one that is arriving, are forgotten.
        stream: from the MAC, or from the transmit path.
        looped, unheard: with the stream, see :class:`hdl.nic.loopback.Loopback`.
        ctrl, rctl, vet, ral, rah, rxcsum, rsrpd: the registers.
        mta, vfta: the tables.
        write, write_beat, room, commit, frame, frame_room, discard: of the FIFO.
        no_buffer: no descriptor is free.
        summary_valid, summary: pulse, one per frame.
        beat_valid, beat: beats as they go to the FIFO, for RSS.
    """

    def __init__(self, data_width: int):
        self._data_width = data_width
        super().__init__(
            {
                "reset": In(1),
                "stream": In(AxiStream(data_width)),
                "looped": In(1),
                "unheard": In(1),
                "ctrl": In(layout(regmap.CTRL)),
                "rctl": In(layout(regmap.RCTL)),
                "vet": In(layout(regmap.VET)),
                "ral": In(data.ArrayLayout(layout(regmap.RAL), regmap.RAL.count)),
                "rah": In(data.ArrayLayout(layout(regmap.RAH), regmap.RAH.count)),
                "rxcsum": In(layout(regmap.RXCSUM)),
                "rsrpd": In(layout(regmap.RSRPD)),
                "mta": Out(TablePort(regmap.MTA)),
                "vfta": Out(TablePort(regmap.VFTA)),
                "write": Out(1),
                "write_beat": Out(data_width),
                "room": In(1),
                "commit": Out(1),
                "frame": Out(RxFrame),
                "frame_room": In(1),
                "discard": Out(1),
                "no_buffer": In(1),
                "summary_valid": Out(1),
                "summary": Out(RxSummary),
                "beat_valid": Out(1),
                "beat": Out(beat_layout(data_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.arrival = arrival = RxArrival(self._data_width)
        m.submodules.vlan_strip = vlan_strip = RxVlanStrip(self._data_width)
        m.submodules.fcs_strip = fcs_strip = RxFcsStrip(self._data_width)
        m.submodules.arrived = arrived = RxStage(self._data_width)
        m.submodules.untagged = untagged = RxStage(self._data_width)
        m.submodules.checksum = checksum = RxChecksum(self._data_width)
        m.submodules.ingress = ingress = RxIngress(self._data_width)
        for block in (arrival, arrived, vlan_strip, untagged, fcs_strip, checksum, ingress):
            for name, member in block.signature.members.items():
                if name not in self.signature.members or name in ("stream", "mta", "vfta", "beat"):
                    continue
                mine, its = getattr(self, name), getattr(block, name)
                m.d.comb += its.eq(mine) if member.flow == In else mine.eq(its)
        for name in ("stream", "mta", "vfta"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(arrival, name))
        m.d.comb += [
            arrived.valid.eq(arrival.valid),
            arrived.beat.eq(arrival.beat),
            arrived.strip.eq(arrival.strip),
            vlan_strip.valid.eq(arrived.out_valid),
            vlan_strip.beat.eq(arrived.out),
            vlan_strip.strip.eq(arrived.out_strip),
            untagged.valid.eq(vlan_strip.out_valid),
            untagged.beat.eq(vlan_strip.out),
            fcs_strip.valid.eq(untagged.out_valid),
            fcs_strip.beat.eq(untagged.out),
            fcs_strip.strip.eq(self.rctl.SECRC),
            checksum.valid.eq(fcs_strip.out_valid),
            checksum.beat.eq(fcs_strip.out),
            ingress.valid.eq(checksum.out_valid),
            ingress.beat.eq(checksum.out),
            self.beat_valid.eq(checksum.out_valid),
            self.beat.eq(checksum.out),
            ingress.checksums.eq(checksum.checksums),
        ]
        return m
