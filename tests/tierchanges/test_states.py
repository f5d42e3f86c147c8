"""The state machine of a change of tier: every state × every verb, every move in raw SQL, and what SQL cannot write."""

import itertools
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django_fsm import TransitionNotAllowed

from lifecycle.tierchanges.models import CAME_INTO_FORCE, State, TierChange
from portal.lib.clock import now
from tenants.models import Tenant

from .made import asked

pytestmark = pytest.mark.django_db
VERBS = {
    "approve": {"pending_approval": "scheduled"},
    "apply": {"scheduled": "applied"},
    "take_back": {"applied": "returned"},
    "meet_conflict": {"applied": "return_conflict"},
    "keep": {"applied": "kept", "return_conflict": "kept"},
    "reject": {"pending_approval": "rejected"},
    "expire": {"pending_approval": "expired"},
    "cancel": dict.fromkeys(["pending_approval", "scheduled"], "cancelled"),
    "void": dict.fromkeys(["pending_approval", "scheduled"], "voided"),
}
MOVES = {(old, new) for verb in VERBS.values() for old, new in verb.items()}
DOORS = {
    "cancellation": {"pending_approval", "scheduled"},
    "end": {"applied"},
    "keep": {"return_conflict"},
}


@pytest.fixture
def change(mine: Tenant) -> TierChange:
    return asked(mine, ends_on=now().date().replace(year=now().year + 1))


def raw(change: TierChange, **columns: Any) -> bool:
    """Whether the database takes these columns."""
    named = ", ".join(f"{name} = %s" for name in columns)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE tierchanges_tierchange SET {named} WHERE id = %s", [*columns.values(), change.pk])
    except DatabaseError:
        return False
    return True


def put(change: TierChange, state: str) -> None:
    """Set a state past the machine and its trigger, as the owner of the tables can."""
    applied_at = now() if state in CAME_INTO_FORCE else None
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE tierchanges_tierchange DISABLE TRIGGER tier_change_rules")
        assert raw(change, state=state, applied_at=applied_at, before='{"own_limits": {}}')
        cursor.execute("ALTER TABLE tierchanges_tierchange ENABLE TRIGGER tier_change_rules")


def approve_case(change: TierChange) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE approvals_case DISABLE TRIGGER USER")
        cursor.execute("UPDATE approvals_case SET state = 'approved' WHERE id = %s", [change.case_id])
        cursor.execute("ALTER TABLE approvals_case ENABLE TRIGGER USER")


def test_every_verb_in_every_state(change: TierChange) -> None:
    assert {one.name for one in change.get_all_state_transitions()} == set(VERBS)  # type: ignore[attr-defined]
    for verb, state in itertools.product(VERBS, State.values):
        one = TierChange(state=state, ends_on=change.ends_on)
        if state in VERBS[verb]:
            getattr(one, verb)()
            assert one.state == VERBS[verb][state]
        else:
            with pytest.raises(TransitionNotAllowed):
                getattr(one, verb)()


def test_what_is_for_good_does_not_go_back() -> None:
    for verb in ("take_back", "meet_conflict", "keep"):
        with pytest.raises(TransitionNotAllowed):
            getattr(TierChange(state="applied"), verb)()


def test_every_verb_over_http_in_every_state(api: Any, change: TierChange) -> None:
    meera = api("meera")
    for verb, allowed in DOORS.items():
        for state in State.values:
            with transaction.atomic():
                put(change, state)
                Tenant.objects.filter(pk=change.tenant_id).update(tier="silver")  # going back then meets a conflict
                answer = meera.post(f"/api/v1/tier-changes/{change.pk}/{verb}/", {"reason": "because"})
                assert answer.status_code == (200 if state in allowed else 409), (verb, state, answer.content)
                transaction.set_rollback(True)


def test_the_database_repeats_the_moves(change: TierChange) -> None:
    approve_case(change)
    for old, new in itertools.product(State.values, State.values):
        put(change, old)
        applied_at = now() if new in CAME_INTO_FORCE else None
        assert raw(change, state=new, applied_at=applied_at) == (old == new or (old, new) in MOVES), (old, new)


def test_nothing_comes_into_force_without_its_approved_case(change: TierChange) -> None:
    assert not raw(change, state="scheduled")
    put(change, "scheduled")
    assert not raw(change, state="applied", applied_at=now())
    approve_case(change)
    assert raw(change, state="applied", applied_at=now())


@pytest.mark.parametrize(
    "columns",
    [
        {"to_tier_id": "silver"},
        {"ends_on": None},
        {"counted_inr": 0},
        {"yearly_inr": 0},
        {"digest": "other"},
        {"is_acknowledged": True},
        {"case_id": "00000000-0000-0000-0000-000000000001"},
        {"state": "blessed"},
    ],
)
def test_what_was_asked_stays_as_it_was_signed(change: TierChange, columns: dict[str, Any]) -> None:
    assert not raw(change, **columns)


def test_a_change_is_not_removed(change: TierChange) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM tierchanges_tierchange")


def test_an_end_comes_after_its_start(change: TierChange) -> None:
    row = TierChange.objects.filter(pk=change.pk).values().get()
    put(change, "cancelled")
    same = {**row, "id": None, "starts_on": row["ends_on"]}
    del same["id"]
    with pytest.raises(DatabaseError, match="ends_after_it_starts"), transaction.atomic():
        TierChange(**same).save(force_insert=True)
