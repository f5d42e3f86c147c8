"""Reads that are recorded: with the reason of an access session, or, for those who supervise, without one.

A read is written down before anything is shown, once for each person, object and session or quarter of an hour. The
cache only remembers what is written already: without it every read is written.
"""

import contextlib
import hashlib
from typing import Any

import structlog
from django.core.cache import cache
from django.db import models, transaction
from redis.exceptions import RedisError
from rest_framework import permissions, serializers
from rest_framework.request import Request

from portal.audit.actions import record

from .actor import Actor, actor_of
from .models import Role
from .queries import roles_of
from .sessions import is_open_to, session_for

RECORDED = frozenset({Role.AUDITOR, Role.COMPLIANCE_OFFICER, Role.LEGAL})
REMEMBERED_SECONDS = 900
log = structlog.get_logger(__name__)


def note_read(actor: Actor, obj: models.Model, *, route: str = "") -> None:
    """Refuse a read that needs a reason nobody gave; write down one that must be recorded."""
    session = session_for(actor, obj)
    if session is not None:
        _once(f"{session.pk}", "tenant.read", obj, actor, session.reason, {"session": str(session.pk)})
    elif roles_of(actor) & RECORDED:
        _once(route, "audit.read", obj, actor, "", {"route": route})


def note_list(actor: Actor, route: str) -> None:
    """Write down that a supervisor opened a page or list that is about no single object."""
    if actor.user is not None and roles_of(actor) & RECORDED:
        _once(route, "audit.read", actor.user, actor, "", {"route": route})


def _once(within: str, verb: str, obj: models.Model, actor: Actor, reason: str, data: dict[str, str]) -> None:
    what = repr((actor.id, obj._meta.label_lower, str(obj.pk), within))  # an address may hold blanks, a key may not
    key = "read:" + hashlib.sha256(what.encode()).hexdigest()
    if _is_written(key):
        return
    with transaction.atomic():
        record(verb, obj, actor=actor, reason=reason, data=data)
    with contextlib.suppress(RedisError):
        cache.set(key, 1, REMEMBERED_SECONDS)


def _is_written(key: str) -> bool:
    try:
        return cache.get(key) is not None
    except RedisError as error:
        log.warning("reading.cache_away", error=type(error).__name__)
        return False


class Noted(permissions.BasePermission):
    """Every GET of the API goes through `note_read` or `note_list`, so that a new route cannot forget to."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if _is_read(request, view) and not _finds_object(view):
            note_list(actor_of(request), request.path)
        return True

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        if _is_read(request, view):
            note_read(actor_of(request), obj, route=request.path)
        return True


def _is_read(request: Request, view: Any) -> bool:
    return request.method in permissions.SAFE_METHODS and hasattr(view, "action") and request.user.is_authenticated


def _finds_object(view: Any) -> bool:
    return hasattr(view, "queryset") and (view.lookup_url_kwarg or view.lookup_field) in view.kwargs


class ReadWithReason(serializers.Serializer[Any]):
    """Shows only `registry` of an object whose reader has not said why they need the rest."""

    registry: tuple[str, ...] = ()

    def to_representation(self, instance: Any) -> Any:
        row = super().to_representation(instance)
        request = self.context.get("request")
        if request is None or is_open_to(actor_of(request), instance):
            return row
        return {name: row[name] for name in self.registry}
