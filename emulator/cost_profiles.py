"""Cost profiles: TOML files that give every figure of driver/kernel/costs.py in ns, with its source."""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from pathlib import Path

from driver.kernel.costs import Costs
from emulator.errors import UserError

_PROFILES = Path(__file__).parent / "costs"


def profile_names() -> list[str]:
    """Names of the profiles that come with the emulator."""
    return sorted(path.stem for path in _PROFILES.glob("*.toml"))


def load_costs(name_or_path: str) -> Costs:
    """The profile of a name, or of a path (which has a ``/`` or ends in ``.toml``).

    Raises:
        UserError: there is no such profile, or it is not one; the message names the file and the key.
    """
    if name_or_path in profile_names():
        return _bundled(name_or_path)
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        return _read(Path(name_or_path))
    known = ", ".join(profile_names())
    raise UserError(f"--costs {name_or_path}: unknown profile; allowed: {known}, or a path to a .toml file")


@functools.cache
def _bundled(name: str) -> Costs:
    return _read(_PROFILES / f"{name}.toml")


def _read(path: Path) -> Costs:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cost profile {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"cost profile {path}: not TOML: {' '.join(str(error).split())}") from None
    names = [field.name for field in dataclasses.fields(Costs)]
    for key in table:
        if key not in names:
            raise UserError(f"cost profile {path}: unknown key {key!r}; allowed: {', '.join(names)}")
    for name in names:
        if name not in table:
            raise UserError(f"cost profile {path}: key {name!r} is missing")
    return Costs(**{name: _figure(path, name, table[name]) for name in names})


def _figure(path: Path, name: str, entry: object) -> int:
    where = f"cost profile {path}: key {name!r}"
    if not isinstance(entry, dict) or entry.keys() != {"ns", "source"}:
        raise UserError(f'{where}: write it as {{ ns = 600, source = "where the figure is from" }}')
    nanoseconds, source = entry["ns"], entry["source"]
    if not isinstance(nanoseconds, int) or isinstance(nanoseconds, bool) or nanoseconds < 0:
        raise UserError(f"{where}: ns = {nanoseconds!r}: must be a whole number of ns, 0 or more")
    if not isinstance(source, str) or not source.strip():
        raise UserError(f"{where}: the source must say where the figure is from")
    return nanoseconds
