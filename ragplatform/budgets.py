"""Budgets of a tenant's teams, in tokens, and transfers between them, which leave the sum as it is.

A transfer runs at REPEATABLE READ: two of them over the same budget cannot both succeed on what they saw, and the one
that was refused is done again, whole.
"""

from typing import Any
from uuid import UUID

from psycopg import errors

from . import shape
from .call import Call
from .database import Connection
from .problems import Problem, Repeatable, invalid, not_found
from .services import Services

MOST, TRIES = 10**12, 20
BUDGET: dict[str, shape.Check] = {
    "id": shape.identifier(required=True),
    "name": shape.text(1, 100),
    "tokens": shape.whole(0, MOST, default=0),
}
TRANSFER: dict[str, shape.Check] = {
    "id": shape.identifier(required=True),
    "payer_id": shape.identifier(required=True),
    "payee_id": shape.identifier(required=True),
    "tokens": shape.whole(1, MOST, default=1),
}
# what a budget was opened with, what it has, and what transfers say of it
ALL = """
SELECT b.id, b.name, b.opening, b.tokens,
       (SELECT coalesce(sum(t.tokens), 0) FROM rag.budget_transfers t
        WHERE t.tenant_id = b.tenant_id AND t.payee_id = b.id)::bigint,
       (SELECT coalesce(sum(t.tokens), 0) FROM rag.budget_transfers t
        WHERE t.tenant_id = b.tenant_id AND t.payer_id = b.id)::bigint
FROM rag.budgets b WHERE b.tenant_id = %s ORDER BY b.id
"""
MOVE = "UPDATE rag.budgets SET tokens = tokens + %s WHERE tenant_id = %s AND id = %s"
KEEP = "INSERT INTO rag.budget_transfers (tenant_id, id, payer_id, payee_id, tokens) VALUES (%s, %s, %s, %s, %s)"
ONE = "SELECT payer_id, payee_id, tokens, made_at FROM rag.budget_transfers WHERE tenant_id = %s AND id = %s"


def open_budget(services: Services, call: Call, raw: bytes, content_type: str) -> tuple[dict[str, Any], int]:
    """Open a budget, 201; 200 when the very same was opened before, 409 when another has the id."""
    fields = shape.read_object(raw, content_type, BUDGET)
    given = (call.tenant_id, fields["id"], fields["name"], fields["tokens"])
    with services.database.tenant(call.binding) as connection:
        made = connection.execute(
            "INSERT INTO rag.budgets (tenant_id, id, name, opening, tokens) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (tenant_id, id) DO NOTHING",
            (*given, fields["tokens"]),
        ).rowcount
        known = connection.execute(
            "SELECT name, opening FROM rag.budgets WHERE tenant_id = %s AND id = %s", given[:2]
        ).fetchone()
    if known != (fields["name"], fields["tokens"]):
        raise Problem(409, "id-taken", "Another budget was opened with this id.")
    return {**fields, "id": str(fields["id"])}, 201 if made else 200


def budgets(services: Services, call: Call) -> dict[str, Any]:
    """Every budget, with what it has received and paid: `tokens` is always `opening` + `received` - `paid`."""
    names = ("name", "opening", "tokens", "received", "paid")
    with services.database.tenant(call.binding) as connection:
        rows = connection.execute(ALL, (call.tenant_id,)).fetchall()
    return {"budgets": [{"id": str(row[0]), **dict(zip(names, row[1:], strict=True))} for row in rows]}


def transfer(services: Services, call: Call, raw: bytes, content_type: str) -> tuple[dict[str, Any], int]:
    """Move tokens, 201; 200 when this very transfer was made before. 409 when the payer has not enough."""
    fields = shape.read_object(raw, content_type, TRANSFER)
    if fields["payer_id"] == fields["payee_id"]:
        raise invalid("payee_id", "another budget than the payer's")
    for last in range(TRIES - 1, -1, -1):
        try:
            with services.database.tenant(call.binding, "REPEATABLE READ") as connection:
                made = _transfer(connection, call.tenant_id, fields)
            break
        except Repeatable:
            if not last:
                raise
    said = {name: str(value) if isinstance(value, UUID) else value for name, value in fields.items()}
    return said, 201 if made else 200


def _transfer(connection: Connection, tenant_id: UUID, fields: dict[str, Any]) -> bool:
    """False when it was made before."""
    payer, payee, tokens = fields["payer_id"], fields["payee_id"], fields["tokens"]
    known = connection.execute(ONE, (tenant_id, fields["id"])).fetchone()
    if known is not None:
        if known[:3] != (payer, payee, tokens):
            raise Problem(409, "id-taken", "Another transfer was made with this id.")
        return False
    try:
        for budget, amount in sorted(((payer, -tokens), (payee, tokens))):  # in one order, whoever pays
            if connection.execute(MOVE, (amount, tenant_id, budget)).rowcount == 0:
                raise not_found("budget")
        connection.execute(KEEP, (tenant_id, fields["id"], payer, payee, tokens))
    except errors.CheckViolation as error:
        raise Problem(409, "not-enough", "The payer has fewer tokens than that.") from error
    except errors.UniqueViolation as error:  # the same transfer, sent twice at once: the other one is seen next time
        raise Repeatable from error
    return True


def one_transfer(services: Services, call: Call, transfer_id: UUID) -> dict[str, Any]:
    """One transfer, as it was made."""
    with services.database.tenant(call.binding) as connection:
        row = connection.execute(ONE, (call.tenant_id, transfer_id)).fetchone()
    if row is None:
        raise not_found("transfer")
    payer, payee, tokens, made_at = row
    return {
        "id": str(transfer_id),
        "payer_id": str(payer),
        "payee_id": str(payee),
        "tokens": tokens,
        "made_at": made_at.isoformat(),
    }
