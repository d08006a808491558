"""The profiles that come with the emulator, and what is said of bad ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from driver.kernel.costs import Costs
from emulator.cost_profiles import load_costs, profile_names
from emulator.errors import UserError

NAMES = [field.name for field in dataclasses.fields(Costs)]
DEVICE_CLOCKS_NS = 4 * 8  # what the NIC takes for a register read


def write_profile(path: Path, **entries: str) -> str:
    lines = dict.fromkeys(NAMES, '{ ns = 1, source = "test" }') | entries
    path.write_text("".join(f"{name} = {entry}\n" for name, entry in lines.items() if entry))
    return str(path)


def mmio_read(costs: Costs) -> int:
    return costs.mmio_request + DEVICE_CLOCKS_NS + costs.mmio_completion


def test_names() -> None:
    assert profile_names() == ["modern", "router2002"]


def test_modern_has_the_sums_of_the_published_ranges() -> None:
    costs = load_costs("modern")
    assert costs.irq_entry + costs.irq_exit == 600
    assert costs.softirq + costs.net_rx_action == 100
    assert mmio_read(costs) == pytest.approx(800, abs=8)
    assert costs.wakeup + costs.context_switch == 2000


def test_router2002_has_its_two_sums() -> None:
    costs = load_costs("router2002")
    assert costs.rx_packet + costs.skb_alloc + costs.netif_receive_skb == 2800
    icr, imc, status, rdt, ims = (
        mmio_read(costs),
        costs.mmio_write,
        mmio_read(costs),
        costs.mmio_write,
        costs.mmio_write,
    )
    interrupt = costs.irq_entry + icr + imc + status + costs.irq_exit
    poll = costs.softirq + costs.net_rx_action + costs.napi_poll + rdt + ims
    assert interrupt + poll == 5000


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    costs = load_costs(write_profile(tmp_path / "mine.toml", irq_entry='{ ns = 0, source = "mine" }'))
    assert (costs.irq_entry, costs.irq_exit) == (0, 1)


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ({"irq_exit": ""}, "key 'irq_exit' is missing"),
        ({"irq_exti": '{ ns = 1, source = "x" }'}, "unknown key 'irq_exti'"),
        ({"softirq": '{ ns = -1, source = "x" }'}, "key 'softirq': ns = -1"),
        ({"softirq": '{ ns = 1.5, source = "x" }'}, "key 'softirq': ns = 1.5"),
        ({"softirq": '{ ns = true, source = "x" }'}, "key 'softirq': ns = True"),
        ({"softirq": "600"}, "key 'softirq': write it as"),
        ({"softirq": "{ ns = 600 }"}, "key 'softirq': write it as"),
        ({"softirq": '{ ns = 600, source = " " }'}, "key 'softirq': the source"),
        ({"softirq": "="}, "not TOML"),
    ],
)
def test_bad_profiles_name_file_and_key(tmp_path: Path, entries: dict[str, str], complaint: str) -> None:
    path = write_profile(tmp_path / "bad.toml", **entries)
    with pytest.raises(UserError) as caught:
        load_costs(path)
    assert path in str(caught.value)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_profile_lists_the_known() -> None:
    with pytest.raises(UserError, match="modren: unknown profile; allowed: modern, router2002"):
        load_costs("modren")


def test_missing_file() -> None:
    with pytest.raises(UserError, match=r"nowhere\.toml: No such file"):
        load_costs("nowhere.toml")
