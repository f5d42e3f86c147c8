"""Everybody the matrix asks as: the demo people, a superuser without a role, a service, a narrow token, nobody."""

from datetime import timedelta

from django.test import Client
from rest_framework.test import APIClient

from portal.access.accounts import PLATFORM_SCOPES, SEED
from portal.access.actions import issue_token
from portal.access.demo import PASSWORD, PEOPLE
from portal.access.models import Grant, Role, User
from tests.admin.world import person, read_with_a_reason

ROLES = {
    "admin@FIN": "meera",
    "viewer@FIN": "nadia",
    "admin@HR": "arjun",
    "cfo": "vikram",
    "cco": "leela",
    "legal": "thomas",
    "cto": "sanjay",
    "board": "anita",
    "compliance": "farah",
    "auditor": "oliver",
    "engineer": "kiran",
    "platform": "priya",
    "platform+reason": "pooja",
}
STAND_IN = {"ishaan": "arjun", "clara": "arjun"}  # the same role over another business unit
SUPERUSER, SERVICE, TOKEN, NOBODY = "superuser", "service", "token", "nobody"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def gather() -> None:
    """Create those who are not demo people: the superuser holds no grant, the service serves everywhere."""
    people = {one["username"]: (one["role"], one["scope_type"]) for one in PEOPLE}
    assert {*ROLES.values(), *STAND_IN} == {*people, "pooja"}, "a demo person is not in the matrix"
    assert all(people[name] == people[other] for name, other in STAND_IN.items())
    User.objects.create_user(SUPERUSER, PASSWORD, is_superuser=True)
    pooja = User.objects.create_user("pooja", PASSWORD)
    Grant.objects.create(user=pooja, role=Role.PLATFORM_ADMIN, granted_by="system:test")
    read_with_a_reason("pooja")
    service = User.objects.create_user(SERVICE, PASSWORD, is_service=True)
    Grant.objects.create(user=service, role=Role.SERVICE, granted_by="system:test")


def through_the_api() -> dict[str, APIClient]:
    """An API client for each; the token is Meera's with `tenant.read`, the service's is like the platform's."""
    found = {name: _session(username) for name, username in {**ROLES, SUPERUSER: SUPERUSER}.items()}
    bearers = {SERVICE: _bearer(SERVICE, *PLATFORM_SCOPES), TOKEN: _bearer("meera", "tenant.read")}
    return {**found, **bearers, NOBODY: APIClient()}


def through_the_console() -> dict[str, Client]:
    """A signed-in browser for each; a token opens no page."""
    found = {name: Client() for name in (*ROLES, SUPERUSER, SERVICE, NOBODY)}
    for name, client in found.items():
        if name != NOBODY:
            client.force_login(person(ROLES.get(name, name)), backend=BACKEND)
    return found


def _session(username: str) -> APIClient:
    client = APIClient()
    client.force_login(person(username), backend=BACKEND)
    return client


def _bearer(username: str, *scopes: str) -> APIClient:
    user, life = person(username), timedelta(days=1)
    _, secret = issue_token(actor=SEED, user=user, label="matrix", scopes=list(scopes), life=life, reason="matrix")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client
