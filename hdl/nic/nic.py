"""The NIC: a controller with the programming model of the Intel 8254x family; with several queues, the 82576's."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi import Axi, AxiLite, AxiStream
from hdl.nic.axi_checks import AxiChecks
from hdl.nic.axi_lite import ADDRESS_WIDTH, AxiLiteSlave
from hdl.nic.delay_timer import DelayTimer
from hdl.nic.eeprom import Eeprom
from hdl.nic.flow_control import FlowControl
from hdl.nic.interrupts import Interrupts
from hdl.nic.link import LinkStatus
from hdl.nic.loopback import Loopback
from hdl.nic.mac_port import MacPort
from hdl.nic.mdio import Mdio
from hdl.nic.msix import Msix
from hdl.nic.registers import RegisterFile, constant, is_array, is_storage, port_name
from hdl.nic.rx_dma import RxDma
from hdl.nic.rx_fifo import RxFifo
from hdl.nic.rx_path import RxPath
from hdl.nic.rx_rss import RxRss
from hdl.nic.statistics import Statistics
from hdl.nic.tx_dma import TxDma
from hdl.nic.verdict import RxVerdict

#: What the hardware adds to TIPG.IPGT (SDM 13.4.34), and the least gap of Ethernet (IEEE 802.3, 4.4.2).
_IPG_BYTES = 4
_MIN_GAP_BYTES = 12
_MAX_GAP_BYTES = _IPG_BYTES + (1 << regmap.TIPG.IPGT.width) - 1


class Nic(wiring.Component):
    """Pipes the blocks together.

    Parameters:
        data_width: bits of the DMA ports and of the streams; a power of two from 64 to 512.
        rx_fifo_bytes: size of the receive FIFO; a power of two from 2048 to 32768.
        tx_fifo_bytes: size of the transmit FIFO; 16384 or 32768, for it holds the longest frame.
        queues: receive queues, and transmit queues; 1 is the 8254x.
        checks: watch the DMA ports for what AXI forbids; for simulation.

    Attributes:
        s_axil: the register BAR.
        m_axi_rx, m_axi_tx: DMA of reception and of transmission, so that neither waits for the other.
        s_axis_rx: frames from the MAC with their FCS; ``tready`` is always high.
        m_axis_tx: frames to the MAC with their FCS; ``tuser`` marks one that a reset has cut off, which is none.
        tx_gap_bytes: what the MAC is to keep between them.
        mac: settings for the MAC and what it has to tell; without a MAC its inputs are zero.
        irq: level interrupt, active high.
        vectors: pulses, messages of MSI-X vectors: one for each queue and one more; low if there is one queue.
        link_up: from the PHY.
        phy_reset: to the PHY, CTRL.PHY_RST.
        mdc, mdio_o, mdio_oe, mdio_i: management interface to the PHY.
        eesk, eecs, eedi, eedo: microwire EEPROM.
        rx_verdict_valid: pulse, one per frame from the wire.
        rx_verdict: what became of it.
        tx_whole: pulse, one per frame that is whole in the transmit FIFO and is going to be sent.
        tx_looped: pulse, one of them did not go to the wire but came back (RCTL.LBM).
        device_reset: pulse, CTRL.RST: of these frames those that have not left are lost.

    Raises:
        ValueError: a parameter is out of range.
    """

    def __init__(
        self,
        data_width: int = 64,
        rx_fifo_bytes: int = 16384,
        tx_fifo_bytes: int = 16384,
        queues: int = 1,
        *,
        checks: bool = False,
    ):
        if data_width not in (64, 128, 256, 512):
            raise ValueError(f"data_width is {data_width}; it must be 64, 128, 256 or 512")
        if rx_fifo_bytes not in (2048, 4096, 8192, 16384, 32768):
            raise ValueError(f"rx_fifo_bytes is {rx_fifo_bytes}; it must be a power of two from 2048 to 32768")
        if tx_fifo_bytes not in (16384, 32768):
            raise ValueError(f"tx_fifo_bytes is {tx_fifo_bytes}; it must be 16384 or 32768")
        if not 1 <= queues <= regmap.MAX_QUEUES:
            raise ValueError(f"queues is {queues}; it must be 1 to {regmap.MAX_QUEUES}")
        self._data_width = data_width
        self._queues = queues
        self._checks = checks
        self._rx_fifo_bytes, self._tx_fifo_bytes = rx_fifo_bytes, tx_fifo_bytes
        super().__init__(
            {
                "s_axil": In(AxiLite(ADDRESS_WIDTH)),
                "m_axi_rx": Out(Axi(data_width)),
                "m_axi_tx": Out(Axi(data_width)),
                "s_axis_rx": In(AxiStream(data_width)),
                "m_axis_tx": Out(AxiStream(data_width)),
                "tx_gap_bytes": Out(range(_MAX_GAP_BYTES + 1)),
                "mac": Out(MacPort()),
                "irq": Out(1),
                "vectors": Out(queues + 1 if queues > 1 else 1),
                "link_up": In(1),
                "phy_reset": Out(1),
                "mdc": Out(1),
                "mdio_o": Out(1),
                "mdio_oe": Out(1),
                "mdio_i": In(1),
                "eesk": Out(1),
                "eecs": Out(1),
                "eedi": Out(1),
                "eedo": In(1),
                "rx_verdict_valid": Out(1),
                "rx_verdict": Out(RxVerdict),
                "tx_whole": Out(1),
                "tx_looped": Out(1),
                "device_reset": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if self._checks:
            self._check_axi(m)
        m.submodules.axi_lite = axi_lite = AxiLiteSlave()
        m.submodules.rx_path = rx_path = RxPath(self._data_width)
        m.submodules.rx_dma = rx_dma = RxDma(self._data_width, self._queues)
        m.submodules.tx_dma = tx_dma = TxDma(self._data_width, self._tx_fifo_bytes, self._queues)
        m.submodules.loopback = loopback = Loopback(self._data_width)
        m.submodules.mdio = mdio = Mdio()
        registers, interrupts, link, eeprom = RegisterFile(self._queues), Interrupts(), LinkStatus(), Eeprom()
        flow_control = FlowControl()
        fifo, statistics = RxFifo(self._data_width, self._rx_fifo_bytes), Statistics()
        rx_delay = DelayTimer()

        # CTRL.RST is stored for one cycle, in which it resets these blocks, the register file included. The others
        # have handshakes with the outside to finish.
        reset = registers.ctrl.RST
        blocks = {
            "registers": registers,
            "interrupts": interrupts,
            "link": link,
            "eeprom": eeprom,
            "flow_control": flow_control,
            "fifo": fifo,
            "statistics": statistics,
            "rx_delay": rx_delay,
        }
        for name, block in blocks.items():
            m.submodules[name] = ResetInserter(reset)(block)
        m.d.comb += [
            block.eq(reset) for block in (axi_lite.hold, rx_path.reset, rx_dma.reset, tx_dma.reset, mdio.reset)
        ]

        wiring.connect(m, wiring.flipped(self.s_axil), axi_lite.bus)
        wiring.connect(m, axi_lite.access, registers.access)
        for block in (rx_path, rx_dma, tx_dma, interrupts, statistics, link, eeprom, mdio, flow_control):
            _connect_registers(m, registers, block)

        wiring.connect(m, wiring.flipped(self.s_axis_rx), loopback.from_wire)
        wiring.connect(m, loopback.received, rx_path.stream)
        _connect_rx(m, rx_path, fifo)
        wiring.connect(m, fifo.beats, rx_dma.beats)
        wiring.connect(m, fifo.frames, rx_dma.frames)
        wiring.connect(m, rx_dma.axi, wiring.flipped(self.m_axi_rx))
        m.d.comb += [
            fifo.drop.eq(rx_dma.drop),
            rx_path.no_buffer.eq(rx_dma.no_buffer),
            statistics.summary_valid.eq(rx_path.summary_valid),
            statistics.summary.eq(rx_path.summary),
            statistics.sent_valid.eq(tx_dma.summary_valid),
            statistics.sent.eq(tx_dma.summary),
            statistics.segmented.eq(tx_dma.segmented),
            statistics.segmentation_failed.eq(tx_dma.segmentation_failed),
            loopback.bad_fcs.eq(tx_dma.bad_fcs),
            loopback.enable.eq(registers.rctl.LBM != 0),
            rx_path.looped.eq(loopback.looped),
            rx_path.unheard.eq(loopback.unheard),
            self.rx_verdict_valid.eq(rx_path.summary_valid & ~rx_path.summary.looped),
            self.rx_verdict.eq(rx_path.summary.verdict),
        ]

        wiring.connect(m, tx_dma.axi, wiring.flipped(self.m_axi_tx))
        wiring.connect(m, tx_dma.stream, loopback.sent)
        wiring.connect(m, loopback.to_wire, wiring.flipped(self.m_axis_tx))
        gap_bytes = registers.tipg.IPGT + _IPG_BYTES
        m.d.comb += [
            tx_dma.link_up.eq(link.lu | loopback.active),
            self.tx_gap_bytes.eq(Mux(gap_bytes < _MIN_GAP_BYTES, _MIN_GAP_BYTES, gap_bytes)),
            self.tx_whole.eq(tx_dma.whole),
            self.tx_looped.eq(loopback.turned),
            self.device_reset.eq(reset),
        ]

        by_vectors = 0
        if self._queues > 1:
            self._spread(m, registers, rx_path, rx_dma)
            by_vectors = self._vectors(m, registers, rx_dma, tx_dma, interrupts)
        small = rx_dma.written.any() & rx_dma.small
        missed = rx_path.summary_valid & (rx_path.summary.verdict == RxVerdict.MISSED)
        m.d.comb += [
            link.link_up.eq(self.link_up),
            self.phy_reset.eq(registers.ctrl.PHY_RST),
            registers.station.eq(eeprom.station),
            registers.load_station.eq(eeprom.load_station),
            eeprom.station_written.eq(registers.station_written),
            tx_dma.by_vectors.eq(by_vectors),
            rx_delay.event.eq(rx_dma.written.any() & ~by_vectors),
            rx_delay.flush.eq(small | registers.rdtr.FPD),
            rx_delay.delay.eq(registers.rdtr.DELAY),
            rx_delay.absolute.eq(registers.radv.DELAY),
            interrupts.causes.as_value().eq(
                constant(
                    regmap.ICR,
                    TXDW=tx_dma.txdw,
                    TXQE=tx_dma.txqe,
                    LSC=link.changed,
                    RXDMT0=rx_dma.rxdmt0,
                    RXO=missed,
                    RXT0=rx_delay.fires,
                    SRPD=small,
                    MDAC=mdio.done,
                    TXD_LOW=tx_dma.txd_low,
                    FER=rx_dma.fault | tx_dma.fault,
                )
            ),
            self.irq.eq(interrupts.irq),
        ]
        _connect_pins(m, self, eeprom, ("eesk", "eecs", "eedi"), ("eedo",))
        _connect_pins(m, self, mdio, ("mdc", "mdio_o", "mdio_oe"), ("mdio_i",))
        self._connect_mac(m, registers, fifo, flow_control, statistics)
        return m

    def _check_axi(self, m):
        for name in ("m_axi_rx", "m_axi_tx"):
            m.submodules[f"{name}_checks"] = checks = AxiChecks(self._data_width)
            m.d.comb += [getattr(checks, member).eq(getattr(getattr(self, name), member)) for member in Axi(8).members]

    def _spread(self, m, registers, rx_path, rx_dma):
        """Choose a queue for each frame that is kept."""
        rss = RxRss(self._data_width, self._queues, self._rx_fifo_bytes // 64)
        m.submodules.rss = ResetInserter(registers.ctrl.RST)(rss)
        _connect_registers(m, registers, rss)
        wiring.connect(m, rss.routes, rx_dma.routes)
        m.d.comb += [
            rss.valid.eq(rx_path.beat_valid),
            rss.beat.eq(rx_path.beat),
            rss.commit.eq(rx_path.commit),
        ]

    def _vectors(self, m, registers, rx_dma, tx_dma, interrupts):
        """A message for each queue; returns whether they, and not the line, tell of the queues' events."""
        msix = Msix(self._queues)
        m.submodules.msix = ResetInserter(registers.ctrl.RST)(msix)
        _connect_registers(m, registers, msix)
        m.d.comb += [
            msix.rx.eq(rx_dma.written),
            msix.tx.eq(tx_dma.reported),
            msix.other.eq(interrupts.request),
            self.vectors.eq(msix.vectors),
        ]
        return registers.gpie.MULTIPLE_MSIX

    def _connect_mac(self, m, registers, fifo, flow_control, statistics):
        """Connect the MAC's settings and events."""
        wiring.connect(m, flow_control.pause, wiring.flipped(self.mac.pause))
        m.d.comb += [
            flow_control.level.eq(fifo.level * (self._data_width // 64)),
            statistics.mac_events.eq(self.mac.events),
            self.mac.rfce.eq(registers.ctrl.RFCE),
            self.mac.station.eq(Cat(registers.ral[0].ADDRESS, registers.rah[0].ADDRESS)),
            self.mac.pause_address.eq(Cat(registers.fcal.ADDRESS, registers.fcah.ADDRESS)),
            self.mac.pause_type.eq(registers.fct.TYPE),
        ]


def _connect_pins(m, nic, block, outputs, inputs) -> None:
    """Connect a block's pins with those of the NIC."""
    m.d.comb += [getattr(nic, name).eq(getattr(block, name)) for name in outputs]
    m.d.comb += [getattr(block, name).eq(getattr(nic, name)) for name in inputs]


def _connect_rx(m, rx_path, fifo) -> None:
    """Connect the two blocks that an arriving frame passes."""
    for name in ("write", "write_beat", "commit", "frame", "discard"):
        m.d.comb += getattr(fifo, name).eq(getattr(rx_path, name))
    for name in ("room", "frame_room"):
        m.d.comb += getattr(rx_path, name).eq(getattr(fifo, name))


def _connect_registers(m, registers, block) -> None:
    """Connect a block's ports that are named as registers, and its ``write_data`` if it has one."""
    for register in regmap.REGISTERS:
        name = port_name(register)
        if name not in block.signature.members or name not in registers.signature.members:
            continue
        port, theirs = getattr(block, name), getattr(registers, name)
        if is_storage(register):
            m.d.comb += port.eq(theirs)
        else:
            for one, its in zip(port, theirs, strict=True) if is_array(register) else [(port, theirs)]:
                wiring.connect(m, its, one)
    if "write_data" in block.signature.members:
        m.d.comb += block.write_data.eq(registers.write_data)
