"""Who may do what: every route × method and every page and verb × everybody × {own, other, suspended, deleted, absent}.

The expectations are `matrix_api.txt` and `matrix_console.txt`. A new route, method, page or verb without an expectation
fails, and so does one that is gone. After a deliberate change look at what differs, and write it down with
`BAILIWICK_PIN=1 pytest tests/access/test_matrix.py -n 0`.
"""

import difflib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.template import Template
from django.test.utils import _TestState  # type: ignore[attr-defined]

from . import crowd, routes
from .cells import Matrix, as_text, ask_api, ask_console, fill
from .scene import Scene

HERE = Path(__file__).parent
ELSEWHERE = {  # done in tests of their own: they need a platform that answers, or a job in a state of its own
    "/tenants/{object_id}/do/key/",
    "/jobs/{object_id}/do/compensate/",
    "/jobs/{object_id}/do/retry_step/",
    "/migrations/{object_id}/do/release_green/",  # of a move that was taken back: tests/migration/governance
    "/copies/{object_id}/do/release/",  # of a tenant on which no hold stands: tests/journeys/test_copies.py
    "/account-scans/{object_id}/do/sign/",  # of a scan in which everything is settled: tests/scans
    "/estate-decisions/{object_id}/do/withdraw/",  # by who has asked: tests/estate/test_doors.py
    "/erasures/{object_id}/do/prove/",  # of one that was certified: tests/erasure/run/test_proved.py
    "/obligations/{object_id}/do/erase_part/",  # of a part whose day has come: tests/erasing/test_kept.py
}
INTRO = """
Answers by route and method. A code such as 200/404/200/200/404 has one status for each relation of the object to
Finance that the route's line names; a single one stands for all of them. A list names the objects that are in it.
Nobody is told 401, or shown the sign-in page, unless a line says otherwise.
"""


@pytest.fixture(autouse=True)
def _quiet(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ten thousand requests: their log lines, and copies of every template's context, take longer than they do."""
    logging.disable(logging.CRITICAL)
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.startswith(("django_structlog", "whitenoise"))]
    monkeypatch.setattr(Template, "_render", _TestState.saved_data.template_render)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def scene(shipped: None) -> Scene:
    crowd.gather()
    return Scene()


def compare(name: str, found: Matrix) -> None:
    """Fail on every line that differs from the pinned file."""
    path, text = HERE / name, as_text(found, INTRO)
    if os.environ.get("BAILIWICK_PIN"):
        path.write_text(text)
    pinned = path.read_text() if path.exists() else ""
    changed = list(difflib.unified_diff(pinned.splitlines(), text.splitlines(), "pinned", "found", lineterm="", n=3))
    assert not changed, "\n".join(changed)


def done_by(name: str, found: Matrix, *, reads: bool = False) -> set[str]:
    """The doors where this one gets something done (or, of those that only show, sees an object of somebody's)."""
    return {
        f"{method} {route}"
        for route, methods in found.items()
        for method, (_, row) in methods.items()
        if (method == "GET") is reads and any(_is_done(one) for one in row.get(name, "").split("/"))
    }


def _is_done(code: str) -> bool:
    return (code[:1] == "2" and not code.endswith("[]")) or code == "302"


OWN_API = {"POST /api/v1/tokens/", "POST /api/v1/notifications/read-all/", "POST /api/v1/auth/token"}
OWN_PAGES = {
    "POST /", "POST /account/password/", "POST /eyes/", "POST /login/", "POST /notifications/read/", "POST /search/",
    "POST /theme/", "POST /tokens/new/", "POST /views/",
}  # fmt: skip
SIGNING = ("signatures/", "rejections/", "do/sign/", "do/reject/")
OPEN = ("/.well-known/", "/verify/", "/api/docs/", "/api/schema/", "/health/", "/metrics", "/api/v1/auth/token")


def what_must_hold(found: Matrix, own: set[str]) -> None:
    """What no pin may ever say otherwise."""
    for reader in ("auditor", "viewer@FIN", "superuser"):
        assert done_by(reader, found) <= own, reader
    for name in ("platform", "engineer", "auditor", "superuser", "service", "token", "admin@FIN"):
        assert not [door for door in done_by(name, found) if door.endswith(SIGNING)], name
    untouched = {route for route, methods in found.items() if any("422" in row.values() for _, row in methods.values())}
    made_up = {
        "/delegations/new/",
        "/requests/new/",
        "/erasures/new/",
        "/exports/new/",
        "/tier-changes/new/",
        "/api/v1/client-keys/",
        "/client-keys/new/",
        "/api/v1/portfolios/",
        "/verify/",
    }
    assert not untouched - made_up, "a body that is refused for its shape proves nothing"


def test_the_api(scene: Scene) -> None:
    found = fill(routes.api(), crowd.through_the_api(), ask_api, scene)
    compare("matrix_api.txt", found)
    what_must_hold(found, OWN_API)
    shown = done_by("nobody", found, reads=True) | done_by("nobody", found)
    assert all(door.split(" ")[1].startswith(OPEN) for door in shown)
    ours = {door for door in done_by("superuser", found, reads=True) if door not in shown}
    assert ours == {"GET /api/v1/me"}, "a superuser without a grant sees nothing"
    hot = {door for door in done_by("service", found, reads=True) | done_by("service", found) if door not in shown}
    wanted = {"GET /api/v1/me", "GET /v1/snapshot/{tenant_id}", "GET /v1/snapshots", "POST /api/v1/usage/"}
    wanted |= {"POST /api/v1/flags/exposures/", "POST /api/v1/tenants/{pk}/fence-reports/"}
    assert hot == wanted, "a service reads snapshots, reports usage, what it measured under flags, and shut fences"


def test_the_console(scene: Scene) -> None:
    found = fill(routes.console(), crowd.through_the_console(), ask_console, scene)
    compare("matrix_console.txt", found)
    what_must_hold(found, OWN_PAGES)
    verbs = {route for route in found if "/do/" in route}
    done = {door.split(" ")[1] for name in (*crowd.ROLES, crowd.SUPERUSER) for door in done_by(name, found)}
    assert verbs - done == ELSEWHERE, "a verb nobody could do here is not shown to be refused to anybody"
