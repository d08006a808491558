"""The solutions of the exercises pass on the RTL under more seeds: other traffic, other latencies of bus and memory."""

import pytest

from cocotb_tests.test_exercises import check_solutions
from emulator.exercises.check import SEEDS


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS[1:])
def test_solutions_pass(seed):
    check_solutions([seed])
