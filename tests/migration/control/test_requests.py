"""Asking for a move: the dry run, the refusals, the signatures over exactly what was shown, and the start."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from compliance.models import ResidencyRule
from lifecycle.migration import actions
from lifecycle.migration.defaults import install
from lifecycle.migration.models import Migration, Playbook, RedFlag
from lifecycle.migration.planning import digest_now, regions
from lifecycle.migration.preflight import weigh
from lifecycle.migration.probe import Bounds, Probe
from lifecycle.migration.subscribers import approved, ended
from lifecycle.migration.vectors import Site, judge
from lifecycle.models import Incident
from portal.access.accounts import SEED
from portal.access.actor import Actor
from portal.approvals.actions import create_rule, edit_rule
from portal.approvals.models import Case, Rule
from portal.audit.context import acting
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from portal.lib.errors import Blocked, Conflict, Invalid, NotAllowed
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.admin.world import person

from .made import bank

GLOBAL = {"geography": "GLOBAL", "data_classes": []}


@pytest.fixture
def kiran(shipped: None) -> Actor:
    return Actor.of_user(person("kiran"))


@pytest.fixture
def free(shipped: None) -> Tenant:
    """A tenant whose data may live in either region."""
    return bank(**GLOBAL)


def asked(free: Tenant, kiran: Actor, **more: Any) -> Migration:
    return actions.request(free.pk, "eu-west-1", actor=kiran, reason="Closer to its users.", **more)


def news_of(migration: Migration, **more: str) -> dict[str, str]:
    """What the approvals say of the move's case."""
    about = {"subject_type": "migration.migration", "subject_id": str(migration.pk)}
    return {**about, "case_id": str(migration.case_id), **more}


def test_the_dry_run_says_what_it_meets_takes_and_costs_and_stores_nothing(free: Tenant, api: Any) -> None:
    answer = api("kiran").post("/api/v1/migrations/plan/", {"tenant_id": str(free.pk), "target": "eu-west-1"})
    assert answer.status_code == 200, answer.content
    plan = answer.json()
    assert plan["is_possible"], plan["findings"]
    assert plan["strategy"] == "short_window" and plan["window_minutes"] == 60
    said = plan["estimate"]
    assert said["rows"] == 0 and said["pause_ms"]["expected"] == 40 and said["contingency"] == 2
    assert said["total_inr"] and float(said["total_inr"]) == 2 * sum(float(one["amount_inr"]) for one in said["lines"])
    assert not Migration.objects.exists()


def test_what_has_no_price_is_never_nothing(free: Tenant, kiran: Actor) -> None:
    Playbook.objects.filter(pk="gold").update(engineer_inr_an_hour=None)
    plan = actions.plan_migration(free.pk, "eu-west-1", actor=kiran)
    assert plan.estimate.total_inr is None and plan.estimate.unknown == ["Engineers"]
    case = Case.objects.get(pk=asked(free, kiran).case_id)
    assert case.amount_inr is None
    assert case.requirements.filter(role="cfo").exists(), "an unknown price forces a person"


def test_residency_refuses_before_anything_is_asked(shipped: None, kiran: Actor) -> None:
    assert ResidencyRule.objects.exists()
    bound = bank(geography="IN", data_classes=["financial"])
    with pytest.raises(Invalid) as refusal:
        actions.request(bound.pk, "eu-west-1", actor=kiran, reason="why not")
    assert refusal.value.code == "preflight-refused" and "RES-" in refusal.value.detail
    assert not Migration.objects.exists()


@pytest.mark.parametrize("target, field", [("ap-south-1", "target")])
def test_a_tenant_does_not_move_where_it_is(free: Tenant, kiran: Actor, target: str, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.plan_migration(free.pk, target, actor=kiran)
    assert field in refusal.value.fields


def test_an_unconnected_region_is_a_finding(free: Tenant, kiran: Actor) -> None:
    plan = actions.plan_migration(free.pk, "us-east-1", actor=kiran)
    assert "MIG-REGION" in {one.code for one in plan.refused}


def test_a_target_without_room_refuses_and_one_nobody_knows_of_warns(free: Tenant, kiran: Actor) -> None:
    plan = actions.plan_migration(free.pk, "eu-west-1", actor=kiran)
    assert ("MIG-DISK", "pass") in [(one.code, one.outcome) for one in plan.findings]
    measured = Probe(1, Bounds(1e15, 1e15, 1e15), 0, 1.0, 2_000.0)
    full = weigh(measured, regions()["eu-west-1"])
    assert [(one.code, one.outcome) for one in full] == [("MIG-DISK", "refuse"), ("MIG-RATE", "warn")]
    unknown = replace(regions()["eu-west-1"], database=replace(regions()["eu-west-1"].database, directory=""))
    assert [one.outcome for one in weigh(replace(measured, changes_a_second=None), unknown)] == ["warn", "warn"]


def test_vectors_that_have_nowhere_to_come_from_refuse_the_move(free: Tenant, kiran: Actor) -> None:
    Tenant.objects.filter(pk=free.pk).update(vector_provider="pinecone")  # of which India has none
    plan = actions.plan_migration(free.pk, "eu-west-1", actor=kiran)
    assert "MIG-VECTORS" in [one.code for one in plan.refused]


ROWS = Site("ap-south-1", "pgvector", (256, "cosine"), 12)


@pytest.mark.parametrize(
    ("there", "outcome", "said"),
    [
        (Site("eu-west-1", "pinecone", (256, "cosine"), 0), "warn", "12 vectors go from pgvector in ap-south-1"),
        (Site("eu-west-1", "pinecone", None, 0), "warn", "(to be made)"),
        (Site("eu-west-1", "pinecone", (384, "cosine"), 0), "refuse", "do not fit"),
        (Site("eu-west-1", "pinecone", (256, "dotproduct"), 0), "refuse", "do not fit"),
        (Site("eu-west-1", "pgvector", (256, "cosine"), 0), "pass", "12 vectors go"),
        (Site("eu-west-1", "weaviate", None, None), "refuse", "held by weaviate"),
    ],
)
def test_vectors_go_where_they_fit(there: Site, outcome: str, said: str) -> None:
    found = judge(ROWS, there)
    assert found[0] == outcome and said in found[1] and (found[2] or outcome == "pass")


def test_the_signatures_are_over_exactly_what_was_planned(free: Tenant, kiran: Actor) -> None:
    migration = asked(free, kiran)
    case = Case.objects.get(pk=migration.case_id)
    assert case.digest == migration.digest and case.amount_inr is not None
    assert {one.role for one in case.requirements.all()} == {"change_board", "legal"}
    assert case.snapshot["plan"]["window_minutes"] == 60
    assert (migration.not_before - now()).days in (6, 7), "the tenant has seven days' notice"
    with pytest.raises(Conflict):
        asked(free, kiran)


@pytest.mark.parametrize(
    "other", [{"window_minutes": 61}, {"estimate": {"total_inr": "1.00"}}, {"target": "us-east-1"}]
)
def test_another_window_or_cost_is_another_digest(free: Tenant, kiran: Actor, other: dict[str, Any]) -> None:
    migration = asked(free, kiran)
    assert digest_now(str(migration.pk)) == migration.digest
    Migration.objects.filter(pk=migration.pk).update(**other)
    assert digest_now(str(migration.pk)) != migration.digest


def test_mails_and_pages_say_that_a_move_costs_once(free: Tenant, kiran: Actor, api: Any) -> None:
    case = Case.objects.get(pk=asked(free, kiran).case_id)
    deliver_due()
    notices = Notice.objects.filter(event="approval.waiting", tenant_id=free.pk)
    assert {one.user.username for one in notices} == {"thomas"}, "legal first, then the board"
    assert all(" once" in one.title and "a year" not in one.title for one in notices)
    assert api("thomas").get(f"/api/v1/approvals/{case.pk}/").json()["period"] == "once"


def test_a_platinum_tenant_needs_compliance_too(shipped: None, kiran: Actor) -> None:
    critical = bank(**GLOBAL)
    Tenant.objects.filter(pk=critical.pk).update(tier_id="platinum")
    case = Case.objects.get(pk=asked(critical, kiran).case_id)
    assert {one.role for one in case.requirements.all()} >= {"change_board", "cto", "compliance_officer"}


def test_nothing_starts_unsigned_nor_before_its_notice_nor_without_a_copy(free: Tenant, kiran: Actor) -> None:
    migration = asked(free, kiran, strategy="blue_green")

    def blocked_by() -> str:
        with pytest.raises(Blocked) as refusal:
            actions.start(migration.pk, actor=kiran, reason="now")
        return refusal.value.by

    assert blocked_by() == "approval"
    with acting(SEED):
        approved(news_of(migration))
    assert blocked_by() == "notice"
    Migration.objects.filter(pk=migration.pk).update(not_before=now())
    assert blocked_by() == "copy"
    assert not Job.objects.exists()


def test_a_rehearsal_starts_without_signatures_and_only_once(shipped: None, kiran: Actor) -> None:
    copy = bank(environment="staging", **GLOBAL)
    migration = asked(copy, kiran, is_rehearsal=True)
    assert migration.case_id is None
    job = Job.objects.get(pk=actions.start(migration.pk, actor=kiran, reason="now").job_id)
    assert (job.kind, job.resource_class, job.tenant_id) == ("migration.move", "migration", copy.pk)
    with pytest.raises(Conflict):
        actions.start(migration.pk, actor=kiran, reason="again")
    cancelled = actions.cancel(migration.pk, actor=kiran, reason="not today")
    assert cancelled.state == "rolled_back" and Job.objects.get(pk=job.pk).state == "cancelled"


def test_production_is_not_rehearsed_with(free: Tenant, kiran: Actor) -> None:
    with pytest.raises(Invalid):
        asked(free, kiran, is_rehearsal=True)


@pytest.mark.parametrize("flag", ["freeze", "incident"])
def test_a_red_flag_holds_the_start(shipped: None, kiran: Actor, flag: str) -> None:
    copy = bank(environment="staging", **GLOBAL)
    migration = asked(copy, kiran, is_rehearsal=True)
    at = now()
    if flag == "freeze":
        RedFlag.objects.create(
            kind="freeze", title="Year end", starts_at=at, ends_at=at + timedelta(days=3), created_by="system:test"
        )
    else:
        Incident.objects.create(tenant_id=copy.pk, title="Read by a stranger", evidence={}, notify_by=at)
    with pytest.raises(Blocked) as refusal:
        actions.start(migration.pk, actor=kiran, reason="now")
    assert refusal.value.by == "red-flag"


def test_a_case_that_is_rejected_ends_the_move(free: Tenant, kiran: Actor) -> None:
    migration = asked(free, kiran)
    payload = news_of(migration, state="rejected", reason="Too dear.")
    with acting(SEED):
        ended(payload)
        ended(payload)
    migration.refresh_from_db()
    assert (migration.state, migration.state_reason) == ("rolled_back", "Too dear.")


def test_the_tenants_own_people_watch_but_do_not_move(free: Tenant, kiran: Actor, api: Any) -> None:
    migration = asked(free, kiran)
    assert api("meera").get(f"/api/v1/migrations/{migration.pk}/").status_code == 200
    assert api("arjun").get(f"/api/v1/migrations/{migration.pk}/").status_code == 404
    with pytest.raises(NotAllowed):
        actions.pause(migration.pk, actor=Actor.of_user(person("meera")), reason="stop")


def test_shipped_data_is_never_written_over(shipped: None) -> None:
    Playbook.objects.filter(pk="gold").update(notice_days=0)
    edit_rule("MIG-001", actor=SEED, reason="two of them", quorum=2)
    install(SEED)
    assert Playbook.objects.get(pk="gold").notice_days == 0
    assert Rule.objects.filter(rule_id="MIG-001").latest("version").quorum == 2


@pytest.mark.parametrize("edited", [False, True])
def test_the_board_takes_over_from_the_cto_unless_somebody_edited_the_rule(db: None, edited: bool) -> None:
    old = {"title": "Signed by the CTO", "case_kind": "migration", "role": "cto", "order": 2, "sla_hours": 24}
    create_rule("MIG-001", actor=SEED, reason="as it was shipped", **old)
    if edited:
        edit_rule("MIG-001", actor=SEED, reason="by hand", sla_hours=8)
    for _twice in range(2):
        install(SEED)
    newest = Rule.objects.filter(rule_id="MIG-001").latest("version")
    assert (newest.version, newest.role) == ((2, "cto") if edited else (2, "change_board"))
    assert Rule.objects.filter(rule_id="MIG-005", role="cto").count() == 1
