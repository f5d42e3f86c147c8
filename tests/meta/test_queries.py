"""SQL queries per endpoint and page are pinned in queries.json; a count that rises, or passes eight, fails.

A new list is counted without being named: its count must be added to the pins. Write them anew, after a look at the
difference, with BAILIWICK_PIN_QUERIES=1.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.module_loading import import_string

from compliance.erasing.models import ErasureRequest, Obligation
from compliance.holds.models import Hold
from compliance.inventory.models import System
from lifecycle.migration.models import Migration
from lifecycle.tierchanges.models import TierChange
from portal.access import jwt
from tests.admin.world import World, build, person, tenant
from tests.erasing.made import erasure, owed
from tests.flags.made import flag, on_for
from tests.holds.made import hold
from tests.migration.control.made import migration
from tests.tierchanges.made import row

PINS = Path(__file__).with_name("queries.json")
CEILING, API_DETAIL = 8, 4
ROWS = 30
pytestmark = pytest.mark.django_db


def details(world: World) -> dict[str, tuple[str, str]]:
    """One object of each kind: what its page and its endpoint are called, and its key."""
    return {
        "tenants": ("tenants", str(world.tenant.pk)),
        "requests": ("tenant-requests", str(world.request.pk)),
        "approvals": ("approvals", str(world.case.pk)),
        "jobs": ("jobs", str(world.failed.pk)),
        "validations": ("validations", str(world.run.pk)),
        "incidents": ("incidents", str(world.incident.pk)),
        "tiers": ("tiers", "gold"),
        "tier-changes": ("tier-changes", str(TierChange.objects.get().pk)),
        "business-units": ("business-units", "FIN"),
        "flags": ("flags", "cite-sources"),
        "migrations": ("migrations", str(Migration.objects.get().pk)),
        "holds": ("holds", str(Hold.objects.get().pk)),
        "systems": ("systems", str(System.objects.get(name="backups").pk)),
        "erasures": ("erasure-requests", str(ErasureRequest.objects.order_by("number")[0].pk)),
        "obligations": ("obligations", str(Obligation.objects.get().pk)),
        "retention-rules": ("retention-rules", "RET-SOX"),
        "playbooks": ("playbooks", "gold"),
        "tenant-flags": ("", str(world.tenant.pk)),
        "tenant-configuration": ("", str(world.tenant.pk)),
        "tier-configuration": ("", "gold"),
    }


def pages(world: World) -> Iterator[tuple[str, str]]:
    """Console: the home, every registered list, a page of each kind."""
    yield "page /", "/"
    for page in admin.site.governed():
        yield f"page {page.list_url()}", page.list_url()
    for mount, (_, key) in details(world).items():
        yield f"page /{mount}/{{id}}/", f"/{mount}/{key}/"


def endpoints(world: World) -> Iterator[tuple[str, str]]:
    """API: every registered list, and one object of each kind."""
    known = dict(details(world).values())
    for dotted in settings.API_ROUTES:
        for prefix, viewset, _basename in import_string(dotted):
            if hasattr(viewset, "list"):
                yield f"api /{prefix}/", f"/api/v1/{prefix}/"
            if prefix in known:
                yield f"api /{prefix}/{{id}}/", f"/api/v1/{prefix}/{known[prefix]}/"


def counted(client: Any, path: str, **headers: str) -> int | None:
    """The least of two, because names and counts are kept for some seconds; None where the role may not look."""
    seen = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path, **headers)
        if answer.status_code in (403, 404):
            return None
        assert answer.status_code == 200, (path, answer.status_code)
        seen.append(len(queries))
    return min(seen)


@pytest.fixture
def counts(shipped: None) -> dict[str, int]:
    """Queries by name, as the first of these people who may look."""
    world = build()
    flag()
    on_for("cite-sources", world.tenant)
    row(world.tenant)
    migration(world.tenant)
    erasure(world.tenant)
    owed(world.tenant)
    hold(world.tenant)
    for number in range(ROWS):
        tenant(f"more-{number}x", ("FIN", "HR", "RISK")[number % 3], "meera")
    found: dict[str, int] = {}
    for username in ("priya", "oliver", "meera"):
        client = Client()
        client.force_login(person(username), backend="django.contrib.auth.backends.ModelBackend")
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {jwt.mint(str(person(username).pk))}"}
        asked = [(client, one, {}) for one in pages(world)] + [(Client(), one, bearer) for one in endpoints(world)]
        for asker, (name, path), headers in asked:
            if name not in found and (queries := counted(asker, path, **headers)) is not None:
                found[name] = queries
    return dict(sorted(found.items()))


def test_no_page_or_endpoint_asks_more_than_it_did(counts: dict[str, int]) -> None:
    if os.environ.get("BAILIWICK_PIN_QUERIES"):
        PINS.write_text(json.dumps(counts, indent=2) + "\n")
    pinned = json.loads(PINS.read_text())
    assert not {name: count for name, count in counts.items() if count > CEILING}, "over the ceiling"
    assert not {name: count for name, count in counts.items() if name not in pinned}, "not pinned yet"
    risen = {name: (pinned[name], count) for name, count in counts.items() if count > pinned[name]}
    assert not risen, "more queries than pinned"
    assert counts["api /tenants/{id}/"] <= API_DETAIL
