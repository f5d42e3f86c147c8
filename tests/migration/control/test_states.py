"""The state machine of a move: every state × every verb, over HTTP and in raw SQL; what is not listed is refused."""

import itertools
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django_fsm import TransitionNotAllowed

from lifecycle.migration.models import BEFORE_SWITCH, Migration, State
from tenants.models import Tenant

from .made import HALTED, approve, bank, copied, migration, put

BEFORE = [str(state) for state in BEFORE_SWITCH]
STARTED = [*BEFORE, "traffic_cutover_complete", "paused", "failed"]
VERBS = {
    "start": {"initiated": "provisioning_green"},
    "begin_copy": {"provisioning_green": "initial_sync"},
    "finish_copy": {"initial_sync": "dual_write_enabled"},
    "keep_up": {"dual_write_enabled": "incremental_sync"},
    "begin_cutover": {"incremental_sync": "traffic_cutover_started"},
    "complete_cutover": {"traffic_cutover_started": "traffic_cutover_complete"},
    "decommission": {"traffic_cutover_complete": "blue_decommissioned"},
    "complete": {"blue_decommissioned": "completed"},
    "pause": dict.fromkeys(BEFORE, "paused"),
    "fail": dict.fromkeys(BEFORE, "failed"),
    "resume": dict.fromkeys(HALTED, "incremental_sync"),
    "cancel": {"initiated": "rolled_back"},
    "roll_back": dict.fromkeys(STARTED, "rolled_back"),
}
MOVES = {(old, new) for verb in VERBS.values() for old, new in verb.items()}
IN_TARGET = {"traffic_cutover_complete"}
# who asks over HTTP, and in which states it is not a conflict (a move without a job has nothing to roll back)
DOORS = {"pause": set(BEFORE), "resume": HALTED, "cancellation": {"initiated"}, "rollback": set()}


def test_every_verb_in_every_state(db: None) -> None:
    assert {one.name for one in Migration(state="initiated").get_all_state_transitions()} == set(VERBS)  # type: ignore[attr-defined]
    for verb, state in itertools.product(VERBS, State.values):
        one = Migration(state=state, resumes_at="incremental_sync" if state in HALTED else "")
        if state in VERBS[verb]:
            getattr(one, verb)()
            assert one.state == VERBS[verb][state]
        else:
            with pytest.raises(TransitionNotAllowed):
                getattr(one, verb)()
            assert one.state == state


def test_paused_and_failed_remember_where_from(db: None) -> None:
    for verb, state in itertools.product(("pause", "fail"), BEFORE):
        one = Migration(state=state)
        getattr(one, verb)()
        assert one.resumes_at == state
        one.resume()
        assert (one.state, one.resumes_at) == (state, "")


def test_every_verb_over_http_in_every_state(api: Any) -> None:
    one, kiran = migration(bank()), api("kiran")
    for verb, state in itertools.product(DOORS, State.values):
        with transaction.atomic():
            put(one, state)
            answer = kiran.post(f"/api/v1/migrations/{one.pk}/{verb}/", {"reason": "because"})
            assert answer.status_code == (200 if state in DOORS[verb] else 409), (verb, state, answer.content)
            transaction.set_rollback(True)


def test_the_database_repeats_the_moves(shipped: None) -> None:
    here = bank()
    one = migration(here)
    approve(one)
    copied(here)
    for old, new in itertools.product(State.values, State.values):
        put(one, old)
        _place(here, "eu-west-1" if new in IN_TARGET else "ap-south-1")
        assert _raw(one, new) == (old == new or (old, new) in MOVES), (old, new)


@pytest.mark.parametrize("new, where", [("traffic_cutover_complete", "ap-south-1"), ("rolled_back", "eu-west-1")])
def test_the_state_never_contradicts_the_placement(shipped: None, new: str, where: str) -> None:
    here = bank()
    one = migration(here, "traffic_cutover_started")
    _place(here, where)
    assert not _raw(one, new)


def test_a_move_starts_with_an_approved_case_of_its_own(shipped: None) -> None:
    one = migration(bank())
    assert not _raw(one, "provisioning_green")
    approve(one)
    copied(one.tenant)
    assert _raw(one, "provisioning_green")


def test_one_open_move_a_tenant(shipped: None) -> None:
    here = bank()
    first = migration(here, "failed")
    with pytest.raises(IntegrityError), transaction.atomic():
        migration(here)
    put(first, "rolled_back")
    migration(here)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE migration_migration SET resumes_at = 'initial_sync'",
        "UPDATE migration_migration SET target = source",
        "UPDATE migration_migration SET state = 'blessed'",
        "DELETE FROM migration_migration",
    ],
)
def test_what_no_verb_does(shipped: None, statement: str) -> None:
    migration(bank())
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def _place(here: Tenant, region: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE tenants_tenant DISABLE TRIGGER tenant_placement")
        Tenant.objects.filter(pk=here.pk).update(region=region)
        cursor.execute("ALTER TABLE tenants_tenant ENABLE TRIGGER tenant_placement")


def _raw(one: Migration, new: str) -> bool:
    at = "incremental_sync" if new in HALTED else ""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            change = "UPDATE migration_migration SET state = %s, resumes_at = %s WHERE id = %s"
            cursor.execute(change, [new, at, one.pk])
            return True
    except IntegrityError:
        return False
