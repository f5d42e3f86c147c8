"""Reads of what was measured, for other apps."""

from uuid import UUID

from .models import Condition


def stored_bytes_of(tenant_id: UUID) -> int | None:
    """What the tenant stored when it was last measured; None if nobody could say."""
    found: int | None = Condition.objects.filter(pk=tenant_id).values_list("stored_bytes", flat=True).first()
    return found
