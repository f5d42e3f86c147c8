"""What exists and is not listed. A place that cannot be searched is a finding as well: nobody knows what is there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from compliance.erasing.queries import staying
from compliance.verifiers import containers
from compliance.verifiers.answering import NotChecked
from compliance.verifiers.containers import Container
from portal.access.actor import Actor
from portal.audit.context import action_of
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.regions import Region
from tenants.models import Status, Tenant

from .models import Finding, Search, State, System

SYSTEM = Actor.system("inventory")
MOST = 500  # findings of one region; who finds more has lost the list itself


@dataclass(frozen=True)
class Found:
    """Something that no row lists; of a place that could not be searched, `why`."""

    kind: str
    what: str
    why: str = ""


def discover(region: Region) -> list[Found]:
    """Look at everything in a region, read-only, and return what no listed system of it knows.

    Whose a thing may be is asked after it was seen: a tenant that is just being made has its store's row by then.
    """
    seen: list[Container] = []
    blind: list[Found] = []
    for place, look in containers.LOOKS.items():
        try:
            seen += look(region)
        except NotChecked as error:
            blind.append(Found(Finding.UNSEARCHED, place, str(error)[:500]))
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody has looked there
            blind.append(Found(Finding.UNSEARCHED, place, f"The answer was not understood ({type(error).__name__})."))
    try:
        known = _tenants() | containers.tenants(region) | staying(region.name).keys()
    except NotChecked as error:
        return [Found(Finding.UNSEARCHED, place, str(error)[:500]) for place in containers.LOOKS]
    rows = list(System.objects.filter(region=region.name, state=State.ACTIVE))
    found = [Found(one.kind, one.name[:300]) for one in seen if not _is_listed(one, rows, known)]
    return list(dict.fromkeys([*blind, *found]))[:MOST]


def drift(regions: Iterable[Region], since: datetime | None = None) -> list[Finding]:
    """Search these regions now, keep what was found and what is gone, and return every finding that is open.

    With an instant, only those whose last search did not begin after it: several may rely on one search.
    """
    fresh = set(Search.objects.filter(at__gte=since).values_list("region", flat=True)) if since else set()
    for region in regions:
        if region.name not in fresh:
            at = now()
            keep(region.name, discover(region), at)
    return list(Finding.objects.filter(resolved_at=None).order_by("region", "kind", "what"))


@action_of(SYSTEM)
def keep(region: str, found: list[Found], began: datetime | None = None) -> None:
    """Open what is new, close what is not there any more; told once where something is new. One at a time.

    `began`: when the search did, which is what it can be relied on for.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('inventory.findings', 0))")
    open_ones = {(one.kind, one.what): one for one in Finding.objects.filter(region=region, resolved_at=None)}
    here = {(one.kind, one.what): one for one in found}
    blind = {what for kind, what in here if kind == Finding.UNSEARCHED}
    at = now()
    for key in here.keys() - open_ones.keys():
        Finding.objects.create(region=region, kind=key[0], what=key[1], why=here[key].why, first_seen=at, last_seen=at)
    for key, one in open_ones.items():
        if key in here:
            _seen_again(one)
        elif PLACE.get(one.kind, one.what) not in blind:
            one.resolved_at, one.resolution = at, "not there any more"
            one.save()
    Search.objects.update_or_create(region=region, defaults={"at": began or at})
    if fresh := sorted(what for _kind, what in here.keys() - open_ones.keys()):
        emit("inventory.drift", {"region": region, "count": len(fresh), "what": fresh[:10], "at": at.isoformat()})


def _seen_again(one: Finding) -> None:
    if now() - one.last_seen > timedelta(minutes=1):
        one.last_seen = now()
        one.save()


PLACE = {
    "table": "postgres",
    "index": "vectors",
    "namespace": "vectors",
    "bucket": "objects",
    "key_space": "cache",
    "log_group": "logs",
}


def _is_listed(one: Container, rows: list[System], known: set[UUID]) -> bool:
    if one.tenant is not None and one.tenant in known:
        return True
    return any(row.knows(one.kind, one.name) for row in rows)


def _tenants() -> set[UUID]:
    return set(Tenant.objects.exclude(status=Status.DELETED).values_list("pk", flat=True))
