"""Writes down what a scan saw. Safe to repeat: a finding is its key, and a second time changes nothing."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Q

from portal.audit.actions import record
from portal.lib.clock import now
from portal.lib.money import quantise
from tenants.costs.rates import in_force

from .actions import SYSTEM
from .engine import report as told
from .engine.costs import Key, cost_of, is_seen, realised
from .engine.findings import Finding as Seen
from .engine.scan import RULES, Report
from .models import Finding, FindingChange, Outcome, Scan, State

SETTLES = timedelta(days=14)
AT_ONCE = 200
NOT_KNOWN = {"gone": "the resource is gone", "other": "the resource was changed again"}


def batches(report: Report) -> Iterator[list[Seen]]:
    """Pieces small enough for one transaction."""
    rest = iter(report.findings)
    while piece := list(islice(rest, AT_ONCE)):
        yield piece


def keep(piece: Sequence[Seen], report: Report) -> None:
    """Add and update these findings; one that was gone is open again."""
    fields = {one.id: _fields(one, report) for one in piece}
    known = Finding.objects.select_for_update(no_key=True).in_bulk(list(fields))
    new = [Finding(pk=key, **given) for key, given in fields.items() if key not in known]
    Finding.objects.bulk_create(new)
    for key, finding in known.items():
        _update(finding, fields[key])
    Finding.objects.filter(pk__in=known).update(last_seen=now())


def _update(finding: Finding, given: dict[str, Any]) -> None:
    differs = [name for name, value in given.items() if getattr(finding, name) != value]
    if finding.state == Finding.State.RESOLVED:
        finding.state, finding.resolved_at = Finding.State.OPEN, None
        differs.append("state")
    if differs:
        for name, value in given.items():
            setattr(finding, name, value)
        finding.save()


def _fields(one: Seen, report: Report) -> dict[str, Any]:
    saving = one.saving
    price = {"source": saving.source, "dated": saving.dated, "missing": saving.why} if saving else {}
    thing = report.seen.get((one.region, one.resource))
    cost = cost_of(thing, report.prices) if thing else None
    return {
        "rule": one.rule.id,
        "rule_version": one.rule.version,
        "region": one.region,
        "resource": one.resource,
        "title": one.title[:400],
        "category": one.rule.category,
        "action": one.rule.action,
        "environment": one.environment[:64],
        "tenant": one.tenant[:64],
        "confidence": one.confidence,
        "reasons": list(one.reasons),
        "effort": one.rule.effort,
        "risk": one.rule.risk,
        "evidence": one.evidence,
        "saves": saving is not None,
        "monthly_inr": saving.monthly_inr if saving else None,
        "annual_inr": saving.annual_inr if saving else None,
        "cost_usd": None if cost is None else quantise(cost.usd),
        "price": price,
        "change": one.change,
        "instead": one.instead,
        "after": list(one.after),
    }


def conclude(scan_id: UUID, report: Report) -> Scan:
    """What is not seen any more is gone, changes move on, and the scan says what it saw."""
    scan = Scan.objects.select_for_update().get(pk=scan_id)
    resolve(report)
    follow(report)
    scan.outcome = Outcome.PARTIAL if report.is_partial else Outcome.COMPLETE
    scan.at, scan.finished_at = report.at, now()
    said = told.document(report)
    scan.counts, scan.totals, scan.gaps = said["counts"], said["totals"], said["gaps"]
    scan.doubts, scan.findings, scan.prices = said["insufficient_data"], len(report.findings), report.sheet[:300]
    scan.digest = sha256(told.as_json(report).encode()).hexdigest()
    scan.save()
    data = {"findings": scan.findings, "digest": scan.digest, "outcome": scan.outcome}
    record("optimizer.scanned", scan, actor=SYSTEM, data=data)
    return scan


def resolve(report: Report) -> None:
    """Only where a region was seen whole; and nobody concludes anything from a resource that is not measured now."""
    cut = {gap.region for gap in report.gaps}
    whole = [name for name in report.regions if name not in cut]
    doubtful = [one.resource for one in report.doubts]
    left = Finding.objects.filter(region__in=whole).exclude(state=Finding.State.RESOLVED)
    left = left.exclude(pk__in=[one.id for one in report.findings])
    left = left.exclude(Q(resource__in=doubtful) & Q(category="cost"))
    left.update(state=Finding.State.RESOLVED, resolved_at=now())


def watched() -> list[Key]:
    """Resources that are to be looked at even without a finding: those of changes that are on their way."""
    under_way = FindingChange.objects.filter(state__in=[State.APPROVED, State.APPLIED])
    return list(under_way.values_list("finding__region", "finding__resource"))


def follow(report: Report) -> None:
    """Changes move on by what is seen of their resource; where nobody could look, nothing moves."""
    rows = FindingChange.objects.select_for_update(of=("self",)).select_related("finding")
    for change in rows.filter(state__in=[State.APPROVED, State.APPLIED]).order_by("applied_at", "created_at"):
        was, seen = change.state, _seen(change, report)
        if was == State.APPROVED:
            _await(change, seen)
        elif seen:
            _settle(change, seen, report)
        if change.state != was:
            change.save()
            record(f"finding_change.{change.state}", change, actor=SYSTEM, data={"realised_inr": change.realised_inr})
            _close(change, report)


def _seen(change: FindingChange, report: Report) -> str:
    """Whether it is done, as its resource shows or the job that did it; empty where nobody could look."""
    key = (change.finding.region, change.finding.resource)
    if change.finding.rule not in RULES or key not in report.seen:
        return "after" if change.carried_out_at else ""
    is_gone = change.finding.state == Finding.State.RESOLVED
    return is_seen(report.seen[key], change.change) or ("after" if is_gone else "before")


def _await(change: FindingChange, seen: str) -> None:
    """Done, or not yet; or void: what was signed does not fit what stands any more, and nobody has applied it."""
    if seen == "after":
        change.apply("The resource is as it was signed.")
    elif not seen or change.carried_out_at:
        return
    elif seen == "gone":
        change.void("The resource is gone.")
    elif seen == "other":
        change.void("The resource is neither as it was nor as it was signed.")
    elif change.finding.state == Finding.State.RESOLVED:
        change.void("The finding is gone, and nobody has applied this.")


def _settle(change: FindingChange, seen: str, report: Report) -> None:
    if seen == "before":
        change.reappear("The resource is as it was before.")
    elif is_due(change, report.at):
        _measure(change, seen, report)


def _close(change: FindingChange, report: Report) -> None:
    """A finding about a resource that is not measured long enough yet stands; not one whose change was made."""
    if change.state == State.APPLIED and change.finding_id not in {one.id for one in report.findings}:
        change.finding.state, change.finding.resolved_at = Finding.State.RESOLVED, now()
        change.finding.save()


def is_due(change: FindingChange, at: datetime) -> bool:
    return change.applied_at is not None and change.applied_at + SETTLES <= at


def _measure(change: FindingChange, seen: str, report: Report) -> None:
    """What this change saves of itself, at today's rate; unknown as soon as a price is, or the resource is another."""
    change.measure("" if change.saves else "No money was meant: the change has stayed.")
    if not change.saves:
        return
    usd = _saved(change, report) if seen == "after" else None
    if usd is None:
        change.state_reason = f"What it saved is not known: {NOT_KNOWN.get(seen, 'there is no price')}."
    else:
        change.realised_inr = quantise(usd * in_force("USD", now().date()).inr_per_unit)


def _saved(change: FindingChange, report: Report) -> Decimal | None:
    """Dollars a month. Of what is deleted it is what that cost."""
    key = (change.finding.region, change.finding.resource)
    thing = report.seen.get(key)
    if thing is None:
        return change.cost_usd if key in report.seen else None
    beside = FindingChange.objects.filter(
        finding__region=change.finding.region,
        finding__resource=change.finding.resource,
        state__in=[State.APPLIED, State.MEASURED],
    ).exclude(pk=change.pk)
    later = [one for one in beside.order_by("-applied_at", "-created_at") if _order(one) > _order(change)]
    return realised(thing, change.change, [one.change for one in later], report.prices)


def _order(change: FindingChange) -> tuple[Any, ...]:
    return change.applied_at, change.created_at
