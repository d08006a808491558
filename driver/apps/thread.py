"""Starting an application as a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from driver.kernel.sched import set_user_nice

if TYPE_CHECKING:
    from driver.kernel.cpu import Cpu
    from driver.kernel.machine import Machine
    from driver.kernel.sched import Task


class Application(Protocol):
    """Something to run.

    Attributes:
        comm: name of its thread.
    """

    comm: str

    async def run(self) -> None:
        """The thread."""


def start(machine: Machine, app: Application, *, nice: int = 0, cpu: Cpu | None = None) -> Task:
    """Run an application in a thread of this nice level, on this CPU or where there is room."""
    task = machine.kthread_run(app.run(), app.comm, cpu)
    set_user_nice(task, nice)
    return task
