"""The two ways in which a run goes wrong that are not bugs: what the user asked for, and what the run itself shows."""

from __future__ import annotations


class UserError(Exception):
    """What was asked for cannot be done; one line that says what is wrong and what to do. Exit status 2."""


class RunFailed(Exception):  # noqa: N818  (it names the outcome, as the report does)
    """The run itself is wrong: a frame was lost, duplicated or changed, or counters disagree. Exit status 1."""
