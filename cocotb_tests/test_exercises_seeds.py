"""The solutions of the exercises pass on the RTL under all seeds: other traffic, other latencies of bus and memory."""

import pytest

from cocotb_tests.test_exercises import check_solutions
from emulator.exercises.check import SEEDS


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_solutions_pass(seed):
    check_solutions(lambda _number: [seed])
