"""What a driver did wrong, for people: a rule that it broke, or its own traceback cut to its own lines."""

from __future__ import annotations

from driver.kernel.rules.place import driver_lines
from driver.kernel.rules.rule import RuleBroken
from emulator.errors import RunFailed, UserError


def explain(error: BaseException) -> RunFailed | None:
    """What to say of an error that came out of Machine.run; None if no line of a driver had a part in it."""
    if isinstance(error, RuleBroken):
        violation = error.violation
        where = f" ({violation.where})" if violation.where else ""
        return RunFailed(f"the driver broke the rule {violation.rule.name}: {violation.what}{where}", str(violation))
    lines = driver_lines(error.__traceback__)
    if not lines or isinstance(error, UserError):
        return None
    details = [f"  {note}" for note in getattr(error, "__notes__", ())]
    for line, code in lines:
        details += [f"  {line}", f"    {code}"]
    if isinstance(error, RunFailed):
        return RunFailed(str(error), "\n".join([str(error), *details]))
    what = type(error).__name__ + (f": {error}" if str(error) else "")
    return RunFailed(f"the driver raised {' '.join(what.split())} ({lines[-1][0]})", "\n".join([*details, f"  {what}"]))
