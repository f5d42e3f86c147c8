"""A law keeps a group and streams of a tenant's logs: they stay, counted apart, and all else of the logs goes."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.test import Client

from compliance.certificates.models import Certificate
from compliance.erasing import rules
from compliance.erasing.models import ErasureRequest, Obligation
from compliance.rechecks.asking import ask as recheck
from compliance.rechecks.asking import connected
from lifecycle.stores import aws
from lifecycle.stores.logs import groups
from portal.jobs.models import Job
from portal.lib.errors import Invalid
from tenants.models import Tenant
from tests.admin.world import person
from tests.erasing.made import act, ask, scheduled
from tests.sweeps import SEED

from .conftest import REGION, World
from .test_holds import work
from .test_kept import LOGS, until_settled, verified
from .test_kept_objects import OBJECTS
from .test_kept_objects import kept as invoices
from .test_kept_until import asked_for, is_over, owed, settled, verifies
from .test_kills import drawn, through

__all__ = ["invoices"]
pytestmark = pytest.mark.django_db(transaction=True)
RULE: dict[str, Any] = {
    "title": "Access logs, 180 days", "statute": "CERT-In Directions 2022, (iv)", "category": "access_logs",
    "system": "logs", "part": "/audit", "days": 180, "ground": "Logs of access, kept 180 days",
    "review_on": date(2027, 6, 1),
}  # fmt: skip
STREAMS = ("audit/1", "audit/2", "platform/1")


def stream(world: World, name: str, group: str = "") -> None:
    logs, group = aws.client(world.region, "logs"), world.settled.names.log_group + group
    logs.create_log_stream(logGroupName=group, logStreamName=name)


def there(world: World) -> dict[str, list[str]]:
    """Every group of the tenant with its streams, by what its name adds to the tenant's own."""
    own = world.settled.names.log_group
    return {one.removeprefix(own): groups.streams(world.region, one) for one in groups.all_of(world.region, own)}


def rule(code: str, **more: Any) -> None:
    rules.add_rule(code, actor=act("farah"), reason="The law asks for it.", **{**RULE, **more})


@pytest.fixture
def logged(world: World) -> Iterator[None]:
    """The tenant's own group and two beneath; one of these, and some streams of the own one, are kept."""
    for name in STREAMS:
        stream(world, name)
    logs, own = aws.client(world.region, "logs"), world.settled.names.log_group
    for group in ("/audit", "/audits"):
        logs.create_log_group(logGroupName=own + group)
        stream(world, "1", group)
    rule("RET-GROUP")
    rule("RET-STREAM", part="audit/", category="audits", days=400)
    yield


KEPT = {"": ["audit/1", "audit/2"], "/audit": ["1"]}


def whole(world: World) -> ErasureRequest:
    return scheduled(ask(world.tenant, "farah", kind="tenant", legal_basis="contract", identity="party"))


def partly(request: ErasureRequest, world: World) -> Certificate:
    """Certified, and what it says of the logs is what is there."""
    request.refresh_from_db()
    assert (request.state, request.is_final) == ("completed", False), (request.reasons, world.jobs()[-1].error)
    assert there(world) == KEPT
    down = Job.objects.get(kind="erasure.run", subject_id=str(request.pk)).steps.get(name="take_down")
    assert down.evidence == {REGION: "stays as long as what is kept in it"}, "neither Terraform nor a sweep comes by"
    certificate = Certificate.objects.get()
    logs, run = (
        next(one for one in certificate.certified.erasure.systems if one.name == LOGS),
        request.systems.get(system="logs"),
    )
    assert (logs.outcome, logs.residual, run.kept) == ("retained", 0, 3)
    assert logs.targeted == logs.acknowledged == logs.absent_after == 3, "the group /audits, its stream and platform/1"
    assert logs.manifest and logs.manifest.leaves == 3
    assert "logs//audit 1, logs/audit/ 2" in logs.method and str(world.tenant.pk) not in logs.method
    owes = {one.part: one for one in Obligation.objects.filter(request=request, system=LOGS)}
    assert owes.keys() == {"/audit", "audit/"} and owes["audit/"].due_on.isoformat() == logs.until
    assert owes["/audit"].due_on < owes["audit/"].due_on
    return certificate


def test_of_a_tenant_what_is_kept_stays_and_goes_on_its_day(
    world: World, logged: None, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside, request = world.seen(), whole(world)
    work(world)
    certificate = partly(request, world)
    assert sum(world.settled.counts().values()) == 0 and world.seen() == beside
    client.force_login(person("farah"))
    assert "3 kept by law" in client.get(f"/erasures/{request.pk}/").content.decode()
    verified(certificate, client, tmp_path, capsys, LOGS, f"/audit: {RULE['ground']}")
    row = next(one for one in connected() if one.name == LOGS)
    assert recheck(row, certificate.certified, request).found == 0, "what is kept is not taken for what came back"
    stream(world, "platform/back")
    assert recheck(row, certificate.certified, request).found == 1
    aws.client(world.region, "logs").delete_log_stream(
        logGroupName=world.settled.names.log_group, logStreamName="platform/back"
    )

    is_over("RET-GROUP")
    supplement = settled(world, asked_for(owed(request, LOGS, part="/audit")))
    assert there(world) == {"": KEPT[""]}
    logs = next(one for one in supplement.certified.erasure.systems if one.name == LOGS)
    assert (logs.outcome, logs.targeted, logs.acknowledged) == ("retained", 2, 2)
    is_over("RET-STREAM")
    last = asked_for(owed(request, LOGS, part="audit/"))
    _was_not_provisioned(last)
    supplement = settled(world, last)
    assert there(world) == {} and Tenant.objects.get(pk=world.tenant.pk).status == "deleted"
    systems = {one.name: one for one in supplement.certified.erasure.systems}
    assert (systems[LOGS].outcome, systems[LOGS].targeted) == ("erased", 3)
    assert systems["backups"].outcome == "beyond_use"
    client.force_login(person("farah"))
    verifies(supplement, client, tmp_path, capsys)


def _was_not_provisioned(request: ErasureRequest) -> None:
    """Terraform's part: this tenant was not provisioned."""
    job = Job.objects.get(kind="erasure.run", subject_id=str(request.pk))
    job.steps.filter(name="take_down").update(state="succeeded", evidence={})


def test_killed_at_every_boundary_it_ends_the_same(world: World, logged: None) -> None:
    print(f"seed {SEED}")
    request = whole(world)
    world.news()
    [job] = world.jobs()
    steps = list(job.steps.values_list("name", flat=True))
    died = through(world, job, drawn(steps, Random(SEED)))
    assert {step for step, _ in died} == set(steps), (request.reasons, job.error)
    partly(request, world)


def test_killed_while_one_part_is_erased_on_its_day(world: World, logged: None) -> None:
    print(f"seed {SEED}")
    first = whole(world)
    work(world)
    is_over("RET-GROUP")
    request = asked_for(owed(first, LOGS, part="/audit"))
    world.news()
    job = Job.objects.get(kind="erasure.run", subject_id=str(request.pk))
    steps = list(job.steps.values_list("name", flat=True))
    died = through(world, job, drawn(steps, Random(SEED + 1)))
    request.refresh_from_db()
    assert {step for step, _ in died} == set(steps) and request.state == "completed", (request.reasons, job.error)
    assert there(world) == {"": KEPT[""]}
    [supplement] = Certificate.objects.filter(type="supplement")
    logs = next(one for one in supplement.certified.erasure.systems if one.name == LOGS)
    assert (logs.targeted, logs.acknowledged, logs.absent_after, logs.residual) == (2, 2, 2, 0)


def test_of_a_tenants_objects_gone_on_their_day_its_logs_are_kept_still(
    world: World, logged: None, invoices: list[str]
) -> None:
    request = whole(world)
    work(world)
    is_over("RET-TAX")
    supplement = settled(world, asked_for(owed(request, OBJECTS)))
    systems = {one.name: one for one in supplement.certified.erasure.systems}
    assert (systems[OBJECTS].outcome, systems[LOGS].outcome, systems["backups"].outcome) == (
        "erased",
        *["retained"] * 2,
    )
    assert there(world) == KEPT


def test_of_a_person_no_line_is_kept_for_none_names_anybody(world: World, logged: None) -> None:
    before, request = there(world), world.due()
    work(world)
    request.refresh_from_db()
    assert (request.state, request.is_final) == ("completed", True), request.reasons
    logs = next(one for one in Certificate.objects.get().certified.erasure.systems if one.name == LOGS)
    assert logs.outcome == "anonymised" and there(world) == before


@pytest.mark.parametrize("name", ["audits/late", "audit"])
def test_a_stream_beside_what_is_kept_is_found(world: World, logged: None, name: str) -> None:
    request = _settled(world)
    stream(world, name)
    work(world)
    request.refresh_from_db()
    assert (request.state, request.reasons) == ("not_certifiable", [f"{LOGS}: 1 are still there"])
    assert not Certificate.objects.exists()


def test_a_group_that_was_to_be_kept_and_is_gone_is_never_certified(world: World, logged: None) -> None:
    request = _settled(world)
    aws.client(world.region, "logs").delete_log_group(logGroupName=f"{world.settled.names.log_group}/audit")
    work(world)
    request.refresh_from_db()
    said = [f"{LOGS}: a law keeps 1 in logs//audit, and 0 are left"]
    assert (request.state, request.reasons) == ("not_certifiable", said) and not Certificate.objects.exists()


def _settled(world: World) -> ErasureRequest:
    """A tenant's erasure whose worker dies each time that all has gone and settled, until that is on record."""
    request = whole(world)
    world.news()
    [job] = world.jobs()
    until_settled(world, job)
    return request


@pytest.mark.parametrize(
    "part", ["", "/", "//audit", "/audit/", "a*/", "*/audit/", "../", "/a/../b", "audit:1", "a b", "audit\n"]
)
def test_what_is_no_part_of_logs_is_refused(world: World, part: str) -> None:
    with pytest.raises(Invalid) as refused:
        rule("RET-LOGS", part=part)
    assert list(refused.value.fields) == ["part" if part else "system"]


@pytest.mark.parametrize("system", ["metrics", f"metrics-{REGION}"])
def test_of_series_no_part_can_be_kept_and_the_rule_says_why(world: World, system: str) -> None:
    with pytest.raises(Invalid) as refused:
        rule("RET-SERIES", system=system, part="rag_requests_total")
    assert "no part of it can be kept: series end with the retention" in refused.value.fields["part"]
