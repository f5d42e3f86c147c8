"""Reads PostgreSQL's own stream of changes: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html

Protocol version 1, of publications that send keys alone.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import SYSTEM

_WITHOUT_ROWS = b"MOTY"  # a message, an origin, a truncation, a type


@dataclass
class Transaction:
    """What one transaction changed: names of tables, and of their columns those sent, with values as text.

    `committed` and `ends` are positions in the log: of its commit, and behind it. `xid` has no epoch.
    """

    xid: int
    committed: int
    ends: int = 0
    keys: set[tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=set)


def transactions(messages: Iterable[bytes]) -> Iterator[Transaction]:
    """The transactions of a stream, in the order of their commits."""
    relations: dict[int, tuple[str, list[str]]] = {}
    now = Transaction(0, 0)
    for message in messages:
        kind, body = message[:1], message[1:]
        if kind == b"B":
            committed, _, xid = struct.unpack(">QqI", body)
            now = Transaction(xid, committed)
        elif kind == b"C":
            _, _, now.ends, _ = struct.unpack(">bQQq", body)
            yield now
        elif kind == b"R":
            relations.update([_relation(body)])
        elif kind in b"IUD":
            table, names = relations[struct.unpack_from(">I", body)[0]]
            now.keys.update((table, tuple(zip(names, values, strict=True))) for values in _tuples(body[4:], table))
        elif kind not in _WITHOUT_ROWS:
            raise Permanent(SYSTEM, "read the stream of changes", f"it has a message of kind {kind!r}")


def _relation(body: bytes) -> tuple[int, tuple[str, list[str]]]:
    """A table's number, with its name and those of its columns that are sent."""
    (number,) = struct.unpack_from(">I", body)
    _, name, rest = body[4:].split(b"\0", 2)
    (count,), rest, names = struct.unpack_from(">h", rest, 1), rest[3:], []
    for _ in range(count):
        column, _, rest = rest[1:].partition(b"\0")
        names.append(column.decode())
        rest = rest[8:]
    return number, (name.decode(), names)


def _tuples(body: bytes, table: str) -> Iterator[list[str]]:
    """The rows of a change: as it was, where its key has changed or it is gone, and as it is."""
    at = 0
    while at < len(body):
        (count,) = struct.unpack_from(">h", body, at + 1)
        at, values = at + 3, []
        for _ in range(count):
            if body[at : at + 1] != b"t":
                raise Permanent(SYSTEM, "read the stream of changes", f"a key of {table} came without its value")
            (length,) = struct.unpack_from(">i", body, at + 1)
            values.append(body[at + 5 : at + 5 + length].decode())
            at += 5 + length
        yield values
