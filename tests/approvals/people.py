"""The people and cases the tests of approvals are about."""

from decimal import Decimal
from typing import Any

from portal.access.actor import Actor
from portal.access.models import Grant, Person, User
from portal.approvals import actions
from portal.approvals.models import Case
from portal.jobs.models import Job
from portal.lib.ids import new_id
from tests.sealing import seal_here

PASSWORD = "correct horse battery staple"
SYSTEM = Actor.system("test")
LIMIT = Decimal("1000000.00")


def person(name: str, *roles: str, **fields: Any) -> User:
    """Create a user who holds `roles` everywhere; a role may name a business unit as `cfo@finance`."""
    user = User.objects.create_user(f"{name}-{new_id().hex[-8:]}", **fields)
    Person.objects.create(user=user, full_name=name.capitalize(), email=f"{name}@example.test")
    for role in roles:
        role, _, unit = role.partition("@")
        scope = {"scope_type": "business_unit", "scope_id": unit} if unit else {}
        Grant.objects.create(user=user, role=role, granted_by="system:test", **scope)
    return user


def act(user: User, via: Any = "session") -> Actor:
    return Actor.of_user(user, via=via)


def subject(unit: str = "finance") -> Job:
    """Something from an upper floor that a case can be about; only its name and scope are looked at."""
    return Job(kind="test", title="test", business_unit=unit)


def opened(requester: User, amount: Any = "1200000.00", *, about: Job | None = None, **more: Any) -> Case:
    """Open a case like a tenant request: silver, no personal data, at home."""
    facts = {"tier": "silver", "data_classes": ["none"], "leaves_home_country": False, **more.pop("facts", {})}
    about = about or subject()
    given: dict[str, Any] = {
        "kind": "tenant_request",
        "subject": about,
        "title": "finance-analytics",
        "amount_inr": None if amount is None else Decimal(amount),
        "aggregation_key": str(new_id()),
        "facts": facts,
        "digest": "d1",
        "snapshot": {"plan": {"create": 11}},
        "requested_by": requester,
    }
    return actions.open_case(actor=SYSTEM, **given | more)


def signed(case: Case, user: User, **more: Any) -> Any:
    return actions.sign(case.pk, actor=act(user), **{"reason": "Needed.", "digest": case.digest, **more})


def effected(case: Case) -> Case:
    seal_here()
    return actions.effect_of(case.pk)
