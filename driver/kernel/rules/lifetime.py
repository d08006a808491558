"""Rules 50 to 54: an interface's way up and down, and what must not be left of it (e1000e and igc, driver.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.cpu import Level as ContextLevel
from driver.kernel.cpu import running, this_cpu
from driver.kernel.dma import DmaDirection
from driver.kernel.net.napi import NPSVC
from driver.kernel.rules.place import function_line, is_driver_file
from driver.kernel.rules.rule import Level, Rule

if TYPE_CHECKING:
    from driver.kernel.irq import IrqDesc
    from driver.kernel.net.napi import Napi
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.pci import PciDev
    from driver.kernel.rules.bus import Access
    from driver.kernel.rules.checker import Checker
    from driver.kernel.sched import Task
    from driver.kernel.timer import TimerList

NDO_OPEN_ORDER = Rule(
    name="ndo-open-order",
    invariant=50,
    level=Level.ERROR,
    demands="ndo_open gets the rings, then the interrupt, enables NAPI, and only then starts the queues",
    mend="Bring the steps of ndo_open into this order; what an early one starts may need what a late one makes.",
    source="drivers/net/ethernet/intel/igc/igc_main.c, __igc_open",
)

NDO_OPEN_UNMASK = Rule(
    name="ndo-open-unmask",
    invariant=50,
    level=Level.ERROR,
    demands="ndo_open unmasks interrupts after napi_enable: one that comes before is masked and never polled",
    mend="Unmask as the last step but starting the queues, after clearing causes that are left from before.",
    source="drivers/net/ethernet/intel/igc/igc_main.c, __igc_open",
)

NDO_STOP_ORDER = Rule(
    name="ndo-stop-order",
    invariant=51,
    level=Level.ERROR,
    demands="ndo_stop stops the device's DMA, disables NAPI, then frees the interrupt, and only then buffers and rings",
    mend="Stop the device's DMA, mask it, call synchronize_irq and napi_disable, then free_irq, then free the rings.",
    source="drivers/net/ethernet/intel/e1000e/netdev.c, e1000e_close",
)

NAPI_ENABLE_BALANCE = Rule(
    name="napi-enable-balance",
    invariant=52,
    level=Level.ERROR,
    demands="napi_enable and napi_disable take turns: a second disable waits for ever, a second enable is a BUG",
    mend="Call each once, on the way up and on the way down; a reset on the way down must not do it again.",
    source="net/core/dev.c, napi_enable and napi_disable",
)

NAPI_DISABLE_CONTEXT = Rule(
    name="napi-disable-context",
    invariant=52,
    level=Level.ERROR,
    demands="napi_disable, which sleeps, is called in a task with softirqs on, not in poll() or a handler",
    mend="Leave it to a thread: from poll() or a handler only schedule the reset.",
    source="net/core/dev.c, napi_disable",
    prints="BUG: sleeping function called from invalid context at net/core/dev.c",
)

NDO_STOP_LEFTOVERS = Rule(
    name="ndo-stop-leftovers",
    invariant=53,
    level=Level.ERROR,
    demands="after ndo_stop the device does no DMA, and the interface has no handler, timer or enabled NAPI instance",
    mend="Undo in ndo_stop all that ndo_open did: receiver and sender off, napi_disable, free_irq, timer_delete.",
    source="Documentation/networking/driver.rst",
)

ISR_GOING_DOWN = Rule(
    name="isr-going-down",
    invariant=54,
    level=Level.WARN,
    demands="a handler or poll() looks whether the interface is going down before it unmasks, or arms a timer",
    mend="Set a flag at the start of ndo_stop, and test it in the handler before mod_timer and before unmasking.",
    source="drivers/net/ethernet/intel/e1000e/netdev.c, e1000_intr",
)

#: Steps of ndo_open in their order.
_RINGS, _INTERRUPT, _NAPI, _QUEUES = range(4)
_STEPS = ("gets memory for rings", "requests its interrupt", "enables NAPI", "starts its queues")


class LifetimeRules:
    """What drivers do in ndo_open and ndo_stop, and what they leave."""

    def __init__(self, checker: Checker) -> None:
        self._broken = checker.broken
        self._machine = checker.machine
        self._opening: dict[Task | None, NetDevice] = {}
        self._closing: dict[Task | None, NetDevice] = {}
        self._steps: dict[NetDevice, int] = {}  # the latest step of ndo_open so far
        self._enabled: dict[Napi, bool] = {}
        self._ready: set[Napi] = set()  # were enabled since their interface came up
        self._actions: dict[NetDevice, list[tuple[IrqDesc, object]]] = {}  # lines and dev_ids of its handlers
        self._timers: dict[TimerList, NetDevice] = {}
        self._bus = checker.bus
        self._bus.listeners.append(self._accessed)

    # --- ndo_open and ndo_stop -----------------------------------------------------------------------------------

    @property
    def closing_any(self) -> bool:
        """Whether some interface is going down."""
        return bool(self._closing)

    def opening(self, dev: NetDevice) -> None:
        """ndo_open is about to be called."""
        self._opening[_task()] = dev
        self._steps[dev] = _RINGS

    def opened(self, dev: NetDevice) -> None:
        """ndo_open returned."""
        del self._opening[_task()], self._steps[dev]

    def closing(self, dev: NetDevice) -> None:
        """ndo_stop is about to be called."""
        self._closing[_task()] = dev

    def closed(self, dev: NetDevice) -> None:
        """ndo_stop returned."""
        del self._closing[_task()]
        where = function_line(dev.ops.ndo_stop)
        left = self._left(dev)
        if left:
            self._broken(NDO_STOP_LEFTOVERS, f"ndo_stop left {', '.join(left)}", where=where)
        self._actions.pop(dev, None)
        self._ready = {napi for napi in self._ready if napi.dev is not dev}

    def _left(self, dev: NetDevice) -> list[str]:
        left = [f"its handler on line {desc.irq}" for desc, dev_id in self._actions.get(dev, ()) if _has(desc, dev_id)]
        mine = (timer for timer, owner in self._timers.items() if owner is dev)
        left += ["a timer pending" for timer in mine if timer.expires is not None]
        enabled = (napi for napi, enabled in self._enabled.items() if enabled and napi.dev is dev)
        left += [f"NAPI instance {napi.id} enabled" for napi in enabled]
        device = self._bus.device_of(dev)
        if device is not None:
            left += ["reception on"] * device.rx_dma + ["transmission on"] * device.tx_dma
        return left

    def _step(self, step: int, dev: NetDevice | None = None) -> None:
        """Perhaps a step of ndo_open."""
        dev = dev or self._opening.get(_task())
        if dev is None or dev not in self._steps:
            return
        latest = self._steps[dev]
        if step < latest:
            self._broken(NDO_OPEN_ORDER, f"ndo_open {_STEPS[step]} after it {_STEPS[latest]}")
        self._steps[dev] = max(step, latest)

    # --- its steps -----------------------------------------------------------------------------------------------

    def coherent_allocated(self) -> None:
        """Somebody gets coherent memory."""
        self._step(_RINGS)

    def coherent_freed(self) -> None:
        """Somebody gives coherent memory back."""
        dev = self._closing.get(_task())
        if dev is None:
            return
        if self._any_enabled(dev):
            self._broken(NDO_STOP_ORDER, "ndo_stop frees a ring before it disables NAPI")
        elif any(_has(desc, dev_id) for desc, dev_id in self._actions.get(dev, ())):
            self._broken(NDO_STOP_ORDER, "ndo_stop frees a ring before it frees its interrupt")

    def unmapped(self, pdev: PciDev, direction: DmaDirection) -> None:
        """Somebody takes a buffer back from a device."""
        dev = self._closing.get(_task())
        if dev is None or direction is DmaDirection.TO_DEVICE or this_cpu().in_interrupt:  # a poll may still go on
            return
        if self._bus.device(pdev.slot).rx_dma:
            self._broken(NDO_STOP_ORDER, "ndo_stop unmaps a receive buffer while the receiver is on")

    def irq_requested(self, desc: IrqDesc, dev_id: object) -> None:
        """A handler was put on a line."""
        self._step(_INTERRUPT)
        dev = self._opening.get(_task())
        if dev is not None:
            self._actions.setdefault(dev, []).append((desc, dev_id))

    def irq_freed(self) -> None:
        """A handler is about to be taken off its line."""
        dev = self._closing.get(_task())
        if dev is not None and self._any_enabled(dev):
            self._broken(NDO_STOP_ORDER, "ndo_stop frees its interrupt before it disables NAPI")

    def queue_started(self, dev: NetDevice) -> None:
        """A transmit queue was started or woken."""
        if dev in self._steps:
            self._step(_QUEUES, dev)

    # --- NAPI ----------------------------------------------------------------------------------------------------

    def napi_enabled(self, napi: Napi) -> bool:
        """napi_enable was called; false if it must not go on."""
        if self.is_enabled(napi):
            self._broken(NAPI_ENABLE_BALANCE, f"napi_enable of instance {napi.id}, which is enabled")
            return False
        self._enabled[napi] = True
        if napi.dev is not None and napi not in self._ready:
            self._ready.add(napi)
            self._step(_NAPI, napi.dev)
        return True

    def napi_disabled(self, napi: Napi) -> bool:
        """napi_disable was called; false if it would wait for ever."""
        cpu = this_cpu()
        if cpu.in_interrupt:
            where = "a hardirq" if cpu.level is ContextLevel.HARDIRQ else "a softirq, or with softirqs off"
            self._broken(NAPI_DISABLE_CONTEXT, f"napi_disable is called in {where}")
            return False
        if not self.is_enabled(napi):
            self._broken(NAPI_ENABLE_BALANCE, f"napi_disable of instance {napi.id}, which is disabled")
            return False
        self._enabled[napi] = False
        return True

    def napi_scheduled(self, napi: Napi) -> None:
        """napi_schedule_prep was called on an instance that has an owner."""
        if napi.dev in self._steps and not self.is_enabled(napi):
            what = f"an interrupt schedules NAPI instance {napi.id}, which ndo_open has not enabled yet"
            self._broken(NDO_OPEN_UNMASK, what)

    def is_enabled(self, napi: Napi) -> bool:
        """Whether an instance may be polled."""
        return self._enabled.get(napi, not napi.state & NPSVC)

    def _any_enabled(self, dev: NetDevice) -> bool:
        return any(enabled and napi.dev is dev for napi, enabled in self._enabled.items())

    # --- timers --------------------------------------------------------------------------------------------------

    def timer_armed(self, timer: TimerList) -> None:
        """mod_timer was called; the timer is the interface's whose ndo_open did it first."""
        cpu = running()
        if cpu is None or not is_driver_file(timer.function.__code__.co_filename):
            return
        dev = self._timers.get(timer)
        if dev is None:
            opening = self._opening.get(cpu.current) if cpu.current else None
            if opening is not None:
                self._timers[timer] = opening
        elif cpu.in_hardirq and not dev.running:
            self._broken(ISR_GOING_DOWN, f"an interrupt handler arms a timer while {dev.name} is going down")

    # --- registers -----------------------------------------------------------------------------------------------

    def _accessed(self, access: Access) -> None:
        """A register was accessed."""
        if not access.means.unmasks or not this_cpu().in_interrupt:
            return
        for dev in self._closing.values():
            if self._bus.device_of(dev) is access.device:
                self._broken(ISR_GOING_DOWN, f"interrupts are unmasked while {dev.name} is going down")


def _task() -> Task | None:
    """The task that runs, under an interrupt perhaps."""
    return this_cpu().current


def _has(desc: IrqDesc, dev_id: object) -> bool:
    """Whether a handler with this dev_id is on a line."""
    return any(action.dev_id is dev_id for action in desc.actions)
