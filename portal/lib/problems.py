"""problem+json (RFC 9457): the one place where a refusal becomes an HTTP answer of the API."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from . import schema
from .errors import Busy, Invalid, Refusal

log = structlog.get_logger(__name__)
TYPE_PREFIX = "urn:bailiwick:problem:"
# An idle transaction's time, a transaction's, and what is no primary any more: psycopg has them among internal errors.
NOT_NOW = ("25P03", "25P04", "25006")


def problem(status: int, code: str, title: str, detail: str, **extra: Any) -> Response:
    body = {"type": TYPE_PREFIX + code, "title": title, "status": status, "detail": detail, **extra}
    return Response(body, status=status, content_type="application/problem+json")


def from_refusal(refusal: Refusal) -> Response:
    extra = dict(refusal.extra)
    if isinstance(refusal, Invalid) and refusal.fields:
        extra["fields"] = {name: [text] for name, text in refusal.fields.items()}
    answer = problem(refusal.status, refusal.code, refusal.title, refusal.detail, **extra)
    if "retry_after" in extra:
        answer["Retry-After"] = str(extra["retry_after"])
    return answer


def busy(exc: BaseException | None) -> Busy | None:
    """Return the refusal that a database which could not go on amounts to, None for whatever else went wrong."""
    if not isinstance(exc, (DatabaseError, InterfaceError)):
        return None
    if isinstance(exc, ProgrammingError) and schema.is_behind():
        return Busy("Bailiwick is being set up or upgraded: its tables are not complete yet. Ask again.", retry_after=2)
    state = getattr(exc.__cause__, "sqlstate", None)
    if not isinstance(exc, (OperationalError, InterfaceError)) and state not in NOT_NOW:
        return None
    log.warning("database.busy", error=type(exc.__cause__ or exc).__name__, sqlstate=state)
    if state:  # the server had the last word, and takes back what it could not finish
        return Busy("The database could not finish this in time. Nothing was changed; ask again.", retry_after=2)
    return Busy("The database went away before it answered. Look whether this happened, then ask again.", retry_after=2)


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception hook: refusals, validation errors and HTTP errors all leave as problem+json."""
    exc = busy(exc) or exc
    if isinstance(exc, Refusal):
        set_rollback()
        return from_refusal(exc)
    if isinstance(exc, exceptions.ValidationError):
        set_rollback()
        fields = exc.detail if isinstance(exc.detail, dict) else {"request": exc.detail}
        return problem(422, "invalid", Invalid.title, _sentence(fields), fields=fields)
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    answer = exception_handler(exc, context)
    if answer is None or not isinstance(exc, exceptions.APIException):
        return answer
    code = str(exc.default_code).replace("_", "-")
    shaped = problem(answer.status_code, code, str(exc.default_detail), str(exc.detail))
    for name in ("WWW-Authenticate", "Retry-After", "Allow"):
        if name in answer.headers:
            shaped[name] = answer.headers[name]
    return shaped


def _sentence(fields: Any) -> str:
    if isinstance(fields, dict):
        return "; ".join(f"{name}: {_sentence(value)}" for name, value in fields.items())
    if isinstance(fields, (list, tuple)):
        return ", ".join(_sentence(value) for value in fields)
    return str(fields)
