"""Wrong drivers for rules 25 to 36, and 43: rings of descriptors and posted writes.

The line that breaks a rule has its name as a comment.
"""

from __future__ import annotations

import pytest

from driver.kernel.dma import (
    CoherentMemory,
    DmaDirection,
    dma_alloc_coherent,
    dma_map_single,
    dma_mapping_error,
    dma_rmb,
    dma_sync_single_for_cpu,
    dma_sync_single_for_device,
    dma_unmap_single,
    dma_wmb,
    wmb,
)
from driver.kernel.io import readl, writel, writel_relaxed
from driver.kernel.irq import synchronize_irq
from driver.kernel.net.dev import netif_receive_skb
from driver.kernel.net.napi import Napi, napi_complete_done
from driver.kernel.net.skbuff import build_skb
from driver.kernel.pci import pci_disable_device
from driver.kernel.rules.ring_state import DescriptorLayout
from driver.kernel.timer import TimerList, usleep_range
from tests.kernel.rules.ring_nic import (
    ADDRESS_AT,
    BUFFER,
    DESCRIPTORS,
    DONE,
    ENABLE,
    END,
    EOP,
    FROM_DEVICE,
    LENGTH_AT,
    MASK,
    OWN,
    RESET,
    STATUS,
    STATUS_AT,
    TAIL,
    TAIL_LAYOUT,
    Driver,
    Story,
    broken_on_ring,
    goes_round,
    poll,
)
from tests.kernel.rules.support import blamed

TO_DEVICE = DmaDirection.TO_DEVICE

# --- 25: reading ------------------------------------------------------------------------------------------------------


class ReadsLengthFirst(Driver):
    async def clean_one(self) -> bool:
        self.ring.read(self.next_to_clean * 16 + LENGTH_AT, 2)  # ring-read-before-done
        return await super().clean_one()


class ReadsItsOwnAddress(Driver):
    """The device does not write that part."""

    async def clean_one(self) -> bool:
        self.ring.read(self.next_to_clean * 16 + ADDRESS_AT, 8)
        return await super().clean_one()


class NoRmbBeforeLength(Driver):
    async def clean_one(self) -> bool:
        slot = self.next_to_clean
        if slot == self.next_to_use or not self.ring.read(slot * 16 + STATUS_AT, 1)[0] & DONE:
            return False
        self.ring.read(slot * 16 + LENGTH_AT, 2)  # ring-no-rmb
        return await super().clean_one()


class NoRmbBeforePacket(Driver):
    async def clean_one(self) -> bool:
        slot = self.next_to_clean
        written = self.ring.read(slot * 16 + LENGTH_AT, 8)  # at one go, which is right
        if slot == self.next_to_use or not written[STATUS_AT - LENGTH_AT] & DONE:
            return False
        self.next_to_clean = (slot + 1) % DESCRIPTORS
        self.unmap(slot)
        buffer, self.buffers[slot] = self.buffers[slot], 0
        await netif_receive_skb(build_skb(buffer, written[0], self.netdev))  # ring-no-rmb
        return True


class LongDescriptors(Driver):
    """Descriptors of 32 bytes; the device writes the second half, too."""

    layout = TAIL_LAYOUT._replace(size=32)


class ReadsLongDescriptorAtOnce(LongDescriptors):
    async def clean_one(self) -> bool:
        self.ring.read(self.next_to_clean * 32, 32)  # ring-no-rmb
        dma_rmb()
        return await super().clean_one()


# --- 26: who owns what ------------------------------------------------------------------------------------------------


class WritesAfterDoorbell(Driver):
    async def ring_doorbell(self) -> None:
        await super().ring_doorbell()
        self.ring.write((self.next_to_use - 1) % DESCRIPTORS * 16 + STATUS_AT, b"\0")  # ring-write-owned


class WrongAddress(Driver):
    def write_descriptor(self, slot: int) -> None:
        self.ring.write(slot * 16, (self.dma[slot] + 0x10_0000).to_bytes(8, "little") + bytes(8))

    async def ring_doorbell(self) -> None:
        await writel(self.next_to_use, self.hw + TAIL)  # ring-buffer-not-mapped


class MapsToDevice(Driver):
    def map_buffer(self, slot: int) -> bool:
        self.buffers[slot] = self.frags.alloc()
        self.dma[slot] = dma_map_single(self.pdev, self.buffers[slot], BUFFER, TO_DEVICE)
        return not dma_mapping_error(self.pdev, self.dma[slot])

    def unmap(self, slot: int) -> None:
        dma_unmap_single(self.pdev, self.dma[slot], BUFFER, TO_DEVICE)

    async def ring_doorbell(self) -> None:
        await writel(self.next_to_use, self.hw + TAIL)  # ring-buffer-not-mapped


class MapsTooLittle(Driver):
    def map_buffer(self, slot: int) -> bool:
        self.buffers[slot] = self.frags.alloc()
        self.dma[slot] = dma_map_single(self.pdev, self.buffers[slot], BUFFER - 1, FROM_DEVICE)
        return not dma_mapping_error(self.pdev, self.dma[slot])

    def unmap(self, slot: int) -> None:
        dma_unmap_single(self.pdev, self.dma[slot], BUFFER - 1, FROM_DEVICE)

    async def ring_doorbell(self) -> None:
        await writel(self.next_to_use, self.hw + TAIL)  # ring-buffer-not-mapped


class UnmapsUnderTheDevice(Driver):
    async def stop_device(self) -> None:
        """Forgotten."""

    def unmap(self, slot: int) -> None:
        dma_unmap_single(self.pdev, self.dma[slot], BUFFER, FROM_DEVICE)  # ring-unmap-owned


# --- 27 and 28: writing -----------------------------------------------------------------------------------------------


class OwnDriver(Driver):
    """A device without a tail: a bit in each descriptor says whose it is, and one marks the last."""

    layout = DescriptorLayout(
        size=16,
        address_at=ADDRESS_AT,
        written_at=LENGTH_AT,
        status_at=STATUS_AT,
        done=OWN,
        done_value=0,
        eop=EOP,
        own=OWN,
        end=END,
    )

    def allocate(self) -> CoherentMemory:
        ring = dma_alloc_coherent(self.pdev, DESCRIPTORS * 16)
        assert ring is not None
        return ring

    def write_descriptor(self, slot: int) -> None:
        self.ring.write(slot * 16, self.dma[slot].to_bytes(8, "little"))
        dma_wmb()
        self.flip(slot)

    def flip(self, slot: int) -> None:
        status = OWN | (END if slot == DESCRIPTORS - 1 else 0)
        self.ring.write(slot * 16 + STATUS_AT, bytes((status,)))

    async def ring_doorbell(self) -> None:
        """There is none; but once so that the checker sees where the ring is."""
        if not any(self.buffers):
            await writel(0, self.hw + TAIL)


class OwnNoWmb(OwnDriver):
    def write_descriptor(self, slot: int) -> None:
        self.ring.write(slot * 16, self.dma[slot].to_bytes(8, "little"))
        status = OWN | (END if slot == DESCRIPTORS - 1 else 0)
        self.ring.write(slot * 16 + STATUS_AT, bytes((status,)))  # ring-own-no-wmb


class OwnAtOneGo(OwnDriver):
    def write_descriptor(self, slot: int) -> None:
        status = OWN | (END if slot == DESCRIPTORS - 1 else 0)
        descriptor = self.dma[slot].to_bytes(8, "little") + bytes((0, 0, 0, 0, status))
        self.ring.write(slot * 16, descriptor)  # ring-own-no-wmb


class OwnWritesAfterFlip(OwnDriver):
    def flip(self, slot: int) -> None:
        super().flip(slot)
        self.ring.write(slot * 16 + LENGTH_AT, b"\0\0")  # ring-write-owned


class OwnLosesEnd(OwnDriver):
    def flip(self, slot: int) -> None:
        self.ring.write(slot * 16 + STATUS_AT, bytes((OWN,)))  # ring-end-flag


class OwnEndsEarly(OwnDriver):
    def flip(self, slot: int) -> None:
        self.ring.write(slot * 16 + STATUS_AT, bytes((OWN | END,)))  # ring-end-flag


class RelaxedDoorbell(Driver):
    async def ring_doorbell(self) -> None:
        dma_wmb()
        await writel_relaxed(self.next_to_use, self.hw + TAIL)  # ring-doorbell-no-wmb


class RelaxedDoorbellWithBarrier(Driver):
    async def ring_doorbell(self) -> None:
        wmb()
        await writel_relaxed(self.next_to_use, self.hw + TAIL)


class RelaxedAgain(Driver):
    """A writel has ordered everything before."""

    async def ring_doorbell(self) -> None:
        await super().ring_doorbell()
        await writel_relaxed(self.next_to_use, self.hw + TAIL)


# --- 29 to 31: indexes and buffers ------------------------------------------------------------------------------------


class FillsTheWholeRing(Driver):
    """At the start all descriptors are free."""

    async def refill(self) -> None:
        for slot in range(DESCRIPTORS):
            self.fill(slot)
        await writel(0, self.hw + TAIL)  # ring-tail-at-head


async def nothing(driver: Driver) -> None:
    """No packet comes."""


class FillsTheLastOne(Driver):
    """Right at first; then it gives the last descriptor too."""

    @property
    def unused(self) -> int:
        return 7 if not any(self.buffers) else self.buffers.count(0)

    async def refill(self) -> None:
        for _ in range(self.unused):
            self.fill(self.next_to_use)
            self.next_to_use = (self.next_to_use + 1) % DESCRIPTORS
        await writel(self.next_to_use, self.hw + TAIL)  # ring-tail-at-head


class NeverWrapsTail(Driver):
    async def ring_doorbell(self) -> None:
        tail = self.next_to_use or DESCRIPTORS
        await writel(tail, self.hw + TAIL)  # ring-wrap


async def two_packets(driver: Driver) -> None:
    """One, and another; the tail comes to the ring's end in between."""
    await poll(driver, 0)
    await poll(driver, 1)


class WritesBehindTheEnd(Driver):
    def write_descriptor(self, slot: int) -> None:
        super().write_descriptor(slot)
        if slot == DESCRIPTORS - 1:
            self.ring.write((slot + 1) * 16, bytes(8))  # ring-wrap


class ReadsBehindTheEnd(Driver):
    async def clean_one(self) -> bool:
        if self.next_to_clean == DESCRIPTORS - 1:
            self.ring.read((self.next_to_clean + 1) * 16 + STATUS_AT, 1)  # ring-wrap
        return await super().clean_one()


class TailGoesBack(Driver):
    async def ring_doorbell(self) -> None:
        await writel((self.next_to_use - 1) % DESCRIPTORS, self.hw + TAIL)  # ring-given-twice
        await super().ring_doorbell()


class KeepsDone(Driver):
    def write_descriptor(self, slot: int) -> None:
        self.ring.write(slot * 16, self.dma[slot].to_bytes(8, "little"))

    async def ring_doorbell(self) -> None:
        await writel(self.next_to_use, self.hw + TAIL)  # ring-done-not-cleared


class UsesTheBufferBefore(Driver):
    def write_descriptor(self, slot: int) -> None:
        dma = self.dma[2] if slot == 3 else self.dma[slot]
        self.ring.write(slot * 16, dma.to_bytes(8, "little") + bytes(8))

    async def ring_doorbell(self) -> None:
        await writel(self.next_to_use, self.hw + TAIL)  # ring-buffer-twice


# --- 32 to 34: packets ------------------------------------------------------------------------------------------------


class DeliversPieces(Driver):
    async def take(self, slot: int, status: int) -> None:
        self.unmap(slot)
        buffer, self.buffers[slot] = self.buffers[slot], 0
        await netif_receive_skb(build_skb(buffer, 6, self.netdev))  # rx-before-eop


class DropsTheFirstPieceOnly(Driver):
    async def take(self, slot: int, status: int) -> None:
        self.unmap(slot)
        buffer, self.buffers[slot] = self.buffers[slot], 0
        if not status & EOP:
            self.frags.free(buffer)
            return
        await netif_receive_skb(build_skb(buffer, 6, self.netdev))  # rx-before-eop


async def long_packet(driver: Driver) -> None:
    """A packet of two buffers, then one of one."""
    driver.receive(0, eop=False)
    await poll(driver, 1, 2)


async def long_packet_and_more(driver: Driver) -> None:
    """Its buffers are used again for packets of one."""
    await long_packet(driver)
    await poll(driver, 3, 4, 5, 6, 7, 0, 1)
    await poll(driver, 2, 3, 4, 5, 6, 7)


class NeverRefills(Driver):
    async def poll(self, napi: Napi, budget: int) -> int:  # ring-ran-dry
        work = 0
        while await self.clean_one():
            work += 1
        await napi_complete_done(napi, work)
        return work


class RefillsLater(NeverRefills):
    """The same with a timer that makes up for it."""

    async def poll(self, napi: Napi, budget: int) -> int:
        self.timer = TimerList(self.expired)
        self.timer.mod(self.computer.machine.jiffies + 10)
        return await super().poll(napi, budget)

    async def expired(self, _timer: TimerList) -> None:
        await self.refill()

    async def stop_device(self) -> None:
        self.timer.delete()
        await super().stop_device()


async def whole_ring(driver: Driver) -> None:
    """As many packets as the device has descriptors."""
    await poll(driver, 0, 1, 2, 3, 4, 5, 6)


class IgnoresBudget(Driver):
    weight = 2

    async def poll(self, napi: Napi, budget: int) -> int:  # rx-loop-unbounded
        while await self.clean_one():
            pass
        await self.refill()
        await napi_complete_done(napi, 1)
        return 1


class LooksOneAhead(Driver):
    """Looks at the next descriptor before it compares with its budget, as drivers do."""

    weight = 2

    async def clean(self, budget: int) -> int:
        work = 0
        while self.ring.read(self.next_to_clean * 16 + STATUS_AT, 1)[0] & DONE:
            dma_rmb()
            if work == budget:
                break
            await self.clean_one()
            work += 1
        await self.refill()
        return work


# --- 35 and 36: registers ---------------------------------------------------------------------------------------------


class SleepsUnflushed(Driver):
    async def stop_device(self) -> None:
        await writel(0, self.hw + ENABLE)
        await usleep_range(10, 20)  # mmio-not-flushed


class MasksUnflushed(Driver):
    async def stop_device(self) -> None:
        await super().stop_device()
        await writel(1, self.hw + MASK)
        await synchronize_irq(self.pdev.irq)  # mmio-not-flushed


class MasksAndFlushes(Driver):
    async def stop_device(self) -> None:
        await writel(1, self.hw + MASK)
        await super().stop_device()
        await synchronize_irq(self.pdev.irq)


class StopsByReset(Driver):
    """A reset cannot be read back at once."""

    async def stop_device(self) -> None:
        await writel(1, self.hw + RESET)
        await usleep_range(10, 20)


class ReadsWhenOff(Driver):
    async def close(self) -> None:
        await super().close()
        await readl(self.hw + STATUS)  # mmio-while-off


class WritesWhenOff(Driver):
    async def close(self) -> None:
        await super().close()
        await writel(0, self.hw + STATUS)  # mmio-while-off


class DisablesTwice(Driver):
    async def stop_device(self) -> None:
        pci_disable_device(self.pdev)
        await writel(0, self.hw + ENABLE)  # mmio-while-off


# --- 43: buffers that are used again ----------------------------------------------------------------------------------


class Recycles(Driver):
    """Keeps its buffers mapped and copies packets out of them."""

    def map_buffer(self, slot: int) -> bool:
        return bool(self.buffers[slot]) or super().map_buffer(slot)

    async def take(self, slot: int, status: int) -> None:
        dma_sync_single_for_cpu(self.pdev, self.dma[slot], BUFFER, FROM_DEVICE)
        memory = self.computer.machine.memory
        memory.read(self.buffers[slot], 6)
        memory.write(self.buffers[slot], bytes(6))
        self.give_back(slot)

    def give_back(self, slot: int) -> None:
        dma_sync_single_for_device(self.pdev, self.dma[slot], BUFFER, FROM_DEVICE)


class RecyclesUnsynced(Recycles):
    def give_back(self, slot: int) -> None:
        """Forgotten."""

    async def ring_doorbell(self) -> None:
        await writel(self.next_to_use, self.hw + TAIL)  # dma-no-sync-for-device


class ReadsWhatItGaveBack(RecyclesUnsynced):
    async def take(self, slot: int, status: int) -> None:
        dma_sync_single_for_cpu(self.pdev, self.dma[slot], BUFFER, FROM_DEVICE)

    async def ring_doorbell(self) -> None:
        await Driver.ring_doorbell(self)
        if self.next_to_clean:
            self.computer.machine.memory.read(self.buffers[0], 6)  # dma-no-sync-for-cpu


class RecyclesOnlyRead(Recycles):
    """Nothing is written, and so nothing needs a sync."""

    async def take(self, slot: int, status: int) -> None:
        dma_sync_single_for_cpu(self.pdev, self.dma[slot], BUFFER, FROM_DEVICE)
        self.computer.machine.memory.read(self.buffers[slot], 6)


# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("driver", "story"),
    [
        (Driver, goes_round),
        (Driver, long_packet),
        (Driver, whole_ring),
        (Driver, long_packet_and_more),
        (LongDescriptors, goes_round),
        (ReadsItsOwnAddress, goes_round),
        (RelaxedAgain, goes_round),
        (StopsByReset, goes_round),
        (OwnDriver, goes_round),
        (RelaxedDoorbellWithBarrier, goes_round),
        (RefillsLater, whole_ring),
        (LooksOneAhead, goes_round),
        (MasksAndFlushes, goes_round),
        (Recycles, goes_round),
        (RecyclesOnlyRead, goes_round),
    ],
)
def test_the_right_way_breaks_nothing(driver: type[Driver], story: Story) -> None:
    assert broken_on_ring(driver, story) == {}


@pytest.mark.parametrize(
    ("driver", "story", "rule"),
    [
        (ReadsLengthFirst, goes_round, "ring-read-before-done"),
        (NoRmbBeforeLength, goes_round, "ring-no-rmb"),
        (NoRmbBeforePacket, goes_round, "ring-no-rmb"),
        (ReadsLongDescriptorAtOnce, goes_round, "ring-no-rmb"),
        (WritesAfterDoorbell, goes_round, "ring-write-owned"),
        (WrongAddress, goes_round, "ring-buffer-not-mapped"),
        (MapsToDevice, goes_round, "ring-buffer-not-mapped"),
        (MapsTooLittle, goes_round, "ring-buffer-not-mapped"),
        (UnmapsUnderTheDevice, goes_round, "ring-unmap-owned"),
        (OwnNoWmb, goes_round, "ring-own-no-wmb"),
        (OwnAtOneGo, goes_round, "ring-own-no-wmb"),
        (OwnWritesAfterFlip, goes_round, "ring-write-owned"),
        (OwnLosesEnd, goes_round, "ring-end-flag"),
        (OwnEndsEarly, goes_round, "ring-end-flag"),
        (RelaxedDoorbell, goes_round, "ring-doorbell-no-wmb"),
        (FillsTheWholeRing, nothing, "ring-tail-at-head"),
        (FillsTheLastOne, goes_round, "ring-tail-at-head"),
        (NeverWrapsTail, two_packets, "ring-wrap"),
        (WritesBehindTheEnd, goes_round, "ring-wrap"),
        (ReadsBehindTheEnd, goes_round, "ring-wrap"),
        (TailGoesBack, goes_round, "ring-given-twice"),
        (KeepsDone, goes_round, "ring-done-not-cleared"),
        (UsesTheBufferBefore, goes_round, "ring-buffer-twice"),
        (DeliversPieces, long_packet, "rx-before-eop"),
        (DropsTheFirstPieceOnly, long_packet, "rx-before-eop"),
        (NeverRefills, whole_ring, "ring-ran-dry"),
        (IgnoresBudget, goes_round, "rx-loop-unbounded"),
        (SleepsUnflushed, goes_round, "mmio-not-flushed"),
        (MasksUnflushed, goes_round, "mmio-not-flushed"),
        (ReadsWhenOff, goes_round, "mmio-while-off"),
        (WritesWhenOff, goes_round, "mmio-while-off"),
        (DisablesTwice, goes_round, "mmio-while-off"),
        (ReadsWhatItGaveBack, goes_round, "dma-no-sync-for-cpu"),
        (RecyclesUnsynced, goes_round, "dma-no-sync-for-device"),
    ],
)
def test_a_wrong_driver(driver: type[Driver], story: Story, rule: str) -> None:
    assert blamed(broken_on_ring(driver, story)) == rule
