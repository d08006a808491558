"""The bare NIC between independent models of its buses, and the least driver that can receive with it."""

import itertools
import logging
import random
from dataclasses import dataclass

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import (
    AxiBus,
    AxiLiteBus,
    AxiLiteMaster,
    AxiRam,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from cocotb_tests.support import start
from emulator.engines.base import Verdict
from hdl.nic import regmap
from hdl.nic.layouts import RxDescriptor
from hdl.nic.regmap import RCTL

#: Bytes of simulated host memory.
MEMORY_BYTES = 1 << 20

#: What host memory holds before the NIC writes to it.
FILL = 0xA5

#: Bytes before and behind a buffer that nobody may touch.
GUARD = 64

#: Inputs of the NIC that somebody waits for before the models drive them.
INPUTS = (
    "link_up",
    "eedo",  # no EEPROM
    "mac__pause__ready",  # no MAC
    "mac__events",
    *(f"s_axil__{channel}" for channel in ("awvalid", "wvalid", "bready", "arvalid", "rready")),
    *(
        f"{port}__{channel}"
        for port in ("m_axi_rx", "m_axi_tx")
        for channel in ("awready", "wready", "bvalid", "arready", "rvalid")
    ),
    "s_axis_rx__tvalid",
    "m_axis_tx__tready",
)

#: Signals of which one is high while the NIC does DMA or sends.
ACTIVITY = (
    *(f"{port}__{channel}valid" for port in ("m_axi_rx", "m_axi_tx") for channel in ("aw", "w", "b", "ar", "r")),
    "m_axis_tx__tvalid",
)

#: Clocks without DMA after which there is none under way: longer than any pause that the models make.
QUIET = 250

#: RCTL: every address.
PROMISCUOUS = RCTL.UPE | RCTL.MPE | RCTL.BAM

#: Bytes of a descriptor.
DESCRIPTOR_BYTES = 16


@dataclass(frozen=True)
class Received:
    """A frame as the driver finds it."""

    data: bytes
    errors: int
    buffers: int


class NicTester:
    """One NIC, its buses and a ring of buffers; made by :meth:`begin`."""

    #: Inputs that are zero at first, and signals of which one is high while the NIC does something.
    inputs, activity = INPUTS, ACTIVITY

    def __init__(self, dut):
        self.dut = dut
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil_"), dut.clk, dut.rst)
        self.memory = AxiRam(AxiBus.from_prefix(dut, "m_axi_rx_"), dut.clk, dut.rst, size=MEMORY_BYTES)
        self.tx_port = AxiRam(AxiBus.from_prefix(dut, "m_axi_tx_"), dut.clk, dut.rst, mem=self.memory.mem)
        self._attach_wire()
        self.verdicts: list[Verdict] = []
        self.quiet = 0  # clocks without DMA
        self.ring = self.size = self.next_to_clean = self.next_to_use = 0
        self.buffers: dict[int, int] = {}

    def _attach_wire(self) -> None:
        """Attach what sends to the NIC and what receives from it."""
        dut = self.dut
        self.wire = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis_rx_"), dut.clk, dut.rst)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis_tx_"), dut.clk, dut.rst)

    @classmethod
    async def begin(cls, dut, *, stalls: bool = False) -> "NicTester":
        """Reset the NIC, attach the models and watch its verdicts.

        Arguments:
            dut: the NIC.
            stalls: pause the buses at random.
        """
        for port in ("m_axi_rx", "m_axi_tx", "s_axil", "s_axis_rx", "m_axis_tx"):
            logging.getLogger(f"cocotb.nic.{port}_").setLevel(logging.WARNING)
        await start(dut, mdio_i=1, **dict.fromkeys(cls.inputs, 0))
        tester = cls(dut)
        if stalls:
            tester._stall()
        tester.memory.write(0, bytes([FILL]) * MEMORY_BYTES)
        cocotb.start_soon(tester._watch())
        return tester

    def _stall(self) -> None:
        for port in (self.memory, self.tx_port):
            channels = (
                port.write_if.aw_channel,
                port.write_if.w_channel,
                port.write_if.b_channel,
                port.read_if.ar_channel,
                port.read_if.r_channel,
            )
            for channel in channels:
                often = random.choice((0.1, 0.5, 0.9))
                channel.set_pause_generator(random.random() < often for _ in itertools.repeat(None))
        self.wire.set_pause_generator(random.random() < 0.2 for _ in itertools.repeat(None))

    async def _watch(self) -> None:
        active = [getattr(self.dut, name) for name in self.activity]
        while True:
            await RisingEdge(self.dut.clk)
            self.quiet = 0 if any(signal.value for signal in active) else self.quiet + 1
            if self.dut.rx_verdict_valid.value:
                self.verdicts.append(Verdict(self.dut.rx_verdict.value.to_unsigned()))

    async def read(self, register: type[regmap.Register], index: int = 0) -> int:
        """Read a register."""
        return await self.registers.read_dword(register.at(index))

    async def write(self, register: type[regmap.Register], value: int, index: int = 0) -> None:
        """Write a register."""
        await self.registers.write_dword(register.at(index), value)

    async def open(self, rctl: int, *, ring: int = 0x1000, size: int = 32, buffers: int | None = None) -> None:
        """Set up a ring of buffers, give all but one to the NIC, and enable it.

        Arguments:
            rctl: RCTL but for EN.
            ring: address of the ring.
            size: descriptors.
            buffers: hand out only so many.
        """
        self.ring, self.size, self.next_to_clean, self.next_to_use = ring, size, 0, 0
        await self.write(regmap.RDBAL, ring & 0xFFFFFFFF)
        await self.write(regmap.RDBAH, ring >> 32)
        await self.write(regmap.RDLEN, size * DESCRIPTOR_BYTES)
        await self.write(regmap.RDH, 0)
        await self.write(regmap.RDT, 0)
        await self.write(RCTL, rctl | RCTL.EN)
        self.buffer_bytes = (2048 >> RCTL.BSIZE.get(rctl)) * (16 if rctl & RCTL.BSEX else 1)
        await self.refill(size - 1 if buffers is None else buffers)

    def place(self, index: int) -> int:
        """Address of the buffer of a descriptor: any alignment, and bytes to guard on both sides."""
        return 0x10000 + index * (self.buffer_bytes + 256) + GUARD + random.randrange(256 - 2 * GUARD)

    async def refill(self, count: int) -> None:
        """Give the NIC so many more buffers."""
        for _ in range(count):
            address = self.place(self.next_to_use)
            self.buffers[self.next_to_use] = address
            descriptor = RxDescriptor.const({"address": address, "length": 0xDEAD})
            where = self.ring + self.next_to_use * DESCRIPTOR_BYTES
            self.memory.write(where, descriptor.as_bits().to_bytes(DESCRIPTOR_BYTES, "little"))
            self.next_to_use = (self.next_to_use + 1) % self.size
        await self.write(regmap.RDT, self.next_to_use)

    async def send(self, frame: bytes, *, bad: bool = False) -> None:
        """Queue a frame, FCS included, on the wire."""
        user = [0] * len(frame)
        user[-1] = int(bad)
        await self.wire.send(AxiStreamFrame(frame, tuser=user))

    async def drain(self) -> None:
        """Wait until the wire is empty and the NIC has put everything away."""
        await self.wire.wait()
        await self.settle()

    async def settle(self) -> None:
        """Wait until no DMA is under way; frames may still arrive."""
        self.quiet = 0
        while self.quiet < QUIET:
            await RisingEdge(self.dut.clk)

    def descriptor(self, index: int):
        """A descriptor of the ring."""
        raw = self.memory.read(self.ring + index * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES)
        return RxDescriptor.from_bits(int.from_bytes(raw, "little"))

    def clean(self) -> list[Received]:
        """Take every finished frame from the ring; checks addresses, guards and status on the way."""
        frames, parts = [], []
        while self.next_to_clean != self.next_to_use:
            index = self.next_to_clean
            descriptor = self.descriptor(index)
            if not descriptor.status.DD:
                break
            address = self.buffers.pop(index)
            assert descriptor.address == address
            assert 0 < descriptor.length <= self.buffer_bytes
            parts.append(bytes(self.memory.read(address, descriptor.length)))
            self._check_guards(address, descriptor.length)
            self.memory.write(address, bytes([FILL]) * descriptor.length)
            where = self.ring + index * DESCRIPTOR_BYTES
            self.memory.write(where, bytes(DESCRIPTOR_BYTES))
            self.next_to_clean = (index + 1) % self.size
            if descriptor.status.EOP:
                frames.append(Received(b"".join(parts), descriptor.errors.as_bits(), len(parts)))
                parts = []
            else:
                assert descriptor.length == self.buffer_bytes
                assert descriptor.errors.as_bits() == 0
        assert not parts, "a frame without its end"
        return frames

    def _check_guards(self, address: int, length: int) -> None:
        """What lies before the buffer and behind what was written to it is untouched."""
        before = self.memory.read(address - GUARD, GUARD)
        behind = self.memory.read(address + length, GUARD)
        assert bytes(before) == bytes(behind) == bytes([FILL]) * GUARD


def random_frame(length: int, destination: bytes | None = None) -> bytes:
    """Random bytes; FCS included, whatever it is."""
    frame = random.randbytes(length)
    return frame if destination is None else (destination + frame)[:length]
