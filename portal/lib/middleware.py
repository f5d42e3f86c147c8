"""Request identity, whose address it comes from, and the strict response headers."""

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

from .ids import new_id

Handler = Callable[[HttpRequest], HttpResponse]


class RequestId:
    """Gives each request an id, answers with it, and never trusts one sent in."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = str(new_id())  # type: ignore[attr-defined]
        response = self.get_response(request)
        response.headers["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response


class ClientAddress:
    """Behind trusted proxies REMOTE_ADDR becomes the address the first of them saw; elsewhere nobody names their own.

    Each proxy appends whom it heard from, so with N of them the N-th address from the right is theirs to tell; what
    stands before it is the caller's invention.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        told = request.META.pop("HTTP_X_FORWARDED_FOR", "").split(",")
        if 0 < settings.TRUSTED_PROXIES <= len(told):
            named = told[-settings.TRUSTED_PROXIES].strip()
            if _is_address(named):
                request.META["REMOTE_ADDR"] = named
        return self.get_response(request)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class SecurityHeaders:
    """Puts the strict headers on every answer, also on those that other middleware refuses, and lets nobody keep it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in settings.STRICT_HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class RequestLog(RequestMiddleware):
    """One line when a request begins and one when it ends, without the query: it may hold names, codes, credentials."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"
