"""Called every few seconds by the scheduler."""

from time import monotonic

from .delivery import deliver_batch

BUDGET_SECONDS = 20.0


def deliver() -> None:
    """Send what is due, batch after batch, until nothing is left or the time is used up."""
    until = monotonic() + BUDGET_SECONDS
    while deliver_batch() and monotonic() < until:
        pass
