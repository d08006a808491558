"""The NIC: a receive-only controller with the programming model of the Intel 8254x family."""

from amaranth.hdl import Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.nic import regmap
from hdl.nic.axi import Axi, AxiLite, AxiStream
from hdl.nic.axi_lite import ADDRESS_WIDTH, AxiLiteSlave
from hdl.nic.interrupts import Interrupts
from hdl.nic.link import LinkStatus
from hdl.nic.registers import RegisterFile, constant
from hdl.nic.verdict import RxVerdict


class Nic(wiring.Component):
    """Pipes the blocks together.

    Parameters:
        data_width: bits of the DMA port and of the receive stream; a power of two from 64 to 512.
        rx_fifo_bytes: size of the receive FIFO; a power of two from 2048.

    Attributes:
        s_axil: the register BAR.
        m_axi: DMA.
        s_axis_rx: frames from the MAC with their FCS; ``tready`` is always high.
        irq: level interrupt, active high.
        link_up: from the PHY.
        rx_verdict_valid: pulse, one per received frame.
        rx_verdict: what became of it.

    Raises:
        ValueError: a parameter is out of range.
    """

    def __init__(self, data_width: int = 64, rx_fifo_bytes: int = 16384):
        if data_width not in (64, 128, 256, 512):
            raise ValueError(f"data_width is {data_width}; it must be 64, 128, 256 or 512")
        if rx_fifo_bytes < 2048 or rx_fifo_bytes & (rx_fifo_bytes - 1):
            raise ValueError(f"rx_fifo_bytes is {rx_fifo_bytes}; it must be a power of two from 2048")
        self._data_width = data_width
        self._rx_fifo_bytes = rx_fifo_bytes
        super().__init__(
            {
                "s_axil": In(AxiLite(ADDRESS_WIDTH)),
                "m_axi": Out(Axi(data_width)),
                "s_axis_rx": In(AxiStream(data_width)),
                "irq": Out(1),
                "link_up": In(1),
                "rx_verdict_valid": Out(1),
                "rx_verdict": Out(RxVerdict),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.axi_lite = axi_lite = AxiLiteSlave()
        registers, interrupts, link = RegisterFile(), Interrupts(), LinkStatus()

        # CTRL.RST is stored for one cycle, in which it resets everything that it stands next to, itself included.
        reset = registers.ctrl.RST
        for name, block in (("registers", registers), ("interrupts", interrupts), ("link", link)):
            m.submodules[name] = ResetInserter(reset)(block)

        wiring.connect(m, wiring.flipped(self.s_axil), axi_lite.bus)
        wiring.connect(m, axi_lite.access, registers.access)
        m.d.comb += [
            axi_lite.hold.eq(reset),
            link.link_up.eq(self.link_up),
            link.slu.eq(registers.ctrl.SLU),
            registers.status.value.eq(constant(regmap.STATUS, LU=link.lu)),
            interrupts.causes.LSC.eq(link.changed),
            interrupts.write_data.eq(registers.write_data),
            self.irq.eq(interrupts.irq),
            self.s_axis_rx.tready.eq(1),
        ]
        for name in ("icr", "ics", "ims", "imc"):
            wiring.connect(m, getattr(registers, name), getattr(interrupts, name))
        return m
