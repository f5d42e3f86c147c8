"""A source whose database lives, and whose objects or vectors do not: which, and how much nobody else has of them."""

from collections.abc import Callable

from lifecycle.stores import aws
from lifecycle.stores.errors import Transient
from lifecycle.stores.postgres.connection import at_length, translated

from . import native, objects, tables, vectors
from .copy import both
from .move import OBJECTS, VECTORS, Move
from .snapshots import reading
from .vectors import Keys

CHANGED = """
SELECT table_name, array_agg(to_jsonb(key)) FROM (SELECT DISTINCT table_name, key FROM bw.dirty WHERE tenant_id = %s) d
GROUP BY table_name
"""


def silent(move: Move) -> frozenset[str]:
    """The stores of the source, beside its database, that do not answer soon. One that refuses is not silent."""
    asked: dict[str, Callable[[], None]] = {
        OBJECTS: lambda: _ask_objects(move),
        VECTORS: lambda: vectors.ask(move.source, move.held[0]),
    }
    return frozenset(name for name, question in asked.items() if _is_silent(question))


def counted(move: Move, stores: frozenset[str]) -> dict[str, int]:
    """How many objects and vectors the changed rows name that only these stores of the source have."""
    with translated("collect what changed"):
        native.collect(move.source, move.tenant_id)
    with (
        translated("count what cannot be brought"),
        both(move) as (source, target),
        reading(source),
        at_length(source),
    ):
        keys: Keys = dict(source.execute(CHANGED, (move.tenant_id,)).fetchall())
        found = {}
        if OBJECTS in stores:
            known = [table for table in tables.read(source) if table.name in keys]
            conditions = [(table, table.among(move.tenant_id, keys[table.name])) for table in known]
            named = {key for (key,) in keys.pop(OBJECTS, [])}
            named |= {key for table, condition in conditions for key in objects.named(source, table, condition)}
            found[OBJECTS] = objects.lacking(move.target, move.bucket_there, named)
        if VECTORS in stores:
            found[VECTORS] = len(vectors.of_round(move, source, target, keys).there)
    return found


def _is_silent(question: Callable[[], None]) -> bool:
    try:
        question()
    except Transient:
        return True
    return False


def _ask_objects(move: Move) -> None:
    if move.bucket:
        with aws.translated(objects.SYSTEM, "ask"):
            aws.client(move.source, "s3", soon=True).list_objects_v2(Bucket=move.bucket, MaxKeys=1)
