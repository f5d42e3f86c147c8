"""Gates on what green uses up, and on what people say of it."""

from collections.abc import Sequence

from .limits import Limits
from .observations import Window
from .verdict import Finding, Outcome

TITLES = {"cpu": "CPU", "memory": "memory", "pool": "connection pool"}


def check(resource: str, windows: Sequence[Window], limits: Limits) -> Finding:
    """Fails when the last windows are all over the limit; one that is over, or unknown, holds."""
    limit = getattr(limits, resource)
    seen = [getattr(window.green, resource, None) for window in windows][-limits.sustained :]
    if not seen or seen[-1] is None:
        return Finding(resource, Outcome.HOLD, f"{TITLES[resource]} of green is not known")
    if seen[-1] <= limit:
        return Finding(resource, Outcome.PASS, f"{TITLES[resource]} of green at {seen[-1]:.0%}, {limit:.0%} allowed")
    over = f"{TITLES[resource]} of green at {seen[-1]:.0%}, over {limit:.0%}"
    if len(seen) == limits.sustained and all(one is not None and one > limit for one in seen):
        return Finding(resource, Outcome.FAIL, f"{over} in {limits.sustained} windows in succession")
    return Finding(resource, Outcome.HOLD, over)


def reported(windows: Sequence[Window], limits: Limits) -> Finding:
    """Problems that people have reported of green: the first one holds, enough of them fail."""
    count = sum(window.green.reported for window in windows if window.green)
    said = f"{count:,} problems reported, {limits.reported:,} are enough to go back"
    outcome = Outcome.FAIL if count >= limits.reported else Outcome.HOLD if count else Outcome.PASS
    return Finding("reported problems", outcome, said)
