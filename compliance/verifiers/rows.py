"""Counts rows of a tenant or a person, and rows of the manifest, in one snapshot."""

from collections.abc import Callable
from typing import Any

from psycopg import Connection, sql

from . import tables
from .answering import NotChecked, Seen
from .database import opened
from .looking import Question
from .manifest import codes, was_listed
from .tables import Table

OTHERS = "SELECT tenant_id FROM bw.fence WHERE tenant_id <> %(tenant)s"
CLONES = """
SELECT count(*) FROM bw.erasure_item i JOIN rag.users u ON u.tenant_id = ANY(%(others)s) AND u.id = i.key[1]::uuid
WHERE i.request_id = %(request)s AND i.system = ANY(%(systems)s) AND i.table_name = 'users'
"""
LISTED = """
SELECT table_name, min(cardinality(key)), max(cardinality(key)) FROM bw.erasure_item
WHERE request_id = %(request)s AND system = ANY(%(systems)s) AND table_name IS NOT NULL GROUP BY 1 ORDER BY 1
"""
PRESENT = """
SELECT count(*) FROM bw.erasure_item i JOIN {table} AS t ON {tenant} AND {key}
WHERE i.request_id = %(request)s AND i.system = ANY(%(systems)s) AND i.table_name = %(name)s
"""


def counted(question: Question, system: str, ours: Callable[[Table], bool]) -> Seen:
    """Count in every table that is `ours`; NotChecked if a single one of them could not be."""
    seen, asked = Seen(), parameters(question, system)
    with opened(question.region) as db:
        found = tables.sound([one for one in tables.read(db) if ours(one)])
        if not found:
            raise NotChecked(f"No table of {system} is there: it was renamed, dropped, or cannot be seen.")
        asked["others"] = [one for (one,) in db.execute(OTHERS, asked)]
        statements = {str(one): one.count(question) for one in found}
        statements |= {f"{one}, of other tenants": one.elsewhere(question) for one in found}
        for name, statement in statements.items():
            seen.by[name] = _number(db, statement, asked) if statement else 0
        if any(str(one) == "rag.users" for one in found):
            seen.by["rag.users, of other tenants"] += _clones(db, asked, question)
        seen.listed = _listed(db, found, asked, question)
        seen.query = ";\n".join(one.as_string(db) for one in statements.values() if one)
    return seen


def parameters(question: Question, system: str) -> dict[str, Any]:
    user = [question.user_id] if question.user_id else []
    return {
        "tenant": question.tenant_id,
        "user": question.user_id,
        "subject": [*user, *question.documents],
        "digits": question.user_id.hex if question.user_id else "",
        "request": question.request_id,
        "systems": codes(system, question.region),
    }


def _clones(db: Connection[Any], asked: dict[str, Any], question: Question) -> int:
    """How many users of a whole tenant's manifest are there under another tenant."""
    if question.kind != "tenant" or not was_listed(db, question.request_id):
        return 0
    return _number(db, sql.SQL(CLONES).format(), asked)


def _listed(db: Connection[Any], found: list[Table], asked: dict[str, Any], question: Question) -> int | None:
    """How many rows of the manifest are there; every table that it names must be, with the key it had."""
    if not was_listed(db, question.request_id):
        return None
    by_name = {one.name: one for one in found if one.schema == "rag"} | {str(one): one for one in found}
    present = 0
    for name, least, most in db.execute(LISTED, asked).fetchall():
        table = by_name.get(name)
        if table is None:
            raise NotChecked(f"{name} is in the manifest and not in the database: it was renamed or dropped.")
        rest = _rest(table)
        if not least == most == len(rest):
            raise NotChecked(f"The key of {table} is not the one that the manifest was made with.")
        present += _number(db, _present(table, rest), {**asked, "name": name})
    return present


def _rest(table: Table) -> list[str]:
    return [name for name in table.key if name != tables.TENANT]


def _present(table: Table, rest: list[str]) -> sql.Composed:
    same = sql.SQL("t.{} = i.key[{}]::{}")
    key = [
        same.format(sql.Identifier(name), sql.Literal(place), sql.SQL(table.columns[name]))
        for place, name in enumerate(rest, 1)
    ]
    joined = sql.SQL(" AND ").join(key) if key else sql.SQL("true")
    return sql.SQL(PRESENT).format(table=table.identifier, tenant=table.of_tenant, key=joined)


def _number(db: Connection[Any], statement: sql.Composed, asked: dict[str, Any]) -> int:
    row = db.execute(statement, asked).fetchone()
    assert row is not None
    return int(row[0])
