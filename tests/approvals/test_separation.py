"""Nobody approves for themselves, in whatever disguise."""

from datetime import timedelta

import pytest

from portal.access.models import Grant
from portal.approvals import actions
from portal.approvals.models import Signature
from portal.lib.clock import now
from portal.lib.errors import Conflict, NotAllowed

from .people import SYSTEM, act, opened, person, signed

pytestmark = pytest.mark.django_db
SOON = timedelta(days=5)


def lend(delegator, delegate, role="cfo", **more):
    given = {"valid_until": now() + SOON, "reason": "On leave.", **more}
    return actions.delegate(actor=act(delegator), delegate=delegate, role=role, **given)


def refused(case, user, code, *, via="session", **more):
    before = list(Signature.objects.filter(case=case))
    with pytest.raises((NotAllowed, Conflict)) as caught:
        actions.sign(case.pk, actor=act(user, via), reason="Mine.", digest=case.digest, **more)
    assert caught.value.code == code
    assert list(Signature.objects.filter(case=case)) == before


def test_the_requester_who_is_also_cfo(rules, cfo):
    other = person("other", "cfo")
    case = opened(cfo)
    refused(case, cfo, "own-request")
    signed(case, other)


def test_the_requester_through_a_delegate(rules, cfo):
    """The delegate's own grant does not reach; the authority would be the requester's."""
    person("third", "cfo")
    delegate = person("devi", "cfo@retail")
    lend(cfo, delegate)
    refused(opened(cfo), delegate, "own-request")


def test_the_requester_as_a_delegate(rules, cfo):
    requester = person("rani", "cfo@retail", "tenant_admin@finance")
    lend(cfo, requester)
    refused(opened(requester), requester, "own-request")


@pytest.mark.parametrize("via", ["token", "system"])
def test_no_token_and_no_process_signs(rules, asker, cfo, via):
    refused(opened(asker), cfo, "not-a-person", via=via)
    with pytest.raises(NotAllowed):
        actions.sign(opened(asker).pk, actor=SYSTEM, reason="Automatic.", digest="d1")


def test_a_bearer_token_needs_the_password(rules, asker, cfo):
    case = opened(asker)
    refused(case, cfo, "reauthenticate", via="jwt")
    refused(case, cfo, "reauthenticate", via="jwt", reauthenticated_at=now() - timedelta(minutes=6))
    actions.sign(case.pk, actor=act(cfo, "jwt"), reason="Yes.", digest="d1", reauthenticated_at=now())


def test_a_large_amount_needs_the_password(rules, asker, cfo):
    case = opened(asker, "5000000.01")
    refused(case, cfo, "reauthenticate")
    signed(case, cfo, reauthenticated_at=now() - timedelta(minutes=4))
    signed(opened(asker, "5000000.00"), cfo)


def test_a_superuser_does_not_sign(rules, asker, cfo):
    boss = person("boss", "cfo", is_superuser=True)
    refused(opened(asker), boss, "superuser")


def test_one_person_does_not_fill_two_roles(rules, asker, cfo):
    both = person("bina", "cfo", "cco")
    case = opened(asker, facts={"data_classes": ["PII"]})
    signed(case, both)
    refused(case, both, "second-role")
    signed(case, cfo)


def test_not_for_someone_who_has_acted(rules, asker, cfo):
    both, delegate = person("bina", "cfo", "cco"), person("devi", "cfo@retail")
    lend(both, delegate)
    case = opened(asker, facts={"data_classes": ["PII"]})
    signed(case, both)
    refused(case, delegate, "second-role")


def test_someone_signed_for_does_not_sign_again(rules, asker, cfo):
    both, delegate = person("bina", "cfo", "cco"), person("devi", "cco@retail")
    lend(both, delegate, "cco")
    case = opened(asker, facts={"data_classes": ["PII"]})
    assert signed(case, delegate).on_behalf_of == both
    refused(case, both, "second-role")


@pytest.mark.parametrize("roles", [(), ("auditor",), ("cfo@retail",), ("cto",)])
def test_the_role_must_be_held_here(rules, asker, cfo, roles):
    with pytest.raises(NotAllowed):
        signed(opened(asker), person("nia", *roles))


def test_a_grant_counts_while_it_lives(rules, asker, cfo):
    case, late = opened(asker), person("lea", "cfo")
    actor = act(late)
    assert not actor._cache
    Grant.objects.filter(user=late).update(revoked_at=now())
    with pytest.raises(NotAllowed):
        actions.sign(case.pk, actor=actor, reason="Late.", digest="d1")


def test_a_grant_revoked_after_it_was_read_does_not_count(rules, asker, cfo):
    from portal.access.queries import roles_of

    late = person("lea", "cfo")
    case, actor = opened(asker), act(late)
    assert "cfo" in roles_of(actor)
    Grant.objects.filter(user=late).update(revoked_at=now())
    with pytest.raises(NotAllowed):
        actions.sign(case.pk, actor=actor, reason="Late.", digest="d1")


def test_the_digest_shown_is_the_digest_signed(rules, asker, cfo):
    refused_case = opened(asker)
    with pytest.raises(Conflict) as caught:
        signed(refused_case, cfo, digest="d2")
    assert caught.value.code == "digest-changed"


# -- delegation ------------------------------------------------------------------------------------------------------
def test_a_delegate_signs_where_the_delegator_reaches(rules, asker, cfo):
    delegate = person("devi", "cfo@retail")
    case = opened(asker)
    with pytest.raises(NotAllowed):
        signed(case, delegate)
    lend(cfo, delegate)
    signature = signed(case, delegate)
    assert (signature.signer, signature.on_behalf_of) == (delegate, cfo)
    assert case.requirements.get().state == "met"


def test_a_delegation_is_not_retroactive(rules, cfo):
    with pytest.raises(Exception, match="past"):
        lend(cfo, person("devi", "cfo@retail"), valid_from=now() - timedelta(hours=1))


@pytest.mark.parametrize("shift", [-SOON, SOON + timedelta(seconds=1)])
def test_a_delegation_counts_between_its_dates(rules, asker, cfo, shift, time_machine):
    delegate = person("devi", "cfo@retail")
    begin = now() + SOON
    lend(cfo, delegate, valid_from=begin, valid_until=begin + SOON)
    time_machine.move_to(begin + shift)
    with pytest.raises(NotAllowed):
        signed(opened(asker), delegate)
    time_machine.move_to(begin + timedelta(seconds=1))
    signed(opened(asker), delegate)


def test_a_revoked_delegation_does_not_count(rules, asker, cfo):
    delegate = person("devi", "cfo@retail")
    row = lend(cfo, delegate)
    actions.revoke_delegation(row.pk, actor=act(cfo), reason="Back early.")
    with pytest.raises(NotAllowed):
        signed(opened(asker), delegate)


def test_a_delegation_is_not_passed_on(rules, asker, cfo):
    middle, last = person("mira", "cfo@retail"), person("lalit", "cfo@retail")
    lend(cfo, middle)
    lend(middle, last)
    with pytest.raises(NotAllowed):
        signed(opened(asker), last)


def test_a_delegate_who_lost_the_role_does_not_sign(rules, asker, cfo):
    delegate = person("devi", "cfo@retail", "cco")
    lend(cfo, delegate)
    Grant.objects.filter(user=delegate, role="cfo").update(revoked_at=now())
    with pytest.raises(NotAllowed):
        signed(opened(asker), delegate)


def test_a_delegator_who_lost_the_role_lends_nothing(rules, asker, cfo):
    delegate, away = person("devi", "cfo@retail"), person("away", "cfo")
    lend(away, delegate)
    Grant.objects.filter(user=away).update(revoked_at=now())
    with pytest.raises(NotAllowed):
        signed(opened(asker), delegate)


def test_who_can_be_a_delegate(rules, cfo):
    for bad in (
        cfo,
        person("nia", "cto"),
        person("boss", "cfo", is_superuser=True),
        person("off", "cfo", is_active=False),
    ):
        with pytest.raises(Exception, match="delegate"):
            lend(cfo, bad)
    with pytest.raises(NotAllowed):
        lend(person("nia", "cto"), cfo)
    with pytest.raises(NotAllowed):
        actions.delegate(actor=act(cfo, "token"), delegate=cfo, role="cfo", valid_until=now() + SOON, reason="x")
    with pytest.raises(Exception, match="at most 92 days"):
        lend(cfo, person("devi", "cfo"), valid_until=now() + timedelta(days=93))


def test_who_asks_does_not_appoint_who_signs(rules):
    asker = person("adi", "platform_admin")
    puppet = person("puppet")
    Grant.objects.create(user=puppet, role="cfo", granted_by=str(asker.pk))
    case = opened(asker)
    assert case.blocked_reason
    with pytest.raises(NotAllowed):
        signed(case, puppet)
    elsewhere = opened(person("asha"))
    assert signed(elsewhere, puppet)
