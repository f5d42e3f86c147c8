"""A ledger of its own for every test: a database cloned from a migrated one, a bucket, a witness."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from portal.audit.sealing import service
from portal.audit.sealing.export import export
from portal.audit.sealing.store import Store, store
from portal.embedded.stack import Stack
from tests.stack import HOME, OWNER

TEMPLATE = "bailiwick"


@dataclass
class Ledger:
    """One test's ledger, as its four sorts of visitors meet it."""

    stack: Stack
    name: str
    witness: Path
    to: Store
    opened: list[psycopg.Connection] = field(default_factory=list)

    def url(self, role: str) -> str:
        """The address for `app`, `sealer`, `reader` or `migrator`."""
        name = {"app": "DATABASE_URL", "migrator": "BAILIWICK_MIGRATE_DATABASE_URL"}.get(role)
        return self.stack.env[name or f"BAILIWICK_{role.upper()}_DATABASE_URL"].rpartition("/")[0] + f"/{self.name}"

    def connect(self, role: str) -> psycopg.Connection:
        """A connection as one of them, or as `dba`, a superuser."""
        if role == "dba":
            db = psycopg.connect(**self.stack.superuser_kwargs("control", self.name), autocommit=True)
        else:
            db = psycopg.connect(self.url(role), autocommit=True)
        self.opened.append(db)
        return db

    def store(self) -> Store:
        """The write-once store by a client of its own."""
        return replace(store(), bucket=self.to.bucket)

    def copy(self) -> "Ledger":
        """The database as it is now under another name, with the same store and witness: a dump, restored."""
        for db in self.opened:
            db.close()
        self.opened.clear()
        name = f"{self.name}_copy"
        with psycopg.connect(**self.stack.superuser_kwargs("control", "postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {self.name} OWNER bw_owner")
        return Ledger(self.stack, name, self.witness, self.to)

    @contextmanager
    def acting(
        self, db: psycopg.Connection, actor: str = "system:test", reason: str = "a test"
    ) -> Iterator[psycopg.Connection]:
        """A transaction with somebody in it."""
        with db.transaction():
            db.execute(
                "SELECT set_config('bailiwick.actor', %s, true), set_config('bailiwick.reason', %s, true)",
                [actor, reason],
            )
            yield db

    def write(self, count: int = 1, db: psycopg.Connection | None = None) -> list[int]:
        """Record acts, each in its own transaction; returns the entries' ids."""
        db = db or self.connect("app")
        return [self.act(db, number) for number in range(count)]

    def act(self, db: psycopg.Connection, number: int) -> int:
        call = "SELECT audit.record('test.act', 'tests.thing', %s, NULL, 'system:test', 'system', 'a test', '', '{}')"
        row = db.execute(call, [str(number)]).fetchone()
        assert row is not None
        return int(row[0])

    def sealer(self) -> service.Sealer:
        return service.Sealer(self.connect("sealer"), self.to)

    def seal(self) -> int:
        """Seal and anchor all there is; returns the tree's size."""
        self.sealer().round()
        return int(self.one("SELECT size FROM ledger.horizon"))

    def one(self, query: str, values: Any = ()) -> Any:
        """The first value of the first row, as the DBA sees it."""
        row = self.connect("dba").execute(query, values).fetchone()
        return row[0] if row else None

    def export(self, to: Path) -> Path:
        export(self.connect("reader"), self.to, self.witness, to)
        return to


@pytest.fixture(scope="session")
def control() -> Iterator[Stack]:
    """A migrated, seeded control database that nothing else writes to: its transaction horizon is its own."""
    parts = ("postgres", "redis", "aws", "migrate")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    stack = Stack(
        Path(os.environ[HOME]) / f"ledger{worker}", regions=("ap-south-1",), only=parts, owner=int(os.environ[OWNER])
    )
    with stack:
        with psycopg.connect(**stack.superuser_kwargs("control", "postgres"), autocommit=True) as db:
            db.execute(f"ALTER DATABASE {TEMPLATE} IS_TEMPLATE true")
        yield stack


@pytest.fixture
def ledger(control: Stack, tmp_path: Path, settings: Any) -> Iterator[Ledger]:
    name = f"ledger_{uuid4().hex[:12]}"
    settings.LEDGER = settings.LEDGER | {"witness": tmp_path / "witness", "bucket": name.replace("_", "-")}
    settings.REGIONS_FILE = control.home.regions_file
    settings.SECRETS_DIR = tmp_path / "secrets"
    admin = psycopg.connect(**control.superuser_kwargs("control", "postgres"), autocommit=True)
    admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER bw_owner")
    admin.execute(f"ALTER ROLE migrator IN DATABASE {name} SET role = 'bw_owner'")
    made = Ledger(control, name, tmp_path / "witness", store())
    yield made
    for db in made.opened:
        db.close()
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()
