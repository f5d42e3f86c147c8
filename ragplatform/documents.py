"""Documents: taken in whole or not at all, listed, read and deleted."""

import hashlib
from array import array
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import errors, sql

from . import metrics, shape
from .call import Call
from .chunking import split
from .database import Connection, count, levels
from .embedding import embed
from .ids import new_id, uuid_or_none
from .outbox import call_off, promise_delete
from .problems import Problem, invalid, not_found, over_quota, unavailable
from .services import Services
from .visibility import visible

FIELDS: dict[str, shape.Check] = {
    "id": shape.identifier(),
    "title": shape.text(1, 500),
    "text": shape.text(1, 8_000_000),
    "source": shape.text(0, 2_000, default=""),
    "media_type": shape.matching(shape.MEDIA_TYPE, "a media type such as text/plain", default="text/plain"),
    "owner_user_id": shape.identifier(),
    "access": shape.everyone_or_users,
}
COLUMNS = sql.SQL("d.id, d.title, d.source, d.media_type, d.bytes, d.content_sha256, d.owner_user_id, d.created_at")
PARTS = {"columns": COLUMNS, "visible": visible("d", "id")}
KNOWN = sql.SQL("SELECT {columns} FROM rag.documents d WHERE d.tenant_id = %(tenant)s AND d.id = %(id)s").format(
    **PARTS
)
ONE = sql.SQL(
    "SELECT {columns} FROM rag.documents d WHERE d.tenant_id = %(tenant)s AND d.id = %(id)s AND {visible}"
).format(**PARTS)
MANY = sql.SQL(
    "SELECT {columns} FROM rag.documents d"
    " WHERE d.tenant_id = %(tenant)s AND d.id > %(start)s AND {visible} ORDER BY d.id LIMIT %(size)s"
).format(**PARTS)
TO_DELETE = sql.SQL(
    "SELECT d.object_key, d.bytes FROM rag.documents d"
    " WHERE d.tenant_id = %(tenant)s AND d.id = %(id)s AND {visible} FOR UPDATE"
).format(**PARTS)
GIGABYTE = 1_000_000_000
PAGE = 100


@dataclass(frozen=True)
class Draft:
    """A document on its way in."""

    id: UUID
    fields: dict[str, Any]
    body: bytes
    chunks: list[str]
    vectors: "list[array[float]]"

    @property
    def sha256(self) -> str:
        """The content's hash, in hex."""
        return hashlib.sha256(self.body).hexdigest()


def ingest(services: Services, call: Call, raw: bytes, content_type: str) -> tuple[dict[str, Any], int]:
    """Store a document in every store; answers it and 201, or 200 when the same id and content are already there.

    The object is put first under a key of its own, then rows and vectors become visible in one transaction. A kill in
    between leaves an object nobody sees and a note by which the sweep removes it.
    """
    draft = _draft(shape.read_object(raw, content_type, FIELDS))
    key = _object_key(draft)
    with services.database.tenant(call.binding) as connection:
        known = _known(connection, call, draft)
        if known:
            return known, 200
        _check_room(call, levels(connection, call.tenant_id), 1, len(draft.body))
        promise = promise_delete(connection, call.tenant_id, draft.id, key)
    try:
        services.objects.put(call.binding, key, draft.body, draft.fields["media_type"])
        with services.database.tenant(call.binding) as connection:
            _insert(connection, call, draft, key)
            services.vectors(call.binding).write(connection, call.binding, draft.id, draft.vectors)
            if not call_off(connection, call.tenant_id, promise):
                raise unavailable("The upload took too long and was given up; send it again.")
            held = _take_room(connection, call, 1, len(draft.body))
    except Exception:
        services.outbox.settle_document(call.binding, draft.id)
        raise
    _changed(services, call, held)
    searchable = services.outbox.settle_document(call.binding, draft.id)
    services.logs.write(call.binding, "document.ingested", document=draft.id, chunks=len(draft.chunks))
    return {**read(services, call, draft.id), "chunks": len(draft.chunks), "searchable": searchable}, 201


def read(services: Services, call: Call, document_id: UUID) -> dict[str, Any]:
    """One document's description; 404 for absent, foreign and hidden ones alike."""
    with services.database.tenant(call.binding) as connection:
        row = connection.execute(ONE, {**call.viewer.parameters(), "id": document_id}).fetchone()
    if row is None:
        raise not_found("document")
    return _described(row)


def content(services: Services, call: Call, document_id: UUID) -> tuple[bytes, str]:
    """The original and its media type, checked against the hash taken when it came in."""
    described = read(services, call, document_id)
    with services.database.tenant(call.binding) as connection:
        row = connection.execute(
            "SELECT object_key FROM rag.documents WHERE tenant_id = %s AND id = %s", (call.tenant_id, document_id)
        ).fetchone()
    if row is None:
        raise not_found("document")
    body = services.objects.get(call.binding, row[0])
    if hashlib.sha256(body).hexdigest() != described["sha256"]:
        raise unavailable("The stored original does not have the hash it came in with.", 60)
    return body, described["media_type"]


def page(services: Services, call: Call, after: str, limit: str) -> dict[str, Any]:
    """Documents the caller may see, in order of id (of arrival, for ids given here), with the cursor of the rest."""
    start = uuid_or_none(after) if after else UUID(int=0)
    if start is None:
        raise invalid("after", "the `next` of an earlier page")
    size = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 6 else 0
    if not 1 <= size <= PAGE:
        raise invalid("limit", f"a whole number from 1 to {PAGE}")
    with services.database.tenant(call.binding) as connection:
        wanted = {**call.viewer.parameters(), "start": start, "size": size + 1}
        rows = connection.execute(MANY, wanted).fetchall()
    found = [_described(row) for row in rows[:size]]
    return {"documents": found, "next": found[-1]["id"] if len(rows) > size else None}


def delete(services: Services, call: Call, document_id: UUID) -> None:
    """Remove a document from every store; 404 for absent, foreign and hidden ones alike."""
    with services.database.tenant(call.binding) as connection:
        row = connection.execute(TO_DELETE, {**call.viewer.parameters(), "id": document_id}).fetchone()
        if row is None:
            raise not_found("document")
        services.vectors(call.binding).remove(connection, call.binding, document_id)
        # `= document_id` is the first key column of each but the last
        for statement in (
            "DELETE FROM rag.access_controls WHERE tenant_id = %s AND document_id = %s",
            "DELETE FROM rag.chunks WHERE tenant_id = %s AND document_id = %s",
            "DELETE FROM rag.documents WHERE tenant_id = %s AND id = %s",
        ):
            connection.execute(statement, (call.tenant_id, document_id))
        promise_delete(connection, call.tenant_id, document_id, row[0])
        held = _take_room(connection, call, -1, -row[1])
    _changed(services, call, held)
    services.outbox.settle_document(call.binding, document_id)
    services.logs.write(call.binding, "document.deleted", document=document_id)


def _draft(fields: dict[str, Any]) -> Draft:
    chunks = split(fields["text"])
    vectors = [embed(f"{fields['title']}\n{chunk}") for chunk in chunks]
    return Draft(fields["id"] or new_id(), fields, fields["text"].encode(), chunks, vectors)


def _object_key(draft: Draft) -> str:
    """Never used before: a second attempt at the same document must not meet the first one's object."""
    owner = draft.fields["owner_user_id"]
    folder = f"users/{owner}" if owner else "shared"
    return f"{folder}/documents/{draft.id}/{new_id().hex}"


def _known(connection: Connection, call: Call, draft: Draft) -> dict[str, Any] | None:
    row = connection.execute(KNOWN, {"tenant": call.tenant_id, "id": draft.id}).fetchone()
    if row is None:
        return None
    described = _described(row)
    if described["sha256"] != draft.sha256:
        raise _taken()
    return described


def _taken() -> Problem:
    return Problem(409, "id-taken", "Another document has this id; leave `id` out to get a fresh one.")


def _insert(connection: Connection, call: Call, draft: Draft, key: str) -> None:
    fields, tenant_id = draft.fields, call.tenant_id
    try:
        connection.execute(
            "INSERT INTO rag.documents (tenant_id, id, title, source, object_key, content_sha256, bytes, media_type,"
            " owner_user_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (tenant_id, draft.id, fields["title"], fields["source"], key, draft.sha256, len(draft.body),
             fields["media_type"], fields["owner_user_id"]),
        )  # fmt: skip
    except errors.UniqueViolation as error:
        raise _taken() from error
    except errors.ForeignKeyViolation as error:
        raise invalid("owner_user_id", "a user of this tenant") from error
    _grant(connection, call, draft)
    connection.execute(
        "INSERT INTO rag.chunks (tenant_id, document_id, ordinal, body)"
        " SELECT %s, %s, ordinal - 1, body FROM unnest(%s::text[]) WITH ORDINALITY AS t(body, ordinal)",
        (tenant_id, draft.id, draft.chunks),
    )


def _grant(connection: Connection, call: Call, draft: Draft) -> None:
    users: list[UUID | None] = [None] if draft.fields["access"] is None else list(draft.fields["access"])
    try:
        connection.execute(
            "INSERT INTO rag.access_controls (tenant_id, id, document_id, user_id)"
            " SELECT %s, id, %s, user_id FROM unnest(%s::uuid[], %s::uuid[]) AS t(id, user_id)",
            (call.tenant_id, draft.id, [new_id() for _ in users], users),
        )
    except errors.ForeignKeyViolation as error:
        raise invalid("access", "ids of users of this tenant") from error


def _take_room(connection: Connection, call: Call, documents: int, size: int) -> dict[str, int]:
    """Count what comes or goes, last in its transaction: the counter's row is locked until commit, so two uploads
    cannot both take the last place."""
    count(connection, call.tenant_id, "documents", documents)
    count(connection, call.tenant_id, "bytes", size)
    held = levels(connection, call.tenant_id)
    if documents > 0:
        _check_room(call, held, 0, 0)
    return held


def _check_room(call: Call, held: dict[str, int], documents: int, size: int) -> None:
    limits = call.tenant.limits
    if held["documents"] + documents > limits.max_documents:
        raise over_quota(
            "document-limit",
            f"The tier holds {limits.max_documents:,} documents; delete some or ask for a larger tier.",
            limit=limits.max_documents,
            used=min(held["documents"], limits.max_documents),
        )
    room = int(limits.max_storage_gb * GIGABYTE)
    if held["bytes"] + size > room:
        raise over_quota(
            "storage-limit",
            f"The tier holds {limits.max_storage_gb:g} GB ({room:,} bytes); delete some or ask for a larger tier.",
            limit=room,
            used=held["bytes"],
        )


def _changed(services: Services, call: Call, held: dict[str, int]) -> None:
    services.caches.of(call.binding).documents_changed()
    metrics.DOCUMENTS.labels(str(call.tenant_id)).set(held["documents"])
    metrics.STORED_BYTES.labels(str(call.tenant_id)).set(held["bytes"])


def _described(row: Any) -> dict[str, Any]:
    document_id, title, source, media_type, size, digest, owner, created_at = row
    return {
        "id": str(document_id),
        "title": title,
        "source": source,
        "media_type": media_type,
        "bytes": size,
        "sha256": digest,
        "owner_user_id": str(owner) if owner else None,
        "created_at": created_at.isoformat(),
    }
