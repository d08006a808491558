"""Workers of a sweep: processes on this machine, or a Dask cluster; both are Dask workers."""

from __future__ import annotations

import contextlib
import logging
import signal
import tempfile
from collections.abc import Iterator, Mapping
from multiprocessing import resource_tracker
from queue import SimpleQueue
from typing import TYPE_CHECKING

from emulator.errors import UserError
from emulator.scenario import Scenario
from emulator.sweep.identity import Contents
from emulator.sweep.result_store import Result
from emulator.sweep.signals import Interruption
from emulator.sweep.worker_task import run_one

if TYPE_CHECKING:
    from distributed import Client, Future

    Events = SimpleQueue[Future[Result] | Interruption]

CONNECT_TIMEOUT_S = 10


def require_dask() -> None:
    """Raise UserError with what to type if Dask is not installed."""
    try:
        import distributed  # noqa: F401, PLC0415
    except ImportError:
        raise UserError(
            "a sweep needs dask.distributed, which is not installed; type: pip install 'napi-hil[sweep]'"
        ) from None


@contextlib.contextmanager
def local_workers(count: int | None, tasks: int) -> Iterator[Client]:
    """Worker processes on this machine: one per core, or as many as given, but none without a task."""
    import dask  # noqa: PLC0415  (an extra, and it takes longer to import than all of the emulator)
    from dask.system import CPU_COUNT  # noqa: PLC0415
    from distributed import Client, LocalCluster  # noqa: PLC0415

    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="napi-hil-", ignore_cleanup_errors=True))
        stack.enter_context(dask.config.set({"temporary-directory": temporary}))
        with _interrupts_are_for_us():
            cluster = LocalCluster(
                n_workers=min(count or CPU_COUNT, tasks),
                threads_per_worker=1,
                processes=True,
                memory_limit=None,
                dashboard_address="127.0.0.1:0",  # of no use, but two sweeps must not quarrel for it
                silence_logs=logging.CRITICAL,
                preload="emulator.sweep.local_worker",
                env={"TMPDIR": temporary},  # what a killed worker leaves goes away with it
            )
        stack.enter_context(cluster)
        yield stack.enter_context(Client(cluster))


@contextlib.contextmanager
def _interrupts_are_for_us() -> Iterator[None]:
    """Threads and processes that the body starts never see Ctrl-C; it reaches this thread afterwards."""
    resource_tracker.ensure_running()  # starting it, multiprocessing would unblock the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextlib.contextmanager
def cluster_workers(address: str) -> Iterator[Client]:
    """The workers of a Dask scheduler.

    Raises:
        UserError: there is none at the address.
    """
    from distributed import Client  # noqa: PLC0415

    for logger in ("distributed", "distributed.client"):  # what goes wrong is said once, by us
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=CONNECT_TIMEOUT_S)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"--cluster {address}: no Dask scheduler answers ({reason}); start one with: dask scheduler"
        ) from None
    with client:
        yield client


def has_workers(client: Client) -> bool:
    """Whether anybody is there to do something."""
    return bool(client.scheduler_info()["workers"])


def run_all(
    client: Client, runs: Mapping[str, tuple[Scenario, Contents]], events: Events
) -> Iterator[tuple[str, Result]]:
    """Do these runs in any order; the name and the result of each as it is finished.

    If a worker dies, Dask gives its runs to others; a run with which several workers died has failed.

    Arguments:
        client: whose workers do them.
        runs: scenarios, and what they must find, by name.
        events: an empty queue; somebody else may put an Interruption there.

    Raises:
        UserError: the workers cannot do the runs, or the cluster went away.
        BaseException: what an interruption raises.
    """
    names = {}
    for name, (scenario, contents) in runs.items():
        future = client.submit(run_one, scenario.to_dict(), contents, pure=False)
        names[future] = name
        future.add_done_callback(events.put)
    while names:
        event = events.get()
        if callable(event):
            event()
        else:
            name = names.pop(event)  # lets Dask forget the result
            yield name, _result(event)


def _result(future: Future[Result]) -> Result:
    from distributed import KilledWorker  # noqa: PLC0415

    if future.cancelled() or future.status == "lost":
        raise UserError("the connection to the Dask cluster was lost")
    try:
        result: Result = future.result()
    except KilledWorker:
        return Result(error="each worker that tried it died, of too little memory perhaps; see the logs of the workers")
    except ImportError as error:
        raise UserError(f"a worker cannot run napi-hil: {error}; install it there") from None
    return result
