"""Existing 8254x drivers find on the RTL, and on the model engine, what the manual promises them."""

import asyncio

import cocotb
import pytest

from cocotb_tests.board_tester import begin, costs, run_on_board
from cocotb_tests.driver_sequences import Machine, run_linux, run_minix
from emulator.engines.model import ModelEngine

LATENCIES = {"mmio_request": 48, "mmio_completion": 64, "dma_read": 96, "dma_write": 80}
SEQUENCES = {"linux": run_linux, "minix": run_minix}


@cocotb.test()
@cocotb.parametrize(driver=list(SEQUENCES))
async def a_driver_is_content(dut, driver):
    await SEQUENCES[driver](Machine(await begin(dut, **LATENCIES)))


@pytest.mark.slow
def test_driver_sequences():
    run_on_board(__name__)


@pytest.mark.parametrize("driver", SEQUENCES)
def test_a_driver_is_content_with_the_model(driver):
    engine = ModelEngine(1, costs(**LATENCIES), 8_000)
    asyncio.run(SEQUENCES[driver](Machine(engine)))
