"""The two ways in which a run goes wrong that are not bugs: what the user asked for, and what the run itself shows."""

from __future__ import annotations


class UserError(Exception):
    """What was asked for cannot be done; one line that says what is wrong and what to do. Exit status 2."""


class RunFailed(Exception):  # noqa: N818  (it names the outcome, as the report does)
    """The run itself is wrong: a frame was lost, counters disagree, the driver broke a rule or raised. Exit status 1.

    Attributes:
        details: lines for whoever mends the driver: where it happened, and what Linux would say.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details
