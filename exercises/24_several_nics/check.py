"""Exercise 24: one NIC is flooded, two others receive a packet now and then; all three interrupt one CPU."""

from __future__ import annotations

from driver.kernel.irq import IrqAction
from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, nothing_leaked, pass_time, take_down

_FLOOD = 600  # packets at line rate, more than the CPU can take
_TRICKLE, _TRICKLE_GAP_NS = 12, 50_000

_STEPS, _LOOK_NS = 110, 20_000  # until all is over, and how often to look

#: A handler reads ICR, masks, and reads once more to flush: 3 us on the slowest of the machines, and some.
_HANDLER_NS = 8_000

#: One budget of 64 packets of the flooded NIC, 2.8 us each, and what happens around it.
_TURN_NS = 64 * 2_800 + 60_000


async def check(bench: Bench) -> None:
    """The others' packets wait for one budget of the flooded NIC's, and not for more."""
    netdevs = [await bring_up(bench, nic) for nic in range(3)]
    for nic in range(3):
        await _alone(bench, nic)
    handlers = _Handlers(bench)
    start = bench.now
    bench.send(bench.frames(_FLOOD), nic=0)
    trickles = {nic: bench.frames(_TRICKLE, nic=nic) for nic in (1, 2)}
    for nic, frames in trickles.items():
        bench.send(frames, nic=nic, gap_ns=_TRICKLE_GAP_NS, after_ns=nic * 17_000)
    for _ in range(_STEPS):
        await pass_time(bench, _LOOK_NS)
        handlers.judge()
    for nic, frames in trickles.items():
        _judge_trickle(bench, nic, frames, start + nic * 17_000)
    for netdev in netdevs:
        await take_down(bench, netdev)
    nothing_leaked(bench)


async def _alone(bench: Bench, nic: int) -> None:
    """One packet, while the others are silent."""
    bench.send(bench.frames(1, nic=nic), nic=nic)
    await pass_time(bench, 40_000)
    bench.require(
        any(packet.device == f"eth{nic}" for packet in bench.delivered),
        f"eth{nic} is deaf",
        f"one packet of eth{nic} is at netif_receive_skb",
        f"it is not, and the handler was called {bench.interrupts(nic)} times for eth{nic}",
        why="Each NIC has an adapter and a NAPI instance of its own: a handler finds its own by dev_id.",
    )


def _judge_trickle(bench: Bench, nic: int, frames: list[bytes], start: int) -> None:
    """Each of these packets reached the stack in time."""
    came = {packet.data: packet.time_ns for packet in bench.delivered if packet.device == f"eth{nic}"}
    longest = 0
    for number, data in enumerate(frames):
        sent = start + number * _TRICKLE_GAP_NS
        bench.require(
            data in came,
            f"a packet of eth{nic} never reached the stack",
            f"packet {number} of eth{nic}, sent at {sent:,} ns, is at netif_receive_skb",
            f"{len(came)} of {len(frames)} packets of eth{nic} are",
            why="Each NIC has an adapter and a NAPI instance of its own.",
        )
        longest = max(longest, came[data] - sent)
    bench.require(
        longest <= _TURN_NS,
        f"a packet of eth{nic} waited for its turn {longest:,} ns",
        f"at most {_TURN_NS:,} ns: 64 packets of the NIC before it in the poll list, and what is around them",
        f"{longest:,} ns",
        why="Who takes more than 64 packets in a poll, or takes them before the poll, takes the others' time.",
    )
    bench.note(f"eth{nic}: a packet waited {longest:,} ns at most")


class _Handlers:
    """Watches how long interrupt handlers run."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._longest = self._at = self._entered = 0
        bench.machine.tracepoints.register("irq_handler_entry", self._entry)
        bench.machine.tracepoints.register("irq_handler_exit", self._exit)

    def _entry(self, _irq: int, _action: IrqAction) -> None:
        self._entered = self._bench.machine.now

    def _exit(self, _irq: int, _result: int) -> None:
        took = self._bench.machine.now - self._entered
        if took > self._longest:
            self._longest, self._at = took, self._entered

    def judge(self) -> None:
        """None has run for too long."""
        self._bench.require(
            self._longest <= _HANDLER_NS,
            f"an interrupt handler ran for {self._longest:,} ns",
            f"at most {_HANDLER_NS:,} ns: read ICR, mask, flush, schedule",
            f"{self._longest:,} ns, from {self._at:,} ns on",
            why="While a handler runs its CPU takes no other interrupt: all other NICs wait. Work belongs into poll().",
        )
