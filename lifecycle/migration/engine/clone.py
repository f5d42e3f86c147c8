"""The product "clone": the rows of one snapshot of a tenant become those of another tenant. Nothing is captured.

All rows arrive in one transaction: a clone has all of them or none, and one that was killed is begun anew.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from lifecycle.stores.postgres.connection import translated

from . import tables, verify
from .copy import both, into
from .load import IN, OUT, pipe
from .move import Move
from .snapshots import exported, reader, reading
from .tables import Table

# What is read for a column of a table: where masking will change it, it never leaves the source unmasked.
Transform = Callable[[Table, str], sql.Composable]


def identity(table: Table, column: str) -> sql.Composable:
    """As it is: the clone holds the same data."""
    return sql.Identifier(column)


def clone(
    move: Move, original: UUID, transform: Transform = identity, beat: Callable[[], None] = lambda: None
) -> verify.Verification:
    """Make `original`'s rows in the source those of the move's tenant in the target, and compare them.

    The target's fence is closed meanwhile. Both sides are compared as of the same snapshot, by the verifier's own path.
    """
    with translated("clone"), both(move) as (source, target), reading(source):
        source.execute("SET LOCAL statement_timeout = '10min'")
        moment = exported(source)
        found = tables.read(source)
        with into(target, move):
            _empty(target, move.tenant_id, found)
            for table in found:
                _pour(source, target, table, (original, move.tenant_id), transform)
                beat()
        with reader(move.source, moment) as mine, reader(move.target) as theirs:
            return verify.twins(mine, theirs, (original, move.tenant_id), beat)


def _empty(target: Connection[Any], tenant_id: UUID, found: list[Table]) -> None:
    target.execute("SET LOCAL statement_timeout = '10min'")
    target.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    for table in found:
        target.execute(sql.SQL("DELETE FROM {} WHERE tenant_id = %s").format(table.identifier), (tenant_id,))


def _pour(
    source: Connection[Any], target: Connection[Any], table: Table, tenants: tuple[UUID, UUID], transform: Transform
) -> None:
    condition = sql.SQL("tenant_id = {}").format(sql.Literal(tenants[0]))
    columns = sql.SQL(", ").join(
        sql.SQL("{}::{}").format(
            sql.Literal(tenants[1]) if name == "tenant_id" else transform(table, name), sql.SQL(kind)
        )
        for name, kind in zip(table.columns, table.types, strict=True)
    )
    read = OUT.format(columns=columns, table=table.identifier, condition=condition)
    pipe(source, target, read, IN.format(columns=table.listed(), table=table.identifier))
