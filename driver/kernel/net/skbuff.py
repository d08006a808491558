"""Socket buffers (net/core/skbuff.c), each in a DMA buffer of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.trace import trace_kfree_skb

if TYPE_CHECKING:
    from driver.kernel.net.netdevice import NetDevice


class SkBuff:
    """A packet (struct sk_buff).

    Attributes:
        head: physical address of the buffer that it owns.
        data: the frame, destination address first, no FCS.
        dev: the interface that it came in by, or goes out by.
        priority: for the qdisc, 0 to 15.
    """

    __slots__ = ("data", "dev", "head", "priority")

    head: int
    data: bytes
    dev: NetDevice
    priority: int

    @property
    def len(self) -> int:
        """Bytes of the packet."""
        return len(self.data)

    @property
    def protocol(self) -> int:
        """EtherType."""
        return int.from_bytes(self.data[12:14], "big")


def build_skb(head: int, length: int, dev: NetDevice) -> SkBuff:
    """An skb of the bytes that the device wrote into a buffer; the skb owns the buffer from now on."""
    skb = SkBuff()
    skb.head = head
    skb.data = dev.machine.memory.read(head, length)
    skb.dev = dev
    skb.priority = 0
    return skb


def alloc_skb(data: bytes, dev: NetDevice) -> SkBuff | None:
    """An skb to send: a frame without FCS, at most FragAllocator.SIZE bytes; None if there is no memory for it."""
    head = dev.machine.frags.alloc()
    if not head:
        return None
    dev.machine.memory.write(head, data)
    skb = SkBuff()
    skb.head = head
    skb.data = data
    skb.dev = dev
    skb.priority = 0
    return skb


def consume_skb(skb: SkBuff) -> None:
    """Free a packet that reached its end."""
    skb.dev.machine.frags.free(skb.head)


def kfree_skb_reason(skb: SkBuff, reason: str) -> None:
    """Free a packet that is dropped, and say why."""
    trace_kfree_skb(skb, reason)
    skb.dev.machine.frags.free(skb.head)
