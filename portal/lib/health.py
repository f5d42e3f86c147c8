"""Probes and metrics. Liveness never asks a dependency: a database outage must not restart every pod."""

from collections.abc import Callable

from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from . import schema, standby


def live(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "ok"})


class SchemaBehind(Exception):
    """The database has not the schema of this version yet."""


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if schema.is_behind():
        raise SchemaBehind


def _cache() -> None:
    caches["default"].ping()  # type: ignore[attr-defined]  # a look-up would not notice


def _works(probe: Callable[[], None]) -> str:
    try:
        probe()
    except Exception as error:  # noqa: BLE001 - whatever it is, the component is not ready
        return f"down: {type(error).__name__}"
    return "ok"


def ready(request: HttpRequest) -> HttpResponse:
    """JSON per component: 503 without the database, 200 and `degraded` without cache or standby alone."""
    parts = {"database": _works(_database), "cache": _works(_cache)}
    if settings.STANDBY and parts["database"] == "ok":
        parts["standby"] = "alone" if standby.is_alone() else "ok"
    parts["regions"] = "ok" if settings.REGIONS_FILE.is_file() else "none connected"
    if parts["database"] != "ok":
        return JsonResponse({"status": "down", "components": parts}, status=503)
    status = "ok" if parts["cache"] == "ok" and parts.get("standby") != "alone" else "degraded"
    return JsonResponse({"status": status, "components": parts})


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text. The figures are read from the database, so that every process tells the same."""
    registry = CollectorRegistry()
    for dotted in settings.METRIC_COLLECTORS:
        registry.register(import_string(dotted)())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
