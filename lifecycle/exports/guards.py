"""What exports forbid: nobody certifies that a tenant's data are gone while a copy waits to be fetched."""

from typing import Any

from compliance.erasing.models import RUNNING, ErasureRequest
from portal.lib.errors import Blocked

from .queries import standing


def none_lies_around(verb: str, row: Any) -> None:
    """While an erasure of the tenant runs, no export of it may stand; one made afterwards holds nothing of it."""
    if not ErasureRequest.objects.filter(tenant_id=row.tenant_id, state__in=RUNNING).exists():
        return
    if found := standing(row.tenant_id):
        raise Blocked(f"{', '.join(map(str, found))} lies around still: it is a copy of what was erased.", by="export")
