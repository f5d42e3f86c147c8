"""Accounts that an installation starts with: the platform's service account and, embedded, the demo people."""

from datetime import timedelta

from django.conf import settings

from portal.audit.actions import record
from portal.lib.clock import now
from portal.lib.errors import Invalid
from portal.lib.keys import read_or_create

from .actions import issue_token
from .actor import Actor
from .demo import PEOPLE
from .models import Grant, Person, Role, User

SEED = Actor.system("seed")
TOKEN_FILE = "service_token"  # noqa: S105 - a file's name
PLATFORM_SCOPES = ["snapshot.read", "usage.write", "flag.report", "fence.report"]


def ensure_service(username: str, title: str) -> User:
    """A service account of the installation itself, in whose name software asks; it cannot sign in, and has no role."""
    user, is_new = User.objects.get_or_create(username=username, defaults={"is_service": True, "password": "!"})
    if is_new:
        Person.objects.create(user=user, full_name=title)
    return user


def ensure_platform_service() -> None:
    """Give the RAG platform an account that reads snapshots and reports what it measures; its token lies in a file."""
    user, is_new = User.objects.get_or_create(username="platform", defaults={"is_service": True, "password": "!"})
    if is_new:
        Person.objects.create(user=user, full_name="RAG platform")
        Grant.objects.create(user=user, role=Role.SERVICE, granted_by=SEED.id, reason="shipped")
    path = settings.SECRETS_DIR / TOKEN_FILE
    lasting = user.api_tokens.filter(revoked_at=None, expires_at__gt=now() + timedelta(days=30))
    live = lasting.filter(scopes__contains=PLATFORM_SCOPES).exists()
    if settings.CREATE_SECRETS and not (live and path.exists()):
        path.unlink(missing_ok=True)
        user.api_tokens.filter(revoked_at=None).update(revoked_at=now())
        read_or_create(path, new_platform_token(user, days=365, reason="shipped").encode())


def new_platform_token(user: User, *, days: int, reason: str) -> str:
    """A further credential of the platform's account, shown this once; those before it stay valid."""
    life = timedelta(days=days)
    _, credential = issue_token(
        actor=SEED, user=user, label="RAG platform", scopes=PLATFORM_SCOPES, life=life, reason=reason
    )
    return credential


def ensure_demo_people() -> None:
    """One person for every role, with a published password: only ever in the embedded runtime."""
    if not settings.EMBEDDED:
        raise Invalid("Demo people exist only in the embedded runtime.")
    for row in PEOPLE:
        if User.objects.filter(username=row["username"]).exists():
            continue
        user = User.objects.create_user(row["username"], row["password"])
        Person.objects.create(user=user, full_name=row["full_name"], email=f"{row['username']}@example.com")
        grant = Grant.objects.create(
            user=user,
            role=row["role"],
            scope_type=row["scope_type"],
            scope_id=row["scope_id"],
            granted_by=SEED.id,
            reason="demo",
        )
        record("grant.given", grant, actor=SEED, reason="demo", data={"role": grant.role, "user": user.pk})
