"""Moves in any state, made past the machine and its trigger as the owner of the tables can."""

from datetime import timedelta
from typing import Any

from django.db import connection

from lifecycle.migration.copies.models import TenantCopy
from lifecycle.migration.models import Attempt, Migration, Passage, Round, State
from lifecycle.migration.recording import versions
from lifecycle.migration.rehearsing.models import Rehearsal
from portal.approvals.models import Case
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant
from tests.admin.world import person, tenant

HALTED = {"paused", "failed"}


def bank(**more: Any) -> Tenant:
    return tenant("investment-banking", "FIN", "meera", **more)


def like(one: Tenant, name: str) -> Tenant:
    """A tenant as another one is, under its own name."""
    made = Tenant.objects.get(pk=one.pk)
    made.pk, made.name = new_id(), name
    made.save(force_insert=True)
    return made


def migration(about: Tenant, state: str = "initiated", **more: Any) -> Migration:
    made = Migration(
        number=(Migration.objects.values_list("number", flat=True).first() or 0) + 1,
        tenant=about,
        source=about.region,
        target="eu-west-1",
        strategy="blue_green",
        justification="Closer to its users.",
        requested_by=person("kiran"),
        not_before=now() - timedelta(minutes=1),
        stability_seconds=3600,
        estimate={"total_inr": "120000.00", "lines": [], "unknown": [], "contingency": 2},
        digest="d" * 64,
        **more,
    )
    made.save(force_insert=True)
    if state != State.INITIATED:
        put(made, state)
    return Migration.objects.get(pk=made.pk)


def put(one: Migration, state: str, resumes_at: str = "incremental_sync") -> None:
    at = resumes_at if state in HALTED else ""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for trigger in ("migration_moves", "migration_has_a_copy", "migration_was_rehearsed"):
            cursor.execute(f"ALTER TABLE migration_migration DISABLE TRIGGER {trigger}")
        cursor.execute(
            "UPDATE migration_migration SET state = %s, resumes_at = %s, started_at = now() WHERE id = %s",
            [state, at, one.pk],
        )
        for trigger in ("migration_moves", "migration_has_a_copy", "migration_was_rehearsed"):
            cursor.execute(f"ALTER TABLE migration_migration ENABLE TRIGGER {trigger}")


def copied(about: Tenant, region: str = "us-east-1", **more: Any) -> TenantCopy:
    """A verified copy of the tenant."""
    made = TenantCopy.objects.create(
        tenant=about, source=about.region, region=region, requested_by="system:test", reason="test"
    )
    found: dict[str, Any] = {"state": "verified", "verified_at": now(), "rows": 7, "objects_found": 2}
    found |= {"root_source": "a" * 64, "root_copy": "a" * 64}
    TenantCopy.objects.filter(pk=made.pk).update(**{**found, **more})
    return TenantCopy.objects.get(pk=made.pk)


def rehearsed(tenant: Tenant, **more: Any) -> Rehearsal:
    """A rehearsal that has passed."""
    clone = like(tenant, f"{tenant.name}-c{Rehearsal.objects.count()}")
    usual: dict[str, Any] = {
        "number": Rehearsal.objects.count() + 1, "target": "eu-west-1", "engine": versions()["engine"],
        "requested_by": "x", "reason": "x", "request_id": new_id(), "clone_id": clone.pk, "kill_at": "copy",
        "killed_at_step": "copy", "root": "a" * 64, "moved_in_ms": 1, "rollback_ms": 1, "ok": True, "at": now(),
        "migration": migration(clone, is_rehearsal=True),
    }  # fmt: skip
    return Rehearsal.objects.create(tenant=tenant, **usual | more)


def approve(one: Migration) -> None:
    """An approved case of its own, as the owner of the tables can write it."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE approvals_case DISABLE TRIGGER USER")
        at = now()
        case = Case.objects.create(
            kind="migration", title="Move", subject_type="migration.migration", subject_id=str(one.pk), digest="d" * 64,
            requested_by=person("kiran"), state="approved", opened_at=at, expires_at=at + timedelta(days=9),
            decided_at=at,
        )  # fmt: skip
        cursor.execute("ALTER TABLE approvals_case ENABLE TRIGGER USER")
    Migration.objects.filter(pk=one.pk).update(case_id=case.pk, approved_at=now())


def under_way(one: Migration) -> None:
    """Figures of a move that has been switched, with a round, an attempt and a finding."""
    at = now()
    Migration.objects.filter(pk=one.pk).update(
        rows_total=1_000_000, rows_copied=1_000_000, copy_seconds=10, keys_left=184, lag_seconds=0.4, exposure=37,
        pause_ms=41.2, switched_at=at, measured_at=at, verified_rows=1_000_000, root_source="a" * 64,
        root_target="a" * 64,
        findings=[{"code": "MIG-FLAG", "outcome": "wait", "title": "Year end", "remedy": "Wait."}],
        estimate={
            "total_inr": "120000.00", "unknown": ["Engineers"], "contingency": 2, "rows": 1_000_000,
            "pause_ms": {"low": 8.0, "expected": 38.0, "high": 100.0},
            "lines": [
                {"label": "Both sides running", "how": "36.10 h in eu-west-1", "amount_inr": "60000.00"},
                {"label": "Engineers", "how": "not known: its price is missing", "amount_inr": None},
            ],
        },
    )  # fmt: skip
    Round.objects.create(migration=one, direction="back", keys=212, upserted=210, deleted=2, seconds=0.4, left=184)
    Attempt.objects.create(migration=one, direction="forward", budget_ms=100, outcome="over_budget", words="210 ms")
    Passage.objects.create(migration=one, old="incremental_sync", new=one.state, actor="system:test", reason="Why not.")
