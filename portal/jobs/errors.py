"""What a step may raise. Any other exception counts as transient a few times and then fails the job.

An error of another package (a connector's) is understood too when it carries `is_transient` (True or False) and,
optionally, `retry_after` in seconds.
"""

from datetime import datetime


class Transient(Exception):
    """The same step may succeed later: it is tried again after a growing pause, up to the step's limit."""

    is_transient = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(Exception):
    """The same step will fail again until somebody changes something: the job fails now."""

    is_transient = False


class WaitUntil(Exception):
    """Not yet: release the worker and run this step again at `at`, or when the job is woken.

    `at` None waits for a wake only. `reason` is shown to people.
    """

    def __init__(self, at: datetime | None, reason: str) -> None:
        super().__init__(reason)
        self.at = at
        self.reason = reason


class Skip(Exception):
    """This step has nothing to do here; the message says why and becomes its evidence."""


class Cancelled(Exception):
    """The step saw `ctx.cancel_requested` and stopped at a safe place."""


class Superseded(Exception):
    """Another worker holds the job now. Whoever gets this writes nothing more; the runner ends it quietly."""
