"""What the tests of the board share: how they are run, a cost profile, and the board's arithmetic of time."""

from cocotb_tests.support import SIM, build_folder
from driver.kernel.costs import Costs
from emulator.engines.board import build_board
from emulator.engines.cocotb_engine import CocotbEngine
from emulator.engines.launch import simulate
from hdl.nic.regmap import CTRL

CLOCK_NS = 8

#: Cycles that the NIC's AXI4-Lite port takes from a read's address to its data.
READ_CYCLES = 2


def run_on_board(module: str, **parameters: int) -> None:
    """Run the cocotb tests of a module of this package on a board with these parameters."""
    log = build_folder(module.rpartition(".")[2]) / "test.log"
    simulate(build_board(SIM, **parameters), module, log=log)


def costs(**latencies: int) -> Costs:
    """A profile in which everything takes no time, but for these latencies of the board in ns."""
    return Costs(**dict.fromkeys(Costs.__dataclass_fields__, 0) | latencies)


def cycles_of(latency_ns: int) -> int:
    """A latency in whole clock cycles, at least one."""
    return max(1, -(-latency_ns // CLOCK_NS))


def shown_ns(cycle: int) -> int:
    """When the board shows what the rising edge of this number (from 0) changed."""
    return cycle * CLOCK_NS + 5


def first_edge(ps: int) -> int:
    """Number of the first rising edge at or after a time; they are at 4.5, 12.5, 20.5, ... ns."""
    edge = 0
    if ps > 4500:
        edge, rest = divmod(ps - 4500, CLOCK_NS * 1000)
        edge += rest > 0
    return edge


async def begin(dut, *, byte_ps: int = 8000, **latencies: int) -> CocotbEngine:
    """The engine on a board whose NICs have just been reset, with these latencies in ns."""
    engine = CocotbEngine(dut, costs(**latencies), byte_ps=byte_ps)
    for nic in range(engine.nics):
        engine.mmio_write(nic, CTRL.offset, CTRL.reset | CTRL.RST)
    until = engine.now + 10_000
    while engine.now < until:
        await engine.advance(until)
    return engine
