"""The tenant's users, their sessions, and its API keys."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import errors

from . import shape
from .call import SCOPES, Call, new_secret, sha256
from .database import count, levels
from .ids import new_id
from .problems import Problem, invalid, not_found, over_quota
from .services import Services

USER: dict[str, shape.Check] = {
    "email": shape.matching(shape.EMAIL, "an e-mail address"),
    "display_name": shape.text(0, 200, default=""),
}
SESSION: dict[str, shape.Check] = {
    "user_id": shape.identifier(required=True),
    "seconds": shape.whole(60, 86_400, default=3_600),
}
KEY: dict[str, shape.Check] = {"name": shape.text(1, 100), "scopes": shape.chosen(SCOPES)}


def add_user(services: Services, call: Call, raw: bytes, content_type: str) -> dict[str, Any]:
    """Create a user with an object prefix of their own; 409 when the address is taken, 429 when the tier is full."""
    fields = shape.read_object(raw, content_type, USER)
    user_id, limit = new_id(), call.tenant.limits.max_users
    with services.database.tenant(call.binding) as connection:
        try:
            connection.execute(
                "INSERT INTO rag.users (tenant_id, id, email, display_name, object_prefix) VALUES (%s, %s, %s, %s, %s)",
                (call.tenant_id, user_id, fields["email"], fields["display_name"], f"users/{user_id}/"),
            )
        except errors.UniqueViolation as error:
            raise Problem(409, "email-taken", "Another user of this tenant has this e-mail address.") from error
        count(connection, call.tenant_id, "users", 1)
        held = levels(connection, call.tenant_id)["users"]
        if held > limit:
            detail = f"The tier has room for {limit:,} users; remove some or ask for a larger tier."
            raise over_quota("user-limit", detail, limit=limit, used=held - 1)
    services.logs.write(call.binding, "user.added")
    return {"id": str(user_id), **fields}


def users(services: Services, call: Call) -> dict[str, Any]:
    """All users, in order of id."""
    with services.database.tenant(call.binding) as connection:
        rows = connection.execute(
            "SELECT id, email, display_name, created_at FROM rag.users WHERE tenant_id = %s ORDER BY id",
            (call.tenant_id,),
        ).fetchall()
    return {
        "users": [
            {"id": str(row[0]), "email": row[1], "display_name": row[2], "created_at": row[3].isoformat()}
            for row in rows
        ]
    }


def remove_user(services: Services, call: Call, user_id: UUID) -> None:
    """Remove a user with sessions and access; their questions stay without their name. 409 while they own documents."""
    with services.database.tenant(call.binding) as connection:
        parameters = (call.tenant_id, user_id)
        connection.execute("SELECT FROM rag.users WHERE tenant_id = %s AND id = %s FOR UPDATE", parameters)
        owned = connection.execute(
            "SELECT count(*) FROM rag.documents WHERE tenant_id = %s AND owner_user_id = %s", parameters
        ).fetchone()
        if owned and owned[0]:
            raise Problem(409, "owns-documents", f"The user owns {owned[0]} documents; delete them first.")
        tokens = connection.execute(
            "DELETE FROM rag.sessions WHERE tenant_id = %s AND user_id = %s RETURNING token_sha256", parameters
        ).fetchall()
        connection.execute("DELETE FROM rag.access_controls WHERE tenant_id = %s AND user_id = %s", parameters)
        connection.execute(
            "UPDATE rag.query_history SET user_id = NULL WHERE tenant_id = %s AND user_id = %s", parameters
        )
        gone = connection.execute("DELETE FROM rag.users WHERE tenant_id = %s AND id = %s", parameters)
        if gone.rowcount == 0:
            raise not_found("user")
        count(connection, call.tenant_id, "users", -1)
    services.caches.of(call.binding).close_sessions([token for (token,) in tokens])
    services.logs.write(call.binding, "user.removed")


def open_session(services: Services, call: Call, raw: bytes, content_type: str) -> dict[str, Any]:
    """Open a session of a user; its token goes into X-Session and is shown this once."""
    fields = shape.read_object(raw, content_type, SESSION)
    session_id, token, user_id = new_id(), secrets.token_urlsafe(32), fields["user_id"]
    expires = datetime.now(UTC) + timedelta(seconds=fields["seconds"])
    with services.database.tenant(call.binding) as connection:
        try:
            connection.execute(
                "INSERT INTO rag.sessions (tenant_id, id, user_id, token_sha256, expires_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                (call.tenant_id, session_id, user_id, sha256(token), expires),
            )
        except errors.ForeignKeyViolation as error:
            raise invalid("user_id", "a user of this tenant") from error
    services.caches.of(call.binding).open_session(sha256(token), user_id, fields["seconds"])
    services.logs.write(call.binding, "session.opened", session=session_id)
    return {"id": str(session_id), "token": token, "expires_at": expires.isoformat()}


def close_session(services: Services, call: Call, session_id: UUID) -> None:
    """End a session at once."""
    with services.database.tenant(call.binding) as connection:
        row = connection.execute(
            "DELETE FROM rag.sessions WHERE tenant_id = %s AND id = %s RETURNING token_sha256",
            (call.tenant_id, session_id),
        ).fetchone()
    if row is None:
        raise not_found("session")
    services.caches.of(call.binding).close_sessions([row[0]])
    services.logs.write(call.binding, "session.closed", session=session_id)


def add_key(services: Services, call: Call, raw: bytes, content_type: str) -> dict[str, Any]:
    """Create an API key of the tenant; the secret is shown this once and kept as a hash.

    A key made with a key counts as issued by whoever issued that one, so that none outlives its person.
    """
    fields = shape.read_object(raw, content_type, KEY)
    key_id, secret = new_id(), new_secret(call.tenant_id)
    with services.database.tenant(call.binding) as connection:
        connection.execute(
            "INSERT INTO rag.api_keys (tenant_id, id, name, key_sha256, scopes, issued_by) VALUES (%s, %s, %s, %s, %s,"
            " coalesce((SELECT issued_by FROM rag.api_keys WHERE tenant_id = %s AND 'key:' || id = %s), %s))",
            (
                *(call.tenant_id, key_id, fields["name"], sha256(secret), fields["scopes"]),
                *(call.tenant_id, call.subject, call.subject),
            ),
        )
    services.logs.write(call.binding, "key.added", key=key_id)
    return {"id": str(key_id), "key": secret, **fields}


def keys(services: Services, call: Call) -> dict[str, Any]:
    """All API keys, without their secrets."""
    with services.database.tenant(call.binding) as connection:
        rows = connection.execute(
            "SELECT id, name, scopes, created_at, revoked_at FROM rag.api_keys WHERE tenant_id = %s ORDER BY id",
            (call.tenant_id,),
        ).fetchall()
    return {
        "keys": [
            {
                "id": str(row[0]),
                "name": row[1],
                "scopes": row[2],
                "created_at": row[3].isoformat(),
                "revoked_at": row[4].isoformat() if row[4] else None,
            }
            for row in rows
        ]
    }


def revoke_key(services: Services, call: Call, key_id: UUID) -> None:
    """Revoke an API key at once."""
    with services.database.tenant(call.binding) as connection:
        revoked = connection.execute(
            "UPDATE rag.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE tenant_id = %s AND id = %s",
            (call.tenant_id, key_id),
        )
    if revoked.rowcount == 0:
        raise not_found("key")
    services.logs.write(call.binding, "key.revoked", key=key_id)


def revoke_keys_of(services: Services, call: Call, issued_by: str) -> dict[str, int]:
    """Revoke at once every API key that this subject issued; returns how many were still valid."""
    with services.database.tenant(call.binding) as connection:
        revoked = connection.execute(
            "UPDATE rag.api_keys SET revoked_at = now() WHERE tenant_id = %s AND issued_by = %s AND revoked_at IS NULL",
            (call.tenant_id, issued_by),
        )
    services.logs.write(call.binding, "keys.revoked", issued_by=issued_by, count=revoked.rowcount)
    return {"revoked": revoked.rowcount}
