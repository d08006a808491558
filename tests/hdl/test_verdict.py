"""The NIC and the engines mean the same by a verdict."""

from __future__ import annotations

from emulator.engines.base import Verdict
from hdl.nic.verdict import RxVerdict


def test_values_are_the_engines() -> None:
    assert len(RxVerdict.__members__) == len(Verdict)
    for verdict in Verdict:
        assert RxVerdict.__members__[verdict.name].value == verdict
