"""Statements of a month: made again while it is open, frozen when it is closed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import digest
from django.db import transaction
from django.db.models import Q

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import acting
from portal.lib.clock import now
from tenants import envelopes
from tenants.health.queries import minutes_watched
from tenants.models import Status, Tenant
from tenants.usage.actions import ensure_months, next_month
from tenants.usage.queries import sums

from .models import Adjustment, Agreement, State, Statement
from .pricing import Books, Line, baseline_line, figures, usage_lines
from .service import Service, credit, of_month, terms_on, watched

AT_ONCE = 500
WRITTEN = [
    "business_unit", "cost_centre", "lines", "unpriced", "known_inr", "total_inr", "budget_inr", "variance_percent",
    "is_over", "as_of", "service",
]  # fmt: skip


def refresh(month: date) -> int:
    """Bring the statements of an open month up to what is known now; returns how many changed."""
    ensure_months({month})
    known = {one.tenant_id: one for one in Statement.objects.filter(month_id=month)}
    changed = [one for one in _made(month) if _differs(one, known.get(one.tenant_id))]
    for some in batches(changed, AT_ONCE):
        with transaction.atomic():
            Statement.objects.bulk_create(
                some, update_conflicts=True, unique_fields=["tenant", "month"], update_fields=WRITTEN
            )
    return len(changed)


def freeze(month: date, *, actor: Actor, at_once: int = 200) -> int:
    """Close the statements of a closed month, so many a transaction; returns how many. Goes on where it was killed."""
    refresh(month)
    closed = 0
    left = Statement.objects.filter(month_id=month, state=State.OPEN).select_related("tenant").order_by("pk")
    while some := list(left[:at_once]):
        with acting(actor, "the month is closed"):
            for one in some:
                one.state, one.closed_at = State.CLOSED, now()
                one.save(update_fields=["state", "closed_at"])
                record("statement.closed", one, actor=actor, data={"total": one.total_inr, "sha256": content(one)})
            gone = {one.tenant_id for one in some if one.tenant.status == Status.DELETED}
            envelopes.settle({one.tenant_id for one in some} - gone)
            envelopes.give_back(gone)
        closed += len(some)
    return closed


def content(one: Statement) -> str:
    """The digest of what a statement says."""
    said = {"tenant": one.tenant_id, "month": one.month_id, "lines": one.lines, "budget": one.budget_inr}
    return digest({**said, "known": one.known_inr, "unpriced": one.unpriced, "service": one.service})


def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    several = iter(rows)
    while batch := list(islice(several, size)):
        yield batch


def _made(month: date) -> list[Statement]:
    """The statements of everybody who has something to pay, unsaved."""
    books = Books()
    used, adjusted, agreed = sums(month, books.starts), _adjustments(month), _agreements(month)
    seen, at = minutes_watched(month, next_month(month)), now()
    last = next_month(month) - timedelta(days=1)
    present = Q(activated_at__date__lte=last) & ~Q(archived_at__date__lt=month) & ~Q(deleted_at__date__lt=month)
    terms = terms_on(last)
    made = []
    tenants = Tenant.objects.filter(present | Q(pk__in=[*used, *adjusted])).select_related("tier").order_by("pk")
    for tenant in tenants:
        share = watched(tenant, seen.get(tenant.pk, 0), month, at)
        service = of_month(tenant.tier, used.get(tenant.pk, {}), share)
        lines = _baseline(tenant, month, last, agreed.get(tenant.pk, []))
        lines += usage_lines(used.get(tenant.pk, {}), books) + credit(service, lines, terms.get(tenant.tier_id))
        lines += adjusted.get(tenant.pk, [])
        if lines:
            made.append(_statement(tenant, month, lines, service))
    return made


def _statement(tenant: Tenant, month: date, lines: Sequence[Line], service: Service) -> Statement:
    return Statement(
        tenant=tenant,
        month_id=month,
        business_unit_id=tenant.business_unit_id,
        cost_centre=tenant.cost_centre,
        lines=[line.as_json() for line in lines],
        service=service.as_json(),
        as_of=now(),
        **asdict(figures(lines, tenant.annual_budget_inr)),
    )


def _baseline(tenant: Tenant, month: date, last: date, agreed: Sequence[Agreement]) -> list[Line]:
    """What was agreed, for the days of the month on which the tenant was there."""
    if tenant.activated_at is None:
        return []
    ends = [moment.date() for moment in (tenant.archived_at, tenant.deleted_at) if moment]
    first, final = max(month, tenant.activated_at.date()), min([last, *ends])
    spans = [(one.effective_on, one.monthly_inr, one.price_book_id or "") for one in agreed]
    if not spans or spans[0][0] > first:  # before the first agreement: what the tenant was registered with
        spans.insert(0, (first, tenant.monthly_cost_inr, tenant.price_book_id or ""))
    starts = [start for start, _, _ in spans[1:]] + [last + timedelta(days=1)]
    lines = []
    for (start, monthly, book), following in zip(spans, starts, strict=True):
        days = (min(final, following - timedelta(days=1)) - max(first, start)).days + 1
        if days > 0:
            lines.append(baseline_line(monthly, days, last.day, book))
    return lines


def _agreements(month: date) -> dict[UUID, list[Agreement]]:
    """Each tenant's, oldest first; of several for one day the last one written counts."""
    found: dict[UUID, dict[date, Agreement]] = {}
    for one in Agreement.objects.filter(effective_on__lt=next_month(month)).order_by("effective_on", "created_at"):
        found.setdefault(one.tenant_id, {})[one.effective_on] = one
    return {tenant: list(rows.values()) for tenant, rows in found.items()}


def _adjustments(month: date) -> dict[UUID, list[Line]]:
    found: dict[UUID, list[Line]] = {}
    for one in Adjustment.objects.filter(month_id=month).order_by("pk"):
        label = f"Correction of {one.about:%B %Y}: {one.reason}"
        line = Line("correction", label, Decimal(1), one.amount_inr, one.amount_inr)
        found.setdefault(one.tenant_id, []).append(line)
    return found


def _differs(made: Statement, known: Statement | None) -> bool:
    if known is None:
        return True
    names = [name for name in WRITTEN if name not in ("as_of", "business_unit")]
    return known.state == State.OPEN and any(getattr(made, name) != getattr(known, name) for name in names)
