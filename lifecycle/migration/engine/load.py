"""Rows from one store into the other, as they are: binary COPY on both sides, in the caller's transactions."""

from collections.abc import Iterator
from typing import Any

from psycopg import Connection, Copy, errors, sql
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus

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
            for block in _blocks(coming):
                size += len(block)
                going.write(block)
        return writer.rowcount, size


def _blocks(coming: Copy) -> Iterator[bytes]:
    """All that comes, as many rows at once as have arrived.

    The server sends each row as a message of its own, and handing one on costs Python as much as both servers' work.
    """
    connection, size = coming.connection, 1
    while size >= 0 and (row := coming.read()):
        rows: list[Any] = []
        while row:
            rows.append(row)
            size, row = connection.pgconn.get_copy_data(1)
        yield b"".join(rows)
    if size < 0:  # the end, or an error in the middle: `read` cannot be asked for it any more
        (result,) = connection.wait(fetch_many(connection.pgconn))
        if result.status != ExecStatus.COMMAND_OK:
            raise errors.error_from_result(result)


def _delete(table: Table, room: sql.Identifier, unique: Unique) -> sql.Composed:
    same = "IS NOT DISTINCT FROM" if unique.nulls_are_equal else "="
    condition = sql.SQL(" AND ").join(
        sql.SQL(f"t.{{0}} {same} r.{{0}}").format(sql.Identifier(name)) for name in unique.columns
    )
    return sql.SQL("DELETE FROM {} t USING {} r WHERE {}").format(table.identifier, room, condition)
