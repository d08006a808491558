"""MMIO: reads stall, writes are posted, and a device sees them in order."""

from driver.kernel.io import Iomem, readl, writel
from tests.kernel.support import Computer


def test_a_read_takes_the_way_there_and_back() -> None:
    computer = Computer(mmio_request=100, mmio_completion=300)
    computer.registers[4] = 77
    seen = []

    async def thread() -> None:
        seen.append((await readl(Iomem(0) + 4), computer.machine.now))

    computer.spawn(thread())
    computer.run(1000)
    assert seen == [(77, 400)]


def test_a_write_costs_its_issue_and_arrives_later() -> None:
    computer = Computer(mmio_write=50, mmio_request=100)
    went_on = []

    async def thread() -> None:
        await writel(1, Iomem(0) + 8)
        went_on.append(computer.machine.now)
        await writel(2, Iomem(0) + 12)

    computer.spawn(thread())
    computer.run(1000)
    assert went_on == [50]
    assert computer.writes == [(150, 8, 1), (200, 12, 2)]
