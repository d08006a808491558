"""Rules 11 and 15 to 24: interrupt handlers and lines (kernel/irq, Documentation/core-api/genericirq.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel import cpu
from driver.kernel.irq import IrqReturn
from driver.kernel.net.napi import NapiState
from driver.kernel.rules.bus import ALL_ONES
from driver.kernel.rules.place import Spot, driver_spot, function_line, raised_at
from driver.kernel.rules.rule import Level, Rule, RuleBroken

if TYPE_CHECKING:
    from driver.kernel.cpu import Context
    from driver.kernel.irq import IrqAction, IrqDesc
    from driver.kernel.net.napi import Napi
    from driver.kernel.rules.bus import Access, Device
    from driver.kernel.rules.checker import Checker
    from driver.kernel.rules.ring_state import Ring

_MANAGE = "kernel/irq/manage.c, "
_SPURIOUS = "kernel/irq/spurious.c"
_HANDLE = "kernel/irq/handle.c, __handle_irq_event_percpu"

#: A handler that takes longer than this, in ns, keeps its CPU from everything else for too long: a tick at HZ=1000.
HANDLER_LIMIT_NS = 1_000_000

IRQ_ACK_UNSCHEDULED = Rule(
    name="irq-ack-unscheduled",
    invariant=11,
    level=Level.ERROR,
    demands="a handler that acknowledges a receive cause schedules NAPI, or looks at the ring itself",
    mend="Call napi_schedule for every receive cause that the handler clears, whatever else there is to do.",
    source="drivers/net/ethernet/intel/e1000/e1000_main.c, e1000_intr",
)

IRQ_BOGUS_RETURN = Rule(
    name="irq-bogus-return",
    invariant=15,
    level=Level.ERROR,
    demands="a handler returns IRQ_NONE, IRQ_HANDLED or IRQ_WAKE_THREAD",
    mend="Return IRQ_HANDLED if the device had interrupted, else IRQ_NONE.",
    source=_SPURIOUS,
    prints="irq event {irq}: bogus return value {value:x}",
)

IRQ_NO_THREAD = Rule(
    name="irq-no-thread",
    invariant=15,
    level=Level.ERROR,
    demands="only a handler that was requested with a thread returns IRQ_WAKE_THREAD",
    mend="Return IRQ_HANDLED; bottom halves of network drivers are NAPI.",
    source="kernel/irq/handle.c, warn_no_thread",
    prints="IRQ {irq} device {name} returned IRQ_WAKE_THREAD but no thread function available.",
)

IRQ_HANDLED_NOTHING = Rule(
    name="irq-handled-nothing",
    invariant=16,
    level=Level.ERROR,
    demands="the handler of a shared line returns IRQ_NONE if none of its device's enabled causes is there",
    mend="Return IRQ_NONE when the cause register shows nothing that you have enabled.",
    source="drivers/net/ethernet/realtek/8139too.c, rtl8139_interrupt",
)

IRQ_UNCLAIMED = Rule(
    name="irq-unclaimed",
    invariant=16,
    level=Level.ERROR,
    demands="a handler returns IRQ_HANDLED if its device interrupted",
    mend="Return IRQ_HANDLED whenever the cause register shows a cause that you have enabled.",
    source=_SPURIOUS,
)

IRQ_DEVICE_GONE = Rule(
    name="irq-device-gone",
    invariant=17,
    level=Level.ERROR,
    demands="a cause register that reads as all ones means that the device is gone: nothing in it is a cause",
    mend="Test for 0xffffffff first, and return without touching the device or NAPI.",
    source="drivers/net/ethernet/realtek/8139too.c, rtl8139_interrupt",
)

IRQ_NOBODY_CARED = Rule(
    name="irq-nobody-cared",
    invariant=18,
    level=Level.WARN,
    demands="a line whose interrupts nobody handles is taken off: more than 99,900 of 100,000",
    mend="Find the device that holds the line up, and let its handler mask or acknowledge it and return IRQ_HANDLED.",
    source=_SPURIOUS,
    prints='irq {irq}: nobody cared (try booting with the "irqpoll" option)\nDisabling IRQ #{irq}',
)

IRQ_NOT_DEASSERTED = Rule(
    name="irq-not-deasserted",
    invariant=19,
    level=Level.ERROR,
    demands="when a handler returns, its device does not hold the line up for what the handler has seen",
    mend="Acknowledge the causes, or mask them, before you return.",
    source="kernel/irq/chip.c, handle_fasteoi_irq",
)

IRQ_DEASSERT_POSTED = Rule(
    name="irq-deassert-posted",
    invariant=19,
    level=Level.ERROR,
    demands="the write that lowers the line has reached the device when the handler returns",
    mend="Read any register of the device after the write: the read pushes the write ahead of it.",
    source="drivers/net/ethernet/broadcom/tg3.c, tg3_interrupt",
)

IRQ_HANDLER_ENABLES = Rule(
    name="irq-handler-enables",
    invariant=20,
    level=Level.WARN,
    demands="a handler leaves interrupts disabled",
    mend="Take local_irq_enable out of it; in functions that it calls, save and restore the flags.",
    source=_HANDLE,
    prints="irq {irq} handler {function} enabled interrupts",
)

IRQ_HANDLER_SLEEPS = Rule(
    name="irq-handler-sleeps",
    invariant=20,
    level=Level.WARN,
    demands="a handler does not sleep",
    mend="Leave what sleeps to a thread or a work item; wait in a handler, if you must, for microseconds and busily.",
    source="kernel/sched/core.c, __schedule_bug",
    prints="BUG: scheduling while atomic: {comm}/{pid}/0x00010000",
)

IRQ_HANDLER_LONG = Rule(
    name="irq-handler-long",
    invariant=20,
    level=Level.WARN,
    demands=f"a handler is over within {HANDLER_LIMIT_NS:,} ns",
    mend="Bound its loops, and leave the work to poll().",
    source=_HANDLE,
)

IRQ_FLAGS_MISMATCH = Rule(
    name="irq-flags-mismatch",
    invariant=21,
    level=Level.ERROR,
    demands="all who share a line say so",
    mend="Request a PCI interrupt line with IRQF_SHARED, and handle the error that request_irq returns.",
    source=_MANAGE + "__setup_irq",
    prints="Flags mismatch irq {irq}. {flags:08x} ({name}) vs. {old_flags:08x} ({old_name})",
)

IRQ_SHARED_NO_DEV_ID = Rule(
    name="irq-shared-no-dev-id",
    invariant=21,
    level=Level.ERROR,
    demands="who shares a line passes a dev_id: free_irq finds the handler by it",
    mend="Pass your private structure as dev_id.",
    source=_MANAGE + "request_threaded_irq",
)

IRQ_REQUESTED_TWICE = Rule(
    name="irq-requested-twice",
    invariant=21,
    level=Level.ERROR,
    demands="a handler is requested once, and freed before it is requested again",
    mend="Call free_irq in ndo_stop, with what you passed to request_irq in ndo_open.",
    source=_MANAGE + "__setup_irq",
)

IRQ_FREE_FREE = Rule(
    name="irq-free-free",
    invariant=21,
    level=Level.ERROR,
    demands="what is freed was requested, with the same dev_id",
    mend="Pass to free_irq what you passed to request_irq, once.",
    source=_MANAGE + "__free_irq",
    prints="Trying to free already-free IRQ {irq}",
)

IRQ_FREE_IN_INTERRUPT = Rule(
    name="irq-free-in-interrupt",
    invariant=21,
    level=Level.ERROR,
    demands="free_irq is called in a thread: it waits for the handlers",
    mend="Free the line in ndo_stop or remove(); from a timer or a handler, let a work item do it.",
    source=_MANAGE + "__free_irq",
    prints="Trying to free IRQ {irq} from IRQ context!",
)

IRQ_UNBALANCED_ENABLE = Rule(
    name="irq-unbalanced-enable",
    invariant=21,
    level=Level.ERROR,
    demands="each enable_irq undoes one disable_irq",
    mend="Pair them: request_irq enables the line by itself.",
    source=_MANAGE + "__enable_irq",
    prints="Unbalanced enable for IRQ {irq}",
)

IRQ_UNBALANCED_DISABLE = Rule(
    name="irq-unbalanced-disable",
    invariant=21,
    level=Level.ERROR,
    demands="each disable_irq is undone before the line is freed: others who share it are deaf, too",
    mend="Call enable_irq as often as disable_irq, on every path.",
    source=_MANAGE + "disable_irq",
)

IRQ_AFTER_FREE = Rule(
    name="irq-after-free",
    invariant=22,
    level=Level.ERROR,
    demands="a handler of a shared line survives being called once more within free_irq",
    mend="Call free_irq before you take away what the handler uses, and let the handler test for what is gone.",
    source=_MANAGE + "__free_irq (CONFIG_DEBUG_SHIRQ)",
)

IRQ_STATUS_UNREAD = Rule(
    name="irq-status-unread",
    invariant=23,
    level=Level.ERROR,
    demands="the handler of a line reads a register of its device before it looks at descriptors: a pin overtakes DMA",
    mend="Read the cause register first: its completion pushes what the device wrote ahead of it. (MSI needs no read.)",
    source="Documentation/PCI/pci.rst",
)

IRQ_RERUN = Rule(
    name="irq-rerun",
    invariant=24,
    level=Level.WARN,
    demands="a handler of an edge-triggered interrupt can run again with nothing to do",
    mend="Let it find out what there is to do each time, and return when that is nothing.",
    source="kernel/irq/chip.c, handle_edge_irq",
)


class Seen:
    """What a handler saw of, and did to, one device.

    Attributes:
        status: causes in the cause register, over all reads; None if it was not read.
        enabled: causes that were enabled at the handler's first access.
        acknowledged: by reads, and so at once.
        masked: causes that it disabled.
        cleared: causes that it acknowledged or masked by writes, and the number of the last write that did.
        touched: it read a register.
    """

    __slots__ = ("acknowledged", "cleared", "cleared_by", "device", "enabled", "masked", "status", "touched")

    def __init__(self, device: Device, enabled: int) -> None:
        self.device = device
        self.enabled = enabled
        self.status: int | None = None
        self.acknowledged = self.masked = self.cleared = self.cleared_by = 0
        self.touched = False

    @property
    def asserted(self) -> int:
        """Causes for which the device held the line up, as far as the handler knew."""
        return (self.status or 0) & self.enabled

    @property
    def gone(self) -> bool:
        """The device does not answer."""
        return self.status == ALL_ONES


class HandlerCall:
    """A call of a handler.

    Attributes:
        seen: devices that it accessed, by their numbers.
        prepared: what napi_schedule_prep told it, by instance.
        masked_at: its last write that masked causes.
        looked: at a receive descriptor.
    """

    __slots__ = ("action", "began", "context", "desc", "looked", "masked_at", "prepared", "seen")

    def __init__(self, desc: IrqDesc, action: IrqAction, context: Context, began: int) -> None:
        self.desc = desc
        self.action = action
        self.context = context
        self.began = began
        self.seen: dict[int, Seen] = {}
        self.prepared: dict[Napi, bool] = {}
        self.masked_at: Spot | None = None
        self.looked = False

    def status_of(self, device: Device) -> int:
        """What the device's cause register said; 0 if it was not read."""
        seen = self.seen.get(device.slot)
        return (seen.status or 0) if seen is not None else 0

    def masked_in(self, device: Device) -> int:
        """Causes of a device that it masked."""
        seen = self.seen.get(device.slot)
        return seen.masked if seen is not None else 0


class InterruptRules:
    """What handlers do, and those who request them.

    Attributes:
        calls: handlers that run, by what runs them.
    """

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._broken = checker.broken
        self.calls: dict[Context, HandlerCall] = {}
        checker.bus.listeners.append(self._access)

    def running(self, context: Context) -> HandlerCall | None:
        """The handler that a context runs."""
        return self.calls.get(context)

    # --- calling handlers ------------------------------------------------------------------------------------------

    async def call(self, desc: IrqDesc, action: IrqAction, *, again: bool) -> int:
        """Call a handler; ``again``: for an edge that came while it ran. Returns what it did, if that is possible."""
        here = cpu.this_cpu()
        context = here.stack[-1]
        call = self.calls[context] = HandlerCall(desc, action, context, here.machine.now)
        try:
            result = await action.handler(desc.irq, action.dev_id)
        except Exception as error:
            if not again:
                raise
            self._failed(IRQ_RERUN, desc, action, error)
            return IrqReturn.NONE
        finally:
            del self.calls[context]
        return self._returned(call, result)

    async def call_freed(self, desc: IrqDesc, action: IrqAction) -> None:
        """Call a handler once more when it has been freed, as if another device had interrupted at the last moment."""
        try:
            await action.handler(desc.irq, action.dev_id)
        except Exception as error:
            self._failed(IRQ_AFTER_FREE, desc, action, error)

    def _failed(self, rule: Rule, desc: IrqDesc, action: IrqAction, error: Exception) -> None:
        what = f"irq {desc.irq}: the handler of {action.name} raised {type(error).__name__}: {error}"
        try:
            self._broken(rule, what, where=raised_at(error))
        except RuleBroken as broken:
            raise broken from error

    def _returned(self, call: HandlerCall, result: object) -> int:
        """Judge a handler that returned."""
        checker, desc, action = self._checker, call.desc, call.action
        result = self._judge_result(call, result)
        checker.scheduling.handler_returned(call)
        for seen in call.seen.values():
            self._judge_claim(call, seen, result)
            self._judge_line(call, seen, result)
            self._judge_acknowledgement(call, seen)
        self._judge_blind(call, result)
        took = checker.machine.now - call.began
        if took > HANDLER_LIMIT_NS:
            what = f"irq {desc.irq}: the handler of {action.name} took {took:,} ns"
            self._broken(IRQ_HANDLER_LONG, what, where=function_line(action.handler))
        return result

    def _judge_result(self, call: HandlerCall, result: object) -> int:
        """The value that it returned, or what Linux makes of it."""
        desc, action = call.desc, call.action
        value = result if isinstance(result, int) else ALL_ONES
        if not 0 <= value <= IrqReturn.HANDLED | IrqReturn.WAKE_THREAD:
            what = f"irq {desc.irq}: the handler of {action.name} returned {result!r}"
            self._broken(IRQ_BOGUS_RETURN, what, where=function_line(action.handler), irq=desc.irq, value=value)
        elif value & IrqReturn.WAKE_THREAD:
            what = f"irq {desc.irq}: the handler of {action.name} wants a thread woken, and has none"
            self._broken(IRQ_NO_THREAD, what, where=function_line(action.handler), irq=desc.irq, name=action.name)
        return value

    def _judge_claim(self, call: HandlerCall, seen: Seen, result: int) -> None:
        """Whether a handler that read its device's cause register says the truth about it."""
        if seen.status is None or seen.gone:
            return
        desc, action = call.desc, call.action
        if result == IrqReturn.HANDLED and action.shared and not seen.asserted and not call.prepared:
            what = (
                f"irq {desc.irq}: the handler of {action.name} claims the interrupt; its causes are {seen.status:#x}, "
                f"of which {seen.enabled:#x} are enabled"
            )
            self._broken(IRQ_HANDLED_NOTHING, what, where=function_line(action.handler))
        if result == IrqReturn.NONE and seen.asserted:
            what = f"irq {desc.irq}: the handler of {action.name} disowns causes {seen.asserted:#x}"
            self._broken(IRQ_UNCLAIMED, what, where=function_line(action.handler))

    def _judge_line(self, call: HandlerCall, seen: Seen, result: int) -> None:
        """Whether the line is low again, but for what came since."""
        desc, action = call.desc, call.action
        left = seen.asserted & ~seen.acknowledged
        if desc.edge or not left or not result or seen.gone:
            return
        if left & ~seen.cleared:
            what = f"irq {desc.irq}: {action.name} still asserts causes {left & ~seen.cleared:#x}"
            self._broken(IRQ_NOT_DEASSERTED, what, where=function_line(action.handler))
        elif seen.cleared_by > seen.device.arrived:
            what = f"irq {desc.irq}: {action.name} asserts causes {left:#x} until a posted write arrives"
            self._broken(IRQ_DEASSERT_POSTED, what, where=function_line(action.handler))

    def _judge_blind(self, call: HandlerCall, result: int) -> None:
        """A handler that did not access any device, and left the line high."""
        desc, action = call.desc, call.action
        if result and not call.seen and not desc.edge and desc.level and len(desc.actions) == 1:
            what = f"irq {desc.irq}: {action.name} holds the line up, and its handler did not access it"
            self._broken(IRQ_NOT_DEASSERTED, what, where=function_line(action.handler))

    def _judge_acknowledgement(self, call: HandlerCall, seen: Seen) -> None:
        """Whether what it acknowledged is going to be looked at."""
        device = seen.device
        lost = seen.asserted & (seen.acknowledged | seen.cleared & ~seen.masked) & device.registers.rx_causes
        if not lost or seen.gone or call.looked or not self._checker.rings.unseen(device.slot):
            return
        for napi in self._checker.bus.napis_of(device):
            if napi in call.prepared or napi.dev is None or not napi.dev.running:
                continue
            if napi.state & (NapiState.NPSVC | NapiState.DISABLE | NapiState.NO_BUSY_POLL):
                continue
            action = call.action
            what = f"irq {call.desc.irq}: the handler of {action.name} clears receive causes {lost:#x} and does nothing"
            self._broken(IRQ_ACK_UNSCHEDULED, what, where=function_line(action.handler))

    # --- what they do ----------------------------------------------------------------------------------------------

    def _access(self, access: Access) -> None:
        call = self.calls.get(access.context) if access.context is not None else None
        if call is None:
            return
        device, means = access.device, access.means
        seen = call.seen.get(device.slot)
        if seen is None:
            seen = call.seen[device.slot] = Seen(device, access.enabled)
        if access.write:
            seen.masked |= means.masks
            if means.masks:
                call.masked_at = driver_spot()
            if means.masks or means.acknowledges:
                seen.cleared |= means.masks | means.acknowledges
                seen.cleared_by = device.issued
            return
        seen.touched = True
        seen.acknowledged |= means.acknowledges | means.masks
        if means.status is not None:
            seen.status = (seen.status or 0) | means.status

    def scheduled(self, call: HandlerCall, device: Device) -> bool:
        """A handler schedules NAPI for a device; returns whether that device is gone."""
        seen = call.seen.get(device.slot)
        gone = seen is not None and seen.gone
        if gone:
            what = f"irq {call.desc.irq}: the handler of {call.action.name} schedules NAPI for a device that is gone"
            self._broken(IRQ_DEVICE_GONE, what)
        return gone

    def descriptor_read(self, ring: Ring) -> None:
        """The running code looks at a descriptor, while ``calls`` is not empty."""
        running = cpu.running()
        call = self.calls.get(running.stack[-1]) if running is not None and running.stack else None
        if call is None:
            return
        seen = call.seen.get(ring.dev.slot)
        if not call.looked and not call.desc.edge and (seen is None or not seen.touched):
            what = f"irq {call.desc.irq}: the handler of {call.action.name} looks at a descriptor, and read no register"
            self._broken(IRQ_STATUS_UNREAD, what)
        call.looked = call.looked or ring.registers.receives

    def enabled_interrupts(self, desc: IrqDesc, action: IrqAction) -> None:
        """A handler returned with interrupts enabled."""
        function = getattr(action.handler, "__qualname__", repr(action.handler))
        what = f"irq {desc.irq}: the handler of {action.name} returned with interrupts enabled"
        where = function_line(action.handler)
        self._broken(IRQ_HANDLER_ENABLES, what, where=where, irq=desc.irq, function=function)

    def sleeps(self) -> None:
        """The running code wants to sleep, and must not."""
        here = cpu.this_cpu()
        if not here.in_hardirq:
            return
        comm, pid = (here.current.comm, here.current.pid) if here.current else (f"swapper/{here.id}", 0)
        self._broken(IRQ_HANDLER_SLEEPS, "an interrupt handler sleeps", comm=comm, pid=pid)

    def nobody_cared(self, desc: IrqDesc) -> None:
        """A line is taken off."""
        names = ", ".join(action.name for action in desc.actions)
        where = function_line(desc.actions[0].handler) if desc.actions else None
        what = f"irq {desc.irq} ({names}): {desc.irqs_unhandled:,} interrupts were not handled"
        self._broken(IRQ_NOBODY_CARED, what, where=where, irq=desc.irq)

    # --- requesting and freeing ------------------------------------------------------------------------------------

    def request(self, desc: IrqDesc, action: IrqAction) -> None:
        """request_irq was called."""
        if action.shared and action.dev_id is None:
            self._broken(IRQ_SHARED_NO_DEV_ID, f"irq {desc.irq}: {action.name} shares the line, and passes no dev_id")
            return
        if any(other.handler == action.handler and other.dev_id is action.dev_id for other in desc.actions):
            self._broken(IRQ_REQUESTED_TWICE, f"irq {desc.irq}: {action.name} has requested it already")
        elif desc.actions and not (action.shared and desc.actions[0].shared):
            old = desc.actions[0]
            self._broken(
                IRQ_FLAGS_MISMATCH,
                f"irq {desc.irq}: {action.name} and {old.name} cannot both have the line",
                irq=desc.irq,
                flags=action.flags,
                name=action.name,
                old_flags=old.flags,
                old_name=old.name,
            )

    def free(self, desc: IrqDesc, action: IrqAction | None) -> None:
        """free_irq was called; ``action`` is what it found."""
        if cpu.this_cpu().in_interrupt:
            self._broken(IRQ_FREE_IN_INTERRUPT, f"irq {desc.irq} is freed in an interrupt", irq=desc.irq)
        if action is None:
            what = f"irq {desc.irq} is freed with a dev_id that nobody requested it with"
            self._broken(IRQ_FREE_FREE, what, irq=desc.irq)
        elif desc.depth and not desc.spurious_disabled:
            what = f"irq {desc.irq}: {action.name} frees the line, which is still disabled {desc.depth} times"
            self._broken(IRQ_UNBALANCED_DISABLE, what)

    def unbalanced_enable(self, desc: IrqDesc) -> None:
        """enable_irq was called for a line that is enabled."""
        self._broken(IRQ_UNBALANCED_ENABLE, f"irq {desc.irq} is enabled, and was not disabled", irq=desc.irq)
