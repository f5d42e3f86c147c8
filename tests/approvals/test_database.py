"""The database refuses by itself what the actions refuse: raw SQL against every trigger and constraint."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from portal.access.models import Grant, User
from portal.approvals import actions
from portal.approvals.models import Case, Signature
from portal.lib.clock import now
from portal.lib.ids import new_id

from .people import act, effected, opened, person, signed

pytestmark = pytest.mark.django_db


def refuses(sql, params=(), says=None):
    with pytest.raises(IntegrityError, match=says), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)


def insert(case, signer, **more):
    """INSERT a signature past all Python."""
    row = {
        "id": new_id(),
        "case_id": case.pk,
        "requirement_id": case.requirements.order_by("order").first().pk,
        "signer_id": signer.pk,
        "on_behalf_of_id": None,
        "delegation_id": None,
        "decision": "sign",
        "reason": "raw",
        "digest": case.digest,
        "at": now(),
        "via": "session",
        **more,
    }
    return f"INSERT INTO approvals_signature ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(
        row.values()
    )


def test_the_insert_itself_is_right(rules, asker, cfo):
    """Otherwise the refusals below would prove nothing."""
    case = opened(asker)
    with connection.cursor() as cursor:
        cursor.execute(*insert(case, cfo))
    assert Signature.objects.filter(case=case).count() == 1


def test_the_requester_does_not_sign(rules, cfo):
    person("other", "cfo")
    refuses(*insert(opened(cfo), cfo), says="requester")


def test_a_delegate_does_not_sign_for_the_requester(rules, cfo):
    delegate = person("devi", "cfo")
    row = actions.delegate(
        actor=act(cfo), delegate=delegate, role="cfo", valid_until=now() + timedelta(days=1), reason="Leave."
    )
    sql = insert(opened(cfo), delegate, on_behalf_of_id=cfo.pk, delegation_id=row.pk)
    refuses(*sql, says="requester")


def test_nobody_signs_twice_nor_for_someone_who_signed(rules, asker, cfo):
    both, delegate = person("bina", "cco", "cfo"), person("devi", "cfo")
    row = actions.delegate(
        actor=act(both), delegate=delegate, role="cfo", valid_until=now() + timedelta(days=1), reason="Leave."
    )
    case = opened(asker, facts={"data_classes": ["PII"]})
    signed(case, both)
    second = case.requirements.get(role="cfo").pk
    refuses(*insert(case, both, requirement_id=second), says="one person")
    refuses(
        *insert(case, delegate, requirement_id=second, on_behalf_of_id=both.pk, delegation_id=row.pk), says="one person"
    )


def test_a_superuser_a_stranger_and_a_revoked_holder(rules, asker, cfo):
    case = opened(asker)
    gone = person("gone", "cfo")
    Grant.objects.filter(user=gone).update(revoked_at=now())
    for user in (person("boss", "cfo", is_superuser=True), person("nia"), person("far", "cfo@retail"), gone):
        refuses(*insert(case, user), says="hold the role")
    User.objects.filter(pk=cfo.pk).update(is_superuser=True)
    refuses(*insert(case, cfo), says="hold the role")


def test_an_invented_or_ended_delegation(rules, asker, cfo):
    case, delegate = opened(asker), person("devi", "cfo@retail")
    refuses(*insert(case, delegate, on_behalf_of_id=cfo.pk), says="no delegation")
    row = actions.delegate(
        actor=act(cfo), delegate=delegate, role="cfo", valid_until=now() + timedelta(days=1), reason="Leave."
    )
    actions.revoke_delegation(row.pk, actor=act(cfo), reason="Back.")
    refuses(*insert(case, delegate, on_behalf_of_id=cfo.pk, delegation_id=row.pk), says="no delegation")


def test_another_digest_another_case_another_turn(rules, asker, cfo):
    person("chitra", "cco")
    case, other = opened(asker), opened(asker, facts={"data_classes": ["PII"]})
    refuses(*insert(case, cfo, digest="d2"), says="digest")
    refuses(*insert(case, cfo, requirement_id=other.requirements.get(role="cfo").pk), says="wait for a signature")
    refuses(*insert(other, cfo, requirement_id=other.requirements.get(role="cfo").pk), says="wait for a signature")
    refuses(*insert(case, cfo, via="token"), says="by_a_person")
    refuses(*insert(case, cfo, at=case.expires_at), says="closed")


def test_a_decided_case_takes_no_signature(rules, asker, cfo):
    other = person("other", "cfo")
    case = opened(asker)
    signed(case, cfo)
    refuses(*insert(case, other), says="closed")
    effected(case)
    refuses(*insert(case, other), says="closed")


@pytest.mark.parametrize("sql", ["UPDATE approvals_signature SET reason = 'x'", "DELETE FROM approvals_signature"])
def test_a_signature_stays(rules, asker, cfo, sql):
    signed(opened(asker), cfo)
    refuses(sql, says="never changed or deleted")


def test_signatures_are_not_truncated(rules, asker, cfo):
    signed(opened(asker), cfo)
    with connection.cursor() as cursor:  # switched off in test databases, for their own cleaning up
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE approvals_signature ENABLE ALWAYS TRIGGER approvals_signature_no_truncate")
    refuses("TRUNCATE approvals_signature", says="never changed or deleted")


@pytest.mark.parametrize("state", ["signed", "approved", "rejected"])
def test_a_case_is_not_talked_into_an_end(rules, asker, cfo, state):
    opened(asker)
    refuses("UPDATE approvals_case SET state = %s", [state])


def test_a_signed_case_needs_all_signatures_and_no_other_digest(rules, asker, cfo):
    person("chitra", "cco")
    opened(asker, facts={"data_classes": ["PII"]})
    refuses("UPDATE approvals_case SET state = 'signed'", says="every required signature")
    refuses("UPDATE approvals_requirement SET state = 'met' WHERE state = 'open'", says="quorum")
    refuses("UPDATE approvals_requirement SET state = 'open' WHERE state = 'waiting'", says="after those before")
    refuses("UPDATE approvals_requirement SET state = 'waived'", says="does not go from")
    refuses("UPDATE approvals_requirement SET quorum = 0", says="keeps the rule")


@pytest.mark.parametrize(
    "column",
    [
        "amount_inr = 1",
        "period = 'once'",
        "digest = 'd9'",
        "snapshot = '{}'",
        "facts = '{}'",
        "expires_at = now()",
        "title = 'x'",
    ],
)
def test_what_a_case_is_about_is_fixed(rules, asker, cfo, column):
    opened(asker)
    refuses(f"UPDATE approvals_case SET {column}", says="fixed when it opens")


def test_a_case_with_no_requirement_is_not_approved(asker):
    case = opened(asker, kind="unruled")
    refuses("UPDATE approvals_case SET state = 'signed'", says="every required signature")
    assert Case.objects.get(pk=case.pk).is_blocked


@pytest.mark.parametrize("table", ["approvals_case", "approvals_requirement", "approvals_rule"])
def test_nothing_is_deleted(rules, asker, cfo, table):
    opened(asker)
    refuses(f"DELETE FROM {table}")


def test_a_case_begins_open_and_a_rule_version_stays(rules, asker, cfo):
    opened(asker)
    columns = [f.column for f in Case._meta.concrete_fields if f.column not in ("id", "state", "subject_id")]
    names = ", ".join(columns)
    refuses(
        f"INSERT INTO approvals_case (id, state, subject_id, {names}) "
        f"SELECT gen_random_uuid(), 'approved', 'other', {names} FROM approvals_case",
        says="begins open",
    )
    refuses("UPDATE approvals_rule SET quorum = 9", says="write the next version")
    refuses("UPDATE approvals_rule SET condition = '{}'", says="write the next version")


def test_a_delegation_is_only_revoked(rules, cfo):
    row = actions.delegate(
        actor=act(cfo),
        delegate=person("devi", "cfo"),
        role="cfo",
        valid_until=now() + timedelta(days=1),
        reason="Leave.",
    )
    refuses("UPDATE approvals_delegation SET valid_until = valid_until + interval '1 year'", says="never changed")
    refuses("UPDATE approvals_delegation SET role = 'cto'", says="never changed")
    actions.revoke_delegation(row.pk, actor=act(cfo), reason="Back.")
    refuses("UPDATE approvals_delegation SET revoked_at = NULL", says="never changed")
