"""A scenario: everything that determines a run, checked, and its JSON form."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.cost_profiles import load_costs
from emulator.errors import UserError
from emulator.rule_checks import rule_levels
from emulator.settings import check_settings
from emulator.wire_timing import MIN_FRAME_BYTES
from hdl.nic.regmap import MAX_QUEUES

ENGINES = ("icarus", "verilator", "native", "model")
MODES = ("napi", "irq")
TIMINGS = ("capture",)
APPS = ("echo", "sink")

BUNDLED_CAPTURE = Path(__file__).resolve().parents[1] / "captures" / "http-udp-ping.pcapng"

MAX_FLOWS = 254  #: addresses of generated traffic

MAX_CPUS = 64  #: CONFIG_NR_CPUS of a distribution's kernel, and below the first NAPI id

MIN_RATE = 10_000_000
MAX_RATE = 8_000_000_000  #: what a 64-bit stream carries at 125 MHz
MAX_GENERATED_BYTES = 1514  #: without FCS: 1,500 bytes of IP packet
#: Descriptors of all rings together: their buffers, 2 KiB each, fill three quarters of the 16 MiB of host memory, and
#: the kernel's backlog and rings need some too.
MAX_DESCRIPTORS = 6144

#: Fields of a scenario that are tuples; lists in JSON.
_LISTS = ("generate", "set", "rule")

_RATE_UNITS = {"": 1, "M": 10**6, "G": 10**9}


def parse_rate(text: str) -> int:
    """Bits per second of a rate such as ``1G``, ``2.5G``, ``100M``.

    Raises:
        UserError: the text is no rate. (Scenario checks the range.)
    """
    match = re.fullmatch(r"(\d+)(?:\.(\d+))?([MG]?)", text)
    if not match:
        raise UserError(f"--rate {text}: not a rate; write bits per second such as 10M, 100M, 1G or 2.5G")
    whole, fraction, unit = match[1], match[2] or "", match[3]
    scale: int = 10 ** len(fraction)
    return int(whole + fraction) * _RATE_UNITS[unit] // scale


def parse_sizes(text: str) -> tuple[int, ...]:
    """Frame sizes of a list such as ``60,1514``.

    Raises:
        UserError: something in the list is not a whole number. (Scenario checks the range.)
    """
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise UserError(
            f"--generate {text}: not a list of frame sizes; write bytes without FCS such as 60 or 60,1514"
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Every option of ``napi-hil run`` that determines what the run does, under the option's name.

    Attributes:
        capture: path of the capture to replay; None if frames are generated.
        generate: sizes of the frames to generate, in bytes without FCS, used in turn; empty if a capture is replayed.
        count: how many frames to generate for each NIC.
        engine: one of ENGINES.
        mode: one of MODES: NAPI, or an interrupt per packet with netif_rx.
        rate: line rate in bit/s.
        pps: frames per second, exactly paced; None for back to back.
        timing: "capture" for the capture's own times, else None.
        repeat: how often the capture is replayed.
        budget: packets that one call of the poll function may take.
        ring: receive descriptors.
        costs: name or path of the cost profile.
        nics: how many NICs; each receives the whole traffic.
        queues: receive queues of each NIC. With more than one, each has an MSI-X vector on a CPU of its own, as far as
            there are enough CPUs, and frames are spread over them by flow.
        flows: of generated frames, each from an address of its own.
        app: one of APPS, which gets the generated frames as datagrams; None for nobody.
        cpus: how many CPUs. Interrupts come to CPU 0 unless smp_affinity says otherwise.
        set: settings of the kernel as NAME=VALUE, written in this order (driver/kernel/settings.py).
        seed: of everything random.
        waves: write waves.fst and waves.gtkw.
        trace: write trace.txt.
        frames: write delivered.pcapng.
        rule: levels of rules for drivers, NAME=LEVEL; see emulator/rule_checks.py.

    Raises:
        UserError: a value is not allowed, or two of them do not go together.
    """

    capture: str | None = None
    generate: tuple[int, ...] = ()
    count: int | None = None
    engine: str = "icarus"
    mode: str = "napi"
    rate: int = 1_000_000_000
    pps: int | None = None
    timing: str | None = None
    repeat: int = 1
    budget: int = 64
    ring: int = 256
    costs: str = "modern"
    nics: int = 1
    queues: int = 1
    flows: int = 1
    app: str | None = None
    cpus: int = 1
    set: tuple[str, ...] = ()
    seed: int = 1
    waves: bool = True
    trace: bool = True
    frames: bool = True
    rule: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_values()
        self._check_traffic()
        if self.waves and self.engine == "model":
            raise UserError("--waves: the model engine has no RTL to show; use --engine icarus, or --no-waves")
        load_costs(self.costs)
        rule_levels(self.rule)
        if self.set:
            check_settings(self.set, nics=self.nics, cpus=self.cpus, queues=self.queues)

    @property
    def probed_cpus(self) -> int:
        """How many CPUs the board has probes for; without waves nobody sees them, and one board does for all."""
        return self.cpus if self.waves else 1

    def _check_values(self) -> None:
        _one_of("--engine", self.engine, ENGINES)
        _one_of("--mode", self.mode, MODES)
        if not MIN_RATE <= self.rate <= MAX_RATE:
            raise UserError(f"--rate: {self.rate} bit/s is out of range; allowed are 10M to 8G")
        if self.pps is not None:
            _in_range("--pps", self.pps, 1, 10**9)
        if self.timing is not None:
            _one_of("--timing", self.timing, TIMINGS)
        if self.app is not None:
            _one_of("--app", self.app, APPS)
        _in_range("--repeat", self.repeat, 1, 10**9)
        _in_range("--budget", self.budget, 1, 300)
        _in_range("--ring", self.ring, 8, 4096)
        if self.ring % 8:
            raise UserError(f"--ring {self.ring}: the NIC takes multiples of 8 descriptors, 8 to 4096 (SDM, RDLEN)")
        _in_range("--nics", self.nics, 1, 8)
        _in_range("--queues", self.queues, 1, MAX_QUEUES)
        if self.queues > 1 and self.mode != "napi":
            raise UserError(f"--queues {self.queues}: several queues need --mode napi")
        rings = self.nics * self.queues
        if rings * self.ring > MAX_DESCRIPTORS:
            several = f" --queues {self.queues}" if self.queues > 1 else ""
            raise UserError(
                f"--nics {self.nics}{several} --ring {self.ring}: host memory has room for {MAX_DESCRIPTORS} buffers "
                f"in all; give a ring of {MAX_DESCRIPTORS // rings // 8 * 8} or less"
            )
        _in_range("--cpus", self.cpus, 1, MAX_CPUS)
        _in_range("--seed", self.seed, 0, 2**32 - 1)

    def _check_traffic(self) -> None:
        if self.pps is not None and self.timing is not None:
            raise UserError("--pps and --timing exclude each other: give one of them")
        if (self.capture is None) != bool(self.generate):
            raise UserError("give either a capture or --generate SIZE[,SIZE...] --count N")
        if not self.generate:
            if self.count is not None:
                raise UserError("--count goes with --generate; to replay a capture several times use --repeat")
            if self.flows != 1:
                raise UserError("--flows goes with --generate; a capture has the flows that are in it")
            if self.app is not None:
                raise UserError("--app goes with --generate; the frames of a capture are for somebody else")
            return
        for size in self.generate:
            _in_range("--generate", size, MIN_FRAME_BYTES, MAX_GENERATED_BYTES)
        if self.count is None:
            raise UserError("--generate needs --count N, the number of frames")
        _in_range("--count", self.count, 1, 10**12)
        _in_range("--flows", self.flows, 1, MAX_FLOWS)
        if self.repeat != 1:
            raise UserError("--repeat goes with a capture; for more generated frames raise --count")
        if self.timing is not None:
            raise UserError("--timing capture needs a capture; generated frames are paced by --rate or --pps")

    def to_dict(self) -> dict[str, Any]:
        """All options by name, as values of JSON."""
        return dataclasses.asdict(self) | {name: list(getattr(self, name)) for name in _LISTS}

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, options: dict[str, Any]) -> Scenario:
        """The inverse of to_dict, also for the ``scenario`` of a summary.json.

        Raises:
            UserError: an option is unknown or not allowed.
        """
        unknown = sorted(options.keys() - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise UserError(f"scenario: unknown option {unknown[0]!r}")
        return cls(**options | {name: tuple(options.get(name, ())) for name in _LISTS})

    @classmethod
    def from_json(cls, text: str) -> Scenario:
        """The inverse of to_json.

        Raises:
            UserError: an option is unknown or not allowed.
        """
        return cls.from_dict(json.loads(text))


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"{option} {value}: unknown; allowed: {', '.join(allowed)}")


def _in_range(option: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UserError(f"{option} {value}: out of range; allowed are {low} to {high}")
