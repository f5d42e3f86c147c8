"""One pass over one tenant: count what is new, let what is old fade, judge, and look twice before raising an alarm."""

from datetime import datetime, timedelta
from enum import StrEnum

from tenants.models import Tenant

from .models import Condition, Scale
from .score import HEALTHY, Promise, Tally, Verdict, judge
from .scrape import Look

GIGABYTE = 1_000_000_000


class News(StrEnum):
    """What people are told."""

    NONE = ""
    FELL = "fell"
    RECOVERED = "recovered"


def measure(tenant: Tenant, look: Look, scale: Scale, at: datetime, is_quiet: bool) -> tuple[Condition, News]:
    """The tenant's condition after this look (not saved), and whether somebody must hear of it."""
    held: Condition = getattr(tenant, "condition", None) or Condition(tenant=tenant, read_at=at)
    new = _since(held, look, str(tenant.pk))
    age = (at - held.read_at) / timedelta(minutes=scale.half_life_minutes)
    tally = Tally(**held.tally).faded(0.5 ** max(0.0, age)).plus(new)
    held.read_at, held.tally = at, tally.as_json()
    promise = promise_of(tenant)
    verdict = judge(tally, held.stored_bytes, promise, scale)
    held.values, held.points, held.score = verdict.values, verdict.points, verdict.score
    fresh = Tally(**held.fresh).plus(new)
    return held, _watch(held, fresh, judge(fresh, held.stored_bytes, promise, scale), at, is_quiet)


def promise_of(tenant: Tenant) -> Promise:
    tier = tenant.tier
    uptime, p95 = float(tier.sla_percent) / 100, tier.p95_target_ms / 1000
    return Promise(uptime, max(p95, 0.001), max(tenant.max_storage_gb, 1) * GIGABYTE)


def _since(held: Condition, look: Look, key: str) -> Tally:
    """What was counted since the last look. A platform that was started anew counts from nought.

    The first look finds counters of unknown age: they only say from where to count.
    """
    probe = Tally(probes=1, ups=float(look.is_up))
    if look.started is None:
        return probe
    seen = look.tenants.get(key)
    total = seen.tally() if seen else Tally()
    before, is_first = Tally(**held.counted), held.started is None
    goes_on = held.started == look.started and before.requests <= total.requests
    held.started, held.counted = look.started, total.as_json()
    if seen is not None and seen.stored_bytes is not None:
        held.stored_bytes = seen.stored_bytes
    if is_first:
        return probe
    return probe.plus(total.plus(before.faded(-1)) if goes_on else total)


def _watch(held: Condition, fresh: Tally, again: Verdict, at: datetime, is_quiet: bool) -> News:
    """An alarm needs a second measurement that is bad by what was counted after the first one alone."""
    if held.alarmed_at is not None:
        if held.score is None or held.score < HEALTHY:
            return News.NONE
        _forget(held)
        return News.RECOVERED
    if is_quiet or held.score is None or held.score >= HEALTHY or again.least >= HEALTHY:
        _forget(held)
    elif held.suspected_at is None:
        held.suspected_at, held.fresh = at, {}
    elif again.most < HEALTHY:
        held.alarmed_at = at
        return News.FELL
    else:
        held.fresh = fresh.as_json()
    return News.NONE


def _forget(held: Condition) -> None:
    held.suspected_at = held.alarmed_at = None
    held.fresh = {}
