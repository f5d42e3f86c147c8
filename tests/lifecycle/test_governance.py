"""Governance from the POST of a request to the signatures its case demands, and under fifty people at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from lifecycle.models import State, TenantRequest
from lifecycle.provisioning.steps import open_case
from portal.access.actor import Actor
from portal.access.demo import PASSWORD
from portal.access.models import Grant, User
from portal.approvals.models import Case, Signature
from portal.jobs.actions import start_job
from portal.jobs.context import StepContext
from portal.jobs.kinds import StepDef
from portal.jobs.models import Job
from portal.lib.clock import now
from tenants.models import BusinessUnit, Reservation, TenantName
from tests.lifecycle.asking import body

URL = "/api/v1/tenant-requests/"
WHY = {"reason": "I say so."}


def asked(client: APIClient, **changes: Any) -> TenantRequest:
    answer = client.post(URL, body(**changes))
    assert answer.status_code == 201, answer.content
    return TenantRequest.objects.get(pk=answer.json()["id"])


def case_of(request: TenantRequest) -> Case:
    """Run the step that opens the case, as a worker holding the plan job does."""
    job = start_job(
        "provision.plan", actor=Actor.system("test"), subject=request, params={"request_id": str(request.pk)}
    )
    lease = {"lease_holder": "test", "lease_until": now() + timedelta(minutes=1)}
    Job.objects.filter(pk=job.pk).update(state="running", **lease)
    job.refresh_from_db()
    step = job.steps.get(name="ask")
    open_case.ask(StepContext(job, step, StepDef("ask", "Ask for signatures", open_case.ask)))
    request.refresh_from_db()
    return Case.objects.get(pk=request.case_id)


def roles(case: Case) -> set[str]:
    return set(case.requirements.exclude(state="waived").values_list("role", flat=True))


# -- ten lakh ---------------------------------------------------------------------------------------------------------
def test_exactly_ten_lakh_needs_no_cfo(api: Any) -> None:
    case = case_of(asked(api("meera"), annual_budget_inr="1000000.00"))
    assert "cfo" not in roles(case)
    assert case.state in ("signed", "approved") and not roles(case)
    assert case.requirements.get().state == "waived"  # and the case says by which rule


def test_one_paisa_more_does(api: Any) -> None:
    request = asked(api("meera"), annual_budget_inr="1000000.01")
    case = case_of(request)
    assert roles(case) == {"cfo"} and case.state == "open" and case.amount_inr == Decimal("1000000.01")
    assert request.state == State.PENDING_APPROVAL


def test_the_larger_of_budget_and_estimate_counts(api: Any) -> None:
    """Gold for 100 people costs ₹13.5 lakh a year, whatever is typed."""
    many = {"tier": "gold", "expected_users": 100, "expected_documents": 50_000, "annual_budget_inr": "1.00"}
    request = asked(api("meera"), **many)
    assert request.counted_inr == Decimal("1350000.00")
    assert {"cfo", "cto"} <= roles(case_of(request))


def test_two_times_nine_point_nine_lakh_is_nineteen_point_eight(api: Any) -> None:
    client = api("meera")
    first = case_of(asked(client, annual_budget_inr="990000.00"))
    second = case_of(asked(client, name="ledger-more", annual_budget_inr="990000.00"))
    assert "cfo" not in roles(first) and "cfo" in roles(second)
    assert second.aggregated_inr == Decimal("1980000.00")


def test_another_units_money_is_not_added(api: Any) -> None:
    case_of(asked(api("meera"), annual_budget_inr="990000.00"))
    theirs = {"name": "hr-notes", "business_unit": "HR", "owner": "arjun", "champion": "arjun"}
    assert "cfo" not in roles(case_of(asked(api("arjun"), **theirs, annual_budget_inr="990000.00")))


def test_a_region_without_a_price_forces_people(api: Any) -> None:
    request = asked(api("meera"), region="us-west-2", annual_budget_inr="100000.00")
    case = case_of(request)
    assert case.amount_inr is None and "cfo" in roles(case)
    assert any(reason.startswith("No price for") for reason in request.manual_reasons)


# -- nobody signs for themselves --------------------------------------------------------------------------------------
def sign(client: APIClient, case: Case, **more: Any) -> Any:
    return client.post(f"/api/v1/approvals/{case.pk}/signatures/", {**WHY, "digest": case.digest, **more})


def test_self_approval_in_every_disguise(api: Any) -> None:
    meera, vikram = (User.objects.get(username=name) for name in ("meera", "vikram"))
    Grant.objects.create(user=meera, role="cfo", granted_by="system:test")  # a second role
    case = case_of(asked(api("meera"), annual_budget_inr="1200000.00"))
    assert sign(api("meera"), case).status_code == 403
    assert sign(api("meera"), case, role="cfo").status_code == 403
    assert sign(api("meera"), case, on_behalf_of=str(vikram.pk)).status_code == 422

    boss = User.objects.create_superuser("boss", "x")
    Grant.objects.create(user=boss, role="cfo", granted_by="system:test")
    assert sign(api("boss"), case).status_code == 403

    asked_for = {"label": "x", "scopes": ["approval.write", "approval.read"], "days": 1, "reason": "x"}
    token = api("vikram").post("/api/v1/tokens/", {**asked_for, "password": PASSWORD})
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token.json()['credential']}")
    assert sign(client, case).status_code == 403
    for stranger in ("arjun", "oliver", "priya", "kiran", "sanjay", "leela"):
        assert sign(api(stranger), case).status_code in (403, 404), stranger
    assert not Signature.objects.exists()
    assert sign(api("vikram"), case, digest="0" * 64).status_code == 409
    assert sign(api("vikram"), case).status_code == 201


# -- many at once -----------------------------------------------------------------------------------------------------
def at_once(number: int, act: Callable[[int], Any]) -> list[Any]:
    """Run `act(0..number-1)` in as many threads, begun together, each with its own connection."""
    begin = Barrier(number)

    def one(index: int) -> Any:
        begin.wait(30)
        try:
            return act(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def post_as(user: User, **changes: Any) -> Any:
    client = APIClient()
    client.force_authenticate(user)
    return client.post(URL, body(**changes))


@pytest.mark.django_db(transaction=True)
def test_fifty_requests_against_an_envelope_for_three(shipped: None) -> None:
    meera, price = User.objects.get(username="meera"), Decimal("333333.33")
    BusinessUnit.objects.filter(pk="FIN").update(envelope_inr=price * 3 + Decimal("0.99"))
    answers = at_once(50, lambda n: post_as(meera, name=f"race-{n:02}", annual_budget_inr=str(price)).status_code)
    assert sorted(set(answers)) == [201, 423] and answers.count(201) == 3
    held = Reservation.objects.filter(business_unit_id="FIN")
    assert [row.amount_inr for row in held] == [price] * 3
    assert TenantRequest.objects.count() == TenantName.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_one_of_fifty_gets_the_name(shipped: None) -> None:
    meera = User.objects.get(username="meera")
    BusinessUnit.objects.filter(pk="FIN").update(envelope_inr=Decimal("100000000.00"))
    answers = at_once(50, lambda n: post_as(meera, name="the-one").status_code)
    assert answers.count(201) == 1 and answers.count(409) == 49
    assert TenantRequest.objects.count() == Reservation.objects.count() == 1
