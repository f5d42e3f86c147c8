"""A move whose switch is done, and regions that nobody reaches."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lifecycle.migration.engine.move import DIRTY_KEYS
from portal.embedded.stack import Stack
from tests.migration.engine.conftest import leave

from .running import NO_READS, Running, running


@pytest.fixture
def capture(request: pytest.FixtureRequest) -> str:
    """Who notes what changes; the engine's `both_ways` has a module's tests hold for either."""
    return getattr(request, "param", DIRTY_KEYS)


@pytest.fixture
def switched(shipped: None, stack: Stack, settings: Any, capture: str) -> Iterator[Running]:
    quiet = {"budget_ms": 5_000, "gate_seconds": 3600}
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, **quiet, "capture": capture}
    one = running(stack.superuser_kwargs("control", "postgres"), documents=20)
    one.until("traffic_cutover_complete")
    yield one
    leave(one.stores)


@pytest.fixture
def dead(settings: Any, tmp_path: Path) -> Any:
    """`dead("eu-west-1")` makes regions unreachable, and all others reachable again."""
    whole = settings.REGIONS_FILE

    def make(*names: str) -> None:
        known = json.loads(Path(whole).read_text())
        for name in names:
            known[name]["database"]["port"] = 1
        settings.REGIONS_FILE = tmp_path / "regions.json"
        settings.REGIONS_FILE.write_text(json.dumps(known))

    return make
