"""Somebody must always be able to give roles: the last administrator of the platform stays."""

from django.db import connection

from portal.lib.errors import Conflict

from .models import Grant, Role, Scope, User

LOCK = "access:last-admin"


def keep_an_administrator(*, without: Grant | User) -> None:
    """Raise Conflict if ending this grant, or this account, would leave no platform administrator.

    Whoever asks holds an advisory lock until commit, so that of two who end each other only the first succeeds; the
    lock comes before the count, which therefore sees what the first one committed.
    """
    live = Grant.objects.live().filter(role=Role.PLATFORM_ADMIN, scope_type=Scope.GLOBAL)
    live = live.filter(user__is_active=True, user__is_service=False)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [LOCK])
    ended = live.filter(pk=without.pk) if isinstance(without, Grant) else live.filter(user=without)
    if ended.exists() and not live.exclude(pk__in=ended.values("pk")).exists():
        raise Conflict(
            "This is the last platform administrator. Give the role to somebody else first, over everything.",
            code="last-administrator",
        )
