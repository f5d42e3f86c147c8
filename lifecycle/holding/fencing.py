"""Brings every store to what the portal says of a tenant's holds, and reads it back.

Whoever writes looks at the portal again afterwards, so the last write is always of the newest version, whatever the
order of workers; an older one changes nothing in a store.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings

from compliance.holds.models import StoreHold
from compliance.holds.queries import Stands, stands
from compliance.holds.stores import Told
from lifecycle.erasure.engine import items
from lifecycle.stores.errors import Permanent, StoreError, Transient
from lifecycle.stores.postgres import fences, rows
from portal.access.actor import Actor
from portal.jobs.models import Job, Step
from portal.lib.regions import Region, load
from tenants.models import Tenant

from . import expiring

Answer = StoreHold.Answer
DESTROYERS = ("provision.roll_back",)


def ask_all(tenant_id: UUID, actor: Actor, alive: Callable[[], None]) -> list[Told]:
    """What each region says, the tenant's own first. One that is not reached holds up no other.

    Every database is told before anything slower is: what is switched off there destroys no faster than in hours.
    `alive` is called before each part that may take long.
    """
    tenant = Tenant.objects.get(pk=tenant_id)
    known = load(settings.REGIONS_FILE) if settings.REGIONS_FILE.is_file() else {}
    home = [] if tenant.region in known else [_by_hand(tenant)]
    in_order = sorted(known.values(), key=lambda region: region.name != tenant.region)
    told = [(region, ask(region, tenant)) for region in in_order]
    return home + [replace(one, systems=expiring.bring(region, tenant, actor, alive)) for region, one in told]


def _by_hand(tenant: Tenant) -> Told:
    why = "This portal reaches no store there, and destroys nothing there either."
    return Told(tenant.region, Answer.NO_STORE, stands(tenant.pk).version, why)


def ask(region: Region, tenant: Tenant) -> Told:
    """Tell one store, and say what it answered. A store without anything of the tenant is left as it is."""
    try:
        if region.name != tenant.region and not fences.knows(region, tenant.pk):
            return Told(region.name, Answer.NO_ROW, stands(tenant.pk).version)
        stand = bring(region, tenant.pk)
        if not stand.is_held:
            return Told(region.name, Answer.CLEAR, stand.version)
        gone, present = gone_before(region, tenant.pk), _present(region, tenant.pk)
        return Told(region.name, Answer.HELD, stand.version, "", gone, present)
    except StoreError as error:
        return Told(region.name, Answer.PENDING, -1, str(error)[:500])


def bring(region: Region, tenant_id: UUID) -> Stands:
    """Leave the store at the portal's newest version, or raise StoreError."""
    while True:
        stand = stands(tenant_id)
        fences.set_hold(region, tenant_id, stand.is_held, stand.version)
        held, version = fences.hold_of(region, tenant_id)
        if version < stand.version:
            raise Transient("database", "hold", f"{region.name} does not have version {stand.version}")
        if version == stand.version and held != stand.is_held:
            raise Permanent("database", "hold", f"{region.name} says otherwise at version {version}")
        if stands(tenant_id) == stand:
            return stand


def gone_before(region: Region, tenant_id: UUID) -> dict[str, Any]:
    """What is gone so far, by running destroyers' own word and by the store's: the last words before the fence."""
    jobs = Job.objects.unfinished().filter(kind__in=DESTROYERS, tenant_id=tenant_id)
    steps = Step.objects.filter(job__in=jobs, done__gt=0).order_by("job__created_at", "seq")
    said = dict(steps.values_list("title", "done"))
    with suppress(StoreError):  # it keeps what it has; that it cannot count is no reason to say otherwise
        said |= items.gone(region, tenant_id)
    return said


def _present(region: Region, tenant_id: UUID) -> dict[str, Any] | None:
    try:
        counted = rows.count(region, tenant_id)
    except StoreError:  # it keeps everything; that it cannot count is no reason to say otherwise
        return None
    return {"rows": sum(number or 0 for number in counted.values()), "tables": counted}
