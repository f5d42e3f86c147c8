"""The keys: finding one, whether a caller may use it, whether it is on, and the end of its material."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from .. import policy
from ..access import Caller, Guarded, require
from ..errors import AwsError
from ..store import now_ms

if TYPE_CHECKING:
    from ..account import Account

SCHEMA = """
CREATE TABLE IF NOT EXISTS kms_keys (
    id TEXT PRIMARY KEY, description TEXT NOT NULL, state TEXT NOT NULL, policy TEXT NOT NULL,
    tags TEXT NOT NULL, created_at INTEGER NOT NULL, deletion_at INTEGER, rotates INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS kms_aliases (
    name TEXT PRIMARY KEY, key_id TEXT NOT NULL, created_at INTEGER NOT NULL
);
"""


def find(account: Account, reference: Any) -> sqlite3.Row:
    """A key by id, key ARN, alias or alias ARN."""
    name = str(reference)
    if name.startswith("arn:"):
        prefix = account.arn("kms", "")
        if not name.startswith(prefix):
            raise not_found(name)
        name = name.removeprefix(prefix).removeprefix("key/")
    sql = "SELECT k.* FROM kms_keys k LEFT JOIN kms_aliases a ON a.key_id = k.id AND a.name = ?1 "
    row = account.store.one(sql + "WHERE k.id = ?1 OR a.name = ?1", name)
    if row is None:
        raise not_found(str(reference))
    return row


def require_use(account: Account, caller: Caller, row: sqlite3.Row, action: str) -> None:
    """The key's own policy must let the caller in, or leave the decision to the account's identity policies."""
    resource = arn_of(account, row["id"])
    error = "AccessDeniedException"
    guarded = Guarded(f"kms:{action}", resource, row["policy"], service_error=error)
    access = policy.Access(account.root_arn, guarded.action, resource, caller.context)
    delegates = policy.decide(access, policy.load(row["policy"]), resource_policy=True) == "Allow"
    if not delegates and not caller.is_root:
        access = policy.Access(caller.arn, guarded.action, resource, caller.context)
        if policy.decide(access, policy.load(row["policy"]), resource_policy=True) != "Allow":
            raise AwsError(error, f"User: {caller.arn} is not authorized to perform: {guarded.action}", 400)
    require(account, caller, guarded)


def require_enabled(account: Account, row: sqlite3.Row) -> None:
    if row["state"] == "Disabled":
        raise AwsError("DisabledException", f"{arn_of(account, row['id'])} is disabled.")
    if row["state"] != "Enabled":
        raise AwsError("KMSInvalidStateException", f"{arn_of(account, row['id'])} is pending deletion.")


def arn_of(account: Account, key_id: str) -> str:
    return account.arn("kms", f"key/{key_id}")


def tagged(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Every key's ARN with its tags; keys that wait for their deletion are still there, as in AWS."""
    rows = account.store.all("SELECT id, tags FROM kms_keys")
    return [(arn_of(account, row["id"]), json.loads(row["tags"])) for row in rows]


def purge_expired(account: Account) -> None:
    """Destroys the material of keys whose waiting period is over; from then on they were never there."""
    due = account.store.all("SELECT id FROM kms_keys WHERE deletion_at <= ?", now_ms())
    for row in due:
        account.keyring.destroy(row["id"])
        with account.store.write() as db:
            db.execute("DELETE FROM kms_aliases WHERE key_id = ?", (row["id"],))
            db.execute("DELETE FROM kms_keys WHERE id = ?", (row["id"],))


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def not_found(reference: str) -> AwsError:
    kind = "Alias" if "alias/" in reference else "Key"
    return AwsError("NotFoundException", f"{kind} '{reference}' does not exist.")
