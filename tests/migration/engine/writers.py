"""Writers as the platform's: routed by the placement, refused ones ask again; what was acknowledged is remembered."""

import random
import threading
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import IsolationLevel, errors

from lifecycle.migration.engine.move import Placement

from .conftest import Connection, World

ACCOUNTS, SUM = 4, 4_000
REFUSED = "55BWF"


class Writer(threading.Thread):
    """One client with documents of its own, which also moves amounts between accounts that all share."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(daemon=True)
        self.world, self.dice = world, random.Random(number)
        self.isolation = IsolationLevel.REPEATABLE_READ if number % 2 else IsolationLevel.READ_COMMITTED
        self.documents: dict[UUID, str] = {}
        self.gone: set[UUID] = set()
        self.written = self.refused = 0
        self.longest = 0.0
        self.failure: BaseException | None = None
        self._stop_it = threading.Event()

    def run(self) -> None:
        try:
            with psycopg.connect(**self.world.arguments, autocommit=True) as control:
                while not self._stop_it.is_set():
                    self._one(control)
        except BaseException as error:
            self.failure = error

    def stop(self) -> None:
        self._stop_it.set()
        self.join(60)
        if self.failure:
            raise self.failure

    def _one(self, control: Connection) -> None:
        """One transaction, again and again until some store has taken it."""
        act = self.dice.choice([self._insert, self._insert, self._change, self._remove, self._return, self._transfer])
        while not self._stop_it.is_set():
            at = self._placement(control)
            region = self.world.blue if at.owner == self.world.blue.name else self.world.green
            try:
                with self.world.writer(region, at.epoch, isolation_level=self.isolation) as db:
                    told = act(db)
            except errors.OperationalError as refused:
                if refused.sqlstate not in (REFUSED, "40001", "40P01"):
                    raise
                self.refused += 1
                continue
            told()
            self.written += 1
            return

    def _placement(self, control: Connection) -> Placement:
        query = "SELECT owner, epoch FROM placement WHERE tenant_id = %s"
        row = control.execute(query, [self.world.id]).fetchone()
        assert row is not None
        return Placement(*row)

    def _insert(self, db: Connection, document: UUID | None = None) -> Any:
        document, title = document or uuid4(), str(self.dice.random())
        db.execute(
            "INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, %s)", [self.world.id, document, title]
        )
        db.execute("INSERT INTO rag.chunks VALUES (%s, %s, 0, %s)", [self.world.id, document, title])
        return lambda: (self.documents.update({document: title}), self.gone.discard(document))

    def _change(self, db: Connection) -> Any:
        if not self.documents:
            return self._insert(db)
        document, title = self.dice.choice(list(self.documents)), str(self.dice.random())
        db.execute("UPDATE rag.documents SET title = %s WHERE id = %s", [title, document])
        db.execute("UPDATE rag.chunks SET body = %s WHERE document_id = %s", [title, document])
        return lambda: self.documents.update({document: title})

    def _remove(self, db: Connection) -> Any:
        if not self.documents:
            return self._insert(db)
        document = self.dice.choice(list(self.documents))
        db.execute("DELETE FROM rag.chunks WHERE document_id = %s", [document])
        db.execute("DELETE FROM rag.documents WHERE id = %s", [document])
        return lambda: (self.documents.pop(document), self.gone.add(document))

    def _return(self, db: Connection) -> Any:
        return self._insert(db, self.dice.choice(list(self.gone)) if self.gone else None)

    def _transfer(self, db: Connection) -> Any:
        one, two = self.dice.sample(range(ACCOUNTS), 2)
        for slot, amount in sorted(((one, -7), (two, 7))):
            db.execute(
                "UPDATE rag.usage_counters SET amount = amount + %s WHERE metric = 'account' AND slot = %s",
                [amount, slot],
            )
        return lambda: None


class Crowd:
    """Some writers; afterwards `check` compares the owner's content with what they were told."""

    def __init__(self, world: World, size: int = 4) -> None:
        self.world = world
        with world.writer(world.blue) as db:
            db.execute(
                "INSERT INTO rag.usage_counters SELECT %s, 'account', '2026-01-01', n, %s"
                " FROM generate_series(0, %s) n",
                [world.id, SUM // ACCOUNTS, ACCOUNTS - 1],
            )
        self.writers = [Writer(world, number) for number in range(size)]

    def __enter__(self) -> "Crowd":
        for writer in self.writers:
            writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self.writers:
            writer.stop()

    @property
    def written(self) -> int:
        return sum(writer.written for writer in self.writers)

    def check(self) -> None:
        """Everything acknowledged is there as it was acknowledged, and nothing else of theirs; the sum is intact."""
        with psycopg.connect(**self.world.arguments) as db:
            row = db.execute("SELECT owner FROM placement WHERE tenant_id = %s", [self.world.id]).fetchone()
        owner = self.world.blue if row == (self.world.blue.name,) else self.world.green
        with psycopg.connect(**owner.database.connect_kwargs("verifier")) as db:
            told = {document: title for writer in self.writers for document, title in writer.documents.items()}
            for query in (
                "SELECT id, title FROM rag.documents WHERE tenant_id = %s AND title LIKE '0.%%'",
                "SELECT document_id, body FROM rag.chunks WHERE tenant_id = %s AND body LIKE '0.%%'",
            ):
                assert dict(db.execute(query, [self.world.id]).fetchall()) == told
            total = "SELECT sum(amount) FROM rag.usage_counters WHERE tenant_id = %s AND metric = 'account'"
            assert db.execute(total, [self.world.id]).fetchone() == (SUM,)
