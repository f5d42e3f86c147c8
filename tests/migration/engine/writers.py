"""Writers as the platform's: routed by the placement, refused ones ask again; what was acknowledged is remembered."""

import random
import time
import traceback
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import IsolationLevel, errors

from lifecycle.migration.engine.move import Placement

from .conftest import Connection, World

ACCOUNTS, SUM = 4, 4_000
REFUSED = "55BWF"
FORK = get_context("fork")


@dataclass
class Told:
    """What a writer was told: its documents with their contents, those it deleted, and how often it was refused."""

    documents: dict[UUID, str] = field(default_factory=dict)
    gone: set[UUID] = field(default_factory=set)
    written: int = 0
    refused: int = 0
    longest: float = 0.0


class Writer:
    """One client with documents of its own, which also moves amounts between accounts that all share."""

    def __init__(self, world: World, number: int, is_patient: bool) -> None:
        self.world, self.dice, self.told, self.is_patient = world, random.Random(number), Told(), is_patient
        self.isolation = IsolationLevel.REPEATABLE_READ if number % 2 else IsolationLevel.READ_COMMITTED

    def run(self, stop: Any) -> Told:
        """Write until told to stop."""
        with psycopg.connect(**self.world.arguments, autocommit=True) as control:
            control.execute("LISTEN placement")
            while not stop.is_set():
                began = time.monotonic()
                self._one(control)
                self.told.longest = max(self.told.longest, time.monotonic() - began)
        return self.told

    def _one(self, control: Connection) -> None:
        """One transaction, again and again until some store has taken it."""
        act = self.dice.choice([self._insert, self._insert, self._change, self._remove, self._return, self._transfer])
        while True:
            at = self._placement(control)
            region = self.world.blue if at.owner == self.world.blue.name else self.world.green
            try:
                with self.world.writer(region, at.epoch, isolation_level=self.isolation) as db:
                    told = act(db)
            except errors.OperationalError as refused:
                if refused.sqlstate not in (REFUSED, "40001", "40P01"):
                    raise
                self.told.refused += 1
                if self.is_patient and refused.sqlstate == REFUSED:
                    self._wait_beyond(control, at)
                continue
            told()
            self.told.written += 1
            return

    def _wait_beyond(self, control: Connection, at: Placement) -> None:
        """As the platform does: nothing is asked again before somebody says that the tenant is elsewhere."""
        while self._placement(control) == at:
            list(control.notifies(timeout=1, stop_after=1))

    def _placement(self, control: Connection) -> Placement:
        query = "SELECT owner, epoch FROM placement WHERE tenant_id = %s"
        row = control.execute(query, [self.world.id]).fetchone()
        assert row is not None
        return Placement(*row)

    def _insert(self, db: Connection, document: UUID | None = None) -> Any:
        document, title = document or uuid4(), f"{self.dice.random():.15f}"
        db.execute(
            "INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, %s)", [self.world.id, document, title]
        )
        db.execute("INSERT INTO rag.chunks VALUES (%s, %s, 0, %s)", [self.world.id, document, title])
        return lambda: (self.told.documents.update({document: title}), self.told.gone.discard(document))

    def _change(self, db: Connection) -> Any:
        if not self.told.documents:
            return self._insert(db)
        document, title = self.dice.choice(list(self.told.documents)), f"{self.dice.random():.15f}"
        db.execute("UPDATE rag.documents SET title = %s WHERE id = %s", [title, document])
        db.execute("UPDATE rag.chunks SET body = %s WHERE document_id = %s", [title, document])
        return lambda: self.told.documents.update({document: title})

    def _remove(self, db: Connection) -> Any:
        if not self.told.documents:
            return self._insert(db)
        document = self.dice.choice(list(self.told.documents))
        db.execute("DELETE FROM rag.chunks WHERE document_id = %s", [document])
        db.execute("DELETE FROM rag.documents WHERE id = %s", [document])
        return lambda: (self.told.documents.pop(document), self.told.gone.add(document))

    def _return(self, db: Connection) -> Any:
        return self._insert(db, self.dice.choice(list(self.told.gone)) if self.told.gone else None)

    def _transfer(self, db: Connection) -> Any:
        one, two = self.dice.sample(range(ACCOUNTS), 2)
        for slot, amount in sorted(((one, -7), (two, 7))):
            db.execute(
                "UPDATE rag.usage_counters SET amount = amount + %s WHERE metric = 'account' AND slot = %s",
                [amount, slot],
            )
        return lambda: None


def _work(world: World, number: int, is_patient: bool, stop: Any, answer: Any) -> None:
    try:
        answer.send(Writer(world, number, is_patient).run(stop))
    except BaseException:
        answer.send(traceback.format_exc())


class Crowd:
    """Some writers, each a process; afterwards `check` compares the owner's content with what they were told.

    Impatient ones knock at a closed fence without pause, which is harder on the engine; patient ones wait for news.
    """

    def __init__(self, world: World, size: int = 4, *, is_patient: bool = False) -> None:
        self.world, self.is_patient = world, is_patient
        with world.writer(world.blue) as db:
            db.execute(
                "INSERT INTO rag.usage_counters SELECT %s, 'account', '2026-01-01', n, %s"
                " FROM generate_series(0, %s) n",
                [world.id, SUM // ACCOUNTS, ACCOUNTS - 1],
            )
        self.size = size
        self.told: list[Told] = []

    def __enter__(self) -> "Crowd":
        self._stop = FORK.Event()
        self._pipes = [FORK.Pipe(duplex=False) for _ in range(self.size)]
        self._writers = [
            FORK.Process(target=_work, args=(self.world, number, self.is_patient, self._stop, answer), daemon=True)
            for number, (_, answer) in enumerate(self._pipes)
        ]
        for writer in self._writers:
            writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for (pipe, _), writer in zip(self._pipes, self._writers, strict=True):
            assert pipe.poll(60), "a writer does not end"
            answer = pipe.recv()
            writer.join()
            if isinstance(answer, str):
                raise AssertionError(answer)
            self.told.append(answer)

    @property
    def written(self) -> int:
        return sum(told.written for told in self.told)

    def check(self) -> None:
        """Everything acknowledged is there as it was acknowledged, and nothing else of theirs; the sum is intact."""
        with psycopg.connect(**self.world.arguments) as db:
            row = db.execute("SELECT owner FROM placement WHERE tenant_id = %s", [self.world.id]).fetchone()
        owner = self.world.blue if row == (self.world.blue.name,) else self.world.green
        with psycopg.connect(**owner.database.connect_kwargs("verifier")) as db:
            told = {document: title for one in self.told for document, title in one.documents.items()}
            for query in (
                "SELECT id, title FROM rag.documents WHERE tenant_id = %s AND title LIKE '0.%%'",
                "SELECT document_id, body FROM rag.chunks WHERE tenant_id = %s AND body LIKE '0.%%'",
            ):
                there = dict(db.execute(query, [self.world.id]).fetchall())
                assert there == told, f"lost: {told.items() - there.items()}, too many: {there.items() - told.items()}"
            total = "SELECT sum(amount) FROM rag.usage_counters WHERE tenant_id = %s AND metric = 'account'"
            assert db.execute(total, [self.world.id]).fetchone() == (SUM,)
