"""/api/v1/jobs/: who sees what, what the answers say, and what is refused with which status."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from rest_framework.test import APIClient

from portal.access.actor import Actor
from portal.access.models import Grant, Role, User
from portal.audit.models import Entry
from portal.jobs import actions, runner
from portal.jobs.models import Job
from portal.lib.errors import NotAllowed

from .support import fresh, start

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.jobs.urls")]
URL = "/api/v1/jobs/"
ALPHA, BETA, GAMMA = (UUID(int=number) for number in (1, 2, 3))


def person(role: str, scope_type: str = "global", scope_id: str = "") -> User:
    user = User.objects.create_user(f"{role}-{scope_id}")
    Grant.objects.create(user=user, role=role, scope_type=scope_type, scope_id=scope_id, granted_by="system:test")
    return user


def as_(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def engineer() -> APIClient:
    return as_(person(Role.PLATFORM_ENGINEER))


@pytest.fixture
def jobs(world: Path) -> dict[str, Job]:
    made = {
        "alpha": start("three", world, tenant_id=ALPHA, business_unit="retail"),
        "beta": start("refused", world, tenant_id=BETA, business_unit="cards"),
        "platform": start("flaky", world, params={"times": 1}),
    }
    for job in made.values():
        runner.run(job.pk)
    return made


def titles(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.data
    return {row["kind"] for row in answer.data["results"]}


@pytest.mark.parametrize(
    ("role", "scope_type", "scope_id", "seen"),
    [
        (Role.PLATFORM_ENGINEER, "global", "", {"alpha", "beta", "platform"}),
        (Role.AUDITOR, "global", "", {"alpha", "beta", "platform"}),
        (Role.TENANT_ADMIN, "tenant", str(ALPHA), {"alpha"}),
        (Role.TENANT_ADMIN, "business_unit", "cards", {"beta"}),
        (Role.TENANT_VIEWER, "tenant", str(GAMMA), set()),
    ],
)
def test_everyone_sees_their_own(
    role: str, scope_type: str, scope_id: str, seen: set[str], jobs: dict[str, Job]
) -> None:
    client = as_(person(role, scope_type, scope_id))
    listed = client.get(URL)
    assert {row["id"] for row in listed.data["results"]} == {str(jobs[name].pk) for name in seen}
    for name, job in jobs.items():
        for path in ("", "log/"):
            assert client.get(f"{URL}{job.pk}/{path}").status_code == (200 if name in seen else 404)


def test_strangers_and_other_roles_are_refused(jobs: dict[str, Job]) -> None:
    assert APIClient().get(URL).status_code in (401, 403)
    assert as_(person(Role.SERVICE)).get(URL).status_code == 403
    for role in (Role.AUDITOR, Role.CFO):
        client = as_(person(role))
        for verb in ("cancellation", "resumption", "compensation"):
            answer = client.post(f"{URL}{jobs['beta'].pk}/{verb}/", {"reason": "let me"})
            assert (answer.status_code, answer.data["type"]) == (403, "urn:bailiwick:problem:not-allowed")
    viewer = Actor.of_user(person(Role.TENANT_ADMIN, "tenant", str(BETA)))
    with pytest.raises(NotAllowed):
        actions.retry_step(jobs["beta"].pk, "hopeless", actor=viewer, reason="x")
    assert fresh(jobs["beta"]).state == "failed"


def test_filters_order_and_pages(engineer: APIClient, jobs: dict[str, Job]) -> None:
    assert titles(engineer.get(URL, {"state": "failed"})) == {"test.refused"}
    assert titles(engineer.get(URL, {"state": ["failed", "succeeded"]})) == {"test.refused", "test.three"}
    assert titles(engineer.get(URL, {"tenant_id": str(ALPHA)})) == {"test.three"}
    assert titles(engineer.get(URL, {"kind": "test.flaky"})) == {"test.flaky"}
    assert titles(engineer.get(URL, {"search": "flak"})) == {"test.flaky"}
    page = engineer.get(URL, {"page_size": 1, "ordering": "created_at"})
    assert (page.data["count"], page.data["results"][0]["kind"]) == (3, "test.three")
    assert page.data["results"][0]["steps_done"] == page.data["results"][0]["steps_total"] == 3


@pytest.mark.parametrize(
    "query",
    [
        "colour=red",
        "state=lost",
        "tenant_id=x",
        "created_after=yesterday",
        "kind=%00",
        "search=%00",
        "page=0",
        "page=x",
    ],
)
def test_bad_queries_are_the_callers_fault(engineer: APIClient, query: str) -> None:
    assert engineer.get(f"{URL}?{query}").status_code in (400, 404, 422)


def test_detail_says_where_it_stands(engineer: APIClient, jobs: dict[str, Job]) -> None:
    body = engineer.get(f"{URL}{jobs['beta'].pk}/").json()
    assert [step["state"] for step in body["steps"]] == ["succeeded", "failed"]
    assert body["steps"][1]["error"] == "the bucket belongs to somebody else"
    assert (body["verbs"], body["eta_seconds"]) == (["resume"], None)
    waiting = engineer.get(f"{URL}{jobs['platform'].pk}/").json()
    assert waiting["eta_seconds"] > 0
    assert waiting["verbs"] == ["cancel", "retry_step"]
    assert "Tries again: the store is busy" in waiting["wait_reason"]
    for absent in (uuid4(), "x", "..%2f"):
        assert engineer.get(f"{URL}{absent}/").status_code == 404


def test_a_list_and_a_detail_cost_few_queries(
    engineer: APIClient, jobs: dict[str, Job], django_assert_max_num_queries: Any
) -> None:
    for path in ("", f"{jobs['beta'].pk}/", f"{jobs['beta'].pk}/log/"):
        with django_assert_max_num_queries(8):
            assert engineer.get(URL + path).status_code == 200


def test_the_log_goes_on_from_an_offset(engineer: APIClient, jobs: dict[str, Job]) -> None:
    path = f"{URL}{jobs['alpha'].pk}/log/"
    whole = engineer.get(path).json()
    assert [line["seq"] for line in whole["lines"]] == [1, 2, 3, 4]
    assert (whole["next_offset"], whole["is_complete"]) == (4, True)
    rest = engineer.get(path, {"offset": 3}).json()
    assert [line["text"] for line in rest["lines"]] == ["third has its effect"]
    assert engineer.get(path, {"offset": 99}).json()["lines"] == []
    assert not engineer.get(f"{URL}{jobs['platform'].pk}/log/").json()["is_complete"]
    for bad in ("-1", "x", "1e3", "٣", "9" * 40):
        assert engineer.get(path, {"offset": bad}).status_code == 422
    assert engineer.get(path, {"from": 1}).status_code == 422


def test_resume_retry_and_cancel_with_a_reason(engineer: APIClient, jobs: dict[str, Job], world: Path) -> None:
    (world / "repaired").touch()
    beta, platform = (f"{URL}{jobs[name].pk}/" for name in ("beta", "platform"))
    answer = engineer.post(beta + "resumption/", {"reason": "handed over"})
    assert (answer.status_code, answer.data["state"]) == (202, "queued")
    runner.run(jobs["beta"].pk)
    assert engineer.get(beta).data["state"] == "succeeded"
    entry = Entry.objects.get(verb="job.resume")
    assert (entry.reason, UUID(entry.actor)) == ("handed over", User.objects.get().pk)
    assert engineer.post(platform + "retry/", {"reason": "now", "step": "shaky"}).status_code == 202
    answer = engineer.post(platform + "cancellation/", {"reason": "not wanted"})
    assert (answer.status_code, answer.data["state"]) == (202, "cancelled")
    again = engineer.post(platform + "cancellation/", {"reason": "not wanted"})
    assert (again.status_code, again.data["type"]) == (409, "urn:bailiwick:problem:job-not-running")


@pytest.mark.parametrize(
    "body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "x", "force": True}, [], {"reason": "x" * 2001}]
)
def test_bad_bodies_change_nothing(engineer: APIClient, jobs: dict[str, Job], body: Any) -> None:
    path = f"{URL}{jobs['platform'].pk}/cancellation/"
    assert engineer.post(path, body).status_code in (400, 422)
    assert fresh(jobs["platform"]).state == "waiting"


def test_a_repeated_post_with_the_same_key_acts_once(engineer: APIClient, jobs: dict[str, Job]) -> None:
    path = f"{URL}{jobs['platform'].pk}/cancellation/"
    first, second = (
        engineer.post(path, {"reason": "not wanted"}, headers={"Idempotency-Key": "once"}) for _ in range(2)
    )
    assert first.status_code == second.status_code == 202
    assert second.headers["Idempotent-Replay"] == "true"
    assert Entry.objects.filter(verb="job.cancel").count() == 1


def test_a_person_asks_for_the_compensation(engineer: APIClient, world: Path) -> None:
    job = start("asks", world)
    runner.run(job.pk)
    answer = engineer.post(f"{URL}{job.pk}/compensation/", {"reason": "roll back"})
    assert answer.status_code == 202
    assert answer.data["compensation"] == str(Job.objects.get(compensates=job).pk)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "post"])
def test_jobs_are_not_written_directly(engineer: APIClient, jobs: dict[str, Job], method: str) -> None:
    path = URL if method == "post" else f"{URL}{jobs['alpha'].pk}/"
    assert getattr(engineer, method)(path, {}).status_code == 405
