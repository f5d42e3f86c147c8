"""A change of tier as a person asks for it, and everybody's signature on it."""

from typing import Any

from django.db import connection

from lifecycle.tierchanges import actions
from lifecycle.tierchanges.models import TierChange
from lifecycle.tierchanges.subscribers import OURS
from portal.access.actor import Actor
from portal.access.models import Grant
from portal.approvals import actions as approvals
from portal.approvals.models import Case, Requirement
from portal.jobs.outbox import deliver_due, emit
from tenants.models import Tenant, Tier
from tests.admin.world import person
from tests.sealing import seal_here

USE = {"expected_users": 100, "expected_documents": 50_000, "expected_queries_per_day": 0}


def meera() -> Actor:
    return Actor.of_user(person("meera"))


def asked(tenant: Tenant, tier: str = "platinum", **more: Any) -> TierChange:
    """From gold with 100 users and 50,000 documents, which is ₹1,12,500 a month."""
    given = {"justification": "Year end.", "expected": USE, **more}
    return actions.ask(tenant.pk, Tier.objects.get(pk=tier), actor=meera(), **given)


def row(tenant: Tenant, **more: Any) -> TierChange:
    """One for a tenant in whatever state, without a case."""
    given = {"from_tier_id": "gold", "to_tier_id": "platinum", "digest": "d" * 64, "requested_by": tenant.owner, **more}
    side = {"unpriced": [], "monthly_inr": "1.00"}
    money = {"cost": {"before": side, "after": side, "changes": []}, "yearly_inr": 0, "counted_inr": 0}
    return TierChange.objects.create(tenant=tenant, justification="Year end.", **USE, **money, **given)


def sign(change: TierChange) -> None:
    """Everybody who must sign signs; the effect still waits for the seal."""
    while open_now := Requirement.objects.filter(case=change.case_id, state="open").first():
        grant = Grant.objects.filter(role=open_now.role, revoked_at=None).exclude(user__username="meera").first()
        assert grant is not None
        case = Case.objects.get(pk=change.case_id)
        approvals.sign(case.pk, actor=Actor.of_user(grant.user), reason="Needed.", digest=case.digest)


def deliver() -> None:
    while deliver_due():
        pass


def sealed(change: TierChange) -> TierChange:
    """Signed, sealed, taken into effect, and what follows. Once a test: its entries share one transaction."""
    sign(change)
    seal_here()
    deliver()
    return TierChange.objects.get(pk=change.pk)


def approved(change: TierChange) -> TierChange:
    """As if everybody had signed and that had been sealed, written past the triggers that want to see it."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE approvals_case DISABLE TRIGGER USER")
        cursor.execute("UPDATE approvals_case SET state = 'approved' WHERE id = %s", [change.case_id])
        cursor.execute("ALTER TABLE approvals_case ENABLE TRIGGER USER")
    emit("approval.approved", {"case_id": change.case_id, "subject_type": OURS, "subject_id": change.pk})
    deliver()
    return TierChange.objects.get(pk=change.pk)
