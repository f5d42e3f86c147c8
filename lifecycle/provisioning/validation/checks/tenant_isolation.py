"""Neither of two tenants can see, change, delete or plant a row of the other, by any way in its reach.

One transaction as the validator's login, taking both tenants' roles in turn, and rolled back: row security is decided
by the present role, so it shows what it would after a commit, and nothing is ever left behind.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from lifecycle.provisioning.validation import cache, rows, sight, views
from lifecycle.provisioning.validation.canary import canary_of
from lifecycle.provisioning.validation.database import attempt, become, dry_run, note_refusal
from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.rows import TENANT, Table
from lifecycle.provisioning.validation.target import Binding, Target

Rows = dict[str, dict[str, str]]
PLACELESS = "23514"  # no partition takes the row: this tenant's vectors are kept elsewhere


def run(target: Target, found: Findings) -> None:
    neighbour = canary_of(target.region, target.secrets_dir)
    mine, theirs = (target.binding, "tenant"), (neighbour, "canary")
    with dry_run(target.region) as db:
        tables = rows.tables(db)
        seeded = {target.tenant_id: _seed(db, found, tables, *mine)}
        before = views.counts(db, target.binding.db_role)
        seeded[neighbour.tenant_id] = _seed(db, found, tables, *theirs)
        views.judge(db, found, mine[0], before)
        for reader, other in ((mine, theirs), (theirs, mine)):
            become(db, reader[0].db_role)
            for table in tables:
                if table.has_tenant:
                    _cross(db, found, table, (reader, other), seeded)
        _without_role(db, found, tables, seeded[target.tenant_id])
    _left(target, found, tables, seeded)
    cache.judge(target.region, found, target.binding, neighbour)
    found.measured |= {"neighbour": str(neighbour.tenant_id), "tables": [table.name for table in tables]}
    found.headline = f"{len(tables)} tables tried both ways by SELECT, INSERT, UPDATE and DELETE: nothing crosses"


def _seed(db: Connection[Any], found: Findings, tables: list[Table], binding: Binding, who: str) -> Rows:
    become(db, binding.db_role)
    made: Rows = {}
    for table in tables:
        if not table.has_tenant:
            found.wrong(f"rag.{table.name} has no {TENANT}")
            continue
        answer = rows.seed(db, table, binding.tenant_id, made)
        if answer.state == PLACELESS and binding.vector.provider != "pgvector":
            found.measured.setdefault("kept_elsewhere", []).append(f"{who}: rag.{table.name}")
        elif answer.state:
            found.unseen(f"{who} could not write a row of its own to rag.{table.name}: {answer.state} {answer.words}")
    return made


def _cross(
    db: Connection[Any],
    found: Findings,
    table: Table,
    sides: tuple[tuple[Binding, str], tuple[Binding, str]],
    seeded: dict[UUID, Rows],
) -> None:
    """Everything `reader` may try on the other's rows in one table."""
    (reader, who), (other, whose) = sides
    own, foreign = seeded[reader.tenant_id].get(table.name), seeded[other.tenant_id].get(table.name)
    sees_own = sight.judge(db, found, table, reader.tenant_id, who)
    if own is not None and not sees_own:
        found.wrong(f"the {who} does not see its own row in rag.{table.name}")
    if foreign is None:
        return
    name, there = f"rag.{table.name}", sql.SQL("WHERE tenant_id = {}").format(sql.Literal(other.tenant_id))
    touched = sql.SQL("UPDATE {} SET tenant_id = tenant_id {}").format(table.identifier, there)
    gone = sql.SQL("DELETE FROM {} {}").format(table.identifier, there)
    for verb, statement in (("UPDATE", touched), ("DELETE", gone)):
        answer = attempt(db, statement)
        harmless = answer.count == 0
        note_refusal(found, f"{verb} of the {whose}'s rows in {name} by the {who}", answer, harmless)
    planted = table.insert(table.values(other.tenant_id, {**seeded[other.tenant_id]}))
    note_refusal(found, f"INSERT of a row for the {whose} into {name} by the {who}", attempt(db, *planted))
    if own is not None:
        where, key = table.is_row(own)
        given = sql.SQL("UPDATE {} SET tenant_id = {} WHERE ").format(table.identifier, sql.Literal(other.tenant_id))
        note_refusal(found, f"giving a row of {name} to the {whose} by the {who}", attempt(db, given + where, key))


def _without_role(db: Connection[Any], found: Findings, tables: list[Table], seeded: Rows) -> None:
    """The login itself, before it takes a role, gets nothing."""
    db.execute("SET LOCAL ROLE NONE")
    for table in tables:
        for what, statement, arguments in _bare(table, seeded):
            answer = attempt(db, statement, arguments)
            empty = not answer.state and all(row == (0,) for row in answer.rows) and bool(answer.rows)
            note_refusal(found, f"{what} rag.{table.name} without a role", answer, harmless=empty)


def _bare(table: Table, seeded: Rows) -> Iterator[tuple[str, Any, list[str]]]:
    yield "SELECT from", sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT 1) one").format(table.identifier), []
    if table.name in seeded:
        yield "INSERT into", *table.insert(seeded[table.name])


def _left(target: Target, found: Findings, tables: list[Table], seeded: dict[UUID, Rows]) -> None:
    """Read again, after the roll-back, that no row of ours is there."""
    with dry_run(target.region) as db:
        become(db, target.binding.db_role)
        for table in tables:
            row = seeded[target.tenant_id].get(table.name)
            if row is None:
                continue
            where, key = table.is_row(row)
            answer = attempt(db, sql.SQL("SELECT count(*) FROM {} WHERE ").format(table.identifier) + where, key)
            gone = not answer.state and answer.rows[0][0] == 0
            found.expect(gone, f"nothing left in rag.{table.name}", f"a row of the check is left in rag.{table.name}")
