"""The RTL against the register-level model: random programs give the same registers, verdicts and host memory.

Both are driven through the contract of the engines. The model is loosely timed, so a program lets each step come to
rest before the next; what happens at a busy moment is for the tests of the blocks.
"""

import random
from collections import Counter

import cocotb
import pytest

from cocotb_tests.board_tester import begin, costs, run_on_board
from cocotb_tests.rx_reference import FCS_BYTES, RESERVED, random_packet
from emulator.engines.base import IrqChanged, MmioDone, WireFrame
from emulator.engines.model import ModelEngine
from hdl.nic import phy_registers
from hdl.nic.eeprom_words import CHECKSUM, WORDS
from hdl.nic.layouts import RxDescriptor
from hdl.nic.regmap import (
    BAR_BYTES,
    CTRL,
    CTRL_EXT,
    EECD,
    EERD,
    IAM,
    ICR,
    ICS,
    IMC,
    IMS,
    ITR,
    MDIC,
    MTA,
    RADV,
    RAH,
    RAL,
    RCTL,
    RDBAH,
    RDBAL,
    RDH,
    RDLEN,
    RDT,
    RDTR,
    RNBC,
    RSRPD,
    RTL_REGISTERS,
    RXCSUM,
    TCTL,
    TDBAH,
    TDBAL,
    TDH,
    TDLEN,
    TDT,
    VET,
    VFTA,
    Access,
)

PROGRAMS = 8
STEPS = 60

BYTE_PS = 2_000  # half of what the DMA port can do, so nothing piles up but for want of descriptors
LATENCIES = {"mmio_request": 48, "mmio_completion": 64, "dma_read": 96, "dma_write": 80}

REST_NS = 1_000  # longer than an access takes
FRAMES_NS = 5_000  # longer than the last frames on the wire, one of them a long one, take into memory
DRAIN_NS = 20_000  # longer than a full FIFO takes into memory
WORD_NS = 10_000  # longer than reading a word of the EEPROM takes
SLOW_NS = 80_000  # longer than what EEPROM and PHY do, one after the other
RESTS = {RDT: DRAIN_NS, RCTL: DRAIN_NS} | dict.fromkeys((CTRL, CTRL_EXT, EECD, EERD, MDIC), SLOW_NS)  # after a write
RINGS = (0x1000, 0x2000)
RING_BYTES = 0x400
BUFFERS_AT = 0x1_0000
BUFFER_BYTES = 0x1000
BUFFERS = 64
DESCRIPTOR_BYTES = RxDescriptor.as_shape().size // 8

STATIONS = (b"\x02\x11\x22\x33\x44\x55", b"\x01\x00\x5e\x00\x00\x01")
DESTINATIONS = (*STATIONS, b"\x02\x11\x22\x33\x44\x54", b"\x01\x00\x5e\x00\x00\x02", b"\xff" * 6)

VLANS = (1, 7, 0xABC)

#: What the second group address, the broadcast address and the reserved one have as hashes, by RCTL.MO.
HASHES = sorted(
    {
        int.from_bytes(address, "little") >> lowest & 0xFFF
        for address in (DESTINATIONS[3], DESTINATIONS[4], RESERVED)
        for lowest in (36, 35, 34, 32)
    }
)

OFFSETS = [offset for register in RTL_REGISTERS if not register.memory for offset in register.offsets()]
READ_ONLY = [
    register.offset
    for register in RTL_REGISTERS
    if register.access in (Access.READ_ONLY, Access.READ_CLEARS, Access.ZERO)
]

#: Registers that make frames flow, or be filtered: steps of their own write them. The others take any value.
DRIVEN = {CTRL, IAM, ITR, MDIC, RADV, RAL, RAH, RCTL, RDBAL, RDBAH, RDH, RDLEN, RDT, RDTR, VET}
DRIVEN |= {TCTL, TDBAL, TDBAH, TDLEN, TDH, TDT}
FREE = [
    offset
    for register in RTL_REGISTERS
    if register.access is Access.READ_WRITE and register not in DRIVEN
    for offset in register.offsets()
]


@pytest.mark.slow
def test_model():
    run_on_board(__name__)


class Twins:
    """Both engines, doing the same; every access compares them."""

    def __init__(self, rtl, model):
        self.engines = (rtl, model)
        self.irq = {rtl: False, model: False}
        self.tag = 0
        self.seen = Counter()
        self.sends = 0  # since RNBC was read

    async def rest(self, ns: int = REST_NS) -> None:
        """Let both come to rest, and compare the interrupt line and what became of frames."""
        for engine in self.engines:
            await self._run(engine, ns)
        rtl, model = self.engines
        assert self.irq[rtl] == self.irq[model], "interrupt line"
        verdicts, expected = (engine.wires[0].take_verdicts() for engine in self.engines)
        assert len(verdicts) == len(expected)
        differ = [(n, *pair) for n, pair in enumerate(zip(verdicts, expected, strict=True)) if pair[0] is not pair[1]]
        assert not differ, f"frame, verdict of the RTL, of the model: {differ} of {len(verdicts)}"
        self.verdicts = verdicts
        self.seen.update(verdict.name for verdict in verdicts)

    async def _run(self, engine, ns: int = REST_NS) -> list[int]:
        """Run an engine until its wire is idle and then for a while; returns what reads brought."""
        values = []
        idle = False
        while not idle:
            idle = engine.wires[0].idle
            until = engine.now + ns
            while engine.now < until:
                for event in await engine.advance(until):
                    if isinstance(event, IrqChanged):
                        assert event.level != self.irq[engine]
                        self.irq[engine] = event.level
                    elif isinstance(event, MmioDone):
                        values.append(event.value)
        return values

    async def write(self, offset: int, value: int, rest_ns: int | None = None) -> None:
        """Write a register of both, and rest for as long as it says or as what that starts may take."""
        for engine in self.engines:
            engine.mmio_write(0, offset, value)
        if rest_ns is None:
            rest_ns = next((ns for register, ns in RESTS.items() if register.offset == offset), REST_NS)
        await self.rest(rest_ns)

    async def read(self, offset: int) -> int:
        """Read a register of both; they must say the same."""
        values = []
        for engine in self.engines:
            self.tag += 1
            engine.mmio_read(0, offset, self.tag)
            values += await self._run(engine)
        assert len(values) == 2
        rtl, model = values
        slack = 0
        if offset == RNBC.offset:  # a frame may arrive in the very clocks in which the last descriptor is taken
            slack, self.sends = self.sends, 0
        assert abs(rtl - model) <= slack, f"register {offset:#x}: RTL {rtl:#x}, model {model:#x}"
        await self.rest()
        return rtl

    async def send(self, frames: list[WireFrame]) -> None:
        """Put frames on both wires; each frame must get one verdict, the same on both."""
        self.sends += 1
        for engine in self.engines:
            engine.wires[0].send(frames)
        await self.rest(FRAMES_NS)
        assert len(self.verdicts) == len(frames)

    def fill(self, address: int, data: bytes) -> None:
        """Put bytes into both host memories."""
        for engine in self.engines:
            engine.memory.write(address, data)

    def compare_memory(self) -> None:
        """Rings and buffers."""
        places = [(ring, RING_BYTES) for ring in RINGS]
        places += [(BUFFERS_AT + index * BUFFER_BYTES, BUFFER_BYTES) for index in range(BUFFERS)]
        for address, length in places:
            rtl, model = (engine.memory.read(address, length) for engine in self.engines)
            assert rtl == model, f"host memory at {address:#x}: RTL {rtl.hex()}, model {model.hex()}"


class Program:
    """Random steps of a driver that knows what it must not do, and of a wire that does not."""

    def __init__(self, twins: Twins):
        self.twins = twins
        self.size = 0
        self.tail = 0
        self.enabled = False

    async def step(self) -> None:
        """One of the steps, those that make frames flow more often."""
        steps = {
            self.set_up: 3,
            self.send: 6,
            self.give_descriptors: 4,
            self.read_anything: 6,
            self.write_causes: 3,
            self.write_moderation: 1,
            self.write_addresses: 2,
            self.write_offloads: 3,
            self.write_tables: 2,
            self.write_rctl: 2,
            self.write_ring_while_on: 1,
            self.write_nothing: 1,
            self.switch_off: 0.5,
            self.write_ctrl: 0.5,
            self.write_anything: 2,
            self.access_phy: 1,
            self.drive_eeprom: 0.5,
        }
        (step,) = random.choices(list(steps), list(steps.values()))
        await step()

    async def set_up(self) -> None:
        """Stop, lay out a ring anew, start; frames that are still in the FIFO come first."""
        await self.switch_off()
        self.size = 8 * random.randint(1, 4)
        await self.twins.write(RDBAL.offset, random.choice(RINGS))
        await self.twins.write(RDBAH.offset, 0)
        await self.twins.write(RDLEN.offset, self.size * DESCRIPTOR_BYTES)
        self.tail = random.randrange(self.size)
        await self.twins.write(RDH.offset, self.tail)
        await self.twins.write(RDT.offset, self.tail)
        await self.write_rctl(RCTL.EN)
        await self.give_descriptors()

    async def write_rctl(self, en: int | None = None) -> None:
        """Anything, but for EN."""
        modes = RCTL.UPE | RCTL.MPE | RCTL.BAM | RCTL.SBP | RCTL.LPE | RCTL.SECRC | RCTL.RDMTS | RCTL.BSIZE | RCTL.BSEX
        modes |= RCTL.MO | RCTL.VFE | RCTL.CFIEN | RCTL.CFI | RCTL.DPF | RCTL.PMCF
        en = RCTL.EN * self.enabled if en is None else en
        self.enabled = bool(en)
        await self.twins.write(RCTL.offset, en | random.getrandbits(32) & modes)

    async def switch_off(self) -> None:
        """RCTL without EN."""
        await self.write_rctl(0)

    async def give_descriptors(self) -> None:
        """Move the tail up, at most to right behind the head."""
        if self.size:
            head = await self.twins.read(RDH.offset)
            self.tail = (self.tail + random.randint(0, (head - self.tail - 1) % self.size)) % self.size
            await self.twins.write(RDT.offset, self.tail)

    async def send(self) -> None:
        """A few frames of all kinds, or enough to fill the FIFO."""
        count = random.choice((1, 1, 3, 10, 40))
        await self.twins.send([random_wire_frame() for _ in range(count)])

    async def read_anything(self) -> None:
        """A register, or where there is none."""
        await self.twins.read(random.choice([*OFFSETS, random.randrange(0, BAR_BYTES, 4)]))

    async def write_causes(self) -> None:
        """One of the interrupt registers."""
        await self.twins.write(random.choice((ICR, ICS, IMS, IMC)).offset, random.getrandbits(32))

    async def write_moderation(self) -> None:
        """Auto-masking, and intervals that are over before the step is."""
        register, bits = random.choice(((IAM, 0xFFFF_FFFF), (CTRL_EXT, CTRL_EXT.IAME), (ITR, 3)))
        await self.twins.write(register.offset, random.getrandbits(32) & bits)

    async def write_offloads(self) -> None:
        """Checksums, the type of tags, small packets, and delays that are over before the step is."""
        choices = {
            RXCSUM: RXCSUM.PCSS.put(random.choice((0, 14, 33, 255))) | random.getrandbits(2) << RXCSUM.IPOFLD.lsb,
            VET: random.choice((0x8100, 0x8100, 0x9100)),
            RSRPD: random.choice((0, 60, 64, 4095)),
            RDTR: random.choice((0, 0, 1, 2, RDTR.FPD, RDTR.FPD | 1)),
            RADV: random.choice((0, 1, 2)),
        }
        register = random.choice(list(choices))
        await self.twins.write(register.offset, choices[register])

    async def write_tables(self) -> None:
        """The hash of a group address, or a VLAN: in or out."""
        register, number = random.choice(((MTA, random.choice(HASHES)), (VFTA, random.choice(VLANS))))
        offset = register.at(number // 32)
        value = await self.twins.read(offset) | 1 << number % 32
        await self.twins.write(offset, value if random.random() < 0.8 else 0)

    async def write_addresses(self) -> None:
        """A receive address: valid or not, for destinations or not."""
        index = random.randrange(RAL.count)
        station = random.choice(STATIONS)
        await self.twins.write(RAL.at(index), int.from_bytes(station[:4], "little"))
        high = int.from_bytes(station[4:], "little") | random.choice((0, RAH.AV, RAH.AV, RAH.AV | RAH.AS.put(1)))
        await self.twins.write(RAH.at(index), high)

    async def write_ring_while_on(self) -> None:
        """It waits until the receiver is switched off, or is swallowed; then a new ring is set up."""
        if self.enabled:
            await self.twins.write(random.choice((RDBAL, RDLEN)).offset, random.choice(RINGS))
            await self.twins.write(RDH.offset, random.randrange(self.size))
            await self.send()
            await self.set_up()

    async def write_nothing(self) -> None:
        """Where there is no register, or one that is read only."""
        offset = random.choice((*READ_ONLY, random.randrange(max(OFFSETS) + 4, BAR_BYTES, 4)))
        await self.twins.write(offset, random.getrandbits(32))

    async def write_ctrl(self) -> None:
        """The link up or down, a reset of the PHY, or one of the device."""
        reset = random.random() < 0.3
        await self.twins.write(CTRL.offset, random.getrandbits(32) & ~CTRL.RST | CTRL.RST * reset)
        if reset:
            self.size = self.tail = 0
            self.enabled = False

    async def write_anything(self) -> None:
        """Any value into a register."""
        await self.twins.write(random.choice(FREE), random.getrandbits(32))

    async def access_phy(self) -> None:
        """Its registers, those that have a meaning more often, or somebody else's."""
        operation = MDIC.OP.put(random.choice((1, 2, 2, 3))) | MDIC.PHYADD.put(random.choice((1, 1, 1, 9)))
        number = random.choice((random.randrange(32), phy_registers.CONTROL, phy_registers.STATUS))
        anything = random.getrandbits(32) & (MDIC.DATA | MDIC.I)
        await self.twins.write(MDIC.offset, operation | MDIC.REGADD.put(number) | anything)
        await self.twins.read(MDIC.offset)

    async def drive_eeprom(self) -> None:
        """A command bit by bit, of which there may be too few or too many."""
        start = random.choice(("110", "101", "10011", "10000", "0"))
        granted = 0
        bits = start + "".join(random.choices("01", k=random.randrange(28)))
        for bit in bits:
            pins = EECD.REQ | EECD.CS | EECD.DI * int(bit)
            for levels in (pins, pins | EECD.SK):
                await self.twins.write(EECD.offset, levels, REST_NS if granted else SLOW_NS)
            granted = await self.twins.read(EECD.offset) & EECD.GNT
        await self.twins.write(EECD.offset, random.choice((0, EECD.REQ)))


def random_wire_frame() -> WireFrame:
    """A packet, or any length around the limits; any of the addresses, now and then a tag, or a bad FCS."""
    if random.random() < 0.5:
        vlan = random.choice((None, random.choice(VLANS) | random.getrandbits(4) << 12))
        packet = random_packet(random.choice((*DESTINATIONS, RESERVED)), vlan=vlan)
        return WireFrame(packet[:-FCS_BYTES], bad_fcs=random.random() < 0.1)
    length = random.choice((random.randint(56, 70), random.randint(60, 300), random.randint(1000, 1530)))
    data = random.choice(DESTINATIONS) + random.randbytes(length - 6)
    return WireFrame(data, bad_fcs=random.random() < 0.1)


def lay_out_rings(twins: Twins) -> None:
    """Descriptors of both rings: each with a buffer of its own, which begins at any byte."""
    for number, ring in enumerate(RINGS):
        for index in range(RING_BYTES // DESCRIPTOR_BYTES):
            buffer = (number * RING_BYTES // DESCRIPTOR_BYTES + index) % BUFFERS
            address = BUFFERS_AT + buffer * BUFFER_BYTES + random.randrange(64)
            descriptor = RxDescriptor.const({"address": address}).as_bits()
            twins.fill(ring + index * DESCRIPTOR_BYTES, descriptor.to_bytes(DESCRIPTOR_BYTES, "little"))


@cocotb.test
async def the_eeproms_hold_the_same(dut):
    """Every word; the sum is right."""
    twins = Twins(await begin(dut, **LATENCIES), ModelEngine(1, costs(**LATENCIES), BYTE_PS))
    await twins.write(CTRL.offset, CTRL.RST)
    words = []
    for address in range(WORDS):
        await twins.write(EERD.offset, EERD.START | EERD.ADDR.put(address), WORD_NS)
        words.append(EERD.DATA.get(await twins.read(EERD.offset)))
    assert sum(words) & 0xFFFF == CHECKSUM
    station = b"".join(word.to_bytes(2, "little") for word in words[:3])
    assert await twins.read(RAL.at(0)) == int.from_bytes(station[:4], "little")
    assert await twins.read(RAH.at(0)) == int.from_bytes(station[4:], "little") | RAH.AV


@cocotb.test
async def random_programs(dut):
    rtl = await begin(dut, byte_ps=BYTE_PS, **LATENCIES)
    twins = Twins(rtl, ModelEngine(1, costs(**LATENCIES), BYTE_PS))
    for _ in range(PROGRAMS):
        await twins.write(CTRL.offset, CTRL.RST)
        lay_out_rings(twins)
        program = Program(twins)
        await program.set_up()
        for _ in range(STEPS):
            await program.step()
        for offset in OFFSETS:
            await twins.read(offset)
        twins.compare_memory()
    cocotb.log.info("frames: %s", dict(twins.seen))
