"""System calls on sockets (net/socket.c). A socket stands for its file descriptor; only UDP over IPv4 is there.

Call them from a thread. Errors are raised as Python's own socket module raises them: OSError with Linux's errno.
"""

from __future__ import annotations

import enum
import errno
import ipaddress

from driver.kernel.cpu import spend, this_cpu
from driver.kernel.net.ipv4.udp import ANY, Datagram, udp_lib_unhash, udp_recvmsg, udp_sendmsg, udp_v4_get_port
from driver.kernel.net.sock import (
    Sock,
    SocketOption,
    sk_purge_receive_queue,
    sock_getsockopt,
    sock_setsockopt,
)


class MsgFlags(enum.IntFlag):
    """Flags of recvmsg and sendmsg (include/linux/socket.h)."""

    NONE = 0
    MSG_DONTWAIT = 0x40  #: do not block: EAGAIN instead


#: An address and a port, such as ("10.0.0.1", 7).
Address = tuple[str, int]


async def _enter() -> None:
    await spend(this_cpu().machine.costs.syscall)


async def socket() -> Sock:
    """A new socket: AF_INET, SOCK_DGRAM."""
    await _enter()
    return Sock(this_cpu().machine)


async def bind(sk: Sock, address: Address) -> None:
    """Receive what is sent to an address and a port; 0.0.0.0 is any address of ours, 0 any free port.

    Raises:
        OSError: EADDRINUSE, EADDRNOTAVAIL; EINVAL, it is bound already.
    """
    await _enter()
    if sk.sport:
        raise OSError(errno.EINVAL, "Invalid argument: the socket is bound already")
    udp_v4_get_port(sk, ipaddress.IPv4Address(address[0]).packed, address[1])


async def connect(sk: Sock, address: Address) -> None:
    """Receive from this peer only, and send to it unless told otherwise."""
    await _enter()
    sk.daddr, sk.dport = ipaddress.IPv4Address(address[0]).packed, address[1]
    if not sk.sport:
        udp_v4_get_port(sk, ANY, 0)


async def recvmsg(sk: Sock, flags: MsgFlags = MsgFlags.NONE) -> Datagram:
    """The next datagram. Blocks until there is one, or for SO_RCVTIMEO.

    Raises:
        OSError: EAGAIN, there was none.
    """
    await _enter()
    return await udp_recvmsg(sk, 0 if flags & MsgFlags.MSG_DONTWAIT else sk.rcvtimeo)


async def sendmsg(sk: Sock, data: bytes, to: Datagram | None = None, flags: MsgFlags = MsgFlags.NONE) -> int:
    """Send a datagram back to the sender of another one, or to whom the socket is connected; returns its bytes.

    Raises:
        OSError: EDESTADDRREQ, nobody to send it to; and as udp_sendmsg.
    """
    await _enter()
    daddr, dport = (to.saddr, to.sport) if to is not None else (sk.daddr, sk.dport)
    if not dport:
        raise OSError(errno.EDESTADDRREQ, "Destination address required")
    return await udp_sendmsg(sk, data, daddr, dport, 0 if flags & MsgFlags.MSG_DONTWAIT else sk.sndtimeo)


async def setsockopt(sk: Sock, option: SocketOption, value: int) -> None:
    """Set an option of the level SOL_SOCKET.

    Raises:
        OSError: EINVAL, the value is out of range; ENOPROTOOPT, it can only be read.
    """
    await _enter()
    sock_setsockopt(sk, option, value)


async def getsockopt(sk: Sock, option: SocketOption) -> int:
    """Read an option of the level SOL_SOCKET.

    Raises:
        OSError: ENOPROTOOPT, it cannot be read.
    """
    await _enter()
    return sock_getsockopt(sk, option)


async def close(sk: Sock) -> None:
    """Give its port back and free what it holds."""
    await _enter()
    udp_lib_unhash(sk)
    sk_purge_receive_queue(sk)
