"""OFREP: one flag or all of them for the tenant of the credential, in the words of OpenFeature.

https://github.com/open-feature/protocol: 200, 304 by ETag, 400 with `errorCode`, 401, 403, 404.
"""

import hashlib
import json
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, ParseError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from portal.access.actor import actor_of
from portal.lib.errors import Invalid, Refusal
from portal.lib.problems import busy
from tenants.models import Tenant

from . import actions
from .evaluation import ERROR, Answer
from .queries import answers_for
from .speaks_for import TenantBearer, note_refusal, other_tenant, tenant_of

PARSE_ERROR, INVALID_CONTEXT, GENERAL = "PARSE_ERROR", "INVALID_CONTEXT", "GENERAL"
TARGETING_KEY_MISSING, FLAG_NOT_FOUND = "TARGETING_KEY_MISSING", "FLAG_NOT_FOUND"


class Wrong(Exception):
    """An answer in OFREP's words."""

    def __init__(self, status: int, code: str, details: str) -> None:
        super().__init__(details)
        self.status, self.code, self.details = status, code, details


@extend_schema(exclude=True)  # the protocol has its own document
class Evaluation(APIView):
    """What both doors share: who asks, about which tenant, and how a refusal is worded."""

    authentication_classes = [TenantBearer]
    permission_classes = [IsAuthenticated]

    def get_exception_handler(self) -> Any:
        return self._worded

    def _worded(self, exc: Exception, context: dict[str, Any]) -> Response | None:
        exc = busy(exc) or exc
        if isinstance(exc, Refusal):
            exc = Wrong(exc.status, GENERAL, exc.detail)
        if isinstance(exc, ParseError):
            exc = Wrong(400, PARSE_ERROR, str(exc.detail))
        if isinstance(exc, APIException):
            shaped = exception_handler(exc, context)
            headers = {name: value for name, value in (shaped.items() if shaped else ()) if name != "Content-Type"}
            return Response({"errorDetails": str(exc.detail)}, status=exc.status_code, headers=headers)
        if not isinstance(exc, Wrong):
            return exception_handler(exc, context)
        key = context["kwargs"].get("key")
        body = {"key": key} if key else {}
        return Response({**body, "errorCode": exc.code, "errorDetails": exc.details}, status=exc.status)

    def answers(self, request: Request) -> tuple[Tenant, dict[str, Answer]]:
        """Every flag for the tenant that the credential speaks for."""
        try:
            tenant = tenant_of(request)
        except Invalid as refusal:
            raise Wrong(400, TARGETING_KEY_MISSING, refusal.detail) from None
        context = _context(request.data)
        if key := other_tenant(context, tenant):
            note_refusal(actor_of(request), tenant, key)
            raise Wrong(400, INVALID_CONTEXT, f"{key} names another tenant than the credential's. This is recorded.")
        return tenant, answers_for([tenant])[tenant.pk]


def _context(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Wrong(400, PARSE_ERROR, 'The body is a JSON object: {"context": {…}}.')
    context = given.get("context", {})
    if not isinstance(context, dict):
        raise Wrong(400, INVALID_CONTEXT, "The context is an object.")
    if not isinstance(context.get("targetingKey", ""), str):
        raise Wrong(400, INVALID_CONTEXT, "The targeting key is a string.")
    return context


class One(Evaluation):
    def post(self, request: Request, key: str) -> Response:
        """One flag."""
        _tenant, answers = self.answers(request)
        if key not in answers:
            raise Wrong(404, FLAG_NOT_FOUND, "There is no such flag, or no longer.")
        actions.seen({key: answers[key].variant})
        found = _worded(key, answers[key])
        return Response(found, status=400 if "errorCode" in found else 200)


class All(Evaluation):
    def post(self, request: Request) -> Response:
        """All flags; 304 while they are what the caller's ETag says."""
        tenant, answers = self.answers(request)
        flags = [_worded(key, answer) for key, answer in sorted(answers.items())]
        digest = hashlib.sha256(json.dumps([str(tenant.pk), flags], sort_keys=True).encode()).hexdigest()
        headers = {"ETag": f'"{digest[:32]}"'}
        if headers["ETag"] in _tags(request.headers.get("If-None-Match", "")):
            return Response(status=304, headers=headers)
        actions.seen({key: answer.variant for key, answer in answers.items()})
        return Response({"flags": flags, "metadata": {"tenant": str(tenant.pk)}}, headers=headers)


def _tags(header: str) -> set[str]:
    return {one.strip().removeprefix("W/") for one in header.split(",")}


def _worded(key: str, answer: Answer) -> dict[str, Any]:
    if answer.reason == ERROR:
        return {"key": key, "errorCode": GENERAL, "errorDetails": "The flag gives a variant that it does not have."}
    about = {"about": answer.about} if answer.about else {}
    return {"key": key, **answer.public(), "metadata": {"because": answer.because, **about}}
