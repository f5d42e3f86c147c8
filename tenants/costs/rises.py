"""Costs that rise by more than 30 % from one month to the next, a tenant's or everybody's together."""

from datetime import date, timedelta
from decimal import Decimal

from django.db.models import F, OuterRef, Subquery, Sum

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from tenants.models import Tenant

from .models import Rise, Statement

FACTOR = Decimal("1.3")


def tell(month: date, *, actor: Actor) -> None:
    """Tell of each rise once. What so far is only a part of a month can only rise further."""
    for one in _of_tenants(month):
        note(one.tenant, month, one.known_inr, one.before_inr, actor=actor)
    known, before = _together(month), _together(_before(month))
    if before and known > before * FACTOR:
        note(None, month, known, before, actor=actor)


@action
def note(tenant: Tenant | None, month: date, known: Decimal, before: Decimal, *, actor: Actor) -> None:
    figures = {"known_inr": known, "before_inr": before}
    row, is_new = Rise.objects.get_or_create(tenant=tenant, month_id=month, defaults=figures)
    if is_new:
        record("cost.rose", row, actor=actor, data=figures)
        about = {"tenant_id": tenant.pk, "name": tenant.name, "owner": tenant.owner_id} if tenant else {}
        emit("cost.rose", {"month": month, **figures, **about})


def _of_tenants(month: date) -> "list[Statement]":
    """Statements far above the tenant's whole month before; one in which it came is no measure."""
    before = _before(month)
    earlier = Statement.objects.filter(tenant=OuterRef("tenant"), month_id=before).values("known_inr")[:1]
    rows = Statement.objects.filter(month_id=month, tenant__activated_at__date__lte=before)
    risen = rows.annotate(before_inr=Subquery(earlier)).filter(before_inr__gt=0, known_inr__gt=F("before_inr") * FACTOR)
    told = Rise.objects.filter(month_id=month, tenant__isnull=False).values("tenant")
    return list(risen.exclude(tenant__in=told).select_related("tenant"))


def _together(month: date) -> Decimal:
    return Statement.objects.filter(month_id=month).aggregate(total=Sum("known_inr"))["total"] or Decimal(0)


def _before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)
