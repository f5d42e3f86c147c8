"""Rows of a region's PostgreSQL: listed inside the store, then deleted by the listed keys, in batches (batch.py)."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from lifecycle.erasure.engine import batch, items, settling, statements
from lifecycle.erasure.engine.batch import Listed
from lifecycle.erasure.engine.target import Alive, Target
from lifecycle.erasure.engine.trying import tried
from lifecycle.stores.errors import Permanent
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import catalogue
from lifecycle.stores.postgres.catalogue import Table
from lifecycle.stores.postgres.connection import SYSTEM, at_length, connection, translated
from lifecycle.stores.postgres.fences import require_job_epoch
from portal.lib.regions import Region

VECTORS = "chunk_vectors"
FEW = 50  # rows whose worst plan costs less than statistics of tables that all tenants share
LISTED = "SELECT FROM bw.erasure_item WHERE request_id = %(request)s AND system = %(system)s LIMIT 1"
SPANS = """
SELECT table_name, max(seq) FROM bw.erasure_item WHERE request_id = %s AND system = %s GROUP BY 1 ORDER BY 2
"""


class Unsound(Permanent):
    """The schema is not one whose rows can be named and removed: nothing is certified before it is mended."""


class Rows:
    """Every table of schema rag that has a tenant column, the vectors' apart. Ids are `table:key/key`."""

    def __init__(self, region: Region, system: str = "postgres") -> None:
        self.region, self.system = region, system

    def ids(self, target: Target) -> Iterator[str]:
        """Every id, streamed from the list, which is made inside the store at once (`list_into_items`)."""
        self.list_into_items(target)
        return items.each(self.region, target.request_id, self.system)

    def list_into_items(self, target: Target) -> int:
        """Write every row that is to go into bw.erasure_item, in one transaction; return how many the list has.

        No row passes through here. A list that is whole is left as it is.
        """
        known = items.begin(self.region, target, self.system).listed
        return self._list(target) if known is None else known

    def erase(self, target: Target, alive: Alive) -> int:
        """Delete what the list names; return how many of its ids are gone, by whichever attempt or hand.

        Unsound, before anything is deleted, where a foreign key has no index; Held under a hold.
        """
        now = items.read(self.region, target.request_id, self.system)
        if now is None or now.listed is None:
            raise Permanent(SYSTEM, "erase rows", f"nothing is listed of request {target.request_id}")
        if now.is_finished:
            return now.done
        listed, end = self._listed(target), now.listed
        alive(now.done)
        if end - now.passed > FEW:
            touched = [self._relation(table.name, target.names) for table, _ in listed.spans]
            tried(lambda: settling.analyze(self.region, touched, lambda: alive(now.done)))
        while now.passed < end:
            now = tried(lambda: batch.delete(listed))
            alive(now.done)
        items.finish(self.region, target, self.system)
        return now.done

    def settle(self, target: Target) -> None:
        """Return once every standby has replayed what was deleted; Transient when one does not in time."""
        settling.replayed(self.region)

    def clear(self, erased: Mapping[UUID, TenantNames]) -> None:
        """Clear what these requests have removed out of pages and statistics: once for all that share a table."""
        touched = items.touched(self.region, erased, self.system)
        relations = {self._relation(table, erased[request]) for request, table in touched}
        settling.vacuum(self.region, sorted(relations))

    def _has(self, table: Table) -> bool:
        return table.name != VECTORS

    def _prefix(self, table: Table) -> str:
        return table.name

    def _relation(self, table: str, names: TenantNames) -> str:
        return table

    def _list(self, target: Target) -> int:
        arguments: dict[str, Any] = {"tenant": target.tenant_id, "person": target.user_id}
        arguments |= {"documents": list(target.documents), "request": target.request_id, "system": self.system}
        arguments["aside"] = statements.ASIDE
        with translated("list rows"), connection(self.region, "eraser") as db, db.transaction(), at_length(db):
            known = batch.claim(db, target, self.system)
            if known.listed is not None:
                return known.listed
            number, again = known.passed, db.execute(LISTED, arguments).fetchone() is not None
            if again:
                db.execute(statements.PUT_ASIDE, arguments | {"upto": number})
            for table, statement in self._listings(db, target):
                said = arguments | {"listed": number, "is_again": again}
                if again:
                    number += self._take_back(db, table, said, known.passed)
                number += db.execute(statement, said | {"listed": number}).rowcount
            if again:  # of tables that are no longer there: erasing says so
                number += db.execute(statements.TAKE_BACK, arguments | {"listed": number, "table": None}).rowcount
            # once the epoch has risen, nothing was visible to the statements after it
            require_job_epoch(db, target.tenant_id, target.resource, target.epoch)
            db.execute(items.WHOLE, (number, target.request_id, self.system))
        return number

    def _take_back(self, db: Connection[Any], table: Table, said: dict[str, Any], passed: int) -> int:
        """Put what was listed of the table and is not gone at the list's end, to be dealt with now or once more."""
        db.execute(statements.still_there(table), said | {"after": 0, "upto": passed})
        return db.execute(statements.TAKE_BACK, said | {"table": table.name}).rowcount

    def _listings(self, db: Connection[Any], target: Target) -> Iterator[tuple[Table, sql.Composed]]:
        tables = catalogue.children_first(db)
        if gone := target.kept_of(self.system) - {table.name for table in tables}:
            raise Unsound(SYSTEM, "list rows", f"rag.{min(gone)}, which a rule of retention keeps, is not there")
        only = statements.reached(target.only_of(self.system), tables)
        for table in filter(self._has, tables):
            if target.only and table.name not in only:
                continue
            if not table.key:
                raise Unsound(SYSTEM, "list rows", f"the key of rag.{table.name} does not begin with the tenant")
            kept = statements.kept(table, target.kept_of(self.system), tables)
            statement = statements.listing(table, target, self._prefix(table), kept)
            if statement is not None:
                yield table, statement

    def _listed(self, target: Target) -> Listed:
        with translated("plan"), connection(self.region, "eraser") as db:
            tables = {table.name: table for table in catalogue.children_first(db)}
            spans = db.execute(SPANS, (target.request_id, self.system)).fetchall()
        wrong = [f"no index for the foreign key {words}" for table in tables.values() for words in table.unindexed]
        wrong += [f"rag.{name} is no longer there" for name, _ in spans if name not in tables]
        if wrong:
            raise Unsound(SYSTEM, "erase rows", "; ".join(wrong))
        found = tuple((tables[name], upto) for name, upto in spans)
        return Listed(self.region, self.system, target, tuple(tables.values()), found)


class VectorRows(Rows):
    """pgvector: the tenant's partition of rag.chunk_vectors. Ids are `pgvector:document/ordinal`."""

    def __init__(self, region: Region, system: str = "vectors") -> None:
        super().__init__(region, system)

    def _has(self, table: Table) -> bool:
        return table.name == VECTORS

    def _prefix(self, table: Table) -> str:
        return "pgvector"

    def _relation(self, table: str, names: TenantNames) -> str:
        return names.partition
