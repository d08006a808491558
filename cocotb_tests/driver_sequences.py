"""What existing 8254x drivers do to the registers, step by step, and what the manual promises them for each step.

The order of the accesses is that of Linux's e1000 (an 82540EM with its M88E1011 PHY) and of MINIX's e1000. They run on
any engine. Delays are shorter than in the originals, which wait for devices that are slower than this one.
"""

from collections.abc import Callable

from emulator.engines.base import IrqChanged, MmioDone, WireFrame
from hdl.nic import phy_registers, regmap
from hdl.nic.eeprom_words import CHECKSUM, WORDS, Word
from hdl.nic.layouts import RxDescriptor, TxDescriptor
from hdl.nic.phy_registers import M88E1011_I_PHY_ID, REVISION, Control, SpecificStatus, Status
from hdl.nic.regmap import (
    CTRL,
    EECD,
    EERD,
    ICR,
    ICS,
    IMC,
    IMS,
    MDIC,
    RAH,
    RAL,
    RCTL,
    RDBAH,
    RDBAL,
    RDH,
    RDLEN,
    RDT,
    STATUS,
    TCTL,
    TDBAH,
    TDBAL,
    TDH,
    TDLEN,
    TDT,
    TIPG,
)

ALL = 0xFFFF_FFFF
RX_RING, TX_RING = 0x1000, 0x2000
RX_BUFFERS, TX_BUFFERS = 0x1_0000, 0x4_0000
BUFFER_BYTES, DESCRIPTOR_BYTES, DESCRIPTORS = 2048, 16, 8
RING_BYTES = DESCRIPTORS * DESCRIPTOR_BYTES
PATIENCE = 1_000  # looks at a register, before what is waited for counts as missing
LOOK_EVERY_NS = 500
STATISTICS = [register for register in regmap.REGISTERS if register.offset >> 12 == 4]


class Machine:
    """A CPU with one NIC: accesses that wait, host memory, and the interrupt line."""

    def __init__(self, engine):
        self.engine = engine
        self.irq = False
        self.tag = 0

    async def wait(self, ns: int) -> list[int]:
        """Let time pass; returns what reads brought."""
        values, until = [], self.engine.now + ns
        while self.engine.now < until:
            for event in await self.engine.advance(until):
                if isinstance(event, IrqChanged):
                    self.irq = event.level
                elif isinstance(event, MmioDone):
                    values.append(event.value)
                    return values
        return values

    async def read(self, register, index: int = 0) -> int:
        """A register."""
        self.tag += 1
        self.engine.mmio_read(0, register.at(index), self.tag)
        while not (values := await self.wait(10_000)):
            pass
        return values[0]

    async def write(self, register, value: int, index: int = 0) -> None:
        """Write a register; posted."""
        self.engine.mmio_write(0, register.at(index), value)

    async def set_bits(self, register, bits: int) -> None:
        """Read, set, write."""
        await self.write(register, await self.read(register) | bits)

    async def clear_bits(self, register, bits: int) -> None:
        """Read, clear, write."""
        await self.write(register, await self.read(register) & ~bits)

    async def flush(self) -> None:
        """Push the writes ahead of a read."""
        await self.read(STATUS)

    async def until(self, register, done: Callable[[int], bool]) -> int:
        """Look at a register until it is as it should be."""
        for _ in range(PATIENCE):
            value = await self.read(register)
            if done(value):
                return value
            await self.wait(LOOK_EVERY_NS)
        raise AssertionError(f"{register.__name__} stays at {value:#x}")

    def lay_out_rings(self) -> None:
        """Receive descriptors with their buffers; transmit descriptors that are empty."""
        for index in range(DESCRIPTORS):
            self.put(RX_RING, index, RxDescriptor.const({"address": RX_BUFFERS + index * BUFFER_BYTES}))
            self.put(TX_RING, index, TxDescriptor.const({}))

    def put(self, ring: int, index: int, descriptor) -> None:
        """Write a descriptor."""
        raw = descriptor.as_bits().to_bytes(DESCRIPTOR_BYTES, "little")
        self.engine.memory.write(ring + index * DESCRIPTOR_BYTES, raw)

    def get(self, layout, ring: int, index: int):
        """A descriptor."""
        raw = self.engine.memory.read(ring + index * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES)
        return layout.from_bits(int.from_bytes(raw, "little"))

    async def arrive(self, frame: bytes) -> None:
        """A frame comes over the wire, and for a while nothing else happens."""
        self.engine.wires[0].send([WireFrame(frame)])
        await self.wait(30_000)

    def received(self, index: int) -> bytes:
        """What is in a receive buffer; its descriptor must say that a good frame is there."""
        descriptor = self.get(RxDescriptor, RX_RING, index)
        assert descriptor.status.DD
        assert descriptor.status.EOP
        assert not descriptor.errors.as_bits()
        return self.engine.memory.read(RX_BUFFERS + index * BUFFER_BYTES, descriptor.length)

    def prepare_send(self, index: int, frame: bytes, **command: int) -> None:
        """Lay out a frame for sending."""
        address = TX_BUFFERS + index * BUFFER_BYTES
        self.engine.memory.write(address, frame)
        command = {"EOP": 1, "IFCS": 1, "RS": 1, **command}
        self.put(TX_RING, index, TxDescriptor.const({"address": address, "length": len(frame), "command": command}))


class LinuxE1000:
    """drivers/net/ethernet/intel/e1000, in the order of its functions."""

    def __init__(self, machine: Machine):
        self.machine = machine
        self.address = b""

    async def probe(self) -> None:
        """e1000_probe: reset, EEPROM, reset with the link set up."""
        await self.reset_hw()
        words = [await self.read_eeprom(word) for word in (*range(3), Word.CHECKSUM)]
        self.address = b"".join(word.to_bytes(2, "little") for word in words[:3])
        assert not self.address[0] & 1, "the address of a group"
        assert any(self.address)
        await self.reset()

    async def reset_hw(self) -> None:
        """e1000_reset_hw: nothing is enabled afterwards, nothing pends, and the EEPROM's address is loaded."""
        machine = self.machine
        await machine.write(IMC, ALL)
        await machine.write(RCTL, 0)
        await machine.write(TCTL, TCTL.PSP)
        await machine.flush()
        await machine.set_bits(CTRL, CTRL.RST)
        await machine.wait(50_000)
        assert not await machine.read(CTRL) & CTRL.RST, "CTRL.RST clears itself"
        await machine.clear_bits(regmap.MANC, regmap.REGISTER_BITS)
        await machine.write(IMC, ALL)
        assert await machine.read(ICR) == 0
        assert await machine.read(IMS) == 0
        for register in (RCTL, TCTL, RDH, RDT, TDH, TDT):
            assert await machine.read(register) == register.reset
        assert await machine.read(RAH) & RAH.AV

    async def read_eeprom(self, word: int) -> int:
        """e1000_read_eeprom of a microwire EEPROM: request the pins, clock a read in and the word out, let go."""
        machine = self.machine
        assert not await machine.read(EECD) & EECD.SIZE, "64 words, six bits of address"
        await machine.set_bits(EECD, EECD.REQ)
        await machine.until(EECD, lambda eecd: bool(eecd & EECD.GNT))
        await machine.clear_bits(EECD, EECD.DI | EECD.SK)
        await machine.set_bits(EECD, EECD.CS)
        for bit in f"110{word:06b}":
            await self.raise_and_lower_clock(EECD.DI * int(bit))
        value = 0
        for _ in range(16):
            value = value << 1 | await self.raise_and_lower_clock(0)
        await machine.clear_bits(EECD, EECD.CS | EECD.DI | EECD.SK)
        await machine.clear_bits(EECD, EECD.REQ)
        return value

    async def raise_and_lower_clock(self, di: int) -> int:
        """One bit in; returns the one that came out while the clock was high."""
        machine = self.machine
        base = await machine.read(EECD) & ~(EECD.DI | EECD.SK) | di
        await machine.write(EECD, base)
        await machine.write(EECD, base | EECD.SK)
        await machine.wait(200)
        do = EECD.DO.get(await machine.read(EECD))
        await machine.write(EECD, base)
        return do

    async def reset(self) -> None:
        """e1000_reset: packet buffer, reset, wake-up off, e1000_init_hw."""
        machine = self.machine
        await machine.write(regmap.PBA, 48)
        await self.reset_hw()
        await machine.write(regmap.WUC, 0)
        await machine.write(RAL, int.from_bytes(self.address[:4], "little"))
        await machine.write(RAH, int.from_bytes(self.address[4:], "little") | RAH.AV)
        for index in range(1, RAL.count):
            await machine.write(RAL, 0, index)
            await machine.flush()
            await machine.write(RAH, 0, index)
            await machine.flush()
        await self.setup_copper_link()
        for register, value in ((regmap.FCT, 0x8808), (regmap.FCAH, 0x100), (regmap.FCAL, 0x00C28001)):
            await machine.write(register, value)
        for register, value in ((regmap.FCTTV, ALL), (regmap.FCRTL, 0), (regmap.FCRTH, 0)):
            await machine.write(register, value)
        for register in STATISTICS:
            await machine.read(register)
        assert not any([await machine.read(register) for register in STATISTICS])

    async def setup_copper_link(self) -> None:
        """e1000_setup_copper_link: the PHY is known, is reset, negotiates, and the link comes up."""
        machine = self.machine
        await machine.write(CTRL, (await machine.read(CTRL) | CTRL.SLU) & ~(CTRL.FRCSPD | CTRL.FRCDPLX))
        identifier = await self.read_phy(phy_registers.ID1) << 16 | await self.read_phy(phy_registers.ID2)
        assert identifier & ~REVISION == M88E1011_I_PHY_ID
        specific = await self.read_phy(phy_registers.SPECIFIC_CONTROL)
        await self.write_phy(phy_registers.SPECIFIC_CONTROL, specific | 0x0860)
        await self.write_phy(phy_registers.CONTROL, await self.read_phy(phy_registers.CONTROL) | Control.RESET)
        assert not await self.read_phy(phy_registers.CONTROL) & Control.RESET, "it clears itself"
        for number, modes in ((phy_registers.ADVERTISE, 0x01E0), (phy_registers.GIGABIT_CONTROL, 0x0200)):
            await self.write_phy(number, await self.read_phy(number) | modes)
        control = await self.read_phy(phy_registers.CONTROL)
        await self.write_phy(phy_registers.CONTROL, control | Control.NEGOTIATE | Control.RESTART)
        assert await self.comes_up()

    async def comes_up(self) -> bool:
        """e1000_check_phy_link: the status is read twice, as it shows failures until it was read."""
        for _ in range(20):
            await self.read_phy(phy_registers.STATUS)
            if await self.read_phy(phy_registers.STATUS) & Status.LINK:
                return True
            await self.machine.wait(10_000)
        return False

    async def read_phy(self, number: int) -> int:
        """e1000_read_phy_reg."""
        await self.machine.write(MDIC, MDIC.REGADD.put(number) | MDIC.PHYADD.put(1) | MDIC.OP.put(2))
        mdic = await self.machine.until(MDIC, lambda mdic: bool(mdic & MDIC.R))
        assert not mdic & MDIC.E
        return MDIC.DATA.get(mdic)

    async def write_phy(self, number: int, value: int) -> None:
        """e1000_write_phy_reg."""
        operation = MDIC.DATA.put(value) | MDIC.REGADD.put(number) | MDIC.PHYADD.put(1) | MDIC.OP.put(1)
        await self.machine.write(MDIC, operation)
        await self.machine.until(MDIC, lambda mdic: bool(mdic & MDIC.R))

    async def open(self) -> None:
        """e1000_open: transmitter, receiver, interrupts, and LSC by hand to have the watchdog look."""
        machine = self.machine
        machine.lay_out_rings()
        for register, value in (
            (TDLEN, DESCRIPTORS * DESCRIPTOR_BYTES),
            (TDBAH, 0),
            (TDBAL, TX_RING),
            (TDT, 0),
            (TDH, 0),
        ):
            await machine.write(register, value)
        await machine.write(TIPG, TIPG.IPGT.put(8) | TIPG.IPGR1.put(8) | TIPG.IPGR2.put(6))
        await machine.write(TCTL, TCTL.EN | TCTL.PSP | TCTL.RTLC | TCTL.CT.put(15) | TCTL.COLD.put(64))
        await machine.clear_bits(RCTL, RCTL.EN)
        for register, value in (
            (RDLEN, DESCRIPTORS * DESCRIPTOR_BYTES),
            (RDBAH, 0),
            (RDBAL, RX_RING),
            (RDT, 0),
            (RDH, 0),
        ):
            await machine.write(register, value)
        await machine.write(RCTL, RCTL.EN | RCTL.BAM | RCTL.SECRC)
        await machine.write(RDT, DESCRIPTORS - 1)
        await machine.write(IMS, ICR.RXT0 | ICR.TXDW | ICR.RXDMT0 | ICR.RXSEQ | ICR.LSC)
        await machine.flush()
        await machine.write(ICS, ICR.LSC)
        await self.expect_interrupt(ICR.LSC)
        await self.watchdog()

    async def watchdog(self) -> None:
        """e1000_watchdog: link, speed and duplex, by the PHY and by STATUS."""
        assert await self.comes_up()
        status = await self.machine.read(STATUS)
        assert status & (STATUS.LU | STATUS.FD) == STATUS.LU | STATUS.FD
        assert STATUS.SPEED.get(status) == 2
        specific = await self.read_phy(phy_registers.SPECIFIC_STATUS)
        assert specific & (SpecificStatus.RESOLVED | SpecificStatus.SPEED) == (
            SpecificStatus.RESOLVED | SpecificStatus.GIGABIT
        )

    async def expect_interrupt(self, cause: int) -> None:
        """The line is high; one read of ICR says why, and lowers it."""
        await self.machine.wait(2_000)
        assert self.machine.irq
        assert await self.machine.read(ICR) & cause == cause
        await self.machine.wait(2_000)
        assert not self.machine.irq

    async def receive(self, index: int, frame: bytes) -> None:
        """e1000_intr, e1000_clean_rx_irq: a frame, its descriptor, the interrupt, and the buffer given back."""
        machine = self.machine
        await machine.arrive(frame)
        await self.expect_interrupt(ICR.RXT0)
        assert machine.received(index) == frame
        assert await machine.read(RDH) == (index + 1) % DESCRIPTORS
        machine.put(RX_RING, index, RxDescriptor.const({"address": RX_BUFFERS + index * BUFFER_BYTES}))
        await machine.write(RDT, index)

    async def transmit(self, index: int, frame: bytes) -> None:
        """e1000_xmit_frame, e1000_clean_tx_irq: the descriptor comes back done, with an interrupt."""
        machine = self.machine
        machine.prepare_send(index, frame)
        await machine.write(TDT, (index + 1) % DESCRIPTORS)
        await machine.wait(30_000)
        assert machine.get(TxDescriptor, TX_RING, index).status.DD
        await self.expect_interrupt(ICR.TXDW)
        assert await machine.read(TDH) == (index + 1) % DESCRIPTORS

    async def check_stats(self, received: list[bytes], sent: list[bytes]) -> None:
        """e1000_update_stats: low half before high half; what was read is gone."""
        counts = {register.__name__: await self.machine.read(register) for register in STATISTICS}
        assert (counts["GPRC"], counts["TPR"]) == (len(received), len(received))
        assert (counts["GPTC"], counts["TPT"]) == (len(sent), len(sent))
        for low, high, frames in (("GORCL", "GORCH", received), ("GOTCL", "GOTCH", sent)):
            assert counts[low] | counts[high] << 32 == sum(len(frame) + 4 for frame in frames)
        assert not any([await self.machine.read(register) for register in STATISTICS])

    async def close(self) -> None:
        """e1000_down: everything is off, the line is low, and what arrives goes nowhere."""
        machine = self.machine
        await machine.clear_bits(RCTL, RCTL.EN)
        await machine.clear_bits(TCTL, TCTL.EN)
        await machine.flush()
        await machine.wait(10_000)
        await machine.write(IMC, ALL)
        await machine.flush()
        await self.reset()
        machine.lay_out_rings()
        await machine.arrive(self.address + bytes(54))
        assert not machine.irq
        assert not any(machine.get(RxDescriptor, RX_RING, index).status.DD for index in range(DESCRIPTORS))


class MinixE1000:
    """minix/drivers/net/e1000: it reads the EEPROM through EERD, and writes statistics registers to clear them."""

    def __init__(self, machine: Machine):
        self.machine = machine
        self.address = b""

    async def init_hw(self) -> None:
        """e1000_init_hw."""
        machine = self.machine
        await machine.set_bits(CTRL, CTRL.RST)
        await machine.wait(50_000)
        await machine.set_bits(CTRL, CTRL.ASDE | CTRL.SLU)
        for bits in (CTRL.LRST, CTRL.PHY_RST, CTRL.ILOS):
            await machine.clear_bits(CTRL, bits)
        for register in (regmap.FCAL, regmap.FCAH, regmap.FCT, regmap.FCTTV):
            await machine.write(register, 0)
        await machine.clear_bits(CTRL, CTRL.VME)
        for register in STATISTICS:
            await machine.write(register, 0)
        words = [await self.read_eerd(word) for word in range(3)]
        self.address = b"".join(word.to_bytes(2, "little") for word in words)
        await machine.write(RAL, int.from_bytes(self.address[:4], "little"))
        await machine.write(RAH, int.from_bytes(self.address[4:], "little"))
        await machine.set_bits(RAH, RAH.AV)
        await self.init_buf()
        await machine.set_bits(IMS, ICR.LSC | ICR.RXO | ICR.RXT0 | ICR.TXQE | ICR.TXDW)

    async def read_eerd(self, word: int) -> int:
        """eeprom_eerd: polls without a pause."""
        await self.machine.write(EERD, EERD.ADDR.put(word) | EERD.START)
        return EERD.DATA.get(await self.machine.until(EERD, lambda eerd: bool(eerd & EERD.DONE)))

    async def init_buf(self) -> None:
        """e1000_init_buf: the tail of the receive ring is written before the receiver is enabled."""
        machine = self.machine
        machine.lay_out_rings()
        for register, value in ((RDBAL, RX_RING), (RDBAH, 0), (RDLEN, RING_BYTES), (RDH, 0), (RDT, DESCRIPTORS - 1)):
            await machine.write(register, value)
        await machine.clear_bits(RCTL, RCTL.BSIZE)
        await machine.set_bits(RCTL, RCTL.EN)
        for register, value in (
            (TDBAL, TX_RING),
            (TDBAH, 0),
            (TDLEN, DESCRIPTORS * DESCRIPTOR_BYTES),
            (TDH, 0),
            (TDT, 0),
        ):
            await machine.write(register, value)
        await machine.set_bits(TCTL, TCTL.EN | TCTL.PSP)

    async def link(self) -> None:
        """e1000_get_link: what the interrupt LSC has it ask."""
        machine = self.machine
        await machine.wait(2_000)
        assert machine.irq
        assert await machine.read(ICR) & ICR.LSC
        status = await machine.read(STATUS)
        assert status & (STATUS.LU | STATUS.FD) == STATUS.LU | STATUS.FD
        assert STATUS.SPEED.get(status) == 2

    async def receive(self, index: int, frame: bytes) -> None:
        """e1000_recv: the frame is behind the tail; without RCTL.SECRC it has its FCS."""
        machine = self.machine
        await machine.arrive(frame)
        assert machine.irq
        assert await machine.read(ICR) & ICR.RXT0
        head, tail = await machine.read(RDH), await machine.read(RDT)
        assert head != tail
        assert (tail + 1) % DESCRIPTORS == index
        assert machine.received(index)[:-4] == frame
        machine.put(RX_RING, index, RxDescriptor.const({"address": RX_BUFFERS + index * BUFFER_BYTES}))
        await machine.write(RDT, index)

    async def send(self, index: int, frame: bytes) -> None:
        """e1000_send: the descriptor at the tail; TXDW and TXQE follow."""
        machine = self.machine
        head, tail = await machine.read(TDH), await machine.read(TDT)
        assert head == tail == index
        machine.prepare_send(index, frame)
        await machine.write(TDT, (tail + 1) % DESCRIPTORS)
        await machine.wait(30_000)
        assert machine.irq
        assert await machine.read(ICR) & (ICR.TXDW | ICR.TXQE) == ICR.TXDW | ICR.TXQE
        assert machine.get(TxDescriptor, TX_RING, index).status.DD

    async def stop(self) -> None:
        """e1000_stop: a reset is all."""
        await self.machine.set_bits(CTRL, CTRL.RST)
        await self.machine.wait(50_000)
        assert not self.machine.irq
        assert await self.machine.read(RCTL) == 0


def frame_to(address: bytes, length: int, seed: int) -> bytes:
    """A frame without FCS."""
    return address + b"\x02\0\0\0\0\x09\x88\xb5" + bytes((seed + 7 * at) & 0xFF for at in range(length - 14))


async def run_linux(machine: Machine) -> None:
    """Load the module, up, some traffic, down, up again, and down."""
    driver = LinuxE1000(machine)
    await driver.probe()
    for round_ in range(2):
        await driver.open()
        received = [frame_to(driver.address, length, round_) for length in (60, 1514, 100)]
        sent = [frame_to(b"\xff" * 6, length, round_) for length in (60, 1514)]
        for index, frame in enumerate(received):
            await driver.receive(index, frame)
        for index, frame in enumerate(sent):
            await driver.transmit(index, frame)
        await driver.check_stats(received, sent)
        await driver.close()


async def run_minix(machine: Machine) -> None:
    """Start the driver, some traffic, and stop it."""
    driver = MinixE1000(machine)
    await driver.init_hw()
    await driver.link()
    for index in range(DESCRIPTORS + 2):
        frame = frame_to(driver.address, 60 + 100 * index, index)
        await driver.receive(index % DESCRIPTORS, frame)
        await driver.send(index % DESCRIPTORS, frame)
    words = [await driver.read_eerd(word) for word in range(WORDS)]
    assert sum(words) & 0xFFFF == CHECKSUM
    for register in (regmap.RXERRC, regmap.CRCERRS, regmap.MPC, regmap.COLC):
        assert await machine.read(register) == 0
    await driver.stop()
