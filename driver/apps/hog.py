"""A compute-bound application, which takes all the CPU time that it gets."""

from __future__ import annotations

from driver.kernel.cpu import spend


class Hog:
    """Computes in rounds.

    Attributes:
        rounds: rounds that it finished.
        round_ns: CPU time of each, in ns.
        stopping: it ends after the present round.
    """

    comm = "hog"

    def __init__(self, round_ns: int = 10_000) -> None:
        self.rounds = 0
        self.round_ns = round_ns
        self.stopping = False

    async def run(self) -> None:
        """The thread."""
        while not self.stopping:
            await spend(self.round_ns)
            self.rounds += 1

    @property
    def computed_ns(self) -> int:
        """CPU time that it got so far, in whole rounds."""
        return self.rounds * self.round_ns
