"""Tasks and the run queue of a CPU: fair by EEVDF, with nice levels and time slices (kernel/sched/fair.c).

Also what tasks do: sleep, wake each other, yield, and move between CPUs. Of Linux's scheduler this is the pick (the
eligible task with the earliest virtual deadline), its wake-up preemption, the lag that a sleeper keeps, and idle CPUs
that pull; there are no groups, no periodic balancing and no other classes. The tick looks at the running task but costs
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.kernel.cpu import KTIME_MAX, Context, Trap, this_cpu, trap

if TYPE_CHECKING:
    from driver.kernel.cpu import Cpu
    from driver.kernel.machine import Machine

#: sysctl_sched_base_slice for one CPU, in ns; larger machines take it longer (get_update_sysctl_factor).
BASE_SLICE_NS = 700_000

MIN_NICE, MAX_NICE = -20, 19

#: Load of nice 0 (NICE_0_LOAD): virtual time of such a task is its run time.
NICE_0_WEIGHT = 1024

#: sched_prio_to_weight (kernel/sched/core.c), from nice -20 on: each level is about 1.25 of the next.
PRIO_TO_WEIGHT = (
    *(88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916),
    *(9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277),
    *(1024, 820, 655, 526, 423, 335, 272, 215, 172, 137),
    *(110, 87, 70, 56, 45, 36, 29, 23, 18, 15),
)


class Task:
    """A thread of execution in task context (struct task_struct).

    Attributes:
        cpu: where it runs, waits, or ran last.
        cpus_allowed: bit mask of the CPUs that it may run on.
        weight: its share of a CPU, by its nice level.
        vruntime: its run time in ns, slower for the heavier.
        deadline: vruntime by which it should have had its slice; earlier ones run first.
        vlag: how far behind (positive) or ahead of its queue's average it was when it fell asleep.
        sum_exec_runtime: ns that it ran, interrupts on top of it left out.
        sleeping: it waits for a wake-up.
        should_stop: somebody wants the thread to end (kthread_stop).
        busy_polling: it polls, and its last poll found nothing; whether it runs on makes no difference.
    """

    def __init__(self, cpu: Cpu, pid: int, comm: str, context: Context, cpus_allowed: int) -> None:
        self.cpu = cpu
        self.pid = pid
        self.comm = comm
        self.context = context
        self.cpus_allowed = cpus_allowed
        self.nice = 0
        self.weight = NICE_0_WEIGHT
        self.vruntime = self.deadline = self.vlag = self.sum_exec_runtime = 0
        self.sleeping = self.done = self.should_stop = self.busy_polling = False
        self._fell_asleep_at = 0  # the average of its queue
        self._wake_pending = False  # woken while it was still on its way to sleep
        self._just_woken = True

    def switch_in_cost(self) -> int:
        """Ns that the switch to this task takes; the price of the wake-up is booked to the task that it woke."""
        costs = self.cpu.machine.costs
        cost = costs.context_switch + (costs.wakeup if self._just_woken else 0)
        self._just_woken = False
        return cost

    def virtual(self, ns: int) -> int:
        """So much run time as virtual time (calc_delta_fair)."""
        return ns if self.weight == NICE_0_WEIGHT else ns * NICE_0_WEIGHT // self.weight

    def allowed_on(self, cpu: Cpu) -> bool:
        """Whether it may run there."""
        return bool(self.cpus_allowed >> cpu.id & 1)

    def wake(self) -> bool:
        """Make it runnable (wake_up_process); False if it was."""
        if self.done:
            return False
        if not self.sleeping:
            self._wake_pending = True
            return False
        self.sleeping = False
        self._just_woken = True
        lag = self.vlag
        if lag < 0:  # one that ran ahead is even once the others caught up (DELAY_DEQUEUE)
            lag = min(0, lag + self.cpu.runqueue.avg_vruntime() - self._fell_asleep_at)
        self.cpu = select_task_rq(self)
        self.cpu.runqueue.enqueue(self, lag)
        return True

    def consume_wake(self) -> bool:
        """Whether a wake-up came before the sleep that it was meant for."""
        pending, self._wake_pending = self._wake_pending, False
        return pending

    def fell_asleep(self, average: int, limit: int) -> None:
        """It left its queue, whose average virtual time was this; the lag that it keeps is limited."""
        self.vlag = max(-limit, min(limit, average - self.vruntime))
        self._fell_asleep_at = average


class RunQueue:
    """Runnable tasks of one CPU other than the one that runs (struct cfs_rq).

    Attributes:
        waiting: in the order in which they came.
        resched_at: when the running task must let the others have their turn, in ns, unless interrupted till then.
        forced: the running task must leave as soon as it can (TIF_NEED_RESCHED).
    """

    def __init__(self, cpu: Cpu) -> None:
        self.cpu = cpu
        self.waiting: list[Task] = []
        self.resched_at = KTIME_MAX
        self.forced = False
        self._last_average = 0

    # --- virtual time --------------------------------------------------------------------------------------------

    def avg_vruntime(self) -> int:
        """Average virtual time of the queue, weighted; the last one if it is empty."""
        self.cpu.account()
        tasks = self._queued()
        if tasks:
            base = tasks[0].vruntime
            ahead = sum(task.weight * (task.vruntime - base) for task in tasks)
            self._last_average = base + ahead // sum(task.weight for task in tasks)
        return self._last_average

    def _queued(self) -> list[Task]:
        """All runnable tasks of the CPU, the running one first."""
        current = self.cpu.current
        return self.waiting if current is None else [current, *self.waiting]

    def _eligible(self, task: Task) -> bool:
        """Whether it got no more than its share: it is not ahead of the average."""
        return sum(other.weight * (other.vruntime - task.vruntime) for other in self._queued()) >= 0

    def _earliest(self, candidates: list[Task]) -> Task:
        """The eligible one with the earliest deadline; among equals, the one that comes first (pick_eevdf)."""
        eligible = [task for task in candidates if self._eligible(task)]
        return min(eligible or candidates, key=lambda task: task.deadline)

    def _slice(self, task: Task) -> int:
        """The virtual time that a task asks for at once."""
        return task.virtual(BASE_SLICE_NS * min(len(self.cpu.machine.cpus), 8).bit_length())

    def _update_deadline(self, task: Task) -> None:
        """A task that had its slice asks for the next."""
        if task.vruntime >= task.deadline:
            task.deadline = task.vruntime + self._slice(task)

    # --- coming and going ----------------------------------------------------------------------------------------

    def enqueue(self, task: Task, lag: int = 0) -> None:
        """Add a task that woke or moved here, as far from the average as its lag says (place_entity)."""
        average = self.avg_vruntime()
        queued = self._queued()
        if queued and lag:
            load = sum(other.weight for other in queued)
            lag = lag * (load + task.weight) // load  # its coming moves the average towards it
        task.vruntime = average - lag if queued else average
        task.deadline = task.vruntime + self._slice(task)
        self.waiting.append(task)
        self._check_preempt_wakeup(task)
        self.cpu.machine.resched = True

    def _check_preempt_wakeup(self, task: Task) -> None:
        """A task woke: does it run at once? One that runs keeps the CPU for its slice while it is eligible."""
        current = self.cpu.current
        if current is None:
            return
        self._update_deadline(current)
        if not self._eligible(current) and self._earliest(self._queued()) is task:
            self.forced = True
        self.update_resched()

    def put_prev(self, task: Task, *, runnable: bool) -> None:
        """The task leaves the CPU."""
        if runnable:
            self._put_runnable(task)
            return
        if not task.sleeping:
            task.done = True
            return
        self.waiting.append(task)
        average = self.avg_vruntime()
        self.waiting.pop()
        task.fell_asleep(average, task.virtual(self._lag_limit()))

    def _put_runnable(self, task: Task) -> None:
        if task.allowed_on(self.cpu):
            self.waiting.append(task)
            self.cpu.machine.resched |= len(self.cpu.machine.cpus) > 1  # an idle CPU may want it
            return
        task.cpu = select_task_rq(task)
        task.cpu.runqueue.enqueue(task)

    def _lag_limit(self) -> int:
        return 2 * self._slice(self.cpu.ksoftirqd)  # any task of nice 0

    def pick_next(self) -> Task | None:
        """Take the task whose turn it is."""
        self.forced = False
        if not self.waiting:
            self.resched_at = KTIME_MAX
            return None
        task = self._earliest(self.waiting)
        self.waiting.remove(task)
        self._update_deadline(task)
        return task

    def pull(self) -> Task | None:
        """Nothing to do here: take a task that waits for a busy CPU (sched_balance_newidle)."""
        for other in self.cpu.machine.cpus:
            if other.current is None:
                continue  # it takes its own
            for task in other.runqueue.waiting:
                if task.allowed_on(self.cpu):
                    other.runqueue.migrate(task, self.cpu)
                    return self.pick_next()
        return None

    def migrate(self, task: Task, to: Cpu) -> None:
        """Move a waiting task to another CPU; it stays as far behind or ahead of the others as it was."""
        lag = self.avg_vruntime() - task.vruntime
        self.waiting.remove(task)
        self.update_resched()
        task.cpu = to
        to.runqueue.enqueue(task, lag)

    # --- whose turn it is ----------------------------------------------------------------------------------------

    def update_resched(self) -> None:
        """Find out when the running task's turn is over: at the first tick after it had its slice."""
        current, machine = self.cpu.current, self.cpu.machine
        if self.forced:
            self.resched_at = machine.now
        elif current is None or not self.waiting:
            self.resched_at = KTIME_MAX
        else:
            left = max(current.deadline - current.vruntime, 0)
            self.resched_at = machine.next_tick(machine.now + -(-left * current.weight // NICE_0_WEIGHT))

    def should_leave(self, current: Task) -> bool:
        """Its turn may be over: whether another task has the CPU now (__schedule)."""
        self.cpu.account()
        self._update_deadline(current)
        if self.forced or not current.allowed_on(self.cpu):
            return True
        if self.waiting and self._earliest([*self.waiting, current]) is not current:
            return True
        self.update_resched()
        return False


def select_task_rq(task: Task) -> Cpu:
    """The CPU for a task that wakes: its last one if that is idle, else an idle one, else its last one."""
    cpus = task.cpu.machine.cpus
    allowed = [cpu for cpu in (task.cpu, *cpus) if task.allowed_on(cpu)]
    return next((cpu for cpu in allowed if cpu.current is None and not cpu.runqueue.waiting), allowed[0])


def wake_up_process(task: Task) -> bool:
    """Make a sleeping task runnable; False if it was."""
    return task.wake()


async def sleep_until_woken() -> None:
    """Set the current task to TASK_INTERRUPTIBLE and call schedule()."""
    cpu = this_cpu()
    task = cpu.current
    if task is None or cpu.in_interrupt:
        if cpu.machine.rules is not None:
            cpu.machine.rules.interrupts.sleeps()
        comm, pid = (task.comm, task.pid) if task else ("swapper", 0)
        raise RuntimeError(f"BUG: scheduling while atomic: {comm}/{pid}: sleep in a thread, with softirqs enabled")
    if task.consume_wake():
        return
    task.sleeping = True
    await trap(Trap.SLEEP)


def kthread_stop(task: Task) -> None:
    """Tell a thread to end; Linux waits until it has."""
    task.should_stop = True
    wake_up_process(task)


def kthread_should_stop() -> bool:
    """Whether the current thread shall end."""
    task = this_cpu().current
    return task is not None and task.should_stop


async def cond_resched() -> None:
    """Let another task run if it is its turn."""
    await trap(Trap.YIELD)


def set_user_nice(task: Task, nice: int) -> None:
    """Change a task's nice level (kernel/sched/syscalls.c).

    Raises:
        ValueError: there is no such level.
    """
    if not MIN_NICE <= nice <= MAX_NICE:
        raise ValueError(f"nice {nice}: out of range; allowed are {MIN_NICE} to {MAX_NICE}")
    task.cpu.account()
    left = (task.deadline - task.vruntime) * task.weight
    task.nice, task.weight = nice, PRIO_TO_WEIGHT[nice - MIN_NICE]
    task.deadline = task.vruntime + left // task.weight
    task.cpu.runqueue.update_resched()
    task.cpu.machine.resched = True


def set_cpus_allowed(task: Task, mask: int) -> None:
    """Let a task run on the CPUs of a bit mask only; it moves if it must (set_cpus_allowed_ptr, sched_setaffinity).

    Raises:
        ValueError: the mask has no CPU of this machine.
    """
    machine = task.cpu.machine
    check_cpu_mask(machine, mask)
    task.cpus_allowed = mask
    runqueue = task.cpu.runqueue
    if task.allowed_on(task.cpu):
        return
    if task is task.cpu.current:
        runqueue.forced = machine.resched = True
        runqueue.update_resched()
    elif task in runqueue.waiting:
        runqueue.migrate(task, select_task_rq(task))


def check_cpu_mask(machine: Machine, mask: int) -> None:
    """Whether a mask names CPUs of the machine, at least one.

    Raises:
        ValueError: it does not.
    """
    count = len(machine.cpus)
    if not 0 < mask < 1 << count:
        raise ValueError(f"CPU mask {mask:x}: allowed are 1 to {(1 << count) - 1:x}, for CPUs 0 to {count - 1}")


def kthread_bind(task: Task, cpu: Cpu) -> None:
    """Pin a thread to a CPU."""
    set_cpus_allowed(task, 1 << cpu.id)
