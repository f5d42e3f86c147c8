"""How far a grant reaches: scope and dates decide, for the one question and for every list alike."""

from datetime import timedelta
from typing import Any

import pytest

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import Grant, User
from portal.lib.clock import now
from tenants.models import Tenant
from tests.admin.world import tenant

DAY = timedelta(days=1)


@pytest.fixture
def here(shipped: None) -> Tenant:
    return tenant("fin-reach", "FIN", "meera")


@pytest.fixture
def there(shipped: None) -> Tenant:
    return tenant("hr-reach", "HR", "arjun")


def person(**grant: Any) -> Actor:
    user = User.objects.create_user("somebody", "x")
    Grant.objects.create(user=user, granted_by="system:test", **{"role": "tenant_admin", **grant})
    return Actor.of_user(user)


def sees(actor: Actor) -> set[str]:
    found = set(Tenant.objects.visible_to(actor).values_list("name", flat=True))
    asked = {row.name for row in Tenant.objects.all() if policy.can(actor, "tenant.view", row)}
    assert found == asked, "the list and the question disagree"
    return found


def test_global(here: Tenant, there: Tenant) -> None:
    assert sees(person()) == {"fin-reach", "hr-reach"}


def test_one_business_unit(here: Tenant, there: Tenant) -> None:
    assert sees(person(scope_type="business_unit", scope_id="HR")) == {"hr-reach"}


def test_one_tenant(here: Tenant, there: Tenant) -> None:
    assert sees(person(scope_type="tenant", scope_id=str(here.pk))) == {"fin-reach"}


def test_without_a_grant(here: Tenant) -> None:
    assert sees(Actor.of_user(User.objects.create_user("else", "x"))) == set()


@pytest.mark.parametrize(
    ("dates", "reaches"),
    [
        ({"valid_from": now() - DAY}, True),
        ({"valid_from": now() - DAY, "valid_until": now() + 365 * DAY}, True),
        ({"valid_from": now() + 365 * DAY}, False),
        ({"valid_from": now() - 2 * DAY, "valid_until": now() - DAY}, False),
        ({"revoked_at": now() - DAY}, False),
    ],
)
def test_dates(here: Tenant, dates: dict[str, Any], reaches: bool) -> None:
    assert sees(person(**dates)) == ({"fin-reach"} if reaches else set())


def test_a_role_without_the_verb_reaches_nothing(here: Tenant) -> None:
    actor = person(role="tenant_viewer")
    assert sees(actor) == {"fin-reach"}
    assert not policy.can(actor, "tenant.connect", here) and not policy.can(actor, "request.create", here.business_unit)


def test_a_disabled_account_may_nothing(here: Tenant) -> None:
    actor = person()
    assert actor.user is not None
    actor.user.is_active = False
    assert not any(policy.can(actor, verb, here) for verb in policy.VERBS)


def test_the_system_never_does_what_people_must(shipped: None) -> None:
    assert {verb for verb in policy.VERBS if not policy.can(Actor.system("test"), verb)} == policy.PEOPLE_ONLY
