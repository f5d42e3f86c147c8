"""Which rows a law keeps, told by the store's own foreign keys: those of the tables named, and what they refer to.

Without a row that it refers to a kept one would not stand. Only what is referred to is kept, not the table it lies in.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from .answering import NotChecked

SCHEMA = "rag"
KEYS = """
SELECT c.relname::text, p.relname::text,
       (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(f.conkey) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum),
       (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(f.confkey) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.attnum)
FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class p ON p.oid = f.confrelid
WHERE f.contype = 'f' AND f.conparentid = 0 AND c.relnamespace = 'rag'::regnamespace
  AND p.relnamespace = c.relnamespace AND c.oid <> p.oid
ORDER BY f.oid
"""
NAMES = "SELECT relname::text FROM pg_class WHERE relnamespace = 'rag'::regnamespace AND relkind IN ('r', 'p')"


@dataclass(frozen=True)
class Key:
    """A foreign key: columns `here` of `child` name a row of `parent`."""

    child: str
    parent: str
    here: tuple[str, ...]
    there: tuple[str, ...]


def conditions(db: Connection[Any], kept: frozenset[str]) -> dict[str, sql.Composable]:
    """By table: which of its rows, as `t`, are kept. NotChecked where a table that a rule names is not there."""
    if not kept:
        return {}
    names = {name for (name,) in db.execute(NAMES)}
    if gone := kept - names:
        raise NotChecked(f"{SCHEMA}.{min(gone)}, which a rule of retention keeps, is not there.")
    keys = [Key(child, parent, tuple(here), tuple(there)) for child, parent, here, there in db.execute(KEYS)]
    found = {f"{SCHEMA}.{name}": _of(name, "t", (), kept, keys) for name in sorted(names)}
    return {name: condition for name, condition in found.items() if condition is not None}


def _of(
    table: str, known_as: str, under: tuple[str, ...], kept: frozenset[str], keys: list[Key]
) -> sql.Composable | None:
    """`under` are the tables it was reached from: what refers to itself in a circle keeps nothing by that."""
    if table in kept:
        return sql.SQL("true")
    child_as, found = f"k{len(under)}", []
    for key in (one for one in keys if one.parent == table and one.child not in under):
        inner = _of(key.child, child_as, (*under, table), kept, keys)
        if inner is not None:
            same = [
                sql.SQL("{} = {}").format(sql.Identifier(child_as, here), sql.Identifier(known_as, there))
                for here, there in zip(key.here, key.there, strict=True)
            ]
            child = sql.Identifier(SCHEMA, key.child), sql.Identifier(child_as)
            query = sql.SQL("EXISTS (SELECT FROM {} AS {} WHERE {} AND ({}))")
            found.append(query.format(*child, sql.SQL(" AND ").join(same), inner))
    return sql.SQL(" OR ").join(found) if found else None
