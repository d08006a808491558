"""The bench that a driver is checked on: what a check.py works with.

A check is ``async def check(bench)``. It calls the driver, sends frames, lets time pass, and says what it expects; the
first thing that is not so ends it with `CheckFailed`, and so does whatever else the driver does wrong.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from driver.kernel.cpu import Account
from driver.kernel.machine import Machine
from driver.kernel.net.skbuff import SkBuff
from driver.kernel.pci import PciDev
from driver.kernel.rules.bus import Access
from driver.kernel.rules.checker import Checker
from driver.kernel.rules.place import short
from emulator.emulation import Emulation
from emulator.engines.base import Verdict, WireFrame
from emulator.exercises.faults import CheckFailed, Fault
from emulator.exercises.loader import line_text
from emulator.exercises.register_access import RegisterAccess
from emulator.generator import UdpGenerator, station_address
from emulator.wire_timing import PS_PER_NS
from hdl.nic.regmap import Register

#: How long, in simulated ns, a call of the driver may take unless the check says otherwise.
CALL_LIMIT_NS = 5_000_000

#: How often a check that waits looks, in simulated ns.
LOOK_EVERY_NS = 5_000

#: Accesses to registers that a report shows.
SHOWN_ACCESSES = 8


class Delivered(NamedTuple):
    """A packet that reached netif_receive_skb.

    Attributes:
        time_ns: when.
        device: name of its interface.
        data: the frame, without FCS.
    """

    time_ns: int
    device: str
    data: bytes


class Bench:
    """One computer with NICs, a driver to check, and what they have done so far.

    Attributes:
        driver: the driver's module.
        emulation, machine, engine: the computer.
        random: of this trial; the same seed gives the same trial.
        seed: that seed.
        delivered: packets that reached netif_receive_skb, in order.
        accesses: of the driver to registers, in order.
        frames_sent: frames that were put on the wires, by NIC.
        verdicts: what the NICs decided on frames, as of the last take_verdicts; by Verdict.
        notes: what a check wants to show whether the driver passes or not, in lines.
        look_ns: when the check last did something: called the driver, or sent frames.
        ring: what has next_to_clean and next_to_use for the waveform; a check sets it, or it is found at netdev.priv.
    """

    def __init__(self, emulation: Emulation, driver: ModuleType, *, seed: int, checker: Checker) -> None:
        self.emulation = emulation
        self.driver = driver
        self.machine: Machine = emulation.machine
        self.engine = emulation.engine
        self.seed = seed
        self.random = random.Random(seed)
        self.checker = checker
        self.delivered: list[Delivered] = []
        self.accesses: list[RegisterAccess] = []
        self.frames_sent = [0] * self.engine.nics
        self.verdicts = [0] * len(Verdict)
        self.notes: list[str] = []
        self.look_ns = 0
        self.ring: object = None
        self._generators = [UdpGenerator((60,), nic=nic, seed=seed) for nic in range(self.engine.nics)]
        self.machine.tracepoints.register("netif_receive_skb", self._receive)
        checker.bus.listeners.append(self._access)

    # --- the computer ----------------------------------------------------------------------------------------------

    @property
    def pdev(self) -> PciDev:
        """The first NIC."""
        return self.emulation.devices[0]

    @property
    def pdevs(self) -> list[PciDev]:
        """All NICs."""
        return self.emulation.devices

    @property
    def now(self) -> int:
        """Simulated time in ns."""
        return self.engine.now

    async def call(
        self,
        function: str | Coroutine[Any, Any, Any],
        *arguments: object,
        within_ns: int = CALL_LIMIT_NS,
        comm: str = "insmod",
        **options: object,
    ) -> Any:  # noqa: ANN401  (what the driver returns)
        """Call a function of the driver, or kernel code, in a thread of its own; returns what it returns.

        Arguments:
            function: its name, or a coroutine of the kernel's, such as ``dev_open(netdev)``.
            arguments: for the driver's function.
            within_ns: it has to be over by then.
            comm: name of the thread.
            options: further arguments, by name.

        Raises:
            CheckFailed: there is no such function, or it is not over in time.
        """
        if isinstance(function, str):
            code: Coroutine[Any, Any, Any] = self.function(function, *arguments, **options)(*arguments, **options)
            name = function
        else:
            code, name = function, getattr(function, "__name__", "the call")
        results: list[object] = []
        self.look_ns = self.now

        async def thread() -> None:
            results.append(await code)

        task = self.machine.kthread_run(thread(), comm)
        await self.emulation.run_until(self.now + within_ns, lambda: task.done)
        if not task.done:
            (where, text), *callers = self._waits_at(code) or [("", "")]
            raise CheckFailed(
                Fault(
                    headline=f"{name}() is not over after {within_ns:,} ns",
                    expected=f"{name}() returns within {within_ns:,} ns of simulated time",
                    happened="it still runs or waits",
                    where=where,
                    code=text,
                    callers=tuple(place for place, _ in callers),
                    time_ns=self.now,
                )
            )
        if results[0] is None and isinstance(function, str):
            self._returned_none(function)
        return results[0]

    def _returned_none(self, name: str) -> None:
        """A function may return nothing if it says so."""
        function = getattr(self.driver, name)
        returns = inspect.signature(function).return_annotation
        if returns is not inspect.Signature.empty and "None" not in str(returns):
            raise CheckFailed(
                Fault(
                    headline=f"{name}() returned None",
                    expected=f"a value of the type that its first line says: {returns}",
                    happened="None, which is what a function returns that ends without return",
                    where=_defined(function, short(str(self.driver.__file__))),
                    time_ns=self.now,
                )
            )

    def function(self, name: str, *arguments: object, **options: object) -> Callable[..., Any]:
        """A function of the driver that can be called with these arguments.

        Raises:
            CheckFailed: it is missing, takes other arguments, or is no coroutine function.
        """
        found = getattr(self.driver, name, None)
        file = short(str(self.driver.__file__))
        if not callable(found):
            raise CheckFailed(
                Fault(
                    headline=f"{file} has no function {name}",
                    expected=f"async def {name}(...), as the exercise gives it",
                    happened="there is none",
                    why="To begin anew with the exercise's own file: napi-hil exercise reset N",
                )
            )
        try:
            inspect.signature(found).bind(*arguments, **options)
        except TypeError as error:
            what = f"{name}() cannot be called as the exercise does: {error}"
            raise CheckFailed(Fault(headline=what, where=_defined(found, file))) from None
        if not inspect.iscoroutinefunction(found):
            what = f"{name}() is no coroutine function: write async def {name}"
            raise CheckFailed(Fault(headline=what, where=_defined(found, file)))
        return found  # type: ignore[no-any-return]

    async def run_for(self, ns: int) -> None:
        """Let hardware and kernel run for so long."""
        await self.emulation.run_for(ns)

    async def wait(self, done: Callable[[], bool], within_ns: int) -> bool:
        """Let them run until something holds, or for so long; whether it holds."""
        end = self.now + within_ns
        while not done() and self.now < end:
            await self.run_for(min(LOOK_EVERY_NS, end - self.now))
        return done()

    async def board_write(self, register: type[Register], value: int, *, index: int = 0, nic: int = 0) -> None:
        """Write a register as somebody else than the driver would: firmware, or an EEPROM's autoload."""
        self.engine.mmio_write(nic, register.at(index), value)
        await self.run_for(self.machine.costs.mmio_request + 100)

    # --- traffic ---------------------------------------------------------------------------------------------------

    def address(self, nic: int = 0) -> bytes:
        """The MAC address that a NIC's frames go to."""
        return station_address(nic)

    def frames(self, count: int, *, sizes: Sequence[int] = (60,), nic: int = 0) -> list[bytes]:
        """So many UDP frames for a NIC, each different, of random sizes out of these (bytes without FCS)."""
        made = []
        for _ in range(count):
            generator = UdpGenerator((self.random.choice(sizes),), nic=nic, seed=self.random.getrandbits(32))
            made.append(generator.next_frame(self.random.getrandbits(48)))  # the smallest hold nothing else
        return made

    def send(self, frames: Iterable[bytes], *, nic: int = 0, gap_ns: int = 0, after_ns: int = 0) -> None:
        """Put frames on a NIC's wire.

        Arguments:
            frames: without FCS.
            nic: number of the NIC.
            gap_ns: from one start to the next; 0 for back to back.
            after_ns: until the first one.
        """
        self.look_ns = self.now
        start = self.now + after_ns
        wires = [WireFrame(data, (start + number * gap_ns) * PS_PER_NS) for number, data in enumerate(frames)]
        self.frames_sent[nic] += len(wires)
        self.engine.wires[nic].send(wires)

    def take_verdicts(self) -> None:
        """Bring ``verdicts`` up to date."""
        for wire in self.engine.wires:
            for verdict in wire.take_verdicts():
                self.verdicts[verdict] += 1

    # --- expectations ----------------------------------------------------------------------------------------------

    def expect(
        self, what: str, wanted: object, got: object, *, why: str = "", show: Callable[[Any], str] = str
    ) -> None:
        """Two things are the same.

        Arguments:
            what: is looked at, for a headline.
            wanted: what it should be.
            got: what it is.
            why: what it means if it is not.
            show: makes text of both.

        Raises:
            CheckFailed: they are not.
        """
        if wanted != got:
            raise self.failure(what, _shown(wanted, show), _shown(got, show), why)

    def require(self, holds: object, what: str, expected: str, happened: str, *, why: str = "") -> None:
        """Something holds; else it is said in words what was expected and what happened.

        Arguments:
            holds: true if it does.
            what: headline.
            expected: in words.
            happened: in words.
            why: what it means for a driver.

        Raises:
            CheckFailed: it does not.
        """
        if not holds:
            raise self.failure(what, expected, happened, why)

    def failure(self, what: str, expected: str, happened: str, why: str = "") -> CheckFailed:
        """The exception that says so, now."""
        return CheckFailed(
            Fault(
                headline=what,
                expected=expected,
                happened=happened,
                why=why,
                time_ns=self.now,
                look_ns=self.look_ns,
            )
        )

    def expect_delivered(self, frames: Sequence[bytes], *, first: int = 0, why: str = "") -> None:
        """These frames, and no others, reached netif_receive_skb, unchanged and in order, from the first-th on.

        Raises:
            CheckFailed: the first difference, in words.
        """
        got = [packet.data for packet in self.delivered[first:]]
        numbers = {data: number for number, data in enumerate(frames)}
        for place, data in enumerate(got):
            number = numbers.get(data)
            if number == place:
                continue
            if number is None:
                what = "a packet is not as it was sent"
                text = _closest(data, frames[place] if place < len(frames) else b"")
            elif number < place:
                what, text = "a packet reached the stack twice", f"packet {place} is frame {number} again"
            else:
                what, text = "a packet is missing or out of order", f"packet {place} is frame {number}"
            wanted = f"packet {place} is frame {place}" if place < len(frames) else f"{len(frames)} packets"
            raise self.failure(what, wanted, text, why)
        if len(got) < len(frames):
            missing = len(frames) - len(got)
            raise self.failure(
                f"{missing} of {len(frames)} packets did not reach the stack",
                f"{len(frames)} packets at netif_receive_skb",
                f"{len(got)}; the first that is missing is frame {len(got)}",
                why,
            )

    def expect_nothing_left(self) -> None:
        """With the interface down, no buffer is in use and nothing is mapped.

        Raises:
            CheckFailed: something is.
        """
        mapped = sum(len(pdev.mappings) for pdev in self.pdevs)
        why = "What ndo_open has allocated and mapped, ndo_stop unmaps and frees."
        self.expect("mappings that are left when the interface is down", 0, mapped, why=why)
        self.expect("buffers that are left when the interface is down", 0, self.machine.frags.in_use, why=why)

    def note(self, line: str) -> None:
        """Show a line of what was measured."""
        self.notes.append(line)

    # --- what the report needs -------------------------------------------------------------------------------------

    def packet_lines(self) -> tuple[str, ...]:
        """What became of the packets."""
        self.take_verdicts()
        if not sum(self.frames_sent):
            return ()
        kept = self.verdicts[Verdict.KEPT]
        dropped = [f"{Verdict(v).name} {n}" for v, n in enumerate(self.verdicts) if n and v != Verdict.KEPT]
        judged = f"kept by the NIC {kept}" + (f", {', '.join(dropped)}" if dropped else "")
        return (f"sent {sum(self.frames_sent)}, {judged}, at netif_receive_skb {len(self.delivered)}",)

    def register_lines(self, until_ns: int | None) -> tuple[str, ...]:
        """The last accesses to registers, those until some time or all."""
        seen = [access for access in self.accesses if until_ns is None or access.time_ns <= until_ns]
        return tuple(map(str, seen[-SHOWN_ACCESSES:]))

    def interrupts(self, nic: int = 0) -> int:
        """Interrupts that a NIC's line has brought so far."""
        return sum(self.machine.irqs.desc(self.pdevs[nic].irq).counts)

    def cpu_ns(self, cpu: int = 0) -> dict[Account, int]:
        """What a CPU has spent its time on so far, in ns."""
        self.machine.cpus[cpu].account()
        return {account: self.machine.cpus[cpu].time[account] for account in Account}

    def _receive(self, skb: SkBuff) -> None:
        self.delivered.append(Delivered(self.machine.now, skb.dev.name, skb.data))

    def _access(self, access: Access) -> None:
        self.accesses.append(
            RegisterAccess(self.machine.now, access.device.slot, access.offset, access.value, access.write)
        )

    def _waits_at(self, code: object) -> list[tuple[str, str]]:
        """The lines of the driver in a coroutine that is not over, innermost first, and what stands there."""
        file = str(self.driver.__file__)
        found: list[tuple[str, str]] = []
        while code is not None:
            frame = getattr(code, "cr_frame", None)
            if frame is not None and frame.f_code.co_filename == file:
                line = frame.f_lineno
                found.insert(0, (f"{short(file)}:{line} in {frame.f_code.co_name}", line_text(file, line)))
            code = getattr(code, "cr_await", None)
        return found


def mac(address: bytes) -> str:
    """A MAC address for people."""
    return address.hex(":")


def _shown(value: object, show: Callable[[Any], str]) -> str:
    try:
        return show(value)
    except (TypeError, ValueError, AttributeError):
        return repr(value)


def _defined(function: object, file: str) -> str:
    """Where a function of the driver is defined."""
    code = getattr(function, "__code__", None)
    return f"{file}:{code.co_firstlineno} in {code.co_name}" if isinstance(code, CodeType) else file


def _closest(got: bytes, sent: bytes) -> str:
    """How a packet differs from the frame that should be there."""
    if len(got) != len(sent):
        return f"{len(got)} bytes, {got[:16].hex(' ')} ...; the frame has {len(sent)}"
    index = next((number for number, pair in enumerate(zip(sent, got, strict=True)) if pair[0] != pair[1]), 0)
    return f"byte {index} is {got[index]:#04x}, and was sent as {sent[index]:#04x}"
