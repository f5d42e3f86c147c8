"""The registry's read path, behind Django's URL configuration and, for speed, in front of it."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from .registry import door

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def answered(request: HttpRequest, **_: Any) -> HttpResponse:
    """The same answer inside Django: where its middleware is wanted, and for tests."""
    status, headers, body = _answer(request.META)
    return HttpResponse(body, status=status, headers=headers)


def ahead_of(application: WSGI) -> WSGI:
    """Answer `/v1/` here and hand everything else on: no session, template or parser is in the way of a hot read."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith("/v1/"):
            return application(environ, start_response)
        status, headers, body = _answer(environ)
        said = {**settings.STRICT_HEADERS, **headers, "Content-Length": str(len(body))}
        start_response(f"{status} {HTTPStatus(status).phrase}", list(said.items()))
        return [body]

    return serve


def _answer(environ: dict[str, Any]) -> door.Answer:
    return door.answer(
        environ["REQUEST_METHOD"],
        environ["PATH_INFO"],
        environ.get("QUERY_STRING", ""),
        environ.get("HTTP_AUTHORIZATION", ""),
        environ.get("HTTP_IF_NONE_MATCH", ""),
    )
