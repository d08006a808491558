"""Which scenarios are allowed, what is said of the others, and their JSON form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import UserError
from emulator.scenario import ENGINES, Scenario, parse_rate, parse_sizes

rates = st.integers(10_000_000, 8_000_000_000)
options = st.fixed_dictionaries(
    {
        "engine": st.sampled_from(ENGINES),
        "mode": st.sampled_from(["napi", "irq"]),
        "rate": rates,
        "pps": st.none() | st.integers(1, 10**9),
        "budget": st.integers(1, 300),
        "ring": st.integers(1, 96).map(lambda octets: 8 * octets),
        "costs": st.sampled_from(["modern", "router2002"]),
        "nics": st.integers(1, 8),
        "cpus": st.integers(1, 64),
        "set": st.sampled_from([(), ("CONFIG_HZ=250",), ("net.core.dev_weight=1", "napi-set/65/threaded=enabled")]),
        "seed": st.integers(0, 2**32 - 1),
        "waves": st.just(value=False),
        "trace": st.booleans(),
        "frames": st.booleans(),
    }
)
replays = st.fixed_dictionaries({"capture": st.text(min_size=1), "repeat": st.integers(1, 100)})
generations = st.fixed_dictionaries(
    {"generate": st.lists(st.integers(60, 1514), min_size=1).map(tuple), "count": st.integers(1, 10**9)}
)


@given(options, replays | generations)
def test_json_round_trip(values: dict[str, Any], traffic: dict[str, Any]) -> None:
    scenario = Scenario(**values, **traffic)
    assert Scenario.from_json(scenario.to_json()) == scenario
    assert json.loads(json.dumps(scenario.to_dict())) == scenario.to_dict()


def test_unknown_option_in_json() -> None:
    with pytest.raises(UserError, match="unknown option 'bugdet'"):
        Scenario.from_dict({"capture": "x", "bugdet": 1})


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"engine": "verilog"}, "--engine verilog: unknown; allowed: icarus, verilator, native, model"),
        ({"mode": "poll"}, "--mode poll: unknown; allowed: napi, irq"),
        ({"timing": "exact"}, "--timing exact: unknown; allowed: capture"),
        ({"rate": 9_999_999}, "allowed are 10M to 8G"),
        ({"rate": 8_000_000_001}, "allowed are 10M to 8G"),
        ({"pps": 0}, "--pps 0: out of range"),
        ({"repeat": 0}, "--repeat 0: out of range"),
        ({"budget": 0}, "--budget 0: out of range; allowed are 1 to 300"),
        ({"ring": 4}, "--ring 4: out of range; allowed are 8 to 4096"),
        ({"ring": 12}, "--ring 12: the NIC takes multiples of 8"),
        ({"nics": 0}, "--nics 0: out of range; allowed are 1 to 8"),
        ({"nics": 8, "ring": 4096}, "room for 6144 buffers in all; give a ring of 768 or less"),
        ({"cpus": 0}, "--cpus 0: out of range; allowed are 1 to 64"),
        ({"set": ("HZ",)}, "--set HZ: not a setting; write NAME=VALUE"),
        ({"set": ("CONFIG_HZ=1",)}, "--set CONFIG_HZ=1: unknown; allowed: 100, 250, 300, 1000"),
        ({"set": ("/sys/class/net/eth1/threaded=1",)}, "--set there is no interface eth1; there are: eth0"),
        ({"set": ("/proc/irq/16/smp_affinity=2",)}, "CPU mask 2: allowed are 1 to 1, for CPUs 0 to 0"),
        ({"seed": -1}, "--seed -1: out of range"),
        ({"costs": "cheap"}, "--costs cheap: unknown profile; allowed: modern, router2002"),
        ({"engine": "model"}, "--waves: the model engine has no RTL"),
        ({"pps": 10, "timing": "capture"}, "--pps and --timing exclude each other"),
        ({"app": "echo"}, "--app goes with --generate"),
        ({"app": "chargen"}, "--app chargen: unknown; allowed: echo, sink"),
        ({"count": 5}, "--count goes with --generate"),
        ({"generate": (60,), "count": 5}, "either a capture or --generate"),
        ({"capture": None}, "either a capture or --generate"),
        ({"capture": None, "generate": (60,)}, "--generate needs --count"),
        ({"capture": None, "generate": (59,), "count": 1}, "--generate 59: out of range; allowed are 60 to 1514"),
        ({"capture": None, "generate": (1515,), "count": 1}, "--generate 1515: out of range"),
        ({"capture": None, "generate": (60,), "count": 0}, "--count 0: out of range"),
        ({"capture": None, "generate": (60,), "count": 1, "repeat": 2}, "--repeat goes with a capture"),
        ({"capture": None, "generate": (60,), "count": 1, "timing": "capture"}, "--timing capture needs a capture"),
    ],
)
def test_what_is_not_allowed(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        Scenario(**{"capture": "some.pcap"} | values)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("10M", 10**7), ("1G", 10**9), ("2.5G", 2_500_000_000), ("1.25G", 1_250_000_000), ("12345678", 12345678)],
)
def test_rates(text: str, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "1g", "-1G", "1.G", "1 G", "1Gbit", "1e9"])
def test_no_rates(text: str) -> None:
    with pytest.raises(UserError, match="not a rate"):
        parse_rate(text)


def test_sizes() -> None:
    assert parse_sizes("60") == (60,)
    assert parse_sizes("60,1514,60") == (60, 1514, 60)


@pytest.mark.parametrize("text", ["", "60,", "sixty", "60;1514"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(UserError, match="not a list of frame sizes"):
        parse_sizes(text)
