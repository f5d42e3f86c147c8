"""Rows of the inventory, in the states that pages and doors are tried with."""

from datetime import timedelta
from typing import Any

from compliance.inventory.models import Finding, System
from portal.lib.clock import now
from tests.admin.world import person


def system(name: str = "partner-crm", *, asked_by: str = "", **more: Any) -> System:
    """One that its processor attests; with `asked_by` its removal waits for somebody else."""
    said = {"title": "Partner CRM", "kind": "attested", "processor": "Acme GmbH", "added_by": "system:test", **more}
    made = System.objects.create(name=name, **said)
    if asked_by:
        made.removal_asked_by, made.removal_asked_at, made.removal_reason = person(asked_by), now(), "sold"
        made.save()
    return made


def finding(what: str = "forgotten-exports", **more: Any) -> Finding:
    seen = now() - timedelta(hours=1)
    said = {"region": "ap-south-1", "kind": "bucket", "first_seen": seen, "last_seen": seen, **more}
    return Finding.objects.create(what=what, **said)
