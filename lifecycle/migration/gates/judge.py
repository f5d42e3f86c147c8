"""All gates together, over everything that was seen since the present share of traffic moved to green."""

from collections.abc import Sequence

from . import hard, rates, usage
from .limits import Limits
from .observations import Window
from .verdict import Finding, Outcome, Verdict, together

RESOURCES = ("cpu", "memory", "pool")
DEFAULT = Limits()


def judge(windows: Sequence[Window], limits: Limits = DEFAULT) -> Verdict:
    """The verdict as of the last window. It may be asked for as often as one likes: see evidence.py.

    Never FAIL for want of data, and never PASS with any of it missing or before the soak is over.
    """
    return together(
        [
            hard.check(windows),
            _metrics(windows),
            _soak(windows, limits),
            rates.errors(windows, limits),
            rates.latency(windows, limits),
            rates.answers(windows, limits),
            *(usage.check(resource, windows, limits) for resource in RESOURCES),
            usage.reported(windows, limits),
        ]
    )


def _metrics(windows: Sequence[Window]) -> Finding:
    """Unknown is neither good nor bad; a window in which nobody asked anything is unknown."""
    last = windows[-1].green if windows else None
    if last is None:
        return Finding("metrics", Outcome.HOLD, "no metrics of green")
    if not last.requests:
        return Finding("metrics", Outcome.HOLD, "no request has reached green of late, not even a probe")
    return Finding("metrics", Outcome.PASS, f"{last.requests:,} requests of late, {last.probes:,} of them probes")


def _soak(windows: Sequence[Window], limits: Limits) -> Finding:
    seconds = sum(window.seconds for window in windows)
    outcome = Outcome.PASS if seconds >= limits.soak else Outcome.HOLD
    return Finding("soak", outcome, f"{seconds:,.0f} s of {limits.soak:,.0f} s seen")
