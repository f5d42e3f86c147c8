"""Each state × each verb: what is allowed is written down, all else raises, in Python and in the database."""

import pytest
from django.db import IntegrityError, connection, transaction
from django_fsm import TransitionNotAllowed

from compliance.erasing.models import ErasureRequest, State
from tenants.models import Tenant
from tests.erasing.made import ask, put

BEFORE = {"received", "validated", "legal_hold_check", "awaiting_approval", "scheduled"}
HOLDABLE = {"legal_hold_check", "awaiting_approval", "scheduled", "executing", "verifying"}
ALLOWED: dict[str, set[str]] = {
    "validate": {"received"},
    "check_holds": {"validated"},
    "ask_approval": {"legal_hold_check"},
    "schedule": {"awaiting_approval"},
    "start": {"scheduled"},
    "verify": {"executing"},
    "erase_again": {"verifying"},
    "complete": {"verifying"},
    "block": HOLDABLE,
    "unblock": {"legal_hold_blocked"},
    "fail": {"executing", "verifying"},
    "give_up": {"executing", "verifying"},
    "retry": {"failed", "not_certifiable"},
    "refuse": BEFORE | {"legal_hold_blocked"},
    "cancel": BEFORE | {"legal_hold_blocked", "executing", "verifying", "failed", "not_certifiable"},
    "reopen": {"completed"},
}


@pytest.mark.parametrize("state", State.values)
def test_every_state_and_verb(state: str) -> None:
    for word, sources in ALLOWED.items():
        one = ErasureRequest(number=1, state=state, blocked_from="scheduled" if state == "legal_hold_blocked" else "")
        if state in sources:
            getattr(one, word)()
            assert one.state != state
        else:
            with pytest.raises(TransitionNotAllowed):
                getattr(one, word)()


TARGETS = {
    "validate": "validated", "check_holds": "legal_hold_check", "ask_approval": "awaiting_approval",
    "schedule": "scheduled", "start": "executing", "verify": "verifying", "erase_again": "executing",
    "complete": "completed", "block": "legal_hold_blocked", "unblock": "awaiting_approval", "fail": "failed",
    "give_up": "not_certifiable", "retry": "executing", "refuse": "refused", "cancel": "cancelled",
    "reopen": "verifying",
}  # fmt: skip


@pytest.mark.django_db
def test_the_database_refuses_every_other_move(notes: Tenant) -> None:
    one = ask(notes)
    allowed = {(source, TARGETS[word]) for word, sources in ALLOWED.items() for source in sources}
    wrongly = []
    for state in State.values:
        put(one, state)
        for target in set(State.values) - {state}:
            back = "awaiting_approval" if target == "legal_hold_blocked" else ""
            sql = "UPDATE erasing_erasurerequest SET state = %s, blocked_from = %s WHERE id = %s"
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(sql, [target, back, one.pk])
                    transaction.set_rollback(True)
            except IntegrityError:
                continue
            if (state, target) not in allowed:
                wrongly.append((state, target))
    assert not wrongly
