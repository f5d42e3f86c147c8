from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db.backends.postgresql.operations import DatabaseOperations

from . import KINDS
from .support import Worker

TRIGGER = "TRIGGER audit_entry_no_truncate"


@pytest.fixture(scope="session", autouse=True)
def flushable_record() -> Iterator[None]:
    """Let the flush after a transactional test empty the record too, which refuses TRUNCATE to everybody else."""
    flush = DatabaseOperations.execute_sql_flush

    def with_the_record(self: DatabaseOperations, statements: list[str]) -> None:
        allow, refuse = f"ALTER TABLE audit_entry DISABLE {TRIGGER}", f"ALTER TABLE audit_entry ENABLE ALWAYS {TRIGGER}"
        flush(self, [allow, *statements, refuse])

    patch = pytest.MonkeyPatch()
    patch.setattr(DatabaseOperations, "execute_sql_flush", with_the_record)
    yield
    patch.undo()


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
