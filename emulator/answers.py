"""What an application in the machine sends back: answers to generated frames, found on the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from driver.apps.thread import start
from driver.apps.udp import Echo, Server, Sink
from driver.kernel.machine import Machine
from emulator.emulation import Emulation
from emulator.engines.base import Engine, SentFrame
from emulator.generator import DISCARD_PORT, MAGIC, PAYLOAD_AT, PAYLOAD_HEAD
from emulator.latency import exact_latency
from emulator.results import AppCounts
from emulator.wire_timing import PS_PER_NS

#: Called with NIC, frame and time in ns when a frame that a NIC sent is over.
Sent = Callable[[int, bytes, int], None]


def start_app(emulation: Emulation, name: str) -> Server | Sink:
    """Run the application of this name, one of scenario.APPS, in a thread; it serves the port of generated frames."""
    app = Echo(DISCARD_PORT) if name == Echo.comm else Sink(DISCARD_PORT)
    start(emulation.machine, app)
    return app


class Answers:
    """Hears the answers of one application to the frames of all NICs."""

    def __init__(self, app: Server | Sink, engine: Engine, sent: Sent) -> None:
        """Traffic starts now; ``sent`` is told of each frame that is sent."""
        self._app = app
        self._origin_ns = engine.now
        self._round_trips: Counter[int] = Counter()
        self._sent = sent
        for nic, wire in enumerate(engine.wires):
            wire.listen(partial(self._hear, nic))

    def _hear(self, nic: int, frame: SentFrame) -> None:
        end_ns = frame.end_ps // PS_PER_NS
        self._sent(nic, frame.data, end_ns)
        magic, _, send_ns = PAYLOAD_HEAD.unpack_from(frame.data, PAYLOAD_AT)
        if magic == MAGIC:
            self._round_trips[end_ns - self._origin_ns - send_ns] += 1

    def counts(self, machine: Machine) -> AppCounts:
        """What became of the frames beyond the stack."""
        return AppCounts(
            received=self._app.received,
            socket_full=machine.init_net.mib.udp.RcvbufErrors,
            answered=self._round_trips.total(),
            round_trip=exact_latency(self._round_trips),
        )
