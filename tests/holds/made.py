"""Holds as rows, in the states that pages and doors are tried with."""

from typing import Any

from django.db.models import Max

from compliance.holds.models import Custodian, Hold, HoldVersion, RefusedAttempt
from portal.lib.clock import now
from tenants.models import Tenant
from tests.admin.world import person


def hold(of: Tenant, *, asked_by: str = "", custodian: str = "meera", **more: Any) -> Hold:
    """One that is being placed; with `asked_by` its release waits for somebody else."""
    asked = {"release_asked_by": person(asked_by), "release_asked_at": now()} if asked_by else {}
    found = Hold.objects.create(
        number=(Hold.objects.aggregate(last=Max("number"))["last"] or 0) + 1,
        tenant=of,
        kind="litigation",
        matter="Rao against Meridian",
        reason="A suit was filed.",
        placed_by=person("leela"),
        version=HoldVersion.next(of.pk),
        **asked,
        **more,
    )
    Custodian.objects.create(hold=found, person=person(custodian))
    return found


def refused(of: Tenant) -> RefusedAttempt:
    return RefusedAttempt.objects.create(tenant=of, verb="tenant.start_erasing", actor="system:test", place="portal")
