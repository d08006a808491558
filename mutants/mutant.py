"""A seeded bug: a change of one place in the RTL's source, and who has to find it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: The list.
LIST = Path(__file__).parent / "mutants.toml"

#: What a proof is found by.
_PROOF = "hdl/formal/"


@dataclass(frozen=True)
class Mutant:
    """See the module's docstring.

    Attributes:
        bug: what is wrong then, in words.
        file: the source file, from the repository on.
        before: what stands there, once.
        after: what the bug makes of it.
        found_by: the test file, or the proof's file, that turns red.
    """

    bug: str
    file: str
    before: str
    after: str
    found_by: str

    @property
    def by_proof(self) -> bool:
        """Whether a proof finds it."""
        return self.found_by.startswith(_PROOF)

    def apply(self, root: Path) -> None:
        """Seed the bug in a copy of the repository.

        Raises:
            ValueError: the source does not have the place, or has it twice.
        """
        path = root / self.file
        text = path.read_text()
        if text.count(self.before) != 1:
            raise ValueError(f"{self.file} has {text.count(self.before)} places with {self.before!r}, not one")
        path.write_text(text.replace(self.before, self.after))


def mutants() -> list[Mutant]:
    """All of them, in the order of the list."""
    return [Mutant(**entry) for entry in tomllib.loads(LIST.read_text())["mutant"]]
