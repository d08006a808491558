"""The register interface of the NIC: every register and field, declared once, standard library only.

The RTL decoder, the driver, the ``model`` engine and docs/registers.md all read these objects. Names, offsets,
bits and reset values are those of the Intel PCI/PCI-X Family of Gigabit Ethernet Controllers Software
Developer's Manual (8254x), chapter 13; "SDM" below.

A register is a class, a field is an ``int``: the mask of its bits. So a driver writes ``RCTL.EN | RCTL.BAM`` as it
would in C, and reads a multi-bit field with ``RCTL.BSIZE.get(value)``.
"""

import enum
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

#: Bytes of the memory BAR (SDM 4.1.2): the AXI4-Lite port decodes this much.
BAR_BYTES = 128 * 1024

#: Bits of a register.
REGISTER_BITS = 32

#: Receive queues that a NIC may have, and as many transmit queues.
MAX_QUEUES = 8

#: Bytes from a register of a queue to that of the next (82576, 8.10 and 8.12).
QUEUE_STRIDE = 0x40


class Access(enum.Enum):
    """What a read and a write of a register do."""

    READ_WRITE = "RW"
    READ_ONLY = "RO"  #: writes are swallowed
    WRITE_ONLY = "WO"  #: reads as zero
    READ_CLEARS = "RC"  #: a read returns the value and clears it; writes are swallowed
    CAUSE = "RC/W1C"  #: a read returns the value and clears it; a write clears the bits written as one
    SET_BITS = "W1S"  #: a write sets the bits written as one; read-back is the register that holds them
    CLEAR_BITS = "W1C"  #: a write clears the bits written as one in another register; reads as zero
    ZERO = "0"  #: of a feature that is left out: reads as zero; writes are swallowed


class Field(int):
    """Bits ``lsb`` to ``lsb + width - 1`` of a register; as an integer, their mask.

    Attributes:
        lsb: number of the lowest bit.
        width: number of bits.
        doc: one line.
        reset: value of the field after reset, not shifted.
        words: the name of each value, for waveforms and documentation.
        multiqueue: only a NIC with several queues has it, in place of the one whose bit it is.
    """

    name: str
    lsb: int
    width: int
    doc: str
    reset: int
    words: Mapping[int, str]
    multiqueue: bool

    def __new__(  # noqa: PLR0913  (what a field has)
        cls,
        lsb: int,
        doc: str,
        *,
        width: int = 1,
        reset: int = 0,
        words: Mapping[int, str] | None = None,
        multiqueue: bool = False,
    ) -> "Field":
        self = super().__new__(cls, ((1 << width) - 1) << lsb)
        self.name = ""
        self.lsb, self.width, self.doc, self.reset = lsb, width, doc, reset
        self.words = MappingProxyType(dict(words or {}))
        self.multiqueue = multiqueue
        return self

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def get(self, register: int) -> int:
        """The field's value within a register's value."""
        return (register & self) >> self.lsb

    def put(self, value: int) -> int:
        """A register's value with only this field set.

        Raises:
            ValueError: the value does not fit into the field.
        """
        if value >> self.width:
            raise ValueError(f"{value:#x} does not fit into field {self.name} of {self.width} bits")
        return value << self.lsb


class Register:
    """Base of all registers; a subclass is a register, and its Field attributes are its fields.

    Attributes:
        offset: bytes from the start of the BAR; of the first one, if there are several.
        access: what reads and writes do.
        count: how many there are of it.
        stride: bytes from one to the next.
        queue_offset: where queue 0 has it in a NIC with several queues, which has one for each, QUEUE_STRIDE apart;
            `offset` is queue 0's as well.
        multiqueue: only a NIC with several queues has it.
        first_reset: bits that only the register of queue 0 has set after reset, in a NIC with several queues.
        memory: they are words of a memory, which CTRL.RST does not clear (SDM 14.4: software has to).
        rtl: the RTL has it. Where it has not, it reads as zero there and swallows writes, and only the ``model`` engine
            has the register so far.
        writable: the bits that a write can change. Bits outside read as their reset value, but for those in ``live``.
        live: the bits that the hardware changes.
        self_clearing: the bits that read as zero right after one has been written to them.
        reset: value after reset.
        fields: the fields by name.
    """

    offset: ClassVar[int]
    access: ClassVar[Access] = Access.READ_WRITE
    count: ClassVar[int] = 1
    stride: ClassVar[int] = REGISTER_BITS // 8
    queue_offset: ClassVar[int | None] = None
    multiqueue: ClassVar[bool] = False
    first_reset: ClassVar[int] = 0
    memory: ClassVar[bool] = False
    rtl: ClassVar[bool] = True
    writable: ClassVar[int]
    live: ClassVar[int] = 0
    self_clearing: ClassVar[int] = 0
    reset: ClassVar[int]
    fields: ClassVar[Mapping[str, Field]]

    def __init_subclass__(cls) -> None:
        fields = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        cls.fields = MappingProxyType(fields)
        cls.reset = 0
        for field in fields.values():
            cls.reset |= field.put(field.reset)
        if "writable" not in vars(cls):
            cls.writable = 0
            if cls.access in (Access.READ_WRITE, Access.WRITE_ONLY, Access.SET_BITS, Access.CLEAR_BITS, Access.CAUSE):
                for field in fields.values():
                    cls.writable |= field
        if cls.offset is not None:
            REGISTERS.append(cls)

    @classmethod
    def at(cls, index: int) -> int:
        """Offset of the index-th register of an array.

        Raises:
            IndexError: there is no such register.
        """
        if not 0 <= index < cls.count:
            raise IndexError(f"{cls.__name__} has {cls.count} registers, there is no number {index}")
        return cls.offset + index * cls.stride

    @classmethod
    def offsets(cls) -> Iterator[int]:
        """Offsets of all registers of an array."""
        return (cls.at(index) for index in range(cls.count))

    @classmethod
    def reset_of(cls, index: int, queues: int) -> int:
        """Value after reset of the index-th one, in a NIC with so many queues."""
        return cls.reset | (cls.first_reset if queues > 1 and index == 0 else 0)

    @classmethod
    def at_queue(cls, queue: int) -> int:
        """Offset of the register of a queue, in a NIC with several.

        Raises:
            IndexError: there is no such queue, or the register is not a queue's.
        """
        if cls.queue_offset is None or not 0 <= queue < MAX_QUEUES:
            raise IndexError(f"{cls.__name__}: there is none for queue {queue}")
        return cls.queue_offset + queue * QUEUE_STRIDE

    @classmethod
    def places(cls, queues: int) -> list[tuple[int, ...]]:
        """The offsets of each register of an array, or of each queue's, in a NIC with so many queues."""
        if queues == 1:
            return [] if cls.multiqueue else [(offset,) for offset in cls.offsets()]
        if cls.queue_offset is None:
            return [(offset,) for offset in cls.offsets()]
        places = [(cls.at_queue(queue),) for queue in range(queues)]
        if cls.offset != cls.queue_offset:
            places[0] += (cls.offset,)
        return places

    @classmethod
    def summary(cls) -> str:
        """The register's one line of documentation."""
        return (cls.__doc__ or "").strip().splitlines()[0]


#: Every register, in the order of this file.
REGISTERS: list[type[Register]] = []


# --- General (SDM 13.4) ---------------------------------------------------------------------------------------------

_SPEED_WORDS = {0: "10 Mb/s", 1: "100 Mb/s", 2: "1000 Mb/s", 3: "1000 Mb/s"}


class CTRL(Register):
    """Device control."""

    offset = 0x00000
    FD = Field(0, "full duplex, when forced", reset=1)
    LRST = Field(3, "link reset (fibre only; storage)")
    ASDE = Field(5, "speed of the MAC follows the PHY (storage: the PHY tells it)")
    SLU = Field(6, "set link up: let the MAC use the PHY's link")
    ILOS = Field(7, "invert the loss-of-signal input (fibre only; storage)")
    SPEED = Field(8, "speed when forced", width=2, reset=2, words=_SPEED_WORDS)
    FRCSPD = Field(11, "force speed: STATUS shows SPEED, but frames go at 1000 Mb/s")
    FRCDPLX = Field(12, "force duplex: STATUS shows FD, but frames go both ways at once")
    SDP0_DATA = Field(18, "software-definable pin 0 (storage)")
    SDP1_DATA = Field(19, "software-definable pin 1 (storage)")
    ADVD3WUC = Field(20, "advertise wake-up from D3cold (storage)")
    EN_PHY_PWR_MGMT = Field(21, "PHY power management (storage)")
    SDP0_IODIR = Field(22, "pin 0 is an output (storage)")
    SDP1_IODIR = Field(23, "pin 1 is an output (storage)")
    RST = Field(26, "device reset; clears itself")
    RFCE = Field(27, "receive flow control: obey pause frames")
    TFCE = Field(28, "transmit flow control: send pause frames")
    VME = Field(30, "VLAN mode: strip tags on reception, insert those that transmit descriptors ask for")
    PHY_RST = Field(31, "holds the PHY in reset while it is set")
    self_clearing = int(RST)


class STATUS(Register):
    """Device status."""

    offset = 0x00008
    access = Access.READ_ONLY
    FD = Field(0, "full duplex", reset=1)
    LU = Field(1, "link up: the PHY has a link and CTRL.SLU is set")
    SPEED = Field(6, "link speed", width=2, reset=2, words=_SPEED_WORDS)
    ASDV = Field(8, "speed detected automatically", width=2, reset=2, words=_SPEED_WORDS)
    live = FD | LU | SPEED


class EECD(Register):
    """EEPROM control and data: the pins of the microwire EEPROM, bit by bit (SDM 13.4.3)."""

    offset = 0x00010
    SK = Field(0, "clock; drives the pin while GNT is set")
    CS = Field(1, "chip select; drives the pin while GNT is set")
    DI = Field(2, "data to the EEPROM; drives the pin while GNT is set")
    DO = Field(3, "data from the EEPROM")
    FWE = Field(4, "flash write enable (storage: there is no flash memory)", width=2, reset=1)
    REQ = Field(6, "request for the pins")
    GNT = Field(7, "the pins are software's: REQ is set and the device reads nothing itself")
    PRES = Field(8, "an EEPROM is there: the device found its signature")
    SIZE = Field(9, "words", words={0: "64", 1: "256"})
    writable = SK | CS | DI | FWE | REQ
    live = DO | GNT | PRES


class EERD(Register):
    """EEPROM read: the device reads a word (SDM 13.4.4). Words beyond 63 are those of the address modulo 64."""

    offset = 0x00014
    START = Field(0, "read the word at ADDR; swallowed while a word is being read")
    DONE = Field(4, "DATA is the word")
    ADDR = Field(8, "number of the word", width=8)
    DATA = Field(16, "the word", width=16)
    writable = START | ADDR
    live = DONE | DATA
    self_clearing = int(START)


class CTRL_EXT(Register):
    """Extended device control (SDM 13.4.5)."""

    offset = 0x00018
    GPI_EN = Field(0, "interrupts of the general purpose pins (storage)", width=4)
    SDP6_DATA = Field(6, "software-definable pin 6 (storage)")
    SDP7_DATA = Field(7, "software-definable pin 7 (storage)")
    SDP6_IODIR = Field(10, "pin 6 is an output (storage)")
    SDP7_IODIR = Field(11, "pin 7 is an output (storage)")
    ASDCHK = Field(12, "detect the speed anew (nothing: the PHY tells it); clears itself")
    EE_RST = Field(13, "read the EEPROM anew, as after a reset; clears itself")
    SPD_BYPS = Field(15, "bypass the speed selection (storage)")
    RO_DIS = Field(17, "relaxed ordering disabled (storage)")
    LINK_MODE = Field(22, "link mode (storage)", width=2, words={0: "PHY", 3: "TBI"})
    IAME = Field(27, "an access to ICR masks the causes of IAM (82571 and later)")
    self_clearing = ASDCHK | EE_RST


class MDIC(Register):
    """MDI control: reads and writes registers of the PHY (SDM 13.4.8; IEEE 802.3 clause 22)."""

    offset = 0x00020
    DATA = Field(0, "what is written, or was read", width=16)
    REGADD = Field(16, "number of the PHY's register", width=5)
    PHYADD = Field(21, "address of the PHY", width=5)
    OP = Field(26, "a write starts it, unless one is under way", width=2, words={1: "write", 2: "read"})
    R = Field(28, "ready: the operation is over", reset=1)
    I = Field(29, "raise ICR.MDAC when ready")  # noqa: E741  (the manual's name)
    E = Field(30, "error: no PHY answered a read, or OP is neither read nor write")
    writable = DATA | REGADD | PHYADD | OP | I
    live = DATA | R | E


class FCAL(Register):
    """Flow control address, low: first four bytes of the pause frames' destination."""

    offset = 0x00028
    ADDRESS = Field(0, "bytes 0 to 3, the first on the wire in bits 7 to 0", width=32)


class FCAH(Register):
    """Flow control address, high: last two bytes of the pause frames' destination."""

    offset = 0x0002C
    ADDRESS = Field(0, "bytes 4 and 5", width=16)


class FCT(Register):
    """Flow control type: the EtherType of pause frames."""

    offset = 0x00030
    TYPE = Field(0, "EtherType", width=16)


class VET(Register):
    """VLAN EtherType: the first two bytes of an 802.1Q tag."""

    offset = 0x00038
    VET = Field(0, "EtherType, its first byte on the wire in bits 15 to 8", width=16, reset=0x8100)


class FCTTV(Register):
    """Flow control transmit timer value."""

    offset = 0x00170
    TTV = Field(0, "pause time in sent pause frames, in slots of 512 bit times", width=16)


class TXCW(Register):
    """Transmit configuration word (fibre only)."""

    offset = 0x00178
    access = Access.ZERO


class RXCW(Register):
    """Receive configuration word (fibre only)."""

    offset = 0x00180
    access = Access.ZERO


class AIT(Register):
    """Adaptive gap (half duplex only)."""

    offset = 0x00458
    access = Access.ZERO


_LED_WORDS = {0: "10 or 1000 Mb/s", 1: "100 or 1000 Mb/s", 2: "link up", 3: "activity", 4: "link and activity"}


class LEDCTL(Register):
    """LED control (SDM 13.4.13): the board has no LEDs."""

    offset = 0x00E00
    LED0_MODE = Field(0, "what LED 0 shows (storage)", width=4, reset=2, words=_LED_WORDS)
    LED0_IVRT = Field(6, "LED 0 inverted (storage)")
    LED0_BLINK = Field(7, "LED 0 blinks (storage)")
    LED1_MODE = Field(8, "what LED 1 shows (storage)", width=4, reset=3, words=_LED_WORDS)
    LED1_IVRT = Field(14, "LED 1 inverted (storage)")
    LED1_BLINK = Field(15, "LED 1 blinks (storage)", reset=1)
    LED2_MODE = Field(16, "what LED 2 shows (storage)", width=4, reset=6)
    LED2_IVRT = Field(22, "LED 2 inverted (storage)")
    LED2_BLINK = Field(23, "LED 2 blinks (storage)")
    LED3_MODE = Field(24, "what LED 3 shows (storage)", width=4, reset=7)
    LED3_IVRT = Field(30, "LED 3 inverted (storage)")
    LED3_BLINK = Field(31, "LED 3 blinks (storage)")


class PBA(Register):
    """Packet buffer allocation: how the 82540's 64 KB are divided; the FIFOs here have sizes of their own."""

    offset = 0x01000
    RXA = Field(0, "KB for reception (storage)", width=16, reset=48)
    TXA = Field(16, "KB for transmission", width=16, reset=16)
    writable = int(RXA)


class FCRTL(Register):
    """Flow control receive threshold, low: the FIFO's level at which the sender may go on."""

    offset = 0x02160
    RTL = Field(3, "units of 8 bytes", width=13)
    XONE = Field(31, "send a pause frame with time 0 at that level")


class FCRTH(Register):
    """Flow control receive threshold, high: the FIFO's level at which the sender is to pause."""

    offset = 0x02168
    RTH = Field(3, "units of 8 bytes", width=13)


# --- Interrupts (SDM 13.4.17 to 13.4.21) ----------------------------------------------------------------------------


class ICR(Register):
    """Interrupt cause read: causes latched since the last read, masked or not; a read clears all."""

    offset = 0x000C0
    access = Access.CAUSE
    TXDW = Field(0, "transmit descriptor written back")
    TXQE = Field(1, "transmit queue empty")
    LSC = Field(2, "link status change")
    RXSEQ = Field(3, "receive sequence error (fibre only)")
    RXDMT0 = Field(4, "receive descriptors at the minimum threshold, RCTL.RDMTS")
    RXO = Field(6, "receiver overrun: a frame found no room in the receive FIFO")
    RXT0 = Field(7, "receive timer: a frame is in host memory and its descriptor is written back")
    MDAC = Field(9, "an operation of MDIC with MDIC.I is over")
    TXD_LOW = Field(15, "transmit descriptors at the low threshold, TXDCTL.LWTHRESH")
    SRPD = Field(16, "small receive packet detected, RSRPD; RXT0 comes with it")
    FER = Field(
        22, "fatal error: DMA was answered with an error, or a frame to send was too long; the queue stands still"
    )


class ITR(Register):
    """Interrupt throttling: the least time from one interrupt to the next; 0 for none."""

    offset = 0x000C4
    INTERVAL = Field(0, "in units of 256 ns", width=16)


class ICS(Register):
    """Interrupt cause set: sets causes in ICR, as if the hardware had."""

    offset = 0x000C8
    access = Access.SET_BITS
    writable = ICR.writable


class IMS(Register):
    """Interrupt mask set/read: enables causes; reads as the mask."""

    offset = 0x000D0
    access = Access.SET_BITS
    writable = ICR.writable


class IMC(Register):
    """Interrupt mask clear: disables causes."""

    offset = 0x000D8
    access = Access.CLEAR_BITS
    writable = ICR.writable


class IAM(Register):
    """Interrupt acknowledge auto-mask: causes that an access to ICR masks, with CTRL_EXT.IAME."""

    offset = 0x000E0
    writable = ICR.writable


# --- Interrupts of a NIC with several queues (82576, 7.3 and 8.8) -----------------------------------------------------

#: MSI-X vectors of a NIC with the most queues: one for each pair of them, and one for the other causes.
MAX_VECTORS = MAX_QUEUES + 1


class GPIE(Register):
    """General purpose interrupt enable: the mode of interrupts."""

    offset = 0x01514
    multiqueue = True
    NSICR = Field(0, "an access to ICR masks by IAM always (storage: CTRL_EXT.IAME decides)")
    MULTIPLE_MSIX = Field(4, "causes raise the vectors of IVAR; else all raise the interrupt line, by ICR")
    EIAME = Field(30, "a vector that fires is masked if EIAM says so")
    PBA_SUPPORT = Field(31, "pending bits (storage)")


class EICS(Register):
    """Extended interrupt cause set: fires vectors, as if a cause had."""

    offset = 0x01520
    multiqueue = True
    access = Access.WRITE_ONLY
    VECTORS = Field(0, "a bit for each vector", width=MAX_VECTORS)


class EIMS(Register):
    """Extended interrupt mask set/read: enables vectors; reads as the mask."""

    offset = 0x01524
    multiqueue = True
    access = Access.SET_BITS
    VECTORS = Field(0, "a bit for each vector", width=MAX_VECTORS)


class EIMC(Register):
    """Extended interrupt mask clear: disables vectors."""

    offset = 0x01528
    multiqueue = True
    access = Access.CLEAR_BITS
    VECTORS = Field(0, "a bit for each vector", width=MAX_VECTORS)


class EIAC(Register):
    """Extended interrupt auto clear: vectors whose bit in EICR clears itself when they fire."""

    offset = 0x0152C
    multiqueue = True
    VECTORS = Field(0, "a bit for each vector", width=MAX_VECTORS)


class EIAM(Register):
    """Extended interrupt auto mask: vectors that mask themselves when they fire, with GPIE.EIAME."""

    offset = 0x01530
    multiqueue = True
    VECTORS = Field(0, "a bit for each vector", width=MAX_VECTORS)


class EICR(Register):
    """Extended interrupt cause read: vectors whose causes have arisen, masked or not; a read clears all."""

    offset = 0x01580
    multiqueue = True
    access = Access.CAUSE
    VECTORS = Field(0, "a bit for each vector", width=MAX_VECTORS)


class EITR(Register):
    """Extended interrupt throttling of a vector: the least time from one message to the next; 0 for none."""

    offset = 0x01680
    multiqueue = True
    count = MAX_VECTORS
    INTERVAL = Field(2, "in us", width=13)
    CNT_INGR = Field(31, "an interval that runs goes on (storage: it always does, unless INTERVAL is 0)")


class IVAR(Register):
    """Interrupt vector allocation: the vectors of a pair of queues."""

    offset = 0x01700
    multiqueue = True
    count = MAX_QUEUES
    RX_VECTOR = Field(0, "of the receive queue", width=5)
    RX_VALID = Field(7, "there is one")
    TX_VECTOR = Field(8, "of the transmit queue", width=5)
    TX_VALID = Field(15, "there is one")


class IVAR_MISC(Register):
    """Interrupt vector allocation of the other causes: those in ICR that IMS enables."""

    offset = 0x01740
    multiqueue = True
    OTHER_VECTOR = Field(8, "of the other causes", width=5)
    OTHER_VALID = Field(15, "there is one")


# --- Receive (SDM 13.4.22 to 13.4.30, 13.5) -------------------------------------------------------------------------


class RCTL(Register):
    """Receive control."""

    offset = 0x00100
    EN = Field(1, "receiver enable")
    SBP = Field(2, "store bad packets, with their error bits")
    UPE = Field(3, "unicast promiscuous")
    MPE = Field(4, "multicast promiscuous")
    LPE = Field(5, "long packets: up to 16,384 bytes instead of 1,522")
    LBM = Field(6, "loopback: frames come back inside the NIC instead of going to the wire; 0 is off", width=2)
    RDMTS = Field(
        8,
        "free part of the ring at which RXDMT0 fires",
        width=2,
        words={0: "1/2", 1: "1/4", 2: "1/8"},
    )
    MO = Field(
        12,
        "bits of the destination that index MTA; the last bit on the wire is 47",
        width=2,
        words={0: "47 to 36", 1: "46 to 35", 2: "45 to 34", 3: "43 to 32"},
    )
    BAM = Field(15, "broadcast accept")
    BSIZE = Field(
        16,
        "bytes of a receive buffer; times 16 if BSEX",
        width=2,
        words={0: "2048", 1: "1024", 2: "512", 3: "256"},
    )
    VFE = Field(18, "VLAN filter enable: tagged frames must be in VFTA")
    CFIEN = Field(19, "with VFE: the tag's CFI bit must be CFI")
    CFI = Field(20, "see CFIEN")
    DPF = Field(22, "discard pause frames")
    PMCF = Field(23, "pass MAC control frames that are no pause frames")
    BSEX = Field(25, "buffer size extension: BSIZE times 16 (BSIZE 0 is reserved then)")
    SECRC = Field(26, "strip the Ethernet FCS")


class RDBAL(Register):
    """Receive descriptor base, low 32 bits; 16-byte aligned."""

    offset = 0x02800
    queue_offset = 0x0C000
    BASE = Field(4, "bits 31 to 4 of the ring's address", width=28)


class RDBAH(Register):
    """Receive descriptor base, high 32 bits."""

    offset = 0x02804
    queue_offset = 0x0C004
    BASE = Field(0, "bits 63 to 32 of the ring's address", width=32)


class RDLEN(Register):
    """Bytes of the receive descriptor ring; a multiple of 128."""

    offset = 0x02808
    queue_offset = 0x0C008
    LEN = Field(7, "units of 128 bytes: 8 descriptors", width=13)


class RDH(Register):
    """Receive descriptor head: the next descriptor that the hardware writes back."""

    offset = 0x02810
    queue_offset = 0x0C010
    RDH = Field(0, "index into the ring", width=16)
    live = int(RDH)


class RDT(Register):
    """Receive descriptor tail: the first descriptor that is not the hardware's."""

    offset = 0x02818
    queue_offset = 0x0C018
    RDT = Field(0, "index into the ring", width=16)


class RDTR(Register):
    """Receive delay timer: RXT0 comes so long after the last frame; 0 for at once."""

    offset = 0x02820
    DELAY = Field(0, "in units of 1.024 us", width=16)
    FPD = Field(31, "flush: RXT0 at once; clears itself")
    self_clearing = int(FPD)


class RXDCTL(Register):
    """Receive descriptor control: hints for fetching and writing back."""

    offset = 0x02828
    queue_offset = 0x0C028
    PTHRESH = Field(0, "prefetch threshold (storage: descriptors are fetched as room for them allows)", width=6)
    HTHRESH = Field(8, "host threshold (storage)", width=6)
    WTHRESH = Field(16, "write-back threshold (storage: descriptors are written back at once)", width=6, reset=1)
    GRAN = Field(24, "the thresholds count descriptors, not cache lines (storage)", reset=1)
    ENABLE = Field(25, "the queue is on; storage if it is the only one")
    first_reset = int(ENABLE)


class RADV(Register):
    """Receive absolute delay: RXT0 comes at the latest so long after the first frame; 0 for no bound."""

    offset = 0x0282C
    DELAY = Field(0, "in units of 1.024 us; only with RDTR", width=16)


class RSRPD(Register):
    """Receive small packet detect: a frame that is no longer raises SRPD, and RXT0 without delay; 0 for never."""

    offset = 0x02C00
    SIZE = Field(0, "bytes that the host gets", width=12)


class RXCSUM(Register):
    """Receive checksum control."""

    offset = 0x05000
    PCSS = Field(0, "first byte that the packet checksum covers", width=8)
    IPOFLD = Field(8, "check the checksum of IPv4 headers")
    TUOFLD = Field(9, "check the checksums of TCP and UDP")


class MTA(Register):
    """Multicast table array: a bit for each of 4,096 hashes of group addresses, by RCTL.MO."""

    offset = 0x05200
    count = 128
    memory = True
    BITS = Field(0, "hashes 32 n to 32 n + 31", width=32)


class VFTA(Register):
    """VLAN filter table array: a bit for each of 4,096 VLANs, with RCTL.VFE."""

    offset = 0x05600
    count = 128
    memory = True
    BITS = Field(0, "VLANs 32 n to 32 n + 31", width=32)


class SRRCTL(Register):
    """Split and replication receive control: buffers and descriptors of a queue."""

    offset = queue_offset = 0x0C00C
    multiqueue = True
    BSIZEPACKET = Field(0, "KiB of a buffer; 0: as RCTL.BSIZE says", width=7)
    BSIZEHEADER = Field(8, "bytes of a header buffer, in units of 64 (storage: headers are not split)", width=6)
    RDMTS = Field(20, "minimum threshold (storage: RCTL.RDMTS counts)", width=5)
    DESCTYPE = Field(25, "descriptors", width=3, words={0: "legacy", 1: "advanced, one buffer"})
    DROP_EN = Field(31, "drop frames that find no descriptor, so that frames of other queues need not wait")


class RQDPC(Register):
    """Receive queue drop packet count: frames for the queue that were dropped behind the FIFO."""

    offset = queue_offset = 0x0C030
    multiqueue = True
    access = Access.READ_CLEARS
    COUNT = Field(0, "frames: no descriptor and SRRCTL.DROP_EN, or the queue was off", width=32)


class RAL(Register):
    """Receive address, low: first four bytes of a MAC address, first on the wire in bits 7 to 0."""

    offset = 0x05400
    count = 16
    stride = 8
    ADDRESS = Field(0, "bytes 0 to 3", width=32)


class RAH(Register):
    """Receive address, high: last two bytes of a MAC address."""

    offset = 0x05404
    count = 16
    stride = 8
    ADDRESS = Field(0, "bytes 4 and 5", width=16)
    AS = Field(16, "what the address is compared with", width=2, words={0: "destination", 1: "source"})
    AV = Field(31, "address valid")


# --- Receive side scaling (82576, 7.1.1.7) ----------------------------------------------------------------------------


class MRQC(Register):
    """Multiple receive queues command: what decides about the queue of a frame."""

    offset = 0x05818
    multiqueue = True
    MODE = Field(0, "what chooses the queue", width=3, words={0: "nothing: queue 0", 2: "RSS"})
    TCPIPV4 = Field(16, "hash TCP over IPv4 with its ports")
    IPV4 = Field(17, "hash IPv4")
    TCPIPV6EX = Field(18, "hash TCP over IPv6 with extensions (storage: frames with extensions are not hashed)")
    IPV6EX = Field(19, "hash IPv6 with extensions (storage)")
    IPV6 = Field(20, "hash IPv6")
    TCPIPV6 = Field(21, "hash TCP over IPv6 with its ports")
    UDPIPV4 = Field(22, "hash UDP over IPv4 with its ports")
    UDPIPV6 = Field(23, "hash UDP over IPv6 with its ports")
    UDPIPV6EX = Field(24, "hash UDP over IPv6 with extensions (storage)")


class RETA(Register):
    """Redirection table: the queues of hashes whose last seven bits are 4n to 4n + 3."""

    offset = 0x05C00
    multiqueue = True
    count = 32
    QUEUE0 = Field(0, "of 4n", width=4)
    QUEUE1 = Field(8, "of 4n + 1", width=4)
    QUEUE2 = Field(16, "of 4n + 2", width=4)
    QUEUE3 = Field(24, "of 4n + 3", width=4)


class RSSRK(Register):
    """RSS random key, 40 bytes, the first one in bits 7 to 0 of the first register."""

    offset = 0x05C80
    multiqueue = True
    count = 10
    KEY = Field(0, "bytes 4n to 4n + 3", width=32)


# --- Wake-up and management (SDM 13.6): left out ----------------------------------------------------------------------


class WUC(Register):
    """Wake-up control."""

    offset = 0x05800
    APME = Field(0, "advanced power management enable (storage)")
    PME_EN = Field(1, "power management event enable (storage)")
    PME_STATUS = Field(2, "a wake-up packet came (storage)")
    APMPME = Field(3, "assert PME on an APM wake-up (storage)")


class WUFC(Register):
    """Wake-up filter control."""

    offset = 0x05808
    access = Access.ZERO


class WUS(Register):
    """Wake-up status."""

    offset = 0x05810
    access = Access.ZERO


class MANC(Register):
    """Management control."""

    offset = 0x05820
    access = Access.ZERO


class IPAV(Register):
    """IP address valid, for wake-up packets."""

    offset = 0x05838
    access = Access.ZERO


# --- Transmit (SDM 13.4.33 to 13.4.45) -------------------------------------------------------------------------------


class TCTL(Register):
    """Transmit control."""

    offset = 0x00400
    EN = Field(1, "transmitter enable")
    PSP = Field(3, "pad short packets to 64 bytes")
    CT = Field(4, "collision threshold (half duplex only; storage)", width=8)
    COLD = Field(12, "collision distance (half duplex only; storage)", width=10)
    RTLC = Field(24, "retransmit on late collision (half duplex only; storage)")


class TIPG(Register):
    """Transmit inter-packet gap."""

    offset = 0x00410
    IPGT = Field(0, "back to back: byte times less 4, so that 8 is Ethernet's 12", width=10)
    IPGR1 = Field(10, "first part of the gap (half duplex only; storage)", width=10)
    IPGR2 = Field(20, "the gap (half duplex only; storage)", width=10)


class TDBAL(Register):
    """Transmit descriptor base, low 32 bits; 16-byte aligned."""

    offset = 0x03800
    queue_offset = 0x0E000
    BASE = Field(4, "bits 31 to 4 of the ring's address", width=28)


class TDBAH(Register):
    """Transmit descriptor base, high 32 bits."""

    offset = 0x03804
    queue_offset = 0x0E004
    BASE = Field(0, "bits 63 to 32 of the ring's address", width=32)


class TDLEN(Register):
    """Bytes of the transmit descriptor ring; a multiple of 128."""

    offset = 0x03808
    queue_offset = 0x0E008
    LEN = Field(7, "units of 128 bytes: 8 descriptors", width=13)


class TDH(Register):
    """Transmit descriptor head: the next descriptor that the hardware is finished with."""

    offset = 0x03810
    queue_offset = 0x0E010
    TDH = Field(0, "index into the ring", width=16)
    live = int(TDH)


class TDT(Register):
    """Transmit descriptor tail: the first descriptor that is not the hardware's."""

    offset = 0x03818
    queue_offset = 0x0E018
    TDT = Field(0, "index into the ring", width=16)


class TIDV(Register):
    """Transmit interrupt delay: TXDW, but no vector, comes so long after the last descriptor with IDE; 0: at once."""

    offset = 0x03820
    IDV = Field(0, "in units of 1.024 us", width=16)


class TXDCTL(Register):
    """Transmit descriptor control: hints for fetching and writing back."""

    offset = 0x03828
    queue_offset = 0x0E028
    PTHRESH = Field(0, "prefetch threshold (storage)", width=6)
    HTHRESH = Field(8, "host threshold (storage)", width=6)
    WTHRESH = Field(16, "write-back threshold (storage: descriptors with RS are written back at once)", width=6)
    GRAN = Field(24, "the thresholds count descriptors, not cache lines (storage)")
    LWTHRESH = Field(25, "low threshold: ICR.TXD_LOW comes when so many times 8 descriptors are left", width=7)
    ENABLE = Field(25, "the queue is on; there is no LWTHRESH then", multiqueue=True)
    first_reset = int(ENABLE)


class TADV(Register):
    """Transmit absolute interrupt delay: TXDW comes at the latest so long after the first one; 0 for no bound."""

    offset = 0x0382C
    IDV = Field(0, "in units of 1.024 us; only with TIDV", width=16)


# --- Statistics (SDM 13.7): clear on read, stick at the maximum ------------------------------------------------------


class _Statistic(Register):
    """Base of the statistics registers."""

    offset = None  # type: ignore[assignment]  # a base, not a register
    access = Access.READ_CLEARS


class CRCERRS(_Statistic):
    """Frames of 64 bytes or more with a bad FCS that pass the address filter."""

    offset = 0x04000
    COUNT = Field(0, "frames", width=32)


class ALGNERRC(_Statistic):
    """Alignment errors (10 and 100 Mb/s only)."""

    offset = 0x04004
    access = Access.ZERO


class SYMERRS(_Statistic):
    """Symbol errors: false carriers that the PHY signalled between frames."""

    offset = 0x04008
    COUNT = Field(0, "events", width=32)


class RXERRC(_Statistic):
    """Frames with a receive error signalled by the PHY, and carriers without a frame."""

    offset = 0x0400C
    COUNT = Field(0, "frames", width=32)


class MPC(_Statistic):
    """Missed packets: frames that found no room in the receive FIFO."""

    offset = 0x04010
    COUNT = Field(0, "frames", width=32)


class SCC(_Statistic):
    """Single collisions (half duplex only)."""

    offset = 0x04014
    access = Access.ZERO


class ECOL(_Statistic):
    """Excessive collisions (half duplex only)."""

    offset = 0x04018
    access = Access.ZERO


class MCC(_Statistic):
    """Multiple collisions (half duplex only)."""

    offset = 0x0401C
    access = Access.ZERO


class LATECOL(_Statistic):
    """Late collisions (half duplex only)."""

    offset = 0x04020
    access = Access.ZERO


class COLC(_Statistic):
    """Collisions (half duplex only)."""

    offset = 0x04028
    access = Access.ZERO


class DC(_Statistic):
    """Deferrals (half duplex only)."""

    offset = 0x04030
    access = Access.ZERO


class TNCRS(_Statistic):
    """Transmissions without carrier sense (half duplex only)."""

    offset = 0x04034
    access = Access.ZERO


class SEC(_Statistic):
    """Sequence errors (fibre only)."""

    offset = 0x04038
    access = Access.ZERO


class CEXTERR(_Statistic):
    """Carrier extension errors signalled by the PHY."""

    offset = 0x0403C
    COUNT = Field(0, "events", width=32)


class RLEC(_Statistic):
    """Receive length errors: undersized and oversized frames that pass the address filter."""

    offset = 0x04040
    COUNT = Field(0, "frames", width=32)


class XONRXC(_Statistic):
    """XON received: pause frames with time 0."""

    offset = 0x04048
    COUNT = Field(0, "frames", width=32)


class XONTXC(_Statistic):
    """XON transmitted: pause frames with time 0."""

    offset = 0x0404C
    COUNT = Field(0, "frames", width=32)


class XOFFRXC(_Statistic):
    """XOFF received: pause frames with a time other than 0."""

    offset = 0x04050
    COUNT = Field(0, "frames", width=32)


class XOFFTXC(_Statistic):
    """XOFF transmitted: pause frames with a time other than 0."""

    offset = 0x04054
    COUNT = Field(0, "frames", width=32)


class FCRUC(_Statistic):
    """Flow control frames received that are not understood: MAC control with another opcode."""

    offset = 0x04058
    COUNT = Field(0, "frames", width=32)


class PRC64(_Statistic):
    """Good frames of 64 bytes."""

    offset = 0x0405C
    COUNT = Field(0, "frames", width=32)


class PRC127(_Statistic):
    """Good frames of 65 to 127 bytes."""

    offset = 0x04060
    COUNT = Field(0, "frames", width=32)


class PRC255(_Statistic):
    """Good frames of 128 to 255 bytes."""

    offset = 0x04064
    COUNT = Field(0, "frames", width=32)


class PRC511(_Statistic):
    """Good frames of 256 to 511 bytes."""

    offset = 0x04068
    COUNT = Field(0, "frames", width=32)


class PRC1023(_Statistic):
    """Good frames of 512 to 1,023 bytes."""

    offset = 0x0406C
    COUNT = Field(0, "frames", width=32)


class PRC1522(_Statistic):
    """Good frames of 1,024 bytes to the maximum."""

    offset = 0x04070
    COUNT = Field(0, "frames", width=32)


class GPRC(_Statistic):
    """Good packets received: no error, passed the address filter, not missed."""

    offset = 0x04074
    COUNT = Field(0, "frames", width=32)


class BPRC(_Statistic):
    """Good broadcast packets received."""

    offset = 0x04078
    COUNT = Field(0, "frames", width=32)


class MPRC(_Statistic):
    """Good multicast packets received."""

    offset = 0x0407C
    COUNT = Field(0, "frames", width=32)


class GPTC(_Statistic):
    """Good packets transmitted: of 64 bytes or more."""

    offset = 0x04080
    COUNT = Field(0, "frames", width=32)


class GORCL(_Statistic):
    """Good octets received, low 32 bits; a read does not clear, but latches the high half."""

    offset = 0x04088
    access = Access.READ_ONLY
    COUNT = Field(0, "octets, destination address to FCS", width=32)


class GORCH(_Statistic):
    """Good octets received, high 32 bits; a read clears what the low half's and it have shown."""

    offset = 0x0408C
    COUNT = Field(0, "octets, destination address to FCS", width=32)


class GOTCL(_Statistic):
    """Good octets transmitted, low 32 bits; a read does not clear, but latches the high half."""

    offset = 0x04090
    access = Access.READ_ONLY
    COUNT = Field(0, "octets, destination address to FCS", width=32)


class GOTCH(_Statistic):
    """Good octets transmitted, high 32 bits; a read clears what the low half's and it have shown."""

    offset = 0x04094
    COUNT = Field(0, "octets, destination address to FCS", width=32)


class RNBC(_Statistic):
    """Receive no buffers: frames that arrived while no descriptor was free and waited in the FIFO."""

    offset = 0x040A0
    COUNT = Field(0, "frames", width=32)


class RUC(_Statistic):
    """Receive undersize: frames under 64 bytes with a good FCS that pass the address filter."""

    offset = 0x040A4
    COUNT = Field(0, "frames", width=32)


class RFC(_Statistic):
    """Receive fragments: frames under 64 bytes with a bad FCS that pass the address filter."""

    offset = 0x040A8
    COUNT = Field(0, "frames", width=32)


class ROC(_Statistic):
    """Receive oversize: frames over the maximum length with a good FCS that pass the address filter."""

    offset = 0x040AC
    COUNT = Field(0, "frames", width=32)


class RJC(_Statistic):
    """Receive jabber: frames over the maximum length with a bad FCS that pass the address filter."""

    offset = 0x040B0
    COUNT = Field(0, "frames", width=32)


class MGTPRC(_Statistic):
    """Management packets received (management is left out)."""

    offset = 0x040B4
    access = Access.ZERO


class MGTPDC(_Statistic):
    """Management packets dropped (management is left out)."""

    offset = 0x040B8
    access = Access.ZERO


class MGTPTC(_Statistic):
    """Management packets transmitted (management is left out)."""

    offset = 0x040BC
    access = Access.ZERO


class TORL(_Statistic):
    """Total octets received, low 32 bits; a read does not clear, but latches the high half."""

    offset = 0x040C0
    access = Access.READ_ONLY
    COUNT = Field(0, "octets, destination address to FCS", width=32)


class TORH(_Statistic):
    """Total octets received, high 32 bits; a read clears what the low half's and it have shown."""

    offset = 0x040C4
    COUNT = Field(0, "octets, destination address to FCS", width=32)


class TOTL(_Statistic):
    """Total octets transmitted, low 32 bits; a read does not clear, but latches the high half."""

    offset = 0x040C8
    access = Access.READ_ONLY
    COUNT = Field(0, "octets, destination address to FCS", width=32)


class TOTH(_Statistic):
    """Total octets transmitted, high 32 bits; a read clears what the low half's and it have shown."""

    offset = 0x040CC
    COUNT = Field(0, "octets, destination address to FCS", width=32)


class TPR(_Statistic):
    """Total packets received: all frames, whatever their length, errors or address, while RCTL.EN is set."""

    offset = 0x040D0
    COUNT = Field(0, "frames", width=32)


class TPT(_Statistic):
    """Total packets transmitted."""

    offset = 0x040D4
    COUNT = Field(0, "frames", width=32)


class PTC64(_Statistic):
    """Frames of 64 bytes transmitted."""

    offset = 0x040D8
    COUNT = Field(0, "frames", width=32)


class PTC127(_Statistic):
    """Frames of 65 to 127 bytes transmitted."""

    offset = 0x040DC
    COUNT = Field(0, "frames", width=32)


class PTC255(_Statistic):
    """Frames of 128 to 255 bytes transmitted."""

    offset = 0x040E0
    COUNT = Field(0, "frames", width=32)


class PTC511(_Statistic):
    """Frames of 256 to 511 bytes transmitted."""

    offset = 0x040E4
    COUNT = Field(0, "frames", width=32)


class PTC1023(_Statistic):
    """Frames of 512 to 1,023 bytes transmitted."""

    offset = 0x040E8
    COUNT = Field(0, "frames", width=32)


class PTC1522(_Statistic):
    """Frames of 1,024 bytes or more transmitted."""

    offset = 0x040EC
    COUNT = Field(0, "frames", width=32)


class MPTC(_Statistic):
    """Multicast packets transmitted, broadcast not among them."""

    offset = 0x040F0
    COUNT = Field(0, "frames", width=32)


class BPTC(_Statistic):
    """Broadcast packets transmitted."""

    offset = 0x040F4
    COUNT = Field(0, "frames", width=32)


class TSCTC(_Statistic):
    """TCP segmentation contexts transmitted: packets that left in segments, whole."""

    offset = 0x040F8
    COUNT = Field(0, "packets before segmentation", width=32)


class TSCTFC(_Statistic):
    """TCP segmentation contexts that failed: the packet's data was not as long as its context says."""

    offset = 0x040FC
    COUNT = Field(0, "packets before segmentation", width=32)


def rtl_registers(queues: int) -> list[type[Register]]:
    """Those of the registers that the RTL of a NIC with so many queues has."""
    return [register for register in REGISTERS if register.rtl and register.places(queues)]


#: Those of the registers that the RTL of a NIC with one queue has.
RTL_REGISTERS = rtl_registers(1)
