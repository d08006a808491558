"""The GTKWave save file that goes with a run's waves: what is shown, in which order, under which names.

Formats are those of GTKWave's save files: a line with flags, then the signals they hold for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from emulator.engines.cache import BUILD
from emulator.output import WAVES
from emulator.wave_words import write_words

_HEX, _DECIMAL, _BITS = 0x22, 0x24, 0x28
_WORDS = 0x2000  # with a translate file
_GROUP_BEGIN, _GROUP_END, _CLOSED = 0x800200, 0x1000200, 0x400000
_COMMENT = 0x200
_NO_MARKER = " -1" * 26

#: What the first picture shows, in ps: an interrupt and what it leads to.
_BEFORE, _AFTER = 1_500_000, 4_500_000

#: The window, and about how much of its width the waves get; the zoom in a save file is that of 200 pixels.
_WIDTH, _HEIGHT = 1720, 1200
_WAVES_WIDTH = 1350
_ZOOM = -math.log2((_BEFORE + _AFTER) * 200 / _WAVES_WIDTH)


@dataclass(frozen=True, slots=True)
class _Trace:
    """A line of the picture."""

    name: str
    signal: str
    bits: int = 1
    flags: int = _BITS
    words: str = ""

    def lines(self, files: dict[str, Path]) -> Iterator[str]:
        signal = self.signal + (f"[{self.bits - 1}:0]" if self.bits > 1 else "")
        if self.words:
            yield f"@{_HEX | _WORDS:x}"
            yield f"^1 {files[self.words]}"
        else:
            yield f"@{self.flags:x}"
        yield f"+{{{self.name}}} {signal}"


class Marker(NamedTuple):
    """A time to look at.

    Attributes:
        time_ns: where the marker goes.
        note: what is to be seen there, for a line above the signals; may be empty.
    """

    time_ns: int
    note: str = ""


def write_save_file(path: Path, engine: str, *, nics: int, cpus: int, marker: Marker | None) -> None:
    """Write the save file for a dump of the board, which is beside it; the words that it shows stay below build/.

    Arguments:
        path: of the save file.
        engine: name of the engine that dumped.
        nics: how many NICs the board has.
        cpus: how many CPUs it has probes for.
        marker: what to look at first; the beginning if None.
    """
    files = write_words(BUILD)
    top = "native_board" if engine == "native" else "board"
    time_ps = marker.time_ns * 1000 if marker else -1
    lines = [
        f'[dumpfile] "{WAVES}"',
        f"[timestart] {max(0, time_ps - _BEFORE)}",
        f"[size] {_WIDTH} {_HEIGHT}",
        f"*{_ZOOM:.6f} {time_ps}{_NO_MARKER}",
        "[sst_width] 40",
        "[signals_width] 310",
        "[sst_expanded] 0",
    ]
    if marker and marker.note:
        lines += [f"@{_COMMENT:x}", f"-{marker.note}"]
    for nic in range(nics):
        for group, traces in _nic_groups(f"NIC {nic} " if nics > 1 else "", f"{top}.core", nic).items():
            lines += _group(group, traces, files, closed=nic > 0)
    for cpu in range(cpus):
        lines += _group(f"CPU {cpu}", _cpu_traces(f"{top}.core", cpu), files)
    for nic in range(nics):
        lines += _group(f"NAPI of eth{nic}", _napi_traces(f"{top}.core", nic), files, closed=nic > 0)
    text = "\n".join(lines) + "\n"
    if engine != "icarus":  # only Icarus keeps the backslash before a Verilog name with a dot in it
        text = text.replace("\\", "")
    path.write_text(text, encoding="utf-8")


def _group(name: str, traces: list[_Trace], files: dict[str, Path], *, closed: bool = False) -> list[str]:
    begin = _GROUP_BEGIN | (_CLOSED if closed else 0)
    inside = [line for trace in traces for line in trace.lines(files)]
    return [f"@{begin:x}", f"-{name}", *inside, f"@{_GROUP_END:x}", f"-{name}"]


def _nic_groups(prefix: str, core: str, number: int) -> dict[str, list[_Trace]]:
    slot = f"{core}.slot[{number}]"
    dma = f"{slot}.nic.rx_dma"
    return {
        f"{prefix}wire": [
            _Trace("beat arrives", f"{slot}.rx_tvalid"),
            _Trace("verdict given", f"{slot}.verdict_valid"),
            _Trace("verdict", f"{slot}.verdict", 3, words="verdict"),
        ],
        f"{prefix}DMA of reception": [
            _Trace("reads descriptors", f"{slot}.rx_arvalid"),
            _Trace("descriptors read ahead", f"{dma}.queue.descriptors.level", 6, _DECIMAL),
            _Trace("writes", f"{slot}.rx_awvalid"),
            _Trace("to address", f"{slot}.rx_awaddr", 64, _HEX),
            _Trace("data", f"{slot}.rx_wvalid"),
            _Trace("data is a descriptor", f"{dma}.writer.\\burst.writeback"),
            _Trace("write response", f"{slot}.rx_bvalid"),
        ],
        f"{prefix}ring": [
            _Trace("RDT: given to the NIC", f"{dma}.queue.descriptors.tail", 16, _DECIMAL),
            _Trace("RDH: written back", f"{slot}.nic.rdh__0__value", 32, _DECIMAL),
            _Trace("driver: next to clean", f"{core}.probes.nic[{number}].next_to_clean", 12, _DECIMAL),
            _Trace("driver: next to use", f"{core}.probes.nic[{number}].next_to_use", 12, _DECIMAL),
        ],
        f"{prefix}interrupt": [
            _Trace("causes latched (ICR)", f"{slot}.nic.interrupts.latched", 32, words="cause"),
            _Trace("causes unmasked (IMS)", f"{slot}.nic.interrupts.mask", 32, words="cause"),
            _Trace("line at the NIC", f"{slot}.irq"),
            _Trace("line at the CPU", f"{slot}.irq_at_cpu"),
        ],
        f"{prefix}registers": [
            _Trace("write", f"{slot}.axil_awvalid"),
            _Trace("register written", f"{slot}.axil_awaddr", 17, words="register"),
            _Trace("data written", f"{slot}.axil_wdata", 32, _HEX),
            _Trace("read", f"{slot}.axil_arvalid"),
            _Trace("register read", f"{slot}.axil_araddr", 17, words="register"),
            _Trace("data at the CPU", f"{slot}.completion_data", 32, _HEX),
        ],
    }


def _cpu_traces(core: str, number: int) -> list[_Trace]:
    cpu = f"{core}.probes.cpu[{number}]"
    return [
        _Trace("runs", f"{cpu}.runs", 3, words="cpu"),
        _Trace("softirqs pending", f"{cpu}.softirq_pending", 10, words="softirq"),
        _Trace("poll list: instances", f"{cpu}.poll_list", 4, _DECIMAL),
        _Trace("backlog: packets", f"{cpu}.backlog", 12, _DECIMAL),
    ]


def _napi_traces(core: str, number: int) -> list[_Trace]:
    nic = f"{core}.probes.nic[{number}]"
    return [
        _Trace("state SCHED", f"{nic}.napi_sched"),
        _Trace("state MISSED", f"{nic}.napi_missed"),
        _Trace("in poll", f"{nic}.napi_in_poll"),
        _Trace("budget", f"{nic}.napi_budget", 9, _DECIMAL),
        _Trace("work done in last poll", f"{nic}.napi_work_done", 9, _DECIMAL),
        _Trace("state NPSVC", f"{nic}.napi_npsvc"),
        _Trace("state DISABLE", f"{nic}.napi_disable"),
        _Trace("state THREADED", f"{nic}.napi_threaded"),
    ]
