"""The least driver that can send with a NIC: a ring of legacy descriptors, and buffers anywhere."""

import random
import zlib
from dataclasses import dataclass

from cocotb.triggers import RisingEdge

from cocotb_tests.nic_tester import DESCRIPTOR_BYTES, NicTester
from hdl.nic import regmap
from hdl.nic.layouts import TxDescriptor
from hdl.nic.regmap import CTRL, TCTL, TXDCTL

#: Where buffers are: behind those of reception.
BUFFERS = 0x80000
BUFFERS_END = 0x100000


@dataclass(frozen=True)
class Sent:
    """A frame that left: its bytes without FCS, and whether this is right."""

    data: bytes
    good_fcs: bool


class TxRing:
    """A ring of a NIC's transmit queue; made by :meth:`open`."""

    def __init__(
        self,
        tester: NicTester,
        base: int,
        size: int,
        queue: int | None = None,
        buffers: tuple[int, int] = (BUFFERS, BUFFERS_END),
    ):
        """``queue``: its number, if there are several; ``buffers``: where they are."""
        self.tester, self.base, self.size, self.queue = tester, base, size, queue
        self.tail = 0
        self._buffers = buffers
        self._next_buffer = buffers[0]

    @classmethod
    async def open(cls, tester: NicTester, *, base: int = 0x8000, size: int = 32, tctl: int = TCTL.PSP) -> "TxRing":
        """Set up an empty ring, bring the link up and enable the transmitter."""
        ring = cls(tester, base, size)
        tester.dut.link_up.value = 1
        await tester.write(CTRL, CTRL.reset | CTRL.SLU)
        await ring.set_up()
        await tester.write(TCTL, tctl | TCTL.EN)
        return ring

    async def set_up(self) -> None:
        """Have the NIC go by an empty ring; one of several queues is switched on."""
        self.tail = 0
        await self.write(regmap.TDBAL, self.base & 0xFFFFFFFF)
        await self.write(regmap.TDBAH, self.base >> 32)
        await self.write(regmap.TDLEN, self.size * DESCRIPTOR_BYTES)
        await self.write(regmap.TDH, 0)
        await self.write(regmap.TDT, 0)
        if self.queue is not None:
            await self.write(TXDCTL, TXDCTL.ENABLE)

    async def write(self, register: type[regmap.Register], value: int) -> None:
        """Write a register of the queue."""
        offset = register.offset if self.queue is None else register.at_queue(self.queue)
        await self.tester.registers.write_dword(offset, value)

    async def read(self, register: type[regmap.Register]) -> int:
        """Read a register of the queue."""
        offset = register.offset if self.queue is None else register.at_queue(self.queue)
        return await self.tester.registers.read_dword(offset)

    def place(self, data: bytes) -> int:
        """Put data somewhere, at any alignment; returns its address."""
        if self._next_buffer + len(data) + 4096 > self._buffers[1]:
            self._next_buffer = self._buffers[0]
        address = self._next_buffer + random.randrange(64)
        self._next_buffer = address + len(data)
        self.tester.memory.write(address, data)
        return address

    def put(self, data: bytes, **command: int) -> int:
        """Write a descriptor for some data at the tail, and move that, but not TDT yet; returns its index."""
        index = self.tail
        address = self.place(data) if data else random.choice((0, 0x1234))
        descriptor = TxDescriptor.const({"address": address, "length": len(data), "command": command})
        where = self.base + index * DESCRIPTOR_BYTES
        self.tester.memory.write(where, descriptor.as_bits().to_bytes(DESCRIPTOR_BYTES, "little"))
        self.tail = (index + 1) % self.size
        return index

    def put_frame(self, data: bytes, parts: int = 1, **command: int) -> None:
        """Write descriptors for a frame that lies in so many parts; the last one has EOP and the command."""
        cuts = sorted(random.randint(0, len(data)) for _ in range(parts - 1))
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            last = end == len(data) and start == (cuts[-1] if cuts else 0)
            self.put(data[start:end], **({"EOP": 1} | command if last else command | {"EOP": 0}))
            if last:
                break

    async def kick(self) -> None:
        """Write TDT."""
        await self.write(regmap.TDT, self.tail)

    def descriptor(self, index: int):
        """A descriptor of the ring."""
        raw = self.tester.memory.read(self.base + index * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES)
        return TxDescriptor.from_bits(int.from_bytes(raw, "little"))

    async def wait(self, clocks: int = 20000) -> None:
        """Wait until the head has come to the tail and what was sent has left."""
        for _ in range(clocks // 100):
            if await self.read(regmap.TDH) == self.tail:
                break
            for _ in range(100):
                await RisingEdge(self.tester.dut.clk)
        else:
            raise AssertionError(f"TDH does not come to TDT, {self.tail}")
        await self.tester.settle()

    async def sent(self) -> list[Sent]:
        """Frames that left since the last call."""
        frames = []
        while not self.tester.sink.empty():
            frame = self.tester.sink.recv_nowait()
            user = frame.tuser if isinstance(frame.tuser, list) else [frame.tuser or 0]
            if not any(user):
                data, fcs = bytes(frame.tdata[:-4]), bytes(frame.tdata[-4:])
                frames.append(Sent(data, zlib.crc32(data).to_bytes(4, "little") == fcs))
        return frames
