"""Rows from one store into the other, as they are: binary COPY on both sides, in the caller's transactions."""

from typing import Any

from psycopg import Connection, sql

from .tables import Table, Unique

OUT = sql.SQL("COPY (SELECT {columns} FROM {table} WHERE {condition}) TO STDOUT (FORMAT BINARY)")
IN = sql.SQL("COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)")


def pour(
    source: Connection[Any], target: Connection[Any], table: Table, condition: sql.Composed, *, make_room: bool = False
) -> tuple[int, int]:
    """Copy the rows that meet the condition in the source's snapshot; returns their number and bytes.

    UniqueViolation says that a row of the target is in the way, and that both transactions are to be done again with
    `make_room`. Such a row has changed in the source since it was copied, or it could not be in the way: its key is
    dirty, and a round brings it back. So it may go.
    """
    if not make_room:
        return _pipe(source, target, table, table.identifier, condition)
    room = sql.Identifier("pg_temp", f"poured_{table.name}")
    target.execute(sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DROP").format(room, table.identifier))
    size = _pipe(source, target, table, room, condition)
    for unique in (Unique(False, ("tenant_id", *table.key)), *table.uniques):
        target.execute(_delete(table, room, unique))
    columns = table.listed()
    target.execute(sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(table.identifier, columns, columns, room))
    target.execute(sql.SQL("DROP TABLE {}").format(room))
    return size


def _pipe(
    source: Connection[Any], target: Connection[Any], table: Table, into: sql.Identifier, condition: sql.Composed
) -> tuple[int, int]:
    read = OUT.format(columns=table.listed(), table=table.identifier, condition=condition)
    return pipe(source, target, read, IN.format(columns=table.listed(), table=into))


def pipe(source: Connection[Any], target: Connection[Any], read: sql.Composed, write: sql.Composed) -> tuple[int, int]:
    """One binary COPY into another; returns rows and bytes."""
    size = 0
    with source.cursor() as reader, target.cursor() as writer:
        with reader.copy(read) as coming, writer.copy(write) as going:
            for block in coming:
                size += len(block)
                going.write(block)
        return writer.rowcount, size


def _delete(table: Table, room: sql.Identifier, unique: Unique) -> sql.Composed:
    same = "IS NOT DISTINCT FROM" if unique.nulls_are_equal else "="
    condition = sql.SQL(" AND ").join(
        sql.SQL(f"t.{{0}} {same} r.{{0}}").format(sql.Identifier(name)) for name in unique.columns
    )
    return sql.SQL("DELETE FROM {} t USING {} r WHERE {}").format(table.identifier, room, condition)
