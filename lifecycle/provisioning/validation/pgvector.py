"""pgvector: the tenant's namespace is its partition of rag.chunk_vectors. Tried in a transaction that never commits."""

import math
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection, sql

from lifecycle.provisioning.validation.canary import canary_names
from lifecycle.provisioning.validation.database import Answer, Statement, attempt, become, dry_run, note_refusal
from lifecycle.provisioning.validation.findings import CouldNotRun, Findings
from lifecycle.provisioning.validation.target import Binding, Target

DIMENSION = 256
SHAPE = """
SELECT (SELECT partdefid FROM pg_partitioned_table WHERE partrelid = 'rag.chunk_vectors'::regclass) = 0,
       (SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = to_regclass(%s) AND relispartition)
"""
WRITE = sql.SQL("INSERT INTO rag.chunk_vectors (tenant_id, document_id, ordinal, embedding) VALUES (%s, %s, 0, %s)")
EVERYWHERE = sql.SQL("SELECT document_id FROM rag.chunk_vectors ORDER BY embedding <=> %s::vector LIMIT 5")
# A scan of millions takes longer than a check may; who sees whose vectors is as well told among these two.
AMONG_OURS = sql.SQL(
    "SELECT document_id FROM rag.chunk_vectors WHERE document_id IN ({own}, {other})"
    " ORDER BY embedding <=> %s::vector LIMIT 5"
)
SCANNED = 100_000
SIZE = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(%s)"


def judge(target: Target, found: Findings, neighbour: Binding) -> None:
    """Write, search, cross and look at the shape of the partitions."""
    sides = ((target.binding, "tenant", uuid4(), _vector(1)), (neighbour, "canary", uuid4(), _vector(2)))
    with dry_run(target.region) as db:
        become(db, target.binding.db_role)
        _shape(db, target, found)
        for binding, who, document_id, vector in sides:
            become(db, binding.db_role)
            answer = attempt(db, WRITE, (binding.tenant_id, document_id, vector))
            if answer.state:
                raise CouldNotRun(f"the {who} cannot write a vector: {answer.state} {answer.words}")
        nearest = _statement(db, target, found, sides[0][2], sides[1][2])
        for reader, other in (sides, sides[::-1]):
            _search(db, found, nearest, reader, other)
        become(db, target.binding.db_role)
        theirs = sql.Identifier("rag", canary_names(target.region.name).partition)
        answer = attempt(db, sql.SQL("SELECT count(*) FROM {}").format(theirs))
        note_refusal(found, "reading the canary's partition directly", answer, harmless=answer.rows == [(0,)])
        homeless = attempt(db, WRITE, (uuid4(), uuid4(), _vector(3)))
        _nowhere(found, homeless)


def _shape(db: Connection[Any], target: Target, found: Findings) -> None:
    no_default, bound = db.execute(SHAPE, (f'rag."{target.names.partition}"',)).fetchone() or (False, None)
    found.expect(bool(no_default), "there is no default partition", "rag.chunk_vectors has a default partition")
    wanted = f"FOR VALUES IN ('{target.tenant_id}')"
    found.expect(
        bound == wanted, "the partition takes this tenant alone", f"{target.names.partition} takes {bound or 'nothing'}"
    )
    found.measured["partition"] = {"name": target.names.partition, "bound": bound}


def _statement(db: Connection[Any], target: Target, found: Findings, own: UUID, other: UUID) -> Statement:
    """Search the whole partition unless it is large."""
    row = db.execute(SIZE, (f'rag."{target.names.partition}"',)).fetchone()
    is_large = bool(row and row[0] and row[0] > SCANNED)
    found.measured["searched"] = "the two vectors of this check" if is_large else "all vectors"
    return AMONG_OURS.format(own=sql.Literal(own), other=sql.Literal(other)) if is_large else EVERYWHERE


def _search(
    db: Connection[Any],
    found: Findings,
    nearest: Statement,
    reader: tuple[Binding, str, UUID, str],
    other: tuple[Binding, str, UUID, str],
) -> None:
    """Its own vector is nearest to itself; the neighbour's is not found even by the neighbour's own direction."""
    binding, who, own, vector = reader
    become(db, binding.db_role)
    mine, theirs = attempt(db, nearest, (vector,)), attempt(db, nearest, (other[3],))
    if mine.state or theirs.state:
        found.unseen(f"the {who} cannot search: {mine.words or theirs.words}")
        return
    found.expect(mine.rows[:1] == [(own,)], f"{who} finds its own vector", f"the {who} does not find its own vector")
    leaked = (other[2],) in theirs.rows
    found.expect(not leaked, f"{who} does not find the other's", f"the {who} finds the {other[1]}'s vector")


def _nowhere(found: Findings, answer: Answer) -> None:
    """A vector of an unknown tenant has nowhere to go: refused by row security or for want of a partition."""
    what = "a vector of an unknown tenant"
    found.expect(answer.state in ("42501", "23514"), f"{what}: refused", f"{what} was taken")


def _vector(seed: int) -> str:
    """A unit vector, nearly orthogonal to that of another seed."""
    numbers = [math.sin(seed * 12.9898 * (position + 1)) for position in range(DIMENSION)]
    length = math.sqrt(sum(number * number for number in numbers))
    return "[" + ",".join(f"{number / length:.6f}" for number in numbers) + "]"
