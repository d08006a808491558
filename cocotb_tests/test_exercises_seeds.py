"""The solutions of the exercises pass on the RTL under more seeds: other traffic, other latencies of bus and memory."""

import pytest

from cocotb_tests.test_exercises import check_solutions
from emulator.exercises.check import SEEDS


@pytest.mark.slow
def test_each_solution_passes_with_another_seed():
    others = SEEDS[1:]
    check_solutions(lambda number: [others[number % len(others)]])


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS[1:])
def test_solutions_pass(seed):
    check_solutions(lambda _number: [seed])
