"""The refusal of whatever would destroy what is kept. It says no more than that, and leaves a record behind."""

from typing import Any
from uuid import UUID

from portal.lib.errors import Blocked

WORDS = "What this tenant has is retained under law; nothing of it is removed."
WORDS_ANY = "Records are retained under law; none leaves while that lasts."


class Retained(Blocked):
    """A destructive verb met a legal hold. `place` is who refused: the portal, or a system of the tenant."""

    def __init__(self, tenant_id: UUID | None, verb: str, *, place: str = "portal") -> None:
        super().__init__(WORDS if tenant_id else WORDS_ANY, by="hold", code="retained")
        self.tenant_id, self.verb, self.place = tenant_id, verb, place

    def after(self, actor: Any) -> None:
        from .evidence import keep

        keep(self, actor)
