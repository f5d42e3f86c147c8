"""The last platform administrator can neither be disabled nor lose the role, also when two end each other at once."""

from typing import Any

import pytest

from portal.access import actions
from portal.access.actor import Actor
from portal.access.demo import PASSWORD
from portal.access.models import Grant, Role, User
from portal.lib.errors import Conflict, NotAllowed
from tests.approvals.test_races import at_once, wins

SYSTEM = Actor.system("test")


def administrators() -> set[str]:
    live = Grant.objects.live().filter(role=Role.PLATFORM_ADMIN, scope_id="", user__is_active=True)
    return set(live.values_list("user__username", flat=True))


def second(**scope: str) -> User:
    user = User.objects.create_user("second", "a good password")
    actions.grant(actor=SYSTEM, user=user, role=Role.PLATFORM_ADMIN, reason="a test", **scope)
    return user


def test_the_last_one_stays(api: Any) -> None:
    priya = User.objects.get(username="priya")
    grant = priya.grants.get()
    with pytest.raises(Conflict, match="to somebody else first"):
        actions.disable(priya.pk, actor=SYSTEM, reason="Left.")
    answer = api("priya").post(f"/api/v1/grants/{grant.pk}/revocation/", {"reason": "Enough.", "password": PASSWORD})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:bailiwick:problem:last-administrator")
    assert administrators() == {"priya"}


def test_with_a_successor_one_may_go(shipped: None) -> None:
    second()
    actions.disable(User.objects.get(username="priya").pk, actor=SYSTEM, reason="Left.")
    assert administrators() == {"second"}


@pytest.mark.parametrize("why", ["disabled", "ended", "not yet", "scoped", "service"])
def test_who_cannot_take_over_does_not_count(shipped: None, why: str) -> None:
    other = second(**({"scope_type": "business_unit", "scope_id": "FIN"} if why == "scoped" else {}))
    if why == "disabled":
        actions.disable(other.pk, actor=SYSTEM, reason="A test.")
    if why == "ended":
        actions.revoke(other.grants.get().pk, actor=SYSTEM, reason="A test.")
    if why == "not yet":
        other.grants.update(valid_from="2099-01-01T00:00:00Z")
    if why == "service":
        User.objects.filter(pk=other.pk).update(is_service=True)
    with pytest.raises(Conflict):
        actions.disable(User.objects.get(username="priya").pk, actor=SYSTEM, reason="Left.")


def test_other_people_and_roles_come_and_go(shipped: None) -> None:
    actions.disable(User.objects.get(username="oliver").pk, actor=SYSTEM, reason="Left.")
    own = Grant.objects.get(user__username="kiran")
    assert actions.revoke(own.pk, actor=SYSTEM, reason="Moved.").revoked_at


def test_an_administrator_of_one_place_gives_no_role(shipped: None) -> None:
    here = second(scope_type="business_unit", scope_id="FIN")
    with pytest.raises(NotAllowed):
        actions.grant(actor=Actor.of_user(here), user=User.objects.get(username="nadia"), role="cfo", reason="mine")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["disable", "revoke", "both"])
def test_two_end_each_other(shipped: None, how: str) -> None:
    priya, other = User.objects.get(username="priya"), second()
    for _ in range(4):
        first, last = priya.grants.get(revoked_at=None), other.grants.get(revoked_at=None)

        def end(user: User, grant: Grant, by_grant: bool) -> Any:
            if by_grant:
                return actions.revoke(grant.pk, actor=SYSTEM, reason="A race.")
            return actions.disable(user.pk, actor=SYSTEM, reason="A race.")

        results = at_once(
            lambda g=first: end(priya, g, how == "revoke"),
            lambda g=last: end(other, g, how != "disable"),
        )
        assert sorted(wins(results)) == [False, True]
        assert len(administrators()) == 1
        User.objects.filter(pk__in=[priya.pk, other.pk]).update(is_active=True)
        Grant.objects.filter(pk__in=[first.pk, last.pk]).update(revoked_at=None)
