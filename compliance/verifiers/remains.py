"""Whether anything is left of somebody whose id nobody knows any more: every id that a store holds is put to a test.

`is_erased` says of an id whether it is one of those; it compares keyed digests. Ids are looked at and kept nowhere.
"""

from collections.abc import Callable, Iterator
from uuid import UUID

from psycopg import sql

from portal.lib.regions import Region

from . import aws, buckets, cache, tables
from .answering import NotChecked, Seen, answer, ids_in
from .database import CREDENTIAL, opened
from .looking import Answer
from .tables import TENANT, Table

PAGE = 5_000
IsErased = Callable[[UUID], bool]
QUERIES = {
    "postgres": "every id in every column of ids, of every table with a tenant column, hashed",
    "vectors": "every id in every column of ids, of every table of vectors, hashed",
    "objects": "every id in the key of every version, marker and upload of the tenant's buckets, hashed",
    "cache": "every id in every key of the tenant, hashed",
}


class Remains:
    """One kind of store, asked so. Of vectors outside the database nothing is asked: their region is not checked."""

    def __init__(self, system: str) -> None:
        self.name = system

    def look(self, region: Region, tenant_id: UUID, is_erased: IsErased) -> tuple[Answer, int]:
        """The answer, and how many different ids were looked at: a zero among none means nothing."""
        said, known = self._look(region, tenant_id, is_erased)
        return said, len(known)

    def of(self, region: Region, tenant_id: UUID, is_erased: IsErased) -> tuple[Answer, frozenset[UUID]]:
        """The answer, and which ids it was: for who asks on by them in the same breath."""
        said, known = self._look(region, tenant_id, is_erased)
        return said, frozenset(one for one, is_one in known.items() if is_one)

    def _look(self, region: Region, tenant_id: UUID, is_erased: IsErased) -> tuple[Answer, dict[UUID, bool]]:
        """Every different id that was looked at, and whether it is one of those."""
        known: dict[UUID, bool] = {}

        def look() -> Seen:
            seen = Seen()
            for place, one in LOOKS[self.name](region, tenant_id):
                if one not in known:
                    known[one] = is_erased(one)
                    seen.by[place] += known[one]
            return seen

        return answer(self.name, _credential(self.name, region), QUERIES[self.name], look), known


def _credential(system: str, region: Region) -> str:
    return {"objects": aws.key_id(region), "cache": region.verifier.cache_user}.get(system, CREDENTIAL)


def _rows(region: Region, tenant_id: UUID) -> Iterator[tuple[str, UUID]]:
    yield from _of_tables(region, tenant_id, lambda table: not table.is_vectors)


def _vectors(region: Region, tenant_id: UUID) -> Iterator[tuple[str, UUID]]:
    if region.pinecone is not None:
        raise NotChecked("Vectors outside the database cannot be asked by a hash.")
    yield from _of_tables(region, tenant_id, lambda table: table.is_vectors)


def _of_tables(region: Region, tenant_id: UUID, ours: Callable[[Table], bool]) -> Iterator[tuple[str, UUID]]:
    with opened(region) as db:
        found = tables.sound([one for one in tables.read(db) if ours(one)])
        if not found:
            raise NotChecked("No such table is there: it was renamed, dropped, or cannot be seen.")
        for table in found:
            for column in sorted(name for name, kind in table.columns.items() if kind == "uuid" and name != TENANT):
                query = sql.SQL("SELECT DISTINCT t.{0} FROM {1} AS t WHERE {2} AND t.{0} IS NOT NULL").format(
                    sql.Identifier(column), table.identifier, table.of_tenant
                )
                with db.cursor(name="remains") as rows:
                    rows.itersize = PAGE
                    yield from ((str(table), one) for (one,) in rows.execute(query, {"tenant": tenant_id}))


def _objects(region: Region, tenant_id: UUID) -> Iterator[tuple[str, UUID]]:
    s3 = aws.client(region, "s3")
    for bucket in buckets.names(s3, region):
        if buckets.owner(s3, bucket) == str(tenant_id):
            for key, _record in buckets.records(s3, bucket):
                yield from ((bucket, UUID(one)) for one in ids_in(key))


def _cache(region: Region, tenant_id: UUID) -> Iterator[tuple[str, UUID]]:
    for number in cache.databases(region, aws.PATIENCE):
        with cache.client(region, aws.PATIENCE, number) as found:
            for key in cache.keys(found):
                owner = cache.OF_A_TENANT.match(key)
                if owner and owner[1] == tenant_id.hex:
                    yield from ((f"database {number}", UUID(one)) for one in ids_in(key) if one != tenant_id.hex)


LOOKS: dict[str, Callable[[Region, UUID], Iterator[tuple[str, UUID]]]] = {
    "postgres": _rows,
    "vectors": _vectors,
    "objects": _objects,
    "cache": _cache,
}
