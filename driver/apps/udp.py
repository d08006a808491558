"""Applications on UDP sockets: a sink, an echo, servers that work for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.cpu import spend
from driver.kernel.eventpoll import epoll_create, epoll_ctl_add, epoll_set_params, epoll_wait
from driver.kernel.net.sock import EPOLLIN, Sock
from driver.kernel.net.socket import MsgFlags, bind, recvmsg, sendmsg, setsockopt, socket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driver.kernel.eventpoll import EpollParams, EventPoll
    from driver.kernel.net.ipv4.udp import Datagram
    from driver.kernel.net.sock import SocketOption

ANY_ADDRESS = "0.0.0.0"


async def _bound(port: int, options: Mapping[SocketOption, int]) -> Sock:
    """A socket on a port of any address, with these options."""
    sk = await socket()
    for option, value in options.items():
        await setsockopt(sk, option, value)
    await bind(sk, (ANY_ADDRESS, port))
    return sk


class Sink:
    """Receives datagrams and throws them away.

    Attributes:
        received: datagrams.
        received_bytes: their payload.
    """

    comm = "sink"

    def __init__(self, port: int, options: Mapping[SocketOption, int] | None = None) -> None:
        """A sink on a port, its socket with these options."""
        self.received = self.received_bytes = 0
        self._port, self._options = port, options or {}

    async def run(self) -> None:
        """The thread."""
        sk = await _bound(self._port, self._options)
        while True:
            datagram = await recvmsg(sk)
            self.received += 1
            self.received_bytes += len(datagram.data)


class Server:
    """Answers each request after working for it; the answer starts with the request's bytes.

    Attributes:
        received: requests.
        answered: answers handed to the kernel; it may still drop them.
        failed: requests that could not be answered: no memory, or no way to the client.
    """

    comm = "server"

    def __init__(
        self,
        port: int,
        service_ns: int = 0,
        response_bytes: int | None = None,
        options: Mapping[SocketOption, int] | None = None,
    ) -> None:
        """A server on a port.

        Args:
            port: where it listens.
            service_ns: CPU time per request, in ns.
            response_bytes: length of the answers; None for that of the request.
            options: of its socket.
        """
        self.received = self.answered = self.failed = 0
        self._port, self._options = port, options or {}
        self._service_ns, self._response_bytes = service_ns, response_bytes

    async def run(self) -> None:
        """The thread."""
        sk = await _bound(self._port, self._options)
        while True:
            await self._serve(sk, await recvmsg(sk))

    async def _serve(self, sk: Sock, request: Datagram) -> None:
        self.received += 1
        await spend(self._service_ns)
        length = len(request.data) if self._response_bytes is None else self._response_bytes
        try:
            await sendmsg(sk, request.data[:length].ljust(length, b"\0"), request)
        except OSError:
            self.failed += 1
        else:
            self.answered += 1


class Echo(Server):
    """Sends every datagram back."""

    comm = "echo"

    def __init__(self, port: int, options: Mapping[SocketOption, int] | None = None) -> None:
        """An echo server on a port, its socket with these options."""
        super().__init__(port, options=options)


class EpollServer(Server):
    """The same on several ports, with one thread that waits for all of them by epoll.

    Attributes:
        epoll: its epoll set, once it runs.
    """

    epoll: EventPoll

    def __init__(
        self,
        ports: Sequence[int],
        service_ns: int = 0,
        response_bytes: int | None = None,
        options: Mapping[SocketOption, int] | None = None,
        busy_poll: EpollParams | None = None,
    ) -> None:
        """A server on some ports; see Server. ``busy_poll`` is how its epoll set polls, if not as the sysctl says."""
        super().__init__(ports[0], service_ns, response_bytes, options)
        self._ports = ports
        self._busy_poll = busy_poll

    async def run(self) -> None:
        """The thread: one request of each socket that is ready, then it asks again."""
        self.epoll = await epoll_create()
        if self._busy_poll is not None:
            await epoll_set_params(self.epoll, self._busy_poll)
        for port in self._ports:
            await epoll_ctl_add(self.epoll, await _bound(port, self._options), EPOLLIN)
        while True:
            for sk, _ in await epoll_wait(self.epoll, len(self._ports)):
                try:
                    request = await recvmsg(sk, MsgFlags.MSG_DONTWAIT)
                except BlockingIOError:  # its checksum was wrong
                    continue
                await self._serve(sk, request)
