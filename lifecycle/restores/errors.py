"""The refusal of a restore. Who asked is on record, although nothing has changed."""

from typing import Any

from portal.audit.actions import record
from portal.audit.context import acting
from portal.lib.errors import Blocked
from tenants.models import Tenant

WORDS = (
    "Restores are not built yet, so nothing is brought back. One becomes possible once it erases again what the"
    " erasure ledger says was erased; of this tenant that has {count} entries."
)


class NotReplayed(Blocked):
    """A restore that would not replay the erasure ledger. `entries` are the tenant's, `digest` covers all there are."""

    def __init__(self, tenant: Tenant, verb: str, *, entries: int, digest: str) -> None:
        super().__init__(WORDS.format(count=entries), by="erasure-ledger", code="restore-blocked", entries=entries)
        self.tenant, self.verb, self.digest = tenant, verb, digest

    def after(self, actor: Any) -> None:
        said = {"by": self.by, "entries": self.extra["entries"], "ledger": self.digest}
        with acting(actor, "refused"):
            record(f"{self.verb}_refused", self.tenant, actor=actor, reason=self.detail, data=said)
