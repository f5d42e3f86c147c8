from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import KINDS
from .support import Worker


@pytest.fixture(autouse=True)
def test_kinds(settings: Any) -> None:
    settings.JOB_KINDS = KINDS
    settings.OUTBOX_SUBSCRIBERS = {}
    settings.SCHEDULE = {}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The outside world of the test kinds."""
    path = tmp_path / "world"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def worker(django_db_setup: None) -> Iterator[Worker]:
    """A process that forks a child per job; the children have connections of their own, it has none."""
    process = Worker()
    yield process
    process.close()
