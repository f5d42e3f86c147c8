"""What no view answered for: problem+json where machines ask, Django's own page where people do."""

import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults

from .errors import Absent, Busy, TooLarge
from .problems import TYPE_PREFIX, busy

MACHINES = ("/api/", "/v1/", "/ofrep/")


def asked_by_machine(request: HttpRequest) -> bool:
    return request.path.startswith(MACHINES)


def _problem(status: int, code: str, title: str, detail: str) -> HttpResponse:
    body = {"type": TYPE_PREFIX + code, "title": title, "status": status, "detail": detail}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if isinstance(exception, RequestDataTooBig):
        return _too_large(request)
    if asked_by_machine(request):
        return _problem(400, "bad-request", "Bad request", "The request as a whole is not acceptable HTTP here.")
    return defaults.bad_request(request, exception)


def _too_large(request: HttpRequest) -> HttpResponseBase:
    detail = f"The body is over {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024} KB."
    if asked_by_machine(request):
        return _problem(413, TooLarge.default_code(), TooLarge.title, detail)
    return HttpResponse(render_to_string("413.html", {"detail": detail}), status=413)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if asked_by_machine(request):
        return _problem(403, "not-allowed", "You may not do this", "This is not yours to do.")
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if asked_by_machine(request):
        return _problem(404, "not-found", Absent.title, "There is nothing at this address, or nothing you may see.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Names the request's id, which the log carries too; never what went wrong inside."""
    refusal = busy(sys.exc_info()[1])
    if refusal:
        return _busy(request, refusal)
    if asked_by_machine(request):
        known: Any = getattr(request, "request_id", "")
        return _problem(500, "internal", "Something went wrong here", f"Ask again; if it stays, name request {known}.")
    return defaults.server_error(request)


def _busy(request: HttpRequest, refusal: Busy) -> HttpResponseBase:
    if asked_by_machine(request):
        answer = _problem(refusal.status, refusal.code, refusal.title, refusal.detail)
    else:
        answer = HttpResponse(render_to_string("503.html", {"detail": refusal.detail}), status=refusal.status)
    answer["Retry-After"] = str(refusal.extra["retry_after"])
    return answer
