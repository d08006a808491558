"""The machine: CPUs, time, interrupt lines and the bus, as a deterministic discrete-event model that does no I/O.

Whoever runs a machine does this, over and over: ``run()``, start the requests that come out of it on the device,
let the device go on until ``deadline`` or until it has something to tell, and tell the machine: ``now``,
``set_irq_level``, ``complete_read``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from driver.kernel.cpu import KTIME_MAX, TASK, Account, Code, Context, Cpu, Stall
from driver.kernel.dma import FragAllocator, HostMemory, PageAllocator
from driver.kernel.irq import Irqs
from driver.kernel.net.dev import SoftnetData, net_rx_action
from driver.kernel.net.net_namespace import Net
from driver.kernel.net.xmit import net_tx_action
from driver.kernel.pci import FIRST_IRQ, msi_irq
from driver.kernel.sched import RunQueue, Task, select_task_rq
from driver.kernel.softirq import Softirqs, Vector
from driver.kernel.sysctl import Sysctl
from driver.kernel.timer import NSEC_PER_SEC, TimerBase, run_timer_softirq
from driver.kernel.trace import Tracepoints

if TYPE_CHECKING:
    from driver.kernel.costs import Costs
    from driver.kernel.net.napi import Napi
    from driver.kernel.net.netdevice import NetDevice
    from driver.kernel.net.page_pool import PagePool
    from driver.kernel.net.rfs import RpsSockFlowTable
    from driver.kernel.rules.checker import Checker


class MmioRead(NamedTuple):
    """Request: start a 32-bit read and report its end with this tag."""

    device: int
    offset: int
    tag: int


class MmioWrite(NamedTuple):
    """Request: post a 32-bit write."""

    device: int
    offset: int
    value: int


Request = MmioRead | MmioWrite


class Machine:
    """A computer that runs Linux.

    Attributes:
        now: simulated time in ns; whoever runs the machine lets it go on.
        deadline: until when nothing happens by itself, as of the last run(), in ns; KTIME_MAX if nothing ever does.
        resched: a task was woken, and its CPU has to look whether it should run.
        memory: host memory, shared with the devices.
        cpus, irqs, softirqs, netdevs, napis, init_net, tracepoints: what it consists of.
        napi_hash: enabled NAPI instances by id, but for those that are transmit only.
        last_napi_id, last_page_pool_id: the last one given out.
        page_pools: the pool that each page which a pool has given out belongs to, by its address.
        rps_needed: how many receive queues spread their packets over CPUs; one more if RFS is on.
        rps_sock_flow_table: CPUs on which sockets were used; None if RFS is off.
        busy_poll_rx_packets: packets that busy polls took (BusyPollRxPackets in /proc/net/netstat).
        said: messages that are said only once and have been said.
        pages, frags: allocators of host memory.
        random: for addresses and the like; seeded.
        rules: checks what drivers do, if somebody wants that.
    """

    def __init__(
        self, memory: HostMemory, costs: Costs, *, cpus: int = 1, sysctl: Sysctl | None = None, seed: int = 0
    ) -> None:
        self.now = 0
        self.deadline = 0
        self.resched = False
        self.memory = memory
        self.costs = costs
        self.sysctl = sysctl or Sysctl()
        self.random = random.Random(seed)
        self.tracepoints = Tracepoints()
        self.rules: Checker | None = None
        self.pages = PageAllocator(memory)
        self.frags = FragAllocator(self.pages)
        self.netdevs: list[NetDevice] = []
        self.napis: list[Napi] = []
        self.init_net = Net()
        self.napi_hash: dict[int, Napi] = {}
        self.page_pools: dict[int, PagePool] = {}
        self.last_page_pool_id = 0
        self.last_napi_id = self.rps_needed = self.busy_poll_rx_packets = 0
        self.rps_sock_flow_table: RpsSockFlowTable | None = None
        self.said: set[str] = set()
        self.softirqs = Softirqs(self)
        self.softirqs.open_softirq(Vector.TIMER, run_timer_softirq)
        self.softirqs.open_softirq(Vector.NET_TX, net_tx_action)
        self.softirqs.open_softirq(Vector.NET_RX, net_rx_action)
        self.cpus = [Cpu(self, number) for number in range(cpus)]
        self.irqs = Irqs(self)
        self._next_pid = 1
        self._requests: list[Request] = []
        for cpu in self.cpus:
            cpu.runqueue = RunQueue(cpu)
            cpu.timers = TimerBase(cpu)
            cpu.softnet = SoftnetData(cpu)
            cpu.ksoftirqd = self.kthread_run(
                self.softirqs.run_ksoftirqd(), f"ksoftirqd/{cpu.id}", cpu, account=Account.KSOFTIRQD
            )

    # --- for whoever runs the machine ------------------------------------------------------------------------------

    def run(self) -> Sequence[Request]:
        """Run all that can run at the present instant; returns what the device must be asked, in order.

        Raises:
            Exception: what a driver raised, with a note of time and context.
        """
        self.resched = True
        while self.resched:
            self.resched = False
            deadline = KTIME_MAX
            for cpu in self.cpus:
                try:
                    happens = cpu.run()
                except Exception as error:
                    error.add_note(f"at {self.now:,} ns, {cpu.describe()}")
                    raise
                deadline = happens if happens < deadline else deadline
        self.deadline = deadline
        if self.rules is not None:
            self.rules.quiet.look()
        if not self._requests:
            return ()
        requests, self._requests = self._requests, []
        return requests

    def set_irq_level(self, device: int, *, level: bool) -> None:
        """The interrupt line of a device changed."""
        self.irqs.set_level(FIRST_IRQ + device, level=level)

    def message(self, device: int, vector: int) -> None:
        """A device sent the message of one of its vectors."""
        self.irqs.set_level(msi_irq(device, vector), level=True)

    def complete_read(self, tag: int, value: int) -> None:
        """The read with this tag came back."""
        if self.rules is not None:
            self.rules.bus.read_ends(tag, value)
        self.cpus[tag].resume(value)

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing is pending but timers."""
        return all(cpu.idle for cpu in self.cpus)

    # --- for the kernel --------------------------------------------------------------------------------------------

    @property
    def jiffies(self) -> int:
        """Ticks since boot."""
        return self.now * self.sysctl.hz // NSEC_PER_SEC

    def jiffies_to_ns(self, jiffies: int) -> int:
        """The time at which a tick comes."""
        return -(-jiffies * NSEC_PER_SEC // self.sysctl.hz)

    def next_tick(self, time: int) -> int:
        """The first tick at or after a time, in ns."""
        return self.jiffies_to_ns(-(-time * self.sysctl.hz // NSEC_PER_SEC))

    def msecs_to_jiffies(self, ms: int) -> int:
        """Ms in jiffies, rounded up."""
        return -(-ms * self.sysctl.hz // 1000)

    def kthread_run(self, code: Code, comm: str, cpu: Cpu | None = None, account: Account = Account.USER) -> Task:
        """Start a thread: on this CPU and no other, or else where one is idle, free to move."""
        self._next_pid += 1
        cpus_allowed = 1 << cpu.id if cpu else (1 << len(self.cpus)) - 1
        task = Task(cpu or self.cpus[0], self._next_pid, comm, Context(TASK, account, code), cpus_allowed)
        task.cpu = select_task_rq(task)
        task.cpu.runqueue.enqueue(task)
        return task

    def start_read(self, cpu: Cpu, read: Stall) -> None:
        """A CPU stalls on a read; it has one at a time, so its number is the tag."""
        if self.rules is not None:
            self.rules.bus.read_starts(cpu.id, read.device, read.offset)
        self._requests.append(MmioRead(read.device, read.offset, cpu.id))

    def post_write(self, device: int, offset: int, value: int) -> None:
        """A write leaves a CPU."""
        if self.rules is not None:
            self.rules.bus.write(device, offset, value)
        self._requests.append(MmioWrite(device, offset, value))
