"""Preloaded by worker processes on this machine: a worker that ends takes its simulators with it."""

from __future__ import annotations

import contextlib

import psutil


def dask_teardown(_worker: object) -> None:
    """Called by Dask when the worker closes; it would wait for the run, and leave its simulator behind."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
