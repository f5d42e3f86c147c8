"""A tenant that an erasure was not to touch, counted and hashed: the same before and after, it was not."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from portal.lib.regions import Region

from .database import opened

PAGE = 5_000
DOCUMENTS = """
SELECT d.id, d.content_sha256,
       (SELECT count(*) FROM rag.chunks c WHERE c.tenant_id = d.tenant_id AND c.document_id = d.id)
FROM rag.documents d WHERE d.tenant_id = %s AND d.created_at < %s ORDER BY d.id
"""


def snapshot(region: Region, tenant_id: UUID, before: datetime) -> tuple[int, str]:
    """How many documents were made before an instant, and a SHA-256 over each with its content and its passages.

    NotChecked where the store cannot be asked.
    """
    count, digest = 0, sha256()
    with opened(region) as db, db.cursor(name="neighbour") as rows:
        rows.itersize = PAGE
        rows.execute(DOCUMENTS, [tenant_id, before])
        for document, content, chunks in rows:
            count += 1
            digest.update(f"{document} {content} {chunks}\n".encode())
    return count, digest.hexdigest()
