"""The state machine of a tenant: every state × every verb, over HTTP and in raw SQL; what is not listed is refused."""

import itertools
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django_fsm import TransitionNotAllowed

from portal.access.actor import Actor
from portal.lib.errors import Blocked, Conflict
from tenants import actions
from tenants.models import Status, StatusChange, Tenant
from tests.admin.world import tenant

SYSTEM = Actor.system("test")
VERBS = {
    "start_provisioning": {"requested": "provisioning"},
    "activate": {"provisioning": "active"},
    "fail": {"provisioning": "failed"},
    "suspend": {"active": "suspended"},
    "reactivate": {"suspended": "active"},
    "archive": {"suspended": "archived"},
    "start_erasing": {"active": "erasing", "suspended": "erasing", "archived": "erasing"},
    "finish_erasing": {"erasing": "deleted"},
}
GUARDED = {"start_erasing", "finish_erasing"}  # Blocked until somebody says when they may be done
# an erasure that is called off before its first destructive call goes back to where it came from
BACK = {("erasing", "active"), ("erasing", "suspended"), ("erasing", "archived")}
MOVES = {(old, new) for verb in VERBS.values() for old, new in verb.items()} | BACK


@pytest.fixture
def subject(shipped: None) -> Tenant:
    return tenant("state-subject", "FIN", "meera")


def put(subject: Tenant, status: str) -> None:
    """Set a status past the machine and its trigger, as the owner of the table can."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks still to be made cannot be altered
        cursor.execute("ALTER TABLE tenants_tenant DISABLE TRIGGER tenant_moves")
        cursor.execute(
            "UPDATE tenants_tenant SET status = %s, activated_at = now() WHERE id = %s", [status, subject.pk]
        )
        cursor.execute("ALTER TABLE tenants_tenant ENABLE TRIGGER tenant_moves")


def test_every_verb_in_every_status(db: Any) -> None:
    assert {one.name for one in Tenant(status="requested").get_all_status_transitions()} == set(VERBS)  # type: ignore[attr-defined]
    for verb, status in itertools.product(VERBS, Status.values):
        row = Tenant(status=status)
        if status in VERBS[verb]:
            getattr(row, verb)()
            assert row.status == VERBS[verb][status]
        else:
            with pytest.raises(TransitionNotAllowed):
                getattr(row, verb)()


def test_the_action_refuses_what_the_machine_does(subject: Tenant) -> None:
    for verb, status in itertools.product(VERBS, Status.values):
        with transaction.atomic():
            put(subject, status)
            changes = StatusChange.objects.count()
            if verb in GUARDED:
                with pytest.raises(Blocked):
                    actions.move(subject.pk, verb, actor=SYSTEM, reason="test")
            elif status in VERBS[verb]:
                moved = actions.move(subject.pk, verb, actor=SYSTEM, reason="test")
                assert moved.status == VERBS[verb][status]
                assert StatusChange.objects.count() == changes + 1
            else:
                with pytest.raises(Conflict, match="cannot"):
                    actions.move(subject.pk, verb, actor=SYSTEM, reason="test")
                assert StatusChange.objects.count() == changes
            transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("path", "word"), [("suspension", "suspend"), ("reactivation", "reactivate"), ("archive", "archive")]
)
def test_over_http_in_every_status(api: Any, subject: Tenant, path: str, word: str) -> None:
    client = api("priya")
    for status in Status.values:
        with transaction.atomic():
            put(subject, status)
            answer = client.post(f"/api/v1/tenants/{subject.pk}/{path}/", {"reason": "because"})
            assert answer.status_code == (200 if status in VERBS[word] else 409), (status, answer.content)
            transaction.set_rollback(True)


def test_the_database_repeats_the_moves(subject: Tenant) -> None:
    for old, new in itertools.product(Status.values, Status.values):
        put(subject, old)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("UPDATE tenants_tenant SET status = %s WHERE id = %s", [new, subject.pk])
            moved = True
        except IntegrityError:
            moved = False
        assert moved == (old == new or (old, new) in MOVES), (old, new)


def test_a_status_that_does_not_exist_and_a_row_that_goes(subject: Tenant) -> None:
    for sql in (
        "UPDATE tenants_tenant SET status = 'blessed' WHERE id = %s",
        "UPDATE tenants_tenant SET annual_budget_inr = -1 WHERE id = %s",
        "DELETE FROM tenants_tenant WHERE id = %s",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [subject.pk])


def test_nobody_was_active_without_an_activation(subject: Tenant) -> None:
    put(subject, "provisioning")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_tenant SET status = 'active', activated_at = NULL WHERE id = %s", [subject.pk])
