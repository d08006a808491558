"""Exercise 31: many flows; each queue gets some, and each is polled on its own CPU by its own vector."""

from __future__ import annotations

from driver.kernel.cpu import this_cpu
from driver.kernel.net.netdevice import NetDevice
from driver.kernel.net.skbuff import SkBuff
from emulator.exercises.bench import Bench
from emulator.exercises.interface import bring_up, nothing_leaked, pass_time, take_down
from emulator.generator import UdpGenerator

_FLOWS = 48
_ROUNDS = 3
_APART_NS = 25_000  # each packet is polled before the next one comes


async def check(bench: Bench) -> None:
    """One packet at a time; then bursts of many flows."""
    netdev = await bring_up(bench)
    seen = _Seen(bench, netdev)
    await seen.receive(_flows(bench), _APART_NS)
    for _ in range(_ROUNDS):
        await seen.receive(_flows(bench), 0)
    seen.judge()
    await take_down(bench, netdev)
    nothing_leaked(bench)


def _flows(bench: Bench) -> list[bytes]:
    """A packet to each of as many ports."""
    ports = bench.random.sample(range(1024, 65_536), _FLOWS)
    return [UdpGenerator((60,), nic=0, seed=bench.seed, port=port).next_frame(port) for port in ports]


class _Seen:
    """By which queue packets came, and on which CPU they were received."""

    def __init__(self, bench: Bench, netdev: NetDevice) -> None:
        self._bench = bench
        self._queues = {napi.id: number for number, napi in enumerate(netdev.napi_list)}
        self._counts: dict[tuple[int, int], int] = {}
        bench.machine.tracepoints.register("netif_receive_skb", self._received)

    def _received(self, skb: SkBuff) -> None:
        place = self._queues.get(skb.napi_id, -1), this_cpu().id
        self._counts[place] = self._counts.get(place, 0) + 1

    async def receive(self, frames: list[bytes], gap_ns: int) -> None:
        """Packets of as many flows; flows may overtake each other."""
        bench = self._bench
        first = len(bench.delivered)
        bench.send(frames, gap_ns=gap_ns)
        await pass_time(bench, len(frames) * max(gap_ns, 3_000) + 100_000)
        got = {packet.data for packet in bench.delivered[first:]}
        missing = [data for data in frames if data not in got]
        if missing:
            deaf = [str(queue) for queue in self._queues.values() if queue not in {seen for seen, _ in self._counts}]
            raise bench.failure(
                f"queue {', '.join(deaf)} is deaf" if deaf else "a queue is deaf after its first interrupts",
                f"{len(frames)} packets of as many flows at netif_receive_skb",
                f"{len(frames) - len(missing)}; so far {self._text()}",
                why="Each queue has a vector (IVAR), each vector a handler, and poll() unmasks the vector.",
            )

    def judge(self) -> None:
        """Each queue had packets, and a CPU of its own."""
        bench = self._bench
        bench.note(self._text())
        for queue in self._queues.values():
            on = {cpu: count for (number, cpu), count in self._counts.items() if number == queue}
            bench.require(
                on,
                f"no packet came by queue {queue}",
                f"{_FLOWS * (_ROUNDS + 1)} flows are spread over both queues",
                self._text(),
                why="The last seven bits of the hash choose an entry of RETA, and the entry the queue.",
            )
            bench.require(
                set(on) == {queue},
                f"a packet of queue {queue} was received on CPU {min(set(on) - {queue})}" if set(on) != {queue} else "",
                f"all packets of queue {queue} on CPU {queue}",
                self._text(),
                why="A vector interrupts the CPU of its affinity, and that CPU polls.",
            )

    def _text(self) -> str:
        return ", ".join(
            f"{count} by queue {queue} on CPU {cpu}" for (queue, cpu), count in sorted(self._counts.items())
        )
