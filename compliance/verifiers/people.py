"""Who a person is in a region's store. The address is asked for and kept nowhere."""

from uuid import UUID

from portal.lib.regions import Region

from .database import opened

USER = """
SELECT id FROM rag.users WHERE tenant_id = %(tenant)s AND lower(email) = lower(%(email)s)
ORDER BY email = %(email)s DESC, id LIMIT 1
"""
DOCUMENTS = "SELECT id FROM rag.documents WHERE tenant_id = %s AND owner_user_id = %s ORDER BY id"


def user_of(region: Region, tenant_id: UUID, email: str) -> UUID | None:
    """The user with this address; NotChecked where the store cannot be asked."""
    with opened(region) as db:
        row = db.execute(USER, {"tenant": tenant_id, "email": email.strip()}).fetchone()
    return row[0] if row else None


def documents_of(region: Region, tenant_id: UUID, user_id: UUID) -> list[UUID]:
    """The documents that this person owns; NotChecked where the store cannot be asked."""
    with opened(region) as db:
        return [one for (one,) in db.execute(DOCUMENTS, [tenant_id, user_id])]
