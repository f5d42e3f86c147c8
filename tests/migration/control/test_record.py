"""The record of a switched move: one entry for each outcome, sealed, and checked by a stranger without the portal."""

import json
from datetime import timedelta
from typing import Any

import pytest
from bailiwick_proof.errors import Unproven
from bailiwick_proof.policy import Policy
from bailiwick_verify.migration import verify

from lifecycle.migration.control import Control
from lifecycle.migration.models import Attempt, Migration
from lifecycle.migration.recording import keep_record
from portal.audit.models import Entry
from portal.jobs.context import StepContext
from portal.jobs.kinds import StepDef
from portal.jobs.models import Job, Step
from portal.lib.clock import now
from tests.sealing import seal_here

from .made import bank, migration, under_way

OBJECTS = {"total": 2, "root_source": "b" * 64, "root_target": "b" * 64}
SEEN = {"snapshot": "742:742:", "tables": {"documents": 1_000_000}, "at": "2026-11-21T15:00:00+00:00"}


def worker(one: Migration) -> StepContext:
    """The step of a job that has verified both sides."""
    about = {"kind": "migration.move", "title": "Move", "tenant_id": one.tenant_id, "requested_by": "system:test"}
    held = {"lease_holder": "elsewhere:1:1", "lease_until": now() + timedelta(hours=1)}
    job = Job.objects.create(subject_id=str(one.pk), job_epoch=4, state="running", **held, **about)
    Step.objects.create(job=job, name="verify", seq=1, title="Verify", evidence={**SEEN, "objects": OBJECTS})
    Migration.objects.filter(pk=one.pk).update(job_id=job.pk)
    last = Step.objects.create(job=job, name="switch", seq=2, title="Switch")
    return StepContext(job, last, StepDef("switch", "Switch", lambda ctx: {}))


@pytest.fixture
def ctx(shipped: None) -> StepContext:
    return worker(migration(bank(), "traffic_cutover_started"))


@pytest.fixture
def switched(ctx: StepContext) -> Migration:
    """A move whose placement was set as its switch sets it."""
    one = Migration.objects.get()
    control = Control(ctx, one)
    epoch = control.fresh_epoch()
    assert control.place(one.target, epoch, control.placement())
    under_way(one)
    figures = {"pause_ms": 41.2, "keys_inside": 12, "epoch": epoch, "budget_ms": 100}
    Attempt.objects.create(migration=one, direction="forward", outcome="switched", **figures)
    return Migration.objects.get(pk=one.pk)


def taken(api: Any, one: Migration, username: str = "kiran") -> Any:
    return api(username).get(f"/api/v1/migrations/{one.pk}/record/")


def trusted(api: Any) -> Policy:
    return Policy.parse(api("oliver").get("/api/v1/audit/policy/").content)


def test_a_stranger_can_check_it(ctx: StepContext, switched: Migration, api: Any) -> None:
    before = taken(api, switched)
    assert (before.status_code, before.json()["type"]) == (409, "urn:bailiwick:problem:not-recorded")
    keep_record(switched, "switched", actor=ctx.actor, epoch=ctx.epoch)
    unsealed = taken(api, switched)
    assert (unsealed.status_code, unsealed.json()["type"]) == (409, "urn:bailiwick:problem:not-anchored")
    seal_here()
    answer = taken(api, switched)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{switched}.json"'
    found = verify(answer.content, trusted(api))
    assert found.record["rows"]["root_source"] == switched.root_source
    assert found.record["routing"]["before"] == 1 and found.record["switch"]["attempts"] == 2
    assert "writers waited 41.2 ms" in found.text()


def test_a_byte_of_it_changed_is_refused(ctx: StepContext, switched: Migration, api: Any) -> None:
    keep_record(switched, "switched", actor=ctx.actor, epoch=ctx.epoch)
    seal_here()
    bad = taken(api, switched).content.replace(b'"keys_inside":12', b'"keys_inside":13')
    with pytest.raises(Unproven, match=r"switch\.keys_inside \(13, sealed as 12\)"):
        verify(bad, trusted(api))


def test_it_is_kept_once_for_each_outcome_and_names_no_person(ctx: StepContext, switched: Migration) -> None:
    for outcome in ("switched", "switched", "completed"):
        keep_record(switched, outcome, actor=ctx.actor, epoch=ctx.epoch)
    entries = Entry.objects.filter(verb="migration.recorded").order_by("id")
    assert [one.data["outcome"] for one in entries] == ["switched", "completed"]
    assert "kiran" not in json.dumps(entries[0].data)


def test_what_was_never_switched_has_none(shipped: None, api: Any) -> None:
    one = migration(bank(), "rolled_back")
    ctx = worker(one)
    keep_record(one, "rolled_back", actor=ctx.actor, epoch=ctx.epoch)
    answer = taken(api, one)
    assert answer.status_code == 409 and "before its switch" in answer.json()["detail"]
    assert taken(api, one, "arjun").status_code == 404, "another unit's champion"


def test_the_page_offers_it_once_it_is_sealed(ctx: StepContext, switched: Migration, client: Any) -> None:
    client.force_login(switched.requested_by, backend="django.contrib.auth.backends.ModelBackend")
    url = f"/migrations/{switched.pk}/"
    keep_record(switched, "switched", actor=ctx.actor, epoch=ctx.epoch)
    assert "once it is sealed" in client.get(url).content.decode()
    seal_here()
    assert f"/api/v1/migrations/{switched.pk}/record/" in client.get(url).content.decode()
