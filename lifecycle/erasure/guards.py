"""What an erasure has to have done before a tenant's row may say so, and before its certificate may be signed."""

from typing import Any
from uuid import UUID

from compliance.certificates.models import Certificate
from compliance.erasing.models import RUNNING, ErasureRequest
from compliance.holds.errors import Retained
from compliance.holds.queries import is_held
from compliance.inventory.queries import drift_count, snapshot
from lifecycle.stores.errors import StoreError
from lifecycle.stores.postgres import fences
from portal.lib.errors import Blocked
from tenants.models import Tenant

from .subject import regions


def only_by_an_erasure(verb: str, tenant: Tenant) -> None:
    """A tenant goes into erasing because somebody asked for that, two others agreed, and its time has come."""
    if not _running(tenant).exists():
        said = "Ask for the erasure of this tenant; it begins when two others have agreed."
        raise Blocked(said, by="erasure", remedy="erasure-requests")


def only_when_certified(verb: str, tenant: Tenant) -> None:
    """A tenant is deleted when a certificate says so."""
    if not _running(tenant).filter(certificate_id__isnull=False).exists():
        raise Blocked("No certificate of this tenant's erasure has been issued.", by="erasure")


def _running(tenant: Tenant) -> Any:
    """The erasure of all of it that is under way."""
    return ErasureRequest.objects.filter(tenant=tenant, kind="tenant", state__in=RUNNING)


def no_store_holds(verb: str, row: Certificate) -> None:
    """Every store's own word, read now: one that holds, or does not answer, forbids the certificate."""
    if is_held(row.tenant_id):
        raise Retained(row.tenant_id, verb)
    for region in regions().values():
        try:
            holds = _holds(region, row.tenant_id)
        except StoreError as error:
            raise Blocked(f"{region.name} does not say whether it holds the tenant: {error}", by="hold") from error
        if holds:
            raise Retained(row.tenant_id, verb, place=region.name)


def nothing_unlisted(verb: str, row: Certificate) -> None:
    """Between the last look and the signature no store was found that the inventory lacks, and it lists the same.

    What says once more what another certificate said relies on the look of that one.
    """
    found = row.certified.erasure
    if row.follows is not None and row.follows.certified.erasure.timeline == found.timeline:
        return
    if drift_count() or snapshot().digest != found.inventory.digest:
        said = "What stores there are is not what it was when it was last looked at; verify again."
        raise Blocked(said, by="drift", remedy="inventory")


def _holds(region: Any, tenant_id: UUID) -> bool:
    return fences.knows(region, tenant_id) and fences.hold_of(region, tenant_id)[0]
