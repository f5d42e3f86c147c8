"""Every list and every object page of the console that the router knows, as whoever may read it: none is forgotten.

A few are drawn by the seed; all of them with BAILIWICK_SWEEPS=all.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from tests.access import crowd, routes
from tests.access.scene import Scene
from tests.admin.world import person
from tests.conftest import let_truncate
from tests.sweeps import SEED, WHOLE

from .conftest import AXE
from .test_pages import faults

READERS = ("priya", "farah", "kiran", "vikram", "meera", "leela")
DRAWN = 12


@pytest.fixture
def world(transactional_db: None, shipped: None) -> Iterator[Scene]:
    with transaction.atomic():
        crowd.gather()
        made = Scene()
    yield made
    let_truncate()


def addresses(scene: Scene) -> Iterator[str]:
    for door in routes.console():
        if door.method == "GET" and door.kind and not door.route.endswith((".csv", ".pdf", "new/", "history/")):
            known = scene.of(door)
            key = known.get("here") or known.get("own") or ""
            yield door.route.format(object_id=key) if "{object_id}" in door.route else door.route


def readers(paths: list[str]) -> dict[str, list[str]]:
    """Who is shown each: the first of READERS that is."""
    clients = {name: Client() for name in READERS}
    for name, client in clients.items():
        client.force_login(person(name), backend=crowd.BACKEND)
    found: dict[str, list[str]] = {name: [] for name in READERS}
    for path in paths:
        if "{" in path:
            continue
        reader = next((name for name, client in clients.items() if client.get(path).status_code == 200), None)
        if reader:
            found[reader].append(path)
    return {name: own for name, own in found.items() if own}


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_it_fits_and_breaks_no_policy(visit: Any, world: Scene, width: int, theme: str) -> None:
    paths = sorted(set(addresses(world)))
    drawn = paths if WHOLE else random.Random(f"{SEED}{width}").sample(paths, DRAWN)
    found = {}
    for username, own in readers(drawn).items():
        page = visit(username, width=width, theme=theme)
        for path in own:
            if wrong := faults(page, path, AXE.read_text() + ";0"):
                found[f"{username} {path}"] = wrong
    assert found == {}
