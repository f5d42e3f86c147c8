"""The state machine of a request: every state × every verb and every move in raw SQL; what is not listed is refused."""

import itertools
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django_fsm import TransitionNotAllowed

from lifecycle.models import State, TenantRequest, ValidationRun
from portal.approvals.models import Case
from tests.admin.world import PLAN
from tests.lifecycle.asking import asked

VERBS = {
    "submit": {"draft": "submitted", "approval_voided": "submitted"},
    "ask_approval": {"submitted": "pending_approval"},
    "approve": {"pending_approval": "approved"},
    "reject": {"pending_approval": "rejected"},
    "expire": {"pending_approval": "expired", "awaiting_champion": "expired"},
    "cancel": dict.fromkeys(["draft", "submitted", "pending_approval", "approval_voided"], "cancelled"),
    "void": {"pending_approval": "approval_voided", "approved": "approval_voided"},
    "start": {"approved": "provisioning"},
    "await_manual_setup": {"provisioning": "pending_manual_setup"},
    "validate_now": {"provisioning": "validating", "pending_manual_setup": "validating"},
    "await_champion": {"validating": "awaiting_champion"},
    "activate": {"validating": "active", "awaiting_champion": "active"},
    "fail": dict.fromkeys(
        ["submitted", "approved", "provisioning", "pending_manual_setup", "validating", "awaiting_champion"], "failed"
    ),
    "finish_rollback": dict.fromkeys(["failed", "expired", "rollback_incomplete"], "rolled_back"),
    "leave_rollback": {
        "failed": "rollback_incomplete",
        "expired": "rollback_incomplete",
        "rollback_incomplete": "rollback_incomplete",
    },
    "resume": {"failed": "provisioning"},
}
MOVES = {(old, new) for verb in VERBS.values() for old, new in verb.items()}
# who asks over HTTP, with which verb, in which states it is not a conflict
DOORS = {
    "submission": ("meera", {"draft", "approval_voided"}),
    "cancellation": ("meera", {"draft", "submitted", "pending_approval", "approval_voided"}),
    "acceptance": ("meera", {"awaiting_champion"}),
    "checklist": ("kiran", set()),
    "roll-back": ("kiran", {"failed", "expired", "rollback_incomplete"}),
}


def put(request: TenantRequest, state: str) -> None:
    """Set a state past the machine and its trigger, as the owner of the tables can."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks still to be made cannot be altered
        cursor.execute("ALTER TABLE lifecycle_tenantrequest DISABLE TRIGGER request_moves")
        cursor.execute("UPDATE lifecycle_tenantrequest SET state = %s WHERE id = %s", [state, request.pk])
        cursor.execute("ALTER TABLE lifecycle_tenantrequest ENABLE TRIGGER request_moves")


def test_every_verb_in_every_state(shipped: None) -> None:
    assert {one.name for one in TenantRequest(state="draft").get_all_state_transitions()} == set(VERBS)  # type: ignore[attr-defined]
    for verb, state in itertools.product(VERBS, State.values):
        request = TenantRequest(state=state)
        if state in VERBS[verb]:
            getattr(request, verb)()
            assert request.state == VERBS[verb][state]
        else:
            with pytest.raises(TransitionNotAllowed):
                getattr(request, verb)()
            assert request.state == state


def test_the_state_is_not_assigned(shipped: None) -> None:
    with pytest.raises(AttributeError):
        TenantRequest(state="draft").state = "active"


def test_every_verb_over_http_in_every_state(api: Any) -> None:
    request = asked()
    for verb, (username, allowed) in DOORS.items():
        client = api(username)
        for state in State.values:
            with transaction.atomic():
                put(request, state)
                body = {"reason": "because", **({"item": 0} if verb == "checklist" else {})}
                answer = client.post(
                    f"/api/v1/tenant-requests/{request.pk}/{verb}/", body if verb != "submission" else {}
                )
                assert answer.status_code == (200 if state in allowed else 409), (verb, state, answer.content)
                transaction.set_rollback(True)


def _raw(request: TenantRequest, new: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE lifecycle_tenantrequest SET state = %s WHERE id = %s", [new, request.pk])
            return True
    except IntegrityError:
        return False


def test_the_database_repeats_the_moves(shipped: None) -> None:
    request = asked()
    _with_everything(request)
    for old, new in itertools.product(State.values, State.values):
        put(request, old)
        assert _raw(request, new) == (old == new or (old, new) in MOVES), (old, new)


def test_a_state_that_does_not_exist(shipped: None) -> None:
    assert not _raw(asked(), "blessed")


def test_the_database_wants_the_approved_case(shipped: None) -> None:
    request = asked()
    put(request, "pending_approval")
    assert not _raw(request, "approved")
    _with_everything(request, case_of=asked(name="another-one"))
    assert not _raw(request, "approved")


@pytest.mark.parametrize(("outcome", "may"), [("running", False), ("fail", False), ("pass", True), ("warn", True)])
def test_the_database_wants_a_validation_that_passed(shipped: None, outcome: str, may: bool) -> None:
    request = asked()
    put(request, "validating")
    assert not _raw(request, "active")
    ValidationRun.objects.create(tenant_id=request.tenant_id, request=request, trigger="provisioning", outcome=outcome)
    assert _raw(request, "active") is may


def test_a_later_failure_counts_more_than_an_earlier_pass(shipped: None) -> None:
    request = asked()
    put(request, "validating")
    for outcome in ("pass", "fail"):
        ValidationRun.objects.create(tenant_id=request.tenant_id, request=request, trigger="person", outcome=outcome)
    assert not _raw(request, "active")


def test_the_database_wants_the_champion_where_the_tier_does(shipped: None) -> None:
    request = asked(tier="gold", annual_budget_inr="1500000.00")
    _with_everything(request)
    assert request.tier.needs_champion
    TenantRequest.objects.filter(pk=request.pk).update(accepted_at=None, accepted_by=None)
    put(request, "awaiting_champion")
    assert not _raw(request, "active")


def _with_everything(request: TenantRequest, case_of: TenantRequest | None = None) -> None:
    """Give the request what approval and activation need: an approved case, a passed validation, an acceptance."""
    subject = case_of or request
    case = Case(
        kind="tenant_request",
        title=subject.name,
        subject_type="lifecycle.tenantrequest",
        subject_id=str(subject.pk),
        digest=PLAN["digest"],
        requested_by=subject.requested_by,
        expires_at=subject.created_at.replace(year=subject.created_at.year + 1),
    )
    case.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE approvals_case DISABLE TRIGGER USER")
        cursor.execute("UPDATE approvals_case SET state = 'approved', decided_at = now() WHERE id = %s", [case.pk])
        cursor.execute("ALTER TABLE approvals_case ENABLE TRIGGER USER")
    ValidationRun.objects.create(tenant_id=request.tenant_id, request=request, trigger="person", outcome="pass")
    TenantRequest.objects.filter(pk=request.pk).update(
        case_id=case.pk, accepted_by=request.champion, accepted_at=request.created_at
    )
