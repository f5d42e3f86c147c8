"""Gates on shares: of requests that fail, that are slow, of mirrored answers that differ. One test behind all three."""

from collections.abc import Iterable, Sequence
from math import exp, log

from .evidence import above, below, more_often
from .latency import at_most, pooled, slower
from .limits import Limits
from .observations import Observation, Window
from .verdict import Finding, Outcome

ERRORS, LATENCY, ANSWERS = "errors", "latency", "answers"
MOST_TOLD = 20.0  # beyond odds of 500 million to one nobody needs the figure


def errors(windows: Sequence[Window], limits: Limits) -> Finding:
    """Fails when the rate is above the allowed one, unless blue's is, too, and green's is not shown to be worse.

    Worse than blue and yet allowed holds: no more traffic moves until somebody has looked.
    """
    green = _counted(window.green for window in windows)
    blue = _counted(window.blue for window in windows)
    found = _share(ERRORS, "requests failed on green", *green, limits.error_rate, limits)
    if green[1] < limits.min_requests and found.outcome is Outcome.PASS:
        return Finding(
            ERRORS, Outcome.HOLD, f"{green[1]:,} requests are too few to pass, {limits.min_requests:,} needed"
        )
    if found.outcome is Outcome.FAIL and green[0] < limits.min_errors:
        return Finding(ERRORS, Outcome.HOLD, f"{found.reason}, but {green[0]:,} are too few to say")
    beside = f"blue: {_of(*blue)}"
    is_worse = _is_worse(windows, limits)
    if found.outcome is Outcome.FAIL and not is_worse and _shown(above(limits.error_rate, *blue), limits.false_alarm):
        return Finding(ERRORS, Outcome.HOLD, f"{found.reason}; {beside}, so going back would not help")
    if found.outcome is not Outcome.FAIL and is_worse:
        said = f"allowed, but more than {limits.times_blue_errors:g} times blue's rate"
        return Finding(ERRORS, Outcome.HOLD, f"{_of(*green)} requests failed on green: {said}; {beside}")
    return Finding(ERRORS, found.outcome, f"{found.reason}; {beside}")


def latency(windows: Sequence[Window], limits: Limits) -> Finding:
    """Fails when green's quantile is above so many times blue's: more than its share of requests take longer."""
    blue = at_most(limits.quantile, pooled(window.blue for window in windows if window.blue))
    name = f"p{limits.quantile * 100:g}"
    if blue is None:
        return Finding(LATENCY, Outcome.HOLD, f"too few requests on blue to know its {name}")
    limit, counts = blue * limits.times_blue_latency, pooled(window.green for window in windows if window.green)
    longer, told = slower(limit, counts), f"{limit * 1000:,.0f} ms, {limits.times_blue_latency:g} times blue's {name}"
    if longer is None:
        return Finding(LATENCY, Outcome.HOLD, f"the last bucket begins before {told}")
    what = f"requests took longer on green than {told}"
    return _share(LATENCY, what, longer, sum(counts.values()), 1 - limits.quantile, limits)


def answers(windows: Sequence[Window], limits: Limits) -> Finding:
    """Fails when green's answers to mirrored reads are not blue's: the fast green that is fast because it is empty."""
    compared = sum(window.mirrored.compared for window in windows)
    wrong = sum(window.mirrored.wrong for window in windows)
    empty = sum(window.mirrored.empty for window in windows)
    what = f"mirrored answers differ, {empty:,} of them empty where blue had rows"
    found = _share(ANSWERS, what, wrong, compared, limits.disagreeing, limits)
    if compared < limits.min_compared and found.outcome is not Outcome.FAIL:
        said = f"{compared:,} mirrored answers compared, {limits.min_compared:,} needed"
        return Finding(ANSWERS, Outcome.HOLD, said)
    return found


def _share(gate: str, what: str, hits: int, trials: int, allowed: float, limits: Limits) -> Finding:
    """Above the allowed share, surely not clearly above it, or not yet known."""
    against = above(allowed, hits, trials)
    bad = allowed * limits.clearly_bad
    said = f"{_of(hits, trials)} {what}; {allowed:.2%} allowed"
    if _shown(against, limits.false_alarm):
        return Finding(gate, Outcome.FAIL, f"{said}, odds {_odds(against)} against that")
    if _shown(below(bad, allowed, hits, trials), limits.false_pass):
        return Finding(gate, Outcome.PASS, f"{said}, and surely below {bad:.2%}")
    return Finding(gate, Outcome.HOLD, f"{said}, too early to say")


def _is_worse(windows: Sequence[Window], limits: Limits) -> bool:
    pairs = [(_counted([window.green]), _counted([window.blue])) for window in windows]
    return _shown(more_often(limits.times_blue_errors, pairs), limits.false_alarm)


def _counted(observations: Iterable[Observation | None]) -> tuple[int, int]:
    known = [one for one in observations if one]
    return sum(one.errors for one in known), sum(one.requests for one in known)


def _shown(evidence: float, chance: float) -> bool:
    return evidence >= -log(chance)


def _of(hits: int, trials: int) -> str:
    return f"{hits:,} of {trials:,}" + (f" ({hits / trials:.2%})" if trials else "")


def _odds(evidence: float) -> str:
    return f"{exp(min(evidence, MOST_TOLD)):,.0f} to 1"
