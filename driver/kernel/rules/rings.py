"""Rules 25 to 34: rings of descriptors: who owns one, what is read and written first, and that rings never starve.

A descriptor is the device's from the doorbell, or the flip of its OWN bit, until the CPU has seen in memory that it is
done; what the device itself does in between the checker does not need to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, MethodType
from typing import TYPE_CHECKING

from driver.kernel.cpu import this_cpu
from driver.kernel.dma import DmaDirection, HostMemory
from driver.kernel.rules.bus import NOTHING
from driver.kernel.rules.mapping import PAGE_SHIFT, Mapping, MappingTable
from driver.kernel.rules.place import function_line
from driver.kernel.rules.ring_state import Ring, RingRegisters
from driver.kernel.rules.rule import Level, Rule
from driver.kernel.timer import TimerList

if TYPE_CHECKING:
    from driver.kernel.cpu import Context
    from driver.kernel.net.napi import Napi
    from driver.kernel.net.skbuff import SkBuff
    from driver.kernel.pci import PciDev
    from driver.kernel.rules.bus import Access
    from driver.kernel.rules.checker import Checker

_BARRIERS = "Documentation/memory-barriers.txt"
_DMA_HOWTO = "Documentation/core-api/dma-api-howto.rst"
_E1000E = "drivers/net/ethernet/intel/e1000e/netdev.c"
_8139CP = "drivers/net/ethernet/realtek/8139cp.c"

_WORD = 8  # bytes that a CPU loads at once
_ADDRESS_BYTES = 8
_FROM_DEVICE, _TO_DEVICE = DmaDirection.FROM_DEVICE, DmaDirection.TO_DEVICE

RING_READ_BEFORE_DONE = Rule(
    name="ring-read-before-done",
    invariant=25,
    level=Level.ERROR,
    demands="nothing that the device writes into a descriptor is read before its status says that it is done",
    mend="Read the status first, and leave the loop if it does not say done; read length and errors after that.",
    source=_BARRIERS,
)

RING_NO_RMB = Rule(
    name="ring-no-rmb",
    invariant=25,
    level=Level.ERROR,
    demands="between reading that a descriptor is done and reading the rest of it, or its packet, there is a dma_rmb()",
    mend="Call dma_rmb() right after the test of the status: else the CPU may have read the rest before the status.",
    source=_BARRIERS,
)

RING_WRITE_OWNED = Rule(
    name="ring-write-owned",
    invariant=26,
    level=Level.ERROR,
    demands="a descriptor that the device owns is not written",
    mend="Write a descriptor before you move the tail beyond it, and again only when it is done.",
    source=_BARRIERS,
)

RING_BUFFER_NOT_MAPPED = Rule(
    name="ring-buffer-not-mapped",
    invariant=26,
    level=Level.ERROR,
    demands="the buffer of a descriptor that the device gets is mapped, all of it and in the right direction",
    mend="Put what dma_map_single returned into the descriptor: FROM_DEVICE for reception, as long as RCTL.BSIZE says.",
    source=_DMA_HOWTO,
)

RING_UNMAP_OWNED = Rule(
    name="ring-unmap-owned",
    invariant=26,
    level=Level.ERROR,
    demands="a buffer stays mapped as long as the device owns its descriptor",
    mend="Unmap it when its descriptor is done, or after the device's DMA was turned off.",
    source=_DMA_HOWTO,
)

RING_OWN_NO_WMB = Rule(
    name="ring-own-no-wmb",
    invariant=27,
    level=Level.ERROR,
    demands="the bit that gives a descriptor to the device is written last, after a dma_wmb()",
    mend="Write address and length, call dma_wmb(), and then write the word with the bit.",
    source=_BARRIERS,
)

RING_DOORBELL_NO_WMB = Rule(
    name="ring-doorbell-no-wmb",
    invariant=28,
    level=Level.ERROR,
    demands="descriptors are in memory before the doorbell: writel sees to that, writel_relaxed does not",
    mend="Use writel for the doorbell, or call wmb() before writel_relaxed; dma_wmb() is not enough.",
    source=_BARRIERS,
)

RING_TAIL_AT_HEAD = Rule(
    name="ring-tail-at-head",
    invariant=29,
    level=Level.ERROR,
    demands="one descriptor stays unused: a tail that equals the head tells the device that it has none",
    mend="Refill at most (next_to_clean - next_to_use - 1) mod count descriptors.",
    source=_E1000E,
)

RING_WRAP = Rule(
    name="ring-wrap",
    invariant=30,
    level=Level.ERROR,
    demands="an index into a ring goes from count - 1 to 0",
    mend="After each step set the index to 0 if it equals count, before it is used or written to the tail register.",
    source=_E1000E,
)

RING_END_FLAG = Rule(
    name="ring-end-flag",
    invariant=30,
    level=Level.ERROR,
    demands="the flag that ends the ring is set in its last descriptor, whenever that is written, and in no other",
    mend="Set the flag in each write of the last descriptor's flags: the device goes on behind the ring without it.",
    source=_8139CP,
)

RING_GIVEN_TWICE = Rule(
    name="ring-given-twice",
    invariant=31,
    level=Level.ERROR,
    demands="a descriptor is given to the device once, and then again only when it was done",
    mend="Advance the tail only over descriptors that you have refilled since they were done; it never goes back.",
    source=_E1000E,
)

RING_DONE_NOT_CLEARED = Rule(
    name="ring-done-not-cleared",
    invariant=31,
    level=Level.ERROR,
    demands="a descriptor's done flag is cleared before it is given to the device again",
    mend="Write zero to its status when you refill it: else it looks done before the device has touched it.",
    source=_E1000E,
)

RING_BUFFER_TWICE = Rule(
    name="ring-buffer-twice",
    invariant=31,
    level=Level.ERROR,
    demands="a receive buffer is in one descriptor at a time",
    mend="Take a buffer out of the ring's books when you hand its packet on, and refill with a fresh one.",
    source=_E1000E,
)

RX_BEFORE_EOP = Rule(
    name="rx-before-eop",
    invariant=32,
    level=Level.ERROR,
    demands="a packet of several descriptors goes up when its last one is there, as a whole, or not at all",
    mend="Collect buffers until EOP; if you drop such a packet, drop all of its descriptors up to EOP.",
    source=_E1000E,
)

RING_RAN_DRY = Rule(
    name="ring-ran-dry",
    invariant=33,
    level=Level.ERROR,
    demands="the device always has a receive descriptor, or a timer of the driver will give it one",
    mend="Refill in each poll; if memory ran out keep the old buffer and drop the packet, or arm a timer that refills.",
    source=_8139CP,
)

RX_LOOP_UNBOUNDED = Rule(
    name="rx-loop-unbounded",
    invariant=34,
    level=Level.ERROR,
    demands="a poll takes as many packets off the ring as its budget says, however many there are",
    mend="Test work_done < budget before each packet, not only whether the next descriptor is done.",
    source="net/core/dev.c",
)

DMA_NO_SYNC_FOR_DEVICE = Rule(
    name="dma-no-sync-for-device",
    invariant=43,
    level=Level.ERROR,
    demands="a mapped buffer that the CPU wrote to is synced for the device before the device gets it again",
    mend="Call dma_sync_single_for_device when you are finished with the buffer.",
    source=_DMA_HOWTO,
)


class RingRules:
    """The rings of all devices.

    Attributes:
        unfenced: descriptors that were seen done since the last dma_rmb: the address of each, and its buffer.
        fragments: buffers that are part of a packet, by address: whether they are its first, and its last.
    """

    def __init__(self, checker: Checker, memory: HostMemory, table: MappingTable) -> None:
        self._broken = checker.broken
        self._scheduling, self._interrupts = checker.scheduling, checker.interrupts
        self._machine = checker.machine
        self._memory = memory
        self._table = table
        self._rings: dict[int, list[Ring]] = {}  # by the device's number on the bus
        self._pages: dict[int, list[Ring]] = {}  # those that lie in a page, by its number
        self.unfenced: list[tuple[int, Mapping | None]] = []
        self.fragments: dict[int, tuple[bool, bool]] = {}
        self._heads: set[tuple[int, int | None]] = set()  # registers that move a head: device and offset
        self._unordered = 0  # descriptors written since the last wmb
        self._unordered_flips: dict[int, None] = {}  # and since the last dma_wmb
        self._relaxed = False
        self._seen: dict[Context, int] = {}  # packets seen done in the present polls, by what polls
        checker.bus.listeners.append(self._access)

    def attach(self, dev: PciDev, *registers: RingRegisters) -> None:
        """From now on rings of a device are checked. Do it before its driver's probe."""
        self._rings.setdefault(dev.slot, []).extend(Ring(dev, ring) for ring in registers)
        self._heads.update((dev.slot, ring.head_at) for ring in registers)

    def known(self, slot: int) -> bool:
        """Whether rings of the device with this number are checked."""
        return slot in self._rings

    def unseen(self, slot: int) -> bool:
        """Whether the device of this number is done with a receive descriptor that no CPU has looked at since."""
        for ring in self._rings.get(slot, ()):
            if ring.receives and ring.owned and not ring.stopped:
                layout = ring.registers.layout
                oldest = ring.given.find(1, ring.tail)
                if oldest < 0:
                    oldest = ring.given.find(1)
                status = self._memory.read(ring.base + oldest * layout.size + layout.status_at, 1)[0]
                if status & layout.done == layout.done_value:
                    return True
        return False

    # --- doorbells ----------------------------------------------------------------------------------------------------

    def relaxed(self) -> None:
        """The next write to a register is a writel_relaxed."""
        self._relaxed = True

    def _access(self, access: Access) -> None:
        """A register was read or written."""
        if not access.write:
            return
        means, relaxed = access.means, self._relaxed
        self._relaxed = False
        if means is not NOTHING or (access.device.slot, access.offset) in self._heads:
            self._register_written(access, relaxed=relaxed)
        if not relaxed and self._unordered:
            self.write_barrier(mmio=True)

    def _register_written(self, access: Access, *, relaxed: bool) -> None:
        means = access.means
        for ring in self._rings.get(access.device.slot, ()):
            receives = ring.receives
            dma = means.rx_dma if receives else means.tx_dma
            if dma is not None:
                ring.stopped = not dma
            if means.reset:
                self._place(ring, 0, 0)
            elif access.offset == ring.registers.head_at:
                self._locate(ring)
                ring.release()
                ring.tail = access.value
            tail = means.rx_tail if receives else means.tx_tail
            if tail is None:
                continue
            if relaxed and self._unordered:
                self._broken(
                    RING_DOORBELL_NO_WMB,
                    f"{ring.where}: {self._unordered} descriptors are written and no wmb() stands before the "
                    f"writel_relaxed of {tail} to the tail",
                )
            self._doorbell(ring, tail)

    def _doorbell(self, ring: Ring, tail: int) -> None:
        """The tail moves."""
        self._locate(ring)
        if not ring.count:
            return
        if tail >= ring.count:
            self._broken(RING_WRAP, f"{ring.where}: the tail is set to {tail}, it has {ring.count} descriptors")
            tail %= ring.count
        slots = [slot % ring.count for slot in range(ring.tail, ring.tail + (tail - ring.tail) % ring.count)]
        twice = sum(ring.given[slot] for slot in slots)
        if twice:
            self._broken(
                RING_GIVEN_TWICE,
                f"{ring.where}: the tail goes from {ring.tail} to {tail}, and the device already owns {twice} of the "
                "descriptors in between",
            )
            return
        if self._is_full(ring, slots):
            self._broken(
                RING_TAIL_AT_HEAD,
                f"{ring.where}: the tail goes from {ring.tail} to {tail}, where the head is: the device is to own all "
                f"{ring.count} descriptors",
            )
        ring.tail = tail
        self._give(ring, slots)

    def _is_full(self, ring: Ring, slots: list[int]) -> bool:
        """Whether the device is to get the last descriptor too."""
        if slots:
            return ring.owned + len(slots) == ring.count
        # The tail does not move: nothing is given, or the whole ring. Then all descriptors have a buffer.
        return not ring.owned and all(
            self._table.at(self._buffer(ring, slot), ring.dev) is not None for slot in range(ring.count)
        )

    def _locate(self, ring: Ring) -> None:
        """Look where the ring is."""
        base, count = ring.registers.base, ring.registers.count
        if (base, count) != (ring.base, ring.count):
            self._place(ring, base, count)

    def _place(self, ring: Ring, base: int, count: int) -> None:
        """The ring is here now, and empty."""
        for page in ring.pages:
            self._pages[page].remove(ring)
        ring.begin(base, count)
        for page in ring.pages:
            self._pages.setdefault(page, []).append(ring)

    def _ring(self, address: int) -> Ring | None:
        """The ring that an address lies in."""
        for ring in self._pages.get(address >> PAGE_SHIFT, ()):
            if ring.base <= address < ring.end:
                return ring
        return None

    # --- what the device gets -----------------------------------------------------------------------------------------

    def _buffer(self, ring: Ring, slot: int) -> int:
        layout = ring.registers.layout
        at = ring.base + slot * layout.size + layout.address_at
        return int.from_bytes(self._memory.read(at, _ADDRESS_BYTES), "little")

    def _give(self, ring: Ring, slots: list[int]) -> None:
        """Descriptors go to the device: each must be fit for it."""
        layout = ring.registers.layout
        size, address_at, status_at = layout.size, layout.address_at, layout.status_at
        memory = self._memory.read(ring.base, ring.count * size)
        for slot in slots:
            descriptor = memory[slot * size : (slot + 1) * size]
            status = descriptor[status_at]
            if not layout.own and status & layout.done == layout.done_value:
                self._broken(
                    RING_DONE_NOT_CLEARED,
                    f"{ring.where}: descriptor {slot} is given to the device, and its status {status:#04x} says done",
                )
            mapping = None
            if layout.no_buffer is None or not descriptor[layout.no_buffer[0]] & layout.no_buffer[1]:
                address = int.from_bytes(descriptor[address_at : address_at + _ADDRESS_BYTES], "little")
                mapping = self._mapping(ring, slot, address)
            ring.give(slot, mapping)

    def _mapping(self, ring: Ring, slot: int, address: int) -> Mapping | None:
        """The mapping of a buffer that the device gets."""
        receives = ring.receives
        mapping = self._table.first.get(address)
        if mapping is None or not mapping.active or mapping.dev is not ring.dev:
            mapping = self._table.at(address, ring.dev)
        if mapping is None:
            what = f"{ring.where}: the buffer of descriptor {slot}, at {address:#x}, is not mapped"
            self._broken(RING_BUFFER_NOT_MAPPED, what)
            return None
        if mapping.direction is (_TO_DEVICE if receives else _FROM_DEVICE):
            what = f"{ring.where}: the buffer of descriptor {slot}, at {address:#x}, is mapped {mapping.direction.name}"
            self._broken(RING_BUFFER_NOT_MAPPED, what)
        elif receives and mapping.end - address < ring.registers.buffer_bytes:
            self._broken(
                RING_BUFFER_NOT_MAPPED,
                f"{ring.where}: {mapping.end - address} bytes are mapped for the buffer of descriptor {slot}, at "
                f"{address:#x}, and the device may write {ring.registers.buffer_bytes}",
            )
        if receives and mapping.ring is not None:
            what = f"{ring.where}: the buffer of descriptor {slot}, at {address:#x}, is in another one as well"
            self._broken(RING_BUFFER_TWICE, what)
        if mapping.dirty:
            what = (
                f"{ring.where}: the CPU wrote to the buffer of descriptor {slot}, at {address:#x}, since it synced it"
            )
            self._broken(DMA_NO_SYNC_FOR_DEVICE, what)
        mapping.cpu_from = mapping.cpu_end = 0
        mapping.dirty = False
        if self.fragments:
            self.fragments.pop(address, None)
        return mapping

    def unmapped(self, mapping: Mapping) -> None:
        """A buffer that a descriptor of the device's points to is unmapped."""
        ring = mapping.ring
        assert ring is not None
        slot = ring.mappings.index(mapping)
        if not ring.stopped:
            what = (
                f"{ring.where}: the buffer at {mapping.dma:#x} is unmapped, and the device owns its descriptor, {slot}"
            )
            self._broken(RING_UNMAP_OWNED, what)
        ring.mappings[slot] = mapping.ring = None

    # --- memory of rings ----------------------------------------------------------------------------------------------

    def write(self, address: int, data: bytes) -> None:
        """The CPU is about to write coherent memory."""
        ring = self._ring(address)
        if ring is None:
            return
        layout = ring.registers.layout
        first, last = address - ring.base, min(address + len(data), ring.end) - 1 - ring.base
        slots = range(first // layout.size, last // layout.size + 1)
        if 1 in ring.given[slots.start : slots.stop] and not ring.stopped:
            slot = ring.given.index(1, slots.start)
            self._broken(RING_WRITE_OWNED, f"{ring.where}: descriptor {slot} is written, and the device owns it")
        elif layout.own:
            for slot, at, part in _by_descriptor(ring, address, data):
                self._flip(ring, slot, at, part)
        self._unordered += len(slots)

    def _flip(self, ring: Ring, slot: int, at: int, part: bytes) -> None:
        """A descriptor with an OWN bit is written, perhaps that bit."""
        layout = ring.registers.layout
        descriptor = ring.base + slot * layout.size
        index = layout.status_at - at
        if not 0 <= index < len(part) or not part[index] & layout.own:
            self._unordered_flips[descriptor] = None
            return
        word = layout.status_at // _WORD * _WORD
        if descriptor in self._unordered_flips or at < word or at + len(part) > word + _WORD:
            what = (
                f"{ring.where}: descriptor {slot} goes to the device, and no dma_wmb() stands between that and the rest"
            )
            self._broken(RING_OWN_NO_WMB, what)
        if layout.end and bool(part[index] & layout.end) != (slot == ring.count - 1):
            what = (
                f"{ring.where}: descriptor {slot} of {ring.count} is {'' if slot < ring.count - 1 else 'not '}the end"
            )
            self._broken(RING_END_FLAG, what)
        address = self._buffer(ring, slot)
        if layout.address_at in range(at, at + len(part)):
            offset = layout.address_at - at
            address = int.from_bytes(part[offset : offset + _ADDRESS_BYTES], "little")
        ring.give(slot, self._mapping(ring, slot, address))

    def read(self, address: int, data: bytes) -> None:
        """The CPU has read coherent memory."""
        for ring in self._pages.get(address >> PAGE_SHIFT, ()):
            if ring.base <= address < ring.end:
                break
        else:
            return
        if self._scheduling.watched:
            self._scheduling.descriptor_read(ring)
        if self._interrupts.calls:
            self._interrupts.descriptor_read(ring)
        slot, at = divmod(address - ring.base, ring.size)
        if at + len(data) <= ring.size:
            self._read(ring, slot, at, data)
            return
        for slot, at, part in _by_descriptor(ring, address, data):
            self._read(ring, slot, at, part)

    def _read(self, ring: Ring, slot: int, at: int, data: bytes) -> None:
        """A descriptor, or a part of it from an offset on, was read."""
        end = at + len(data)
        if not at <= ring.status_at < end:
            if end > ring.written_at:
                self._read_without_status(ring, slot, at, end)
        elif ring.given[slot]:
            status = data[ring.status_at - at]
            if status & ring.done == ring.done_value:
                word = ring.status_at // _WORD * _WORD
                if max(at, ring.written_at) < word or end > word + _WORD:
                    what = f"{ring.where}: descriptor {slot} is read at one go, status and all, in {len(data)} bytes"
                    self._broken(RING_NO_RMB, what)
                self._done(ring, slot, status)

    def _read_without_status(self, ring: Ring, slot: int, at: int, end: int) -> None:
        """What the device writes was read, but not the status."""
        if not ring.given[slot]:
            descriptor = ring.base + slot * ring.size
            if any(descriptor == seen for seen, _ in self.unfenced):
                what = f"{ring.where}: descriptor {slot} was seen to be done, and is read on without a dma_rmb()"
                self._broken(RING_NO_RMB, what)
        elif not ring.stopped:
            what = f"{ring.where}: bytes {at} to {end - 1} of descriptor {slot} are read; nobody knows it to be done"
            self._broken(RING_READ_BEFORE_DONE, what)

    def _done(self, ring: Ring, slot: int, status: int) -> None:
        """The CPU sees that the device has finished with a descriptor."""
        if not ring.receives:  # those before it are done as well: not each is to say so
            first = slot
            while ring.given[(first - 1) % ring.count] and (first - 1) % ring.count != slot:
                first = (first - 1) % ring.count
            for earlier in range(first, first + (slot - first) % ring.count + 1):
                ring.take(earlier % ring.count)
            return
        mapping = ring.take(slot)
        self.unfenced.append((ring.base + slot * ring.size, mapping))
        first, last = not ring.in_packet, not ring.eop or bool(status & ring.eop)
        ring.in_packet = not last
        if mapping is not None and not (first and last):
            self.fragments[mapping.dma] = (first, last)
        if last:
            context = this_cpu().stack[-1]
            if context in self._seen:
                self._seen[context] += 1

    def payload_read(self, address: int, length: int) -> None:
        """Memory is read while ``unfenced`` is not empty."""
        for descriptor, buffer in self.unfenced:
            if buffer is not None and buffer.dma < address + length and address < buffer.end:
                what = f"the packet at {buffer.dma:#x} is read, no dma_rmb() after its descriptor at {descriptor:#x}"
                self._broken(RING_NO_RMB, what)
                self.unfenced.clear()
                return

    def read_barrier(self) -> None:
        """dma_rmb."""
        self.unfenced.clear()

    def write_barrier(self, *, mmio: bool) -> None:
        """dma_wmb, or what also orders writes to registers: wmb and writel."""
        self._unordered_flips.clear()
        if mmio:
            self._unordered = 0

    # --- packets and polls --------------------------------------------------------------------------------------------

    def delivered(self, skb: SkBuff) -> None:
        """A packet goes up, while ``fragments`` is not empty."""
        pieces = [piece.head for piece in skb.pieces()]
        first, _ = self.fragments.get(pieces[0], (True, True))
        _, last = self.fragments.get(pieces[-1], (True, True))
        if not first:
            self._broken(RX_BEFORE_EOP, f"{skb.dev.name}: a packet goes up that begins in the middle of one")
        elif not last:
            self._broken(
                RX_BEFORE_EOP, f"{skb.dev.name}: a packet of {skb.len} bytes goes up, and its end is not there"
            )

    def poll_begins(self, napi: Napi) -> None:
        """poll() is about to be called."""
        if napi.dev is not None:  # not the backlog
            self._seen[_context()] = 0

    def poll_returned(self, napi: Napi, work: int, budget: int) -> None:
        """poll() returned."""
        if napi.dev is None:
            return
        seen = self._seen.pop(_context())
        if budget and seen > budget + 1:  # one look at the descriptor behind the last packet is all right
            what = f"{napi.dev.name}: a poll with a budget of {budget} took {seen} packets"
            self._broken(RX_LOOP_UNBOUNDED, what, where=function_line(napi.poll))
        if work < budget and napi.dev.parent is not None:
            self._look_for_dry(napi.dev.parent, napi)

    def _look_for_dry(self, dev: PciDev, napi: Napi) -> None:
        """A driver that will not be called soon: has its device got descriptors?"""
        for ring in self._rings.get(dev.slot, ()):
            if (
                ring.count
                and not ring.owned
                and ring.receives
                and not ring.stopped
                and not any(map(_is_drivers, self._timers()))
            ):
                what = f"{ring.where}: the device has no descriptor, and no timer of the driver is pending"
                self._broken(RING_RAN_DRY, what, where=function_line(napi.poll))

    def _timers(self) -> Iterator[object]:
        """Functions of all timers that are pending."""
        for each in self._machine.cpus:
            for armed in each.timers.armed:
                owner = getattr(armed.function, "__self__", None)
                yield owner.function if isinstance(owner, TimerList) else armed.function
            for expired in each.timers.expired:
                yield expired.function


def _by_descriptor(ring: Ring, address: int, data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """What an access touches: descriptor, offset in it, bytes."""
    size = ring.registers.layout.size
    offset, position = address - ring.base, 0
    while position < len(data):
        slot, at = divmod(offset + position, size)
        if slot >= ring.count:
            return
        part = data[position : position + size - at]
        yield slot, at, part
        position += len(part)


def _context() -> Context:
    """What runs."""
    return this_cpu().stack[-1]


def _is_drivers(function: object) -> bool:
    """Whether a driver gave a timer this function."""
    return isinstance(function, FunctionType | MethodType) and function_line(function) is not None
