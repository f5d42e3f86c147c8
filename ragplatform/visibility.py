"""Who may see a document: the one place where access controls become SQL."""

from dataclasses import dataclass
from uuid import UUID

# For a query that names the document `d`; the parameters are Viewer.parameters().
VISIBLE = """
    (%(sees_all)s OR EXISTS (
        SELECT FROM rag.access_controls a
        WHERE a.tenant_id = %(tenant)s AND a.document_id = d.id
          AND (a.user_id IS NULL OR a.user_id = %(viewer)s)))
"""


@dataclass(frozen=True)
class Viewer:
    """Whose eyes a query looks through, inside one tenant."""

    tenant_id: UUID
    user_id: UUID | None
    sees_all: bool

    def parameters(self) -> dict[str, object]:
        """What VISIBLE needs."""
        return {"tenant": self.tenant_id, "viewer": self.user_id, "sees_all": self.sees_all}
