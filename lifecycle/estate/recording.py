"""Writes down what one look has found. A finding stays one row from its first day to the day on which it is gone."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now

from .comparing import Seen
from .models import Decision, Finding, NoiseRule


@action
def write_down(
    where: dict[str, Any], seen: Iterable[Seen], *, actor: Actor, gone: Iterable[str] = (), reason: str = ""
) -> list[Finding]:
    """Keep what was seen of one tenant in one region; returns what is new or is heard of again.

    `where` is tenant_id, tenant_name, business_unit and region. `gone` names the kinds that were looked for completely:
    what is not seen of those is gone. Whoever could not look says nothing about it.
    """
    about = {"tenant_id": where["tenant_id"], "region": where["region"]}
    live = Finding.objects.select_for_update(no_key=True).filter(**about).exclude(state=Finding.State.GONE)
    known = {(one.kind, one.address, one.resource): one for one in live}
    rules = _rules(where["tenant_id"])
    found = {one.key: one for one in seen}
    news = [row for row in (_kept(known.get(key), one, where, rules) for key, one in found.items()) if row]
    for key, row in known.items():
        if key not in found and row.kind in gone:
            _gone(row)
    if news:
        _tell(news, where)
    return news


def _rules(tenant_id: UUID) -> list[NoiseRule]:
    rules = NoiseRule.objects.filter(ended_at=None, expires_on__gte=now().date())
    return [one for one in rules if one.tenant_id in (None, tenant_id)]


def _kept(row: Finding | None, seen: Seen, where: dict[str, Any], rules: list[NoiseRule]) -> Finding | None:
    """The row if it is news. An ignored finding is news again after its day, a quiet one when its rule has ended."""
    at = now()
    is_new = row is None
    row = row or Finding(kind=seen.kind, address=seen.address, resource=seen.resource, first_seen=at, **where)
    was_quiet = not is_new and row.quiet_by_id is not None
    row.resource_type, row.words, row.last_seen = seen.resource_type, seen.words[:1000], at
    row.detail, row.monthly_inr = seen.detail, seen.monthly_inr
    row.quiet_by = next((one for one in rules if quiets(one, row)), None)
    has_ended = _has_ended(row)
    if has_ended:
        row.state, row.ignored_until, row.decision = Finding.State.OPEN, None, None
    row.save()
    is_heard = row.quiet_by is None and row.kind != Finding.Kind.KEPT  # of what a law keeps its obligation tells people
    return row if (is_new or was_quiet or has_ended) and is_heard else None


def _has_ended(row: Finding) -> bool:
    """True for what was decided and is still there: its day is over, or what was done about it did not help."""
    if row.state != Finding.State.DECIDED:
        return False
    if row.ignored_until is not None:
        return row.ignored_until < now().date()
    return row.decision is None or row.decision.state not in (Decision.State.PENDING, Decision.State.APPROVED)


def quiets(rule: NoiseRule, row: Finding) -> bool:
    """Only drift is noise: what costs money or is missing is never kept quiet by a rule."""
    return (
        row.kind == Finding.Kind.DRIFT
        and rule.resource_type in ("", row.resource_type)
        and rule.words.casefold() in row.words.casefold()
    )


def _gone(row: Finding) -> None:
    row.state, row.gone_at, row.ignored_until = Finding.State.GONE, now(), None
    row.save()


def _tell(news: list[Finding], where: dict[str, Any]) -> None:
    costs = [one.monthly_inr for one in news]
    priced = [cost for cost in costs if cost is not None]
    kinds = sorted({str(one.get_kind_display()) for one in news})
    record("estate.found", news[0], actor=Actor.system("estate"), data={"count": len(news), "kinds": kinds})
    emit(
        "estate.found",
        {
            "tenant_id": str(where["tenant_id"]),
            "name": where["tenant_name"] or str(where["tenant_id"]),
            "business_unit": where["business_unit"],
            "region": where["region"],
            "count": len(news),
            "kinds": kinds,
            "monthly_inr": f"{sum(priced):.2f}" if priced else None,
            "unpriced": len(costs) - len(priced),
            "finding_id": str(news[0].pk),
        },
    )
