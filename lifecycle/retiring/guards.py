"""What forbids a move into a region: that what the tenant has left there is still to be erased."""

from typing import Any

from portal.lib.errors import Blocked

from .models import Retirement


def nothing_is_erased_there(verb: str, migration: Any) -> None:
    """An erasure that waits would begin behind the move, and take what it has brought."""
    if row := Retirement.objects.open().filter(tenant=migration.tenant_id, region=migration.target).first():
        raise Blocked(
            f"What the tenant has left in {row.region} is being erased.",
            by="retirement",
            remedy="Wait until that store is erased.",
        )
