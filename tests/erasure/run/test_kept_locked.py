"""A bucket of which a law keeps a part and a store's lock something else: each is owed by its own day, and named so."""

from datetime import timedelta
from typing import Any

import pytest

from compliance.certificates.models import Certificate
from compliance.erasing.models import Obligation
from compliance.supplements.checking import check
from lifecycle.stores import aws
from lifecycle.stores.objects import keys
from portal.jobs.models import Job
from portal.lib.clock import now
from tests.erasing.made import ask, scheduled

from .conftest import REGION, World
from .test_holds import work
from .test_kept import LOGS
from .test_kept_logs import rule, stream
from .test_kept_objects import OBJECTS, PART, there
from .test_kept_objects import RULE as INVOICES
from .test_kept_objects import kept as invoices
from .test_kept_until import asked_for, is_over, owed, settled
from .test_locked import UNTIL, locked

__all__ = ["invoices", "locked"]
pytestmark = pytest.mark.django_db(transaction=True)
LOCK_DAY = UNTIL.date()


def objects_of(certificate: Certificate) -> Any:
    return next(one for one in certificate.certified.erasure.systems if one.name == OBJECTS)


def test_of_a_person_lock_and_law_are_named_apart_and_the_part_goes_while_the_lock_stands(
    world: World, locked: None, invoices: list[str]
) -> None:
    request, key = world.due(), f"users/{world.settled.ann}/kept"
    work(world)
    request.refresh_from_db()
    assert (request.state, request.is_final) == ("completed", False), (request.reasons, world.jobs()[-1].error)
    certificate = Certificate.objects.get()
    objects, run = objects_of(certificate), request.systems.get(system="objects")
    assert (objects.outcome, objects.residual, run.kept) == ("retained", 1, len(invoices))
    assert objects.acknowledged == objects.targeted - 1 and "Beside it: 1 kept" in objects.limits
    found, law = certificate.certified.erasure, owed(request, OBJECTS, part=PART)
    owes = {one.due_on: one.owed for one in found.obligations if one.system == OBJECTS}
    assert owes.keys() == {objects.until, LOCK_DAY.isoformat()} and "lock" in owes[LOCK_DAY.isoformat()]
    grounds = {one.category: one.until for one in found.exemptions if one.system == OBJECTS}
    assert grounds == {"invoices": objects.until, "locked": LOCK_DAY.isoformat()}

    is_over("RET-TAX")
    supplement = settled(world, asked_for(law))
    assert there(world) == sorted([f"users/{world.settled.bob}/documents/kept/1", key])
    objects, core = objects_of(supplement), supplement.certified.erasure
    assert (objects.outcome, objects.until, objects.residual) == ("retained", LOCK_DAY.isoformat(), 1)
    assert (objects.targeted, objects.acknowledged) == (len(invoices) + 1, len(invoices))
    assert [one.due_on for one in core.obligations if one.system == OBJECTS] == [LOCK_DAY.isoformat()]
    assert [one.category for one in core.exemptions if one.system == OBJECTS] == ["locked"]
    left = Obligation.objects.filter(request=request, system=OBJECTS).exclude(state="lapsed")
    assert [(one.due_on, one.part) for one in left] == [(LOCK_DAY, "")]


def test_of_a_tenant_what_the_lock_let_go_is_owed_no_more_and_the_part_still_is(
    world: World, locked: None, invoices: list[str]
) -> None:
    request = scheduled(ask(world.tenant, "farah", kind="tenant", legal_basis="contract", identity="party"))
    work(world)
    request.refresh_from_db()
    assert request.state == "completed", (request.reasons, world.jobs()[-1].error)
    row = objects_of(Certificate.objects.get())
    lock = Obligation.objects.get(request=request, system=OBJECTS, due_on=LOCK_DAY)
    lock.due_on = now().date() - timedelta(days=1)
    assert "1 are still there" in check(lock, row).why
    s3, of_it = aws.client(world.region, "s3"), {"Bucket": world.settled.names.bucket}
    of_it["Key"] = f"users/{world.settled.ann}/kept"
    [version] = s3.list_object_versions(Bucket=of_it["Bucket"], Prefix=of_it["Key"])["Versions"]
    s3.delete_object(VersionId=version["VersionId"], BypassGovernanceRetention=True, **of_it)
    found = check(lock, row)
    assert (found.outcome, found.until) == ("retained", row.until), "what a law keeps is kept as before"
    assert INVOICES["ground"] in [
        one.ground.partition(": ")[2] for one in Certificate.objects.get().certified.erasure.exemptions
    ]


def test_with_the_last_part_nothing_is_taken_down_around_what_is_locked(world: World, locked: None) -> None:
    stream(world, "audit")
    rule("RET-STREAM", part="audit")
    request = scheduled(ask(world.tenant, "farah", kind="tenant", legal_basis="contract", identity="party"))
    work(world)
    is_over("RET-STREAM")
    last = asked_for(owed(request, LOGS))
    supplement = settled(world, last)
    step = Job.objects.get(kind="erasure.run", subject_id=str(last.pk)).steps.get(name="take_down")
    assert step.evidence == {REGION: "stays as long as what is kept in it"}
    assert there(world) == [f"users/{world.settled.ann}/kept"]
    own = keys.read(world.region, world.settled.names.kms_alias)
    assert own and own.state == "Enabled", "what is locked can be read until its day"
    systems = {one.name: one.outcome for one in supplement.certified.erasure.systems}
    assert [systems[name] for name in (LOGS, OBJECTS, "backups")] == ["erased", "retained", "retained"]
