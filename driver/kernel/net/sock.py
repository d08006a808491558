"""Sockets: options, buffers and what they are charged, waiting for data and for room (net/core/sock.c, datagram.c)."""

from __future__ import annotations

import enum
import errno
from collections import deque
from typing import TYPE_CHECKING

from driver.kernel.net.busy_poll import BUSY_POLL_BUDGET, busy_loop_timeout, napi_busy_loop, napi_id_valid
from driver.kernel.net.rfs import sock_rps_record_flow, sock_rps_save_rxhash
from driver.kernel.net.skbuff import SKB_STRUCT_BYTES, consume_skb
from driver.kernel.wait import MAX_SCHEDULE_TIMEOUT, WaitQueueHead, autoremove_wait, current_task, schedule_timeout

if TYPE_CHECKING:
    from driver.kernel.machine import Machine
    from driver.kernel.net.busy_poll import BUSY_POLL_BUDGET, busy_loop_timeout, napi_busy_loop, napi_id_valid
from driver.kernel.net.skbuff import SkBuff

#: Default and greatest size of a socket's buffers in bytes (net.core.rmem_default, rmem_max and those of wmem).
SK_MEM_DEFAULT = 212_992
SK_MEM_MAX = 212_992

#: Least sizes: a buffer of 2048 bytes and its sk_buff, and twice that (SOCK_MIN_RCVBUF, SOCK_MIN_SNDBUF).
SOCK_MIN_RCVBUF = 2048 + SKB_STRUCT_BYTES
SOCK_MIN_SNDBUF = 2 * SOCK_MIN_RCVBUF

#: Most of SO_BUSY_POLL_BUDGET: a u16.
_BUDGET_MAX = 0xFFFF


class SocketOption(enum.IntEnum):
    """Options of the level SOL_SOCKET (include/uapi/asm-generic/socket.h)."""

    SO_SNDBUF = 7  #: bytes; Linux doubles it for its own overhead
    SO_RCVBUF = 8  #: the same
    SO_RCVTIMEO = 20  #: ns that recvmsg waits; 0 for ever. (A struct timeval in Linux.)
    SO_SNDTIMEO = 21  #: ns that sendmsg waits
    SO_BUSY_POLL = 46  #: us that recvmsg polls the device itself
    SO_INCOMING_NAPI_ID = 56  #: instance that the socket's packets come by; read only
    SO_PREFER_BUSY_POLL = 69  #: keep interrupts off while it polls
    SO_BUSY_POLL_BUDGET = 70  #: packets of one such poll


SO = SocketOption


#: What a file is ready for (include/uapi/linux/eventpoll.h).
EPOLLIN, EPOLLOUT = 1, 4


class Sock:
    """A socket (struct sock, with its struct socket and struct inet_sock).

    Attributes:
        rcvbuf, sndbuf: bytes that it may be charged.
        rmem_alloc, wmem_alloc: bytes that it is charged, by the truesize of its packets.
        drops: packets that found it full.
        receive_queue: packets for recvmsg.
        wq: whoever waits for it.
        napi_id: instance that its last packet came by, or its first if it is not connected; 0 for none yet.
        rxhash: hash of the flow of its last packet, if it is connected.
        ll_usec, prefer_busy_poll, busy_poll_budget: SO_BUSY_POLL, SO_PREFER_BUSY_POLL, SO_BUSY_POLL_BUDGET.
        rcvtimeo, sndtimeo: in jiffies.
        saddr, sport: where it is bound; address 0.0.0.0 for any; port 0 for not.
        daddr, dport: whom it is connected to, if port is not 0: it receives from nobody else.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.rcvbuf = self.sndbuf = SK_MEM_DEFAULT
        self.rmem_alloc = self.wmem_alloc = 0
        self.drops = 0
        self.receive_queue: deque[SkBuff] = deque()
        self.wq = WaitQueueHead()
        self.napi_id = self.rxhash = 0
        self.ll_usec = machine.sysctl.busy_read
        self.prefer_busy_poll = False
        self.busy_poll_budget = 0
        self.rcvtimeo = self.sndtimeo = MAX_SCHEDULE_TIMEOUT
        self.saddr = self.daddr = bytes(4)
        self.sport = self.dport = 0

    def poll(self) -> int:
        """What it is ready for (udp_poll); for sending, if half of the buffer is free (sock_writeable)."""
        sock_rps_record_flow(self)
        return (EPOLLIN if self.receive_queue else 0) | (EPOLLOUT if self.wmem_alloc < self.sndbuf >> 1 else 0)


def sock_setsockopt(sk: Sock, option: SocketOption, value: int) -> None:
    """Set an option (sk_setsockopt).

    Raises:
        OSError: EINVAL, the value is out of range; ENOPROTOOPT, it can only be read.
    """
    if option is SO.SO_INCOMING_NAPI_ID:
        raise OSError(errno.ENOPROTOOPT, f"{option.name} can only be read")
    if value < 0 or (option is SO.SO_BUSY_POLL_BUDGET and value > _BUDGET_MAX):
        raise OSError(errno.EINVAL, f"{option.name} {value}: out of range")
    match option:
        case SO.SO_RCVBUF:
            sk.rcvbuf = max(2 * min(value, SK_MEM_MAX), SOCK_MIN_RCVBUF)
        case SO.SO_SNDBUF:
            sk.sndbuf = max(2 * min(value, SK_MEM_MAX), SOCK_MIN_SNDBUF)
            _sk_write_space(sk)
        case SO.SO_RCVTIMEO:
            sk.rcvtimeo = _timeout(sk, value)
        case SO.SO_SNDTIMEO:
            sk.sndtimeo = _timeout(sk, value)
        case SO.SO_BUSY_POLL:
            sk.ll_usec = value
        case SO.SO_PREFER_BUSY_POLL:
            sk.prefer_busy_poll = bool(value)
        case SO.SO_BUSY_POLL_BUDGET:
            sk.busy_poll_budget = value


def sock_getsockopt(sk: Sock, option: SocketOption) -> int:
    """Read an option (sk_getsockopt); buffers as they are, which is twice what was set. Not the timeouts.

    Raises:
        OSError: ENOPROTOOPT, it cannot be read.
    """
    values = {
        SO.SO_RCVBUF: sk.rcvbuf,
        SO.SO_SNDBUF: sk.sndbuf,
        SO.SO_BUSY_POLL: sk.ll_usec,
        SO.SO_PREFER_BUSY_POLL: int(sk.prefer_busy_poll),
        SO.SO_BUSY_POLL_BUDGET: sk.busy_poll_budget,
        SO.SO_INCOMING_NAPI_ID: sk.napi_id if napi_id_valid(sk.napi_id) else 0,
    }
    if option not in values:
        raise OSError(errno.ENOPROTOOPT, f"{option.name} cannot be read")
    return values[option]


def _timeout(sk: Sock, ns: int) -> int:
    """A timeout in jiffies, rounded up (sock_set_timeout)."""
    if not ns:
        return MAX_SCHEDULE_TIMEOUT
    return -(-ns * sk.machine.sysctl.hz // 1_000_000_000)


# --- receiving --------------------------------------------------------------------------------------------------------


def sock_queue_rcv_skb(sk: Sock, skb: SkBuff) -> bool:
    """Queue a packet and tell who waits; false if the buffer has no room. An empty one takes any packet.

    As in __udp_enqueue_schedule_skb (net/ipv4/udp.c).
    """
    size = skb.truesize
    if sk.rmem_alloc and sk.rmem_alloc + size > sk.rcvbuf:
        sk.drops += 1
        return False
    sk.rmem_alloc += size
    skb.sk, skb.destructor = sk, sock_rfree
    if sk.dport:  # connected
        sock_rps_save_rxhash(sk, skb)
        sk.napi_id = skb.napi_id
    elif not sk.napi_id:
        sk.napi_id = skb.napi_id  # sk_mark_napi_id_once
    sk.receive_queue.append(skb)
    sk.wq.wake_up(EPOLLIN)  # sk_data_ready
    return True


def sock_rfree(skb: SkBuff) -> None:
    """A received packet is freed: take it off its socket's account."""
    skb.sk.rmem_alloc -= skb.truesize


async def skb_wait_for_more_packets(sk: Sock, timeo: int) -> int:
    """Wait until there is something to receive, for so many jiffies at most (__skb_wait_for_more_packets).

    Returns:
        Jiffies that are left; 0 if the time is over.
    """
    wait = autoremove_wait(current_task(), EPOLLIN, exclusive=True)
    sk.wq.add(wait)
    timeo = await schedule_timeout(timeo)
    sk.wq.remove(wait)
    return timeo


def sk_can_busy_loop(sk: Sock) -> bool:
    """Whether recvmsg may poll the device itself."""
    return sk.ll_usec > 0


async def sk_busy_loop(sk: Sock, *, nonblock: bool) -> None:
    """Poll the instance that the socket's packets come by until there is one, or the time is over; or just once."""

    def loop_end(start_time: int) -> bool:
        return bool(sk.receive_queue) or busy_loop_timeout(start_time, sk.ll_usec)

    if napi_id_valid(sk.napi_id):
        await napi_busy_loop(
            sk.napi_id,
            None if nonblock else loop_end,
            prefer_busy_poll=sk.prefer_busy_poll,
            budget=sk.busy_poll_budget or BUSY_POLL_BUDGET,
        )


# --- sending ----------------------------------------------------------------------------------------------------------


async def sock_wait_for_wmem(sk: Sock, timeo: int) -> None:
    """Wait until the socket may be charged more (sock_alloc_send_pskb).

    Raises:
        OSError: EAGAIN, the time in jiffies is over.
    """
    while sk.wmem_alloc >= sk.sndbuf:
        if not timeo:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable: the send buffer is full")
        wait = autoremove_wait(current_task())
        sk.wq.add(wait)
        timeo = await schedule_timeout(timeo)
        sk.wq.remove(wait)


def skb_set_owner_w(skb: SkBuff, sk: Sock) -> None:
    """Charge a packet to be sent to its socket until it is freed."""
    sk.wmem_alloc += skb.truesize
    skb.sk, skb.destructor = sk, sock_wfree


def sock_wfree(skb: SkBuff) -> None:
    """A packet was sent, or dropped: take it off its socket's account and tell who waits for room."""
    skb.sk.wmem_alloc -= skb.truesize
    _sk_write_space(skb.sk)


def _sk_write_space(sk: Sock) -> None:
    """Wake whoever waits for room, once half of the buffer is free (sock_def_write_space)."""
    if sk.wmem_alloc << 1 <= sk.sndbuf:
        sk.wq.wake_up(EPOLLOUT)


def sk_purge_receive_queue(sk: Sock) -> None:
    """Free what nobody received; the socket is being closed."""
    while sk.receive_queue:
        consume_skb(sk.receive_queue.popleft())
