"""Rules 37 to 42: how the DMA API is called. What CONFIG_DMA_API_DEBUG finds, in its words (kernel/dma/debug.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.dma import (
    CACHE_LINE_BYTES,
    DMA_MAPPING_ERROR,
    PAGE_SIZE,
    CoherentMemory,
    DmaDirection,
)
from driver.kernel.rules.mapping import BEYOND, COHERENT, PHY, Mapping, MappingTable
from driver.kernel.rules.rule import Level, Rule

if TYPE_CHECKING:
    from driver.kernel.pci import PciDev
    from driver.kernel.rules.checker import Checker

_SOURCE = "kernel/dma/debug.c"
_WHO = "DMA-API: {driver} {device}: "
_AT = " [device address=0x{address:016x}] [size={size} bytes]"

_BIDIRECTIONAL, _TO_DEVICE, _FROM_DEVICE = DmaDirection.BIDIRECTIONAL, DmaDirection.TO_DEVICE, DmaDirection.FROM_DEVICE

DMA_UNMAP_FAILED = Rule(
    name="dma-unmap-failed",
    invariant=37,
    level=Level.ERROR,
    demands="what failed to map is not unmapped",
    mend="Ask dma_mapping_error() after mapping, and if it failed drop the packet without unmapping anything.",
    source=_SOURCE,
    prints=_WHO + "device driver tries to free an invalid DMA memory address",
)

DMA_UNMAP_UNMAPPED = Rule(
    name="dma-unmap-unmapped",
    invariant=37,
    level=Level.ERROR,
    demands="a mapping is undone once, at the address that the mapping function returned",
    mend="Forget the DMA address when you unmap it, and pass what dma_map_* or dma_alloc_coherent returned.",
    source=_SOURCE,
    prints=_WHO + "device driver tries to free DMA memory it has not allocated" + _AT,
)

DMA_UNMAP_SIZE = Rule(
    name="dma-unmap-size",
    invariant=37,
    level=Level.ERROR,
    demands="a mapping is undone with the size that it was made with",
    mend="Keep the length with the buffer when you map it, and unmap with that.",
    source=_SOURCE,
    prints=_WHO + "device driver frees DMA memory with different size [device address=0x{address:016x}] "
    "[map size={map_size} bytes] [unmap size={size} bytes]",
)

DMA_UNMAP_FUNCTION = Rule(
    name="dma-unmap-function",
    invariant=37,
    level=Level.ERROR,
    demands="memory is given back by the counterpart of the function that gave it: unmap for map, free for alloc",
    mend="Use dma_unmap_* for what dma_map_* returned, and dma_free_coherent for what dma_alloc_coherent returned.",
    source=_SOURCE,
    prints=_WHO
    + "device driver frees DMA memory with wrong function"
    + _AT
    + " [mapped as {kind}] [unmapped as {with_}]",
)

DMA_UNMAP_DIRECTION = Rule(
    name="dma-unmap-direction",
    invariant=37,
    level=Level.ERROR,
    demands="a mapping is undone with the direction that it was made with",
    mend="Unmap receive buffers with FROM_DEVICE and transmit buffers with TO_DEVICE, as they were mapped.",
    source=_SOURCE,
    prints=_WHO + "device driver frees DMA memory with different direction" + _AT + " [mapped with {mapped}] "
    "[unmapped with {with_}]",
)

DMA_MAP_ERROR_UNCHECKED = Rule(
    name="dma-map-error-unchecked",
    invariant=38,
    level=Level.ERROR,
    demands="after each dma_map_single and dma_map_page the driver asks dma_mapping_error",
    mend="Call dma_mapping_error(dev, dma) before the address goes into a descriptor, and do without if it says so.",
    source=_SOURCE,
    prints=_WHO + "device driver failed to check map error[device address=0x{address:016x}] [size={size} bytes] "
    "[mapped as {kind}]",
)

DMA_SYNC_UNMAPPED = Rule(
    name="dma-sync-unmapped",
    invariant=39,
    level=Level.ERROR,
    demands="only a buffer that is mapped is synced",
    mend="Sync before you unmap; an unmapped buffer is the CPU's anyway.",
    source=_SOURCE,
    prints=_WHO + "device driver tries to sync DMA memory it has not allocated" + _AT,
)

DMA_SYNC_RANGE = Rule(
    name="dma-sync-range",
    invariant=39,
    level=Level.ERROR,
    demands="a sync stays within the mapping",
    mend="Sync at most what was mapped: offset + size <= size of the mapping.",
    source=_SOURCE,
    prints=DMA_SYNC_UNMAPPED.prints,  # containing_match() finds no entry that contains it
)

DMA_SYNC_DIRECTION = Rule(
    name="dma-sync-direction",
    invariant=39,
    level=Level.ERROR,
    demands="a buffer is synced with the direction that it was mapped with",
    mend="Pass the direction of the mapping to dma_sync_single_*.",
    source=_SOURCE,
    prints=_WHO + "device driver syncs DMA memory with different direction" + _AT + " [mapped with {mapped}] "
    "[synced with {with_}]",
)

DMA_SYNC_READ_ONLY = Rule(
    name="dma-sync-read-only",
    invariant=39,
    level=Level.ERROR,
    demands="a buffer that the device only reads (TO_DEVICE) is not synced for the CPU: nothing in it can be new",
    mend="Map it BIDIRECTIONAL if the device writes it, or leave the sync out.",
    source=_SOURCE,
    prints=_WHO + "device driver syncs device read-only DMA memory for cpu" + _AT + " [mapped with {mapped}] "
    "[synced with {with_}]",
)

DMA_SYNC_WRITE_ONLY = Rule(
    name="dma-sync-write-only",
    invariant=39,
    level=Level.ERROR,
    demands="a buffer that the device only writes (FROM_DEVICE) is not synced to it as one that it reads",
    mend="Map it BIDIRECTIONAL if the device reads it; to hand it back for writing, sync it FROM_DEVICE.",
    source=_SOURCE,
    prints=_WHO + "device driver syncs device write-only DMA memory to device" + _AT + " [mapped with {mapped}] "
    "[synced with {with_}]",
)

DMA_MAP_STACK = Rule(
    name="dma-map-stack",
    invariant=40,
    level=Level.ERROR,
    demands="what is mapped is memory from an allocator, not a variable",
    mend="Get a buffer from an allocator, copy the bytes into it, and map its address.",
    source=_SOURCE,
    prints=_WHO + "device driver maps memory from stack [addr={address:016x}]",
)

DMA_MAP_TEXT = Rule(
    name="dma-map-text",
    invariant=40,
    level=Level.ERROR,
    demands="the kernel's own image is not mapped",
    mend="Do not map address 0, or a constant: get a buffer from an allocator, and test whether you got one.",
    source=_SOURCE,
    prints=_WHO + "device driver maps memory from kernel text or rodata [addr={address:016x}] [len={size}]",
)

DMA_MAP_INVALID = Rule(
    name="dma-map-invalid",
    invariant=40,
    level=Level.ERROR,
    demands="what is mapped is memory",
    mend="Map an address that an allocator returned, and no more bytes than it has there.",
    source=_SOURCE,
    prints=_WHO + "device driver maps memory from invalid area [addr={address:016x}] [len={size}]",
)

DMA_CACHELINE = Rule(
    name="dma-cacheline",
    invariant=41,
    level=Level.WARN,
    demands="two mappings that the device writes to have no cache line in common",
    mend="Map a buffer once at a time, and give each buffer whole cache lines of 64 bytes.",
    source=_SOURCE,
    prints=_WHO + "cacheline tracking EEXIST, overlapping mappings aren't supported",
)

DMA_LEAK = Rule(
    name="dma-leak",
    invariant=42,
    level=Level.ERROR,
    demands="when the driver lets go of the device nothing is mapped or allocated for it any more",
    mend="Unmap every buffer that is left in a ring, and free the rings, in ndo_stop and in remove().",
    source=_SOURCE,
    prints=_WHO + "device driver has pending DMA allocations while released from device [count={count}]\n"
    "One of leaked entries details: [device address=0x{address:016x}] [size={size} bytes] [mapped with {mapped}] "
    "[mapped as {kind}]",
)


class DmaRules:
    """Calls of the DMA API, each checked before it has its effect."""

    def __init__(self, checker: Checker, table: MappingTable) -> None:
        self._broken = checker.broken
        self._lifetime = checker.lifetime
        self._rings = checker.rings
        self._table = table
        self._memory_bytes = checker.machine.memory.size

    # --- making mappings ----------------------------------------------------------------------------------------------

    def mapped(self, dev: PciDev, address: int, size: int, direction: DmaDirection) -> bool:
        """dma_map_single; returns whether the device can use the memory."""
        if not isinstance(address, int):
            self._say(DMA_MAP_STACK, dev, "a Python object is mapped: it has no address", address=id(address))
            return False
        if address + size > self._memory_bytes or address < PAGE_SIZE:
            rule = DMA_MAP_TEXT if 0 <= address < PAGE_SIZE else DMA_MAP_INVALID
            self._say(rule, dev, f"{size} bytes at {address:#x} are mapped", address=address, size=size)
            return False
        if address + size - 1 > dev.dma_mask:  # dma_capable
            return False
        mapping = self._table.add(dev, address, size, direction)
        if mapping.overlaps and direction is not _TO_DEVICE:
            self._look_for_clash(mapping)
        return True

    def _look_for_clash(self, mapping: Mapping) -> None:
        """Does the device write another mapping in the same cache line?"""
        for other in mapping.overlaps:
            if other.active and other.direction is not _TO_DEVICE:
                self._say(
                    DMA_CACHELINE,
                    mapping.dev,
                    f"the mapping of {mapping.size} bytes at {mapping.dma:#x} shares a line of "
                    f"{CACHE_LINE_BYTES} bytes with that of {other.size} bytes at {other.dma:#x}",
                )
                return

    def error_checked(self, dev: PciDev, dma: int) -> None:
        """dma_mapping_error."""
        mapping = self._table.first.get(dma)
        while mapping is not None:
            if mapping.active and not mapping.checked and mapping.dev is dev:
                mapping.checked = True
                return
            mapping = mapping.below

    def allocated(self, dev: PciDev, memory: CoherentMemory) -> None:
        """dma_alloc_coherent."""
        mapping = self._table.add(dev, memory.dma, memory.size, _BIDIRECTIONAL, COHERENT)
        mapping.checked = True
        rest = -memory.size % PAGE_SIZE
        if rest:
            self._table.add(dev, mapping.end, rest, _BIDIRECTIONAL, BEYOND)

    # --- undoing them -------------------------------------------------------------------------------------------------

    def unmapped(self, dev: PciDev, dma: int, size: int, direction: DmaDirection) -> None:
        """dma_unmap_single."""
        if self._lifetime.closing_any:
            self._lifetime.unmapped(dev, direction)
        mapping = self._undone(dev, dma, size, PHY, direction)
        if mapping is not None and not mapping.checked:
            self._say(
                DMA_MAP_ERROR_UNCHECKED,
                dev,
                f"the mapping at {dma:#x} is undone, and nobody asked whether it had failed",
                address=dma,
                size=size,
                kind=mapping.kind,
            )

    def freed(self, dev: PciDev, memory: CoherentMemory) -> None:
        """dma_free_coherent."""
        mapping = self._undone(dev, memory.dma, memory.size, COHERENT, _BIDIRECTIONAL)
        if mapping is not None and mapping.size % PAGE_SIZE:
            self._table.remove(self._table.first[mapping.end])

    def _undone(self, dev: PciDev, dma: int, size: int, kind: str, direction: DmaDirection) -> Mapping | None:
        """check_unmap: the mapping that is undone, if there is one."""
        mapping = self._table.first.get(dma)
        if mapping is None or mapping.below is not None or mapping.dev is not dev or not mapping.active:
            mapping = self._find(dev, dma, size, kind, direction)
        if mapping is None:
            if dma == DMA_MAPPING_ERROR:
                self._say(DMA_UNMAP_FAILED, dev, "the address that a failed mapping returned is unmapped")
            else:
                what = f"{size} bytes at {dma:#x} are unmapped, and nothing is mapped there"
                self._say(DMA_UNMAP_UNMAPPED, dev, what, address=dma, size=size)
            return None
        if size != mapping.size:
            what = f"{mapping.size} bytes were mapped at {dma:#x}, and {size} are unmapped"
            self._say(DMA_UNMAP_SIZE, dev, what, address=dma, size=size, map_size=mapping.size)
        if kind is not mapping.kind:
            what = f"{dma:#x} was mapped as {mapping.kind} and is unmapped as {kind}"
            self._say(DMA_UNMAP_FUNCTION, dev, what, address=dma, size=size, kind=mapping.kind, with_=kind)
        elif direction is not mapping.direction:
            self._directions(DMA_UNMAP_DIRECTION, mapping, size, direction, "unmapped")
        if mapping.ring is not None:
            self._rings.unmapped(mapping)
        self._table.remove(mapping)
        return mapping

    def _find(self, dev: PciDev, dma: int, size: int, kind: str, direction: DmaDirection) -> Mapping | None:
        """The mapping that begins there; of several the one that fits best."""
        found, mapping = None, self._table.first.get(dma)
        while mapping is not None:
            if mapping.active and mapping.dev is dev and mapping.kind is not BEYOND:
                if mapping.size == size and mapping.direction is direction and mapping.kind is kind:
                    return mapping
                found = mapping
            mapping = mapping.below
        return found

    def unbound(self, dev: PciDev) -> None:
        """The driver has let go of its device (BUS_NOTIFY_UNBOUND_DRIVER)."""
        left = self._table.of(dev)
        if left:
            last = left[-1]
            self._say(
                DMA_LEAK,
                dev,
                f"{len(left)} mappings and allocations are left, the last of them {last.size} bytes at {last.dma:#x}",
                count=len(left),
                address=last.dma,
                size=last.size,
                mapped=f"DMA_{last.direction.name}",
                kind=last.kind,
            )

    # --- syncing ------------------------------------------------------------------------------------------------------

    def synced(self, dev: PciDev, dma: int, size: int, direction: DmaDirection, *, for_cpu: bool) -> None:
        """dma_sync_single_for_cpu and _for_device."""
        mapping = self._table.at(dma, dev)
        if mapping is None or mapping.kind is BEYOND:
            what = f"{size} bytes at {dma:#x} are synced, and nothing is mapped there"
            self._say(DMA_SYNC_UNMAPPED, dev, what, address=dma, size=size)
            return
        if dma + size > mapping.end:
            what = f"{size} bytes at {dma:#x} are synced; the mapping ends {mapping.end - dma} bytes from there"
            self._say(DMA_SYNC_RANGE, dev, what, address=dma, size=size)
        rule = _sync_rule(mapping.direction, direction, for_cpu=for_cpu)
        if rule is not None:
            self._directions(rule, mapping, mapping.size, direction, "synced")
        mapping.synced(dma, size, for_cpu=for_cpu)

    # --- saying it ----------------------------------------------------------------------------------------------------

    def _directions(self, rule: Rule, mapping: Mapping, size: int, direction: DmaDirection, verb: str) -> None:
        self._say(
            rule,
            mapping.dev,
            f"{mapping.dma:#x} was mapped {mapping.direction.name} and is {verb} {direction.name}",
            address=mapping.dma,
            size=size,
            mapped=f"DMA_{mapping.direction.name}",
            with_=f"DMA_{direction.name}",
        )

    def _say(self, rule: Rule, dev: PciDev, what: str, **printed: object) -> None:
        """A rule is broken; ``printed``: what its text needs besides the device."""
        self._broken(rule, f"{dev.name}: {what}", where=None, driver=dev.driver or "pci", device=dev.name, **printed)


def _sync_rule(mapped: DmaDirection, synced: DmaDirection, *, for_cpu: bool) -> Rule | None:
    """What is wrong with syncing a mapping in a direction (check_sync).

    Linux says that the directions differ also where it says that the device could not have written, or read, at all.
    """
    if mapped is _BIDIRECTIONAL or mapped is synced:
        return None
    if for_cpu and mapped is _TO_DEVICE:
        return DMA_SYNC_READ_ONLY
    if not for_cpu and mapped is _FROM_DEVICE:
        return DMA_SYNC_WRITE_ONLY
    return DMA_SYNC_DIRECTION
