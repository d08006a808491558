"""DMA beyond the end of host memory: an error response, and an ERROR in the log, which fails the run."""

import cocotb
import pytest

from cocotb_tests.test_board_dma import MEMORY_BYTES, begin, simulate_bench


def test_board_dma_beyond():
    with pytest.raises(AssertionError, match="outside of host memory"):
        simulate_bench("test_board_dma_beyond", 64, "test_board_dma_beyond")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def beyond_the_memory_there_is_nothing(dut):
    master = await begin(dut)
    response = await master.read(MEMORY_BYTES, 8)
    assert response.resp == 3
    response = await master.write(MEMORY_BYTES + 64, bytes(8))
    assert response.resp == 3
    assert dut.memory.words[1].value.to_unsigned() == 0
