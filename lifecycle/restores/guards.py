"""What forbids restores. Who builds them takes this guard's place with the replay itself."""

from compliance.erasing.queries import erasure_ledger, erasure_ledger_digest
from tenants.models import Tenant

from .errors import NotReplayed


def replays_the_ledger(verb: str, tenant: Tenant) -> None:
    """No restore before it replays the erasure ledger: it would bring back what a certificate says is gone."""
    entries = sum(1 for _ in erasure_ledger(tenant.pk))
    raise NotReplayed(tenant, verb, entries=entries, digest=erasure_ledger_digest())
