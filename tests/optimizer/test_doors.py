"""Findings over REST and as pages: excepted until a day, changed through signatures, measured a fortnight later."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from lifecycle.optimizer import actions, keeping, queries, schedule
from lifecycle.optimizer.engine.costs import Key, cost_of
from lifecycle.optimizer.engine.facts import Gap, Group, Thing
from lifecycle.optimizer.engine.findings import Doubt, change_of
from lifecycle.optimizer.engine.scan import Report
from lifecycle.optimizer.metrics import OptimizerCollector
from lifecycle.optimizer.models import Finding, FindingChange, FindingException, Scan
from lifecycle.optimizer.subscribers import OURS, job_failed
from portal.access.actor import Actor
from portal.approvals.models import Requirement
from portal.audit.context import acting
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due, emit
from portal.lib.clock import now
from portal.lib.errors import Conflict
from tenants.costs.models import Rate
from tests.admin.world import person

from .decisions import AT, PRICES, database, instance, judged, region, use
from .made import excepted, finding, scanned

pytestmark = pytest.mark.django_db
FINDINGS, CHANGES, SCANS = "/api/v1/findings/", "/api/v1/finding-changes/", "/api/v1/optimizer-scans/"
LET = {"owner": "kiran", "expires_on": f"{now() + timedelta(days=30):%Y-%m-%d}", "reason": "it moves in March"}


def reported(
    *ids: str, at: datetime = AT, gaps: tuple[Gap, ...] = (), busy: tuple[Thing, ...] = (), gone: tuple[str, ...] = ()
) -> Report:
    """A scan of t3.mediums that would do as t3.small, of what is `busy` (nothing is found about it) or is `gone`."""
    calm = [instance(id=one) for one in ids]
    found, doubts = judged(region(instances=calm, metrics={"CPUUtilization": use(8)}))
    assert not doubts
    seen: dict[Key, Thing | None] = {(one.region, one.id): one for one in (*calm, *busy)}
    seen |= {("us-east-1", one): None for one in gone}
    counts = {"instances": len(ids), "volumes": 0, "databases": 0, "groups": 0}
    return Report(at, ("us-east-1",), counts, found, [], list(gaps), PRICES, seen)


def small(**more: Any) -> Thing:
    """What was signed, done."""
    return instance("t3.small", id="i-1", **more)


def kept(report: Report) -> Scan:
    scan = Scan.objects.create(regions=["us-east-1"], asked_by="system:test")
    with acting(actions.SYSTEM):
        for piece in keeping.batches(report):
            keeping.keep(piece, report)
        return keeping.conclude(scan.pk, report)


def approved(change: FindingChange) -> FindingChange:
    """As if everybody had signed and that had been sealed, written past the triggers that want to see it."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE approvals_case DISABLE TRIGGER USER")
        cursor.execute("UPDATE approvals_case SET state = 'approved' WHERE id = %s", [change.case_id])
        cursor.execute("ALTER TABLE approvals_case ENABLE TRIGGER USER")
    emit("approval.approved", {"case_id": change.case_id, "subject_type": OURS, "subject_id": change.pk})
    while deliver_due():
        pass
    return FindingChange.objects.get(pk=change.pk)


def test_a_scan_writes_what_it_saw_and_closes_what_is_gone(shipped: None) -> None:
    first = kept(reported("i-1", "i-2"))
    assert (first.outcome, first.findings, first.totals["monthly_inr"]) == ("complete", 2, "2535.06")
    kept(reported("i-2"))
    assert set(Finding.objects.values_list("resource", "state")) == {("i-1", "resolved"), ("i-2", "open")}
    kept(reported("i-1", "i-2"))
    assert set(Finding.objects.values_list("state", flat=True)) == {"open"} and Finding.objects.count() == 2


def test_a_partial_scan_says_so_and_closes_nothing(shipped: None) -> None:
    kept(reported("i-1"))
    partial = kept(reported(gaps=(Gap("us-east-1", "volumes", "denied"),)))
    assert partial.outcome == "partial" and Finding.objects.get().state == "open"


def test_excepted_by_those_who_may(api: Any) -> None:
    one = finding()
    assert api("kiran").post(f"{FINDINGS}{one.pk}/exception/", LET).status_code == 403
    made = api("priya").post(f"{FINDINGS}{one.pk}/exception/", LET)
    assert (made.status_code, made.json()["owner"]) == (201, "kiran")
    assert api("priya").post(f"{FINDINGS}{one.pk}/exception/", LET).status_code == 409
    assert api("priya").post(f"{FINDINGS}{one.pk}/exception-end/", {"reason": "gone"}).json()["state"] == "open"


def test_from_its_day_on_an_exception_covers_nothing(shipped: None) -> None:
    due, later = excepted("i-1", expires_on=now().date()), excepted("i-2")
    schedule.tick()
    assert [Finding.objects.get(pk=one.pk).state for one in (due, later)] == ["open", "excepted"]
    assert FindingException.objects.get(finding=due).ended_at is not None


@pytest.mark.parametrize(
    "change",
    [{"owner": "nobody-here"}, {"expires_on": "2020-01-01"}, {"expires_on": "2199-01-01"}, {"reason": ""}, {"more": 1}],
)
def test_an_exception_of_another_shape_changes_nothing(api: Any, change: dict[str, Any]) -> None:
    answer = api("priya").post(f"{FINDINGS}{finding().pk}/exception/", {**LET, **change})
    assert answer.status_code == 422 and answer.headers["Content-Type"] == "application/problem+json"
    assert not FindingException.objects.exists()


def dollar() -> None:
    with acting(actions.SYSTEM):
        Rate.objects.create(
            currency="USD", effective_on="2020-01-01", inr_per_unit=Decimal("80"), source="RBI", published_by="test"
        )


def signed(reason: str = "It idles.") -> FindingChange:
    """The change of t3.medium i-1 to t3.small, found, asked for and approved."""
    kept(reported("i-1"))
    return approved(actions.propose(Finding.objects.get().pk, actor=kiran(), justification=reason))


def later(change: FindingChange, report: Report) -> str:
    kept(report)
    change.refresh_from_db()
    return change.state


def test_from_a_finding_to_a_realised_saving(api: Any) -> None:
    kept(reported("i-1"))
    one = Finding.objects.get()
    dollar()
    asked = api("kiran").post(f"{FINDINGS}{one.pk}/change/", {"justification": "It idles."})
    assert (asked.status_code, asked.json()["state"]) == (201, "pending_approval")
    assert Requirement.objects.get(case=asked.json()["case_id"]).role == "cto"
    assert api("kiran").post(f"{FINDINGS}{one.pk}/change/", {"justification": "Again."}).status_code == 409
    change = approved(FindingChange.objects.get())
    assert (change.state, keeping.watched()) == ("approved", [("us-east-1", "i-1")])
    assert later(change, reported("i-1")) == "approved"
    assert later(change, reported(busy=(small(),))) == "applied" and change.realised_inr is None
    assert later(change, reported(busy=(small(),), at=now() + timedelta(days=13))) == "applied"
    assert keeping.watched() == [("us-east-1", "i-1")]
    assert later(change, reported(busy=(small(),), at=now() + timedelta(days=15))) == "measured"
    assert change.realised_inr == round(Decimal("0.0208") * 730 * 80, 2)


def test_what_was_done_is_applied_though_a_smaller_size_yet_is_found(api: Any) -> None:
    """t3.medium became t3.small, which would do as t3.micro: the same rule, the same finding, another change."""
    change = signed()
    found, _ = judged(region(instances=[small()], metrics={"CPUUtilization": use(8)}))  # type: ignore[list-item]
    assert later(change, replace(reported(busy=(small(),)), findings=found)) == "applied"
    finding = Finding.objects.get()
    assert finding.state == "open" and finding.change["after"] == "t3.micro"


def test_a_finding_whose_change_was_made_is_gone_though_the_new_size_is_not_measured_yet(api: Any) -> None:
    change = signed()
    doubt = Doubt("i-1", "us-east-1", "use", "has had its size for less than a fortnight")
    assert later(change, replace(reported(busy=(small(),)), doubts=[doubt])) == "applied"
    assert Finding.objects.get().state == "resolved"


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"busy": (instance(id="i-1"),)}, "nobody has applied"),
        ({"busy": (instance(id="i-1", state="stopped"),)}, "nobody has applied"),
        ({"busy": (instance("m5.large", id="i-1"),)}, "neither as it was"),
        ({"gone": ("i-1",)}, "resource is gone"),
    ],
    ids=["it is busy", "it was stopped", "it is of a third size", "it was deleted"],
)
def test_what_nobody_did_is_not_applied(api: Any, seen: dict[str, Any], why: str) -> None:
    change = signed()
    assert later(change, reported(**seen)) == "voided" and why in change.state_reason


def test_where_nobody_could_look_nothing_moves(api: Any) -> None:
    change = signed()
    assert later(change, reported(gaps=(Gap("us-east-1", "instances", "denied"),))) == "approved"


def test_a_change_that_was_undone_was_not_applied(api: Any) -> None:
    change = signed()
    assert later(change, reported(busy=(small(),))) == "applied"
    assert later(change, reported("i-1")) == "approved" and change.applied_at is None


def test_of_what_became_something_else_nobody_knows_what_it_saved(api: Any) -> None:
    dollar()
    change = signed()
    assert later(change, reported(busy=(small(),))) == "applied"
    assert later(change, reported(gone=("i-1",), at=now() + timedelta(days=15))) == "measured"
    assert change.realised_inr is None and "the resource is gone" in change.state_reason


def test_what_is_deleted_saves_what_it_cost(api: Any) -> None:
    dollar()
    asked = {"rule": "instance.idle", "action": "delete", "change": change_of("i-1", "count", 1, 0)}
    change = approved(actions.propose(finding(**asked).pk, actor=kiran(), justification="It idles."))
    assert later(change, reported(gone=("i-1",))) == "applied"
    assert later(change, reported(gone=("i-1",), at=now() + timedelta(days=15))) == "measured"
    assert change.realised_inr == Decimal("30.37") * 80


def test_two_changes_of_one_database_share_what_it_saves(api: Any) -> None:
    """Its class and its second zone are two changes; together they save what it costs less, once."""
    dollar()
    was = database(tags={**database().tags, "Environment": "dev"})
    metrics = {"CPUUtilization": use(8), "FreeableMemory": use(12 * 1024**3)}
    found, _ = judged(region(databases=[was], metrics=metrics))
    kept(replace(reported(busy=(was,)), findings=found))
    changes = [
        approved(actions.propose(one.pk, actor=kiran(), justification="For trials."))
        for one in Finding.objects.order_by("rule")
    ]
    assert len(changes) == 2
    done = replace(was, size="db.m5.large", is_multi_az=False)
    kept(reported(busy=(done,)))
    kept(reported(busy=(done,), at=now() + timedelta(days=15)))
    total = sum(one.realised_inr or 0 for one in FindingChange.objects.filter(state="measured"))
    before, after = (cost_of(one, PRICES) for one in (was, done))
    assert before and after and total == round((before.usd - after.usd) * 80, 2)


def test_one_change_of_one_attribute_is_open_whichever_finding_asks(api: Any) -> None:
    first, other = finding(), finding(rule="instance.idle")
    actions.propose(first.pk, actor=kiran(), justification="It idles.")
    with pytest.raises(Conflict, match="same thing"):
        actions.propose(other.pk, actor=kiran(), justification="It idles.")
    assert "propose" not in queries.available_verbs(other, kiran())


def test_a_rule_that_is_gone_was_closed(api: Any) -> None:
    """Rules of groups and tags show in no attribute: there the finding says it."""
    group = {"category": "security", "saves": False, "monthly_inr": None, "annual_inr": None}
    change = change_of("sg-1", "ingress.tcp 22", ["0.0.0.0/0"], [])
    one = approved(
        actions.propose(
            finding("sg-1", rule="group.open_admin", change=change, **group).pk, actor=kiran(), justification="Open."
        )
    )
    sg = Group("sg-1", "web", "us-east-1", "vpc-1", (), {})
    assert later(one, reported(busy=(sg,))) == "applied"
    assert later(one, reported(busy=(sg,), at=now() + timedelta(days=15))) == "measured"
    assert one.realised_inr is None and "No money" in one.state_reason


def test_what_prometheus_is_told(shipped: None) -> None:
    def told() -> dict[str, float]:
        samples = [sample for family in OptimizerCollector().collect() for sample in family.samples]
        return {sample.name + sample.labels.get("price", ""): sample.value for sample in samples}

    assert told() == {"optimizer_open_inrknown": 0, "optimizer_open_inrunknown_items": 0}
    scanned("partial", gaps=[{"what": "volumes"}], at=now() - timedelta(days=4))
    assert told()["optimizer_whole_scan_age_seconds"] == pytest.approx(4 * 86400, abs=120)
    scanned(at=now() - timedelta(days=2))
    scanned("partial", gaps=[{"what": "volumes"}, {"what": "groups"}], at=now() - timedelta(days=1))
    finding()
    finding("i-2", monthly_inr=None, annual_inr=None)
    said = told()
    assert said["optimizer_whole_scan_age_seconds"] == pytest.approx(2 * 86400, abs=120)
    assert {name: value for name, value in said.items() if "age" not in name} == {
        "optimizer_scan_gaps": 2, "optimizer_open_inrknown": 1267.53, "optimizer_open_inrunknown_items": 1,
    }  # fmt: skip


def test_what_was_signed_is_void_when_the_finding_says_something_else(api: Any) -> None:
    one = finding()
    change = actions.propose(one.pk, actor=kiran(), justification="It idles.")
    with acting(actions.SYSTEM):
        Finding.objects.filter(pk=one.pk).update(change={**one.change, "after": "t3.micro"})
    assert approved(change).state == "voided"


def test_nothing_is_approved_past_its_case(api: Any) -> None:
    change = actions.propose(finding().pk, actor=kiran(), justification="It idles.")
    for statement in (
        "UPDATE optimizer_findingchange SET state = 'approved'",
        "UPDATE optimizer_findingchange SET change = '{}'",
        "DELETE FROM optimizer_findingchange",
        "DELETE FROM optimizer_finding",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), acting(actions.SYSTEM):
            connection.cursor().execute(statement)
    withdrawn = actions.withdraw(change.pk, actor=kiran(), reason="not now")
    assert withdrawn.state == "cancelled"


def test_a_resource_that_ends_is_not_changed(api: Any) -> None:
    with pytest.raises(Conflict, match="end this resource"):
        actions.propose(finding(instead="x" * 20).pk, actor=kiran(), justification="It idles.")


def test_a_scan_is_asked_for_runs_once_and_may_fail(api: Any, settings: Any) -> None:
    refused = api("kiran").post(SCANS, {"reason": "look"})
    assert (refused.status_code, refused.json()["title"]) == (409, "This installation is not set up for it")
    settings.OPTIMIZER = {**settings.OPTIMIZER, "regions": "us-east-1, eu-west-1"}
    made = api("kiran").post(SCANS, {"reason": "look"})
    assert (made.status_code, made.json()["regions"]) == (201, ["eu-west-1", "us-east-1"])
    assert api("kiran").post(SCANS, {"reason": "look"}).status_code == 409
    with acting(actions.SYSTEM):
        job_failed({"job_id": str(Job.objects.get(kind="optimizer.scan").pk)})
    assert Scan.objects.get().outcome == "failed"
    schedule.tick()
    assert Scan.objects.filter(outcome="running").count() == 1


def test_who_may_look(api: Any) -> None:
    one = finding()
    for at in (FINDINGS, f"{FINDINGS}{one.pk}/", CHANGES, SCANS):
        assert api("priya").get(at).status_code == 200
        assert api("meera").get(at).status_code in (403, 404)
    assert api("priya").get(FINDINGS, {"category": "cost", "state": "open"}).json()["count"] == 1
    assert api("priya").get(FINDINGS, {"nosuch": "1"}).status_code == 422


def test_the_pages(client: Client, shipped: None) -> None:
    one, held = finding(evidence={"cpu_p95": 8.0, "memory_p995": None}), excepted("i-2")
    cut = {"region": "us-east-1", "what": "volumes", "why": "denied", "words": "AccessDenied"}
    scan = scanned("partial", gaps=[cut], at=datetime(2026, 1, 2, tzinfo=UTC))
    client.force_login(person("kiran"))
    page = client.get("/findings/?state__exact=open").content.decode()
    assert "t3.medium would do as t3.small" in page and "1 part was not seen" in page and "₹15,210" in page
    page = client.get(f"/findings/{one.pk}/").content.decode()
    assert "overrides.i-1.instance_type" in page and "Ask for this change" in page
    assert "CPU p95" in page and "8 %" in page and "not measured" in page
    done = client.post(f"/findings/{one.pk}/do/propose/", {"verb": "propose", "reason": "It idles."}, follow=True)
    assert "It waits for signatures." in done.content.decode()
    change = FindingChange.objects.get()
    assert "Waits for signatures" in client.get(f"/finding-changes/{change.pk}/").content.decode()
    assert "moves in March" in client.get(f"/findings/{held.pk}/").content.decode()
    page = client.get(f"/optimizer-scans/{scan.pk}/").content.decode()
    assert "AccessDenied" in page and "report.pdf" in page
    paper = client.get(f"/optimizer-scans/{scan.pk}/report.pdf")
    assert paper.content.startswith(b"%PDF-") and paper.content == client.get(paper.request["PATH_INFO"]).content
    assert "i-1" in client.get("/findings/export.csv").getvalue().decode()
    client.force_login(person("vikram"))
    assert "t3.small" in client.get(f"/approvals/{change.case_id}/").content.decode()


def kiran() -> Actor:
    return Actor.of_user(person("kiran"))
