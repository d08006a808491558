"""A computer with model NICs and the driver up, as at the start of a run's traffic."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from driver.e1000.adapter import Adapter
from driver.kernel.rules.checker import Checker
from emulator.cost_profiles import load_costs
from emulator.emulation import Emulation
from emulator.engines.base import WireFrame
from emulator.engines.model import ModelEngine
from emulator.execute import run_to_end
from emulator.rule_checks import check_rules
from emulator.run import bring_up, run_scenario
from emulator.scenario import Scenario
from emulator.traffic import frames
from emulator.wire_timing import PS_PER_NS, byte_time_ps

Result = TypeVar("Result")


def model_scenario(**options: Any) -> Scenario:
    """A scenario for the model engine that writes only the summary: one frame of 60 bytes unless told otherwise.

    The driver may break no rule.
    """
    defaults: dict[str, Any] = {
        "engine": "model",
        "waves": False,
        "trace": False,
        "frames": False,
        "rule": ("all=error",),
    }
    if "capture" not in options:
        defaults |= {"generate": (60,), "count": 1}
    return Scenario(**defaults | options)


class Rig:
    """NICs on the model engine, their interfaces up.

    Attributes:
        delivered: frames that reached netif_receive_skb: time in ns, interface, bytes.
    """

    def __init__(self, **options: Any) -> None:
        self.scenario = model_scenario(**options)
        costs = load_costs(self.scenario.costs)
        byte_ps, queues = byte_time_ps(self.scenario.rate), self.scenario.queues
        self.engine = ModelEngine(self.scenario.nics, costs, byte_ps=byte_ps, queues=queues)
        self.emulation = Emulation(self.engine, costs, cpus=self.scenario.cpus)
        self.machine = self.emulation.machine
        check_rules(self.machine, self.emulation.devices, self.scenario.rule)
        self.delivered: list[tuple[int, str, bytes]] = []
        self.machine.tracepoints.register(
            "netif_receive_skb", lambda skb: self.delivered.append((self.machine.now, skb.dev.name, skb.data))
        )
        self.netdevs = self._await(bring_up(self.emulation, self.scenario))
        self.adapters: list[Adapter] = [netdev.priv for netdev in self.netdevs]

    @property
    def checker(self) -> Checker:
        """Ends the run at the first rule that the driver breaks."""
        assert self.machine.rules is not None
        return self.machine.rules

    @property
    def adapter(self) -> Adapter:
        """The only one."""
        (adapter,) = self.adapters
        return adapter

    def traffic(self, nic: int = 0) -> list[WireFrame]:
        """The frames of the scenario for a NIC."""
        return list(frames(self.scenario, nic))

    def send(self, traffic: Sequence[WireFrame], nic: int = 0) -> None:
        """Put frames on a wire, their times counted from now."""
        origin = self.engine.now * PS_PER_NS
        self.engine.wires[nic].send(WireFrame(frame.data, origin + frame.start_ps, frame.bad_fcs) for frame in traffic)

    def run_for(self, ns: int) -> None:
        """Let hardware and kernel run."""
        self._await(self.emulation.run_for(ns))

    def call(self, code: Coroutine[Any, Any, Result]) -> Result:
        """Run kernel code as a thread."""
        return self._await(self.emulation.call(code))

    @staticmethod
    def _await(coroutine: Coroutine[Any, Any, Result]) -> Result:
        results: list[Result] = []

        async def run() -> None:
            results.append(await coroutine)

        run_to_end(run())
        return results[0]


def run(directory: Path, **options: Any) -> None:
    """A whole run on the model engine, its files in a directory."""
    scenario = model_scenario(**options)
    engine = ModelEngine(scenario.nics, load_costs(scenario.costs), byte_ps=byte_time_ps(scenario.rate))
    run_to_end(run_scenario(engine, scenario, directory))
