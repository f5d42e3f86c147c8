"""Who may see a document: the one place where access controls become SQL."""

from dataclasses import dataclass
from uuid import UUID

from psycopg import sql

CONDITION = sql.SQL("""
    (%(sees_all)s OR EXISTS (
        SELECT FROM rag.access_controls a
        WHERE a.tenant_id = %(tenant)s AND a.document_id = {document}
          AND (a.user_id IS NULL OR a.user_id = %(viewer)s)))
""")


def visible(table: str, column: str) -> sql.Composed:
    """The condition on a query whose documents stand in `table.column`; its parameters are Viewer.parameters()."""
    return CONDITION.format(document=sql.Identifier(table, column))


@dataclass(frozen=True)
class Viewer:
    """Whose eyes a query looks through, inside one tenant."""

    tenant_id: UUID
    user_id: UUID | None
    sees_all: bool

    def parameters(self) -> dict[str, object]:
        """What visible() needs."""
        return {"tenant": self.tenant_id, "viewer": self.user_id, "sees_all": self.sees_all}
