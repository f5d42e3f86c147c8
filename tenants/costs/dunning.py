"""Who is overdue is told, given time, and then suspended: by the tier's terms, a day's round at a time."""

from datetime import date, timedelta

import structlog

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Refusal
from tenants import actions as registry
from tenants.models import Status, Tenant

from .models import Arrears, Terms
from .service import terms_on

log = structlog.get_logger(__name__)
ACTOR = Actor.system("dunning")


def tick() -> None:
    """Begin, go on with and end what is overdue. Twice on a day does nothing more."""
    today = now().date()
    terms = terms_on(today)
    overdue = Tenant.objects.filter(payment_status="overdue", status=Status.ACTIVE)
    for tenant in overdue.exclude(arrears__in=Arrears.objects.filter(ended_at=None)).order_by("pk"):
        begin(tenant, today, actor=ACTOR)
    for row in Arrears.objects.filter(ended_at=None).select_related("tenant").order_by("since"):
        try:
            go_on(row, terms.get(row.tenant.tier_id), today, actor=ACTOR)
        except Refusal as refusal:  # a hold or another state of the tenant: said in the round of the day it is over
            log.info("dunning.refused", arrears=str(row.pk), code=refusal.code)


@action
def begin(tenant: Tenant, today: date, *, actor: Actor) -> Arrears:
    row = Arrears.objects.create(tenant=tenant, since=today)
    record("arrears.begun", row, actor=actor)
    return row


@action
def go_on(row: Arrears, terms: Terms | None, today: date, *, actor: Actor) -> None:
    """One step: over when paid, at rest while disputed, else told when it is time and suspended when grace is over."""
    row = Arrears.objects.select_for_update().get(pk=row.pk)
    row.tenant = Tenant.objects.select_for_update(no_key=True).get(pk=row.tenant_id)  # paid just now is paid
    status = row.tenant.payment_status
    if status == "current":
        row.ended_at = now()
        row.save()
        record("arrears.ended", row, actor=actor, reason="paid")
    elif status == "disputed" and row.noticed_on and not row.suspended_at:
        row.noticed_on = row.suspends_on = None  # grace begins anew once it is overdue again
        row.save()
    elif status == "overdue" and terms is not None:
        _dun(row, terms, today, actor)


def _dun(row: Arrears, terms: Terms, today: date, actor: Actor) -> None:
    if row.noticed_on is None and today >= row.since + timedelta(days=terms.notice_days):
        row.noticed_on, row.suspends_on = today, today + timedelta(days=terms.grace_days)
        row.save()
        record("arrears.noticed", row, actor=actor, data={"suspends_on": row.suspends_on})
        contact = row.tenant.billing_contact_id or row.tenant.owner_id
        people = sorted({str(contact), str(row.tenant.owner_id)})
        emit(
            "arrears.noticed",
            {
                "arrears_id": row.pk, "tenant_id": row.tenant_id, "name": row.tenant.name, "people": people,
                "since": row.since, "suspends_on": row.suspends_on,
            },
        )  # fmt: skip
    elif row.suspends_on and today >= row.suspends_on and not row.suspended_at:
        if row.tenant.status == Status.ACTIVE:
            registry.suspend(row.tenant_id, actor=actor, reason=f"Payment overdue since {row.since:%d %b %Y}")
        row.suspended_at = now()
        row.save()
        record("arrears.suspended", row, actor=actor)
