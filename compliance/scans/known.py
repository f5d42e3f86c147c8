"""Which stores the inventory knows: listed containers, what carries a tenant's id, the regions' own, the settled."""

from collections.abc import Callable

from django.conf import settings
from django.db.models import Q

from compliance.erasing.queries import staying
from compliance.inventory.models import State as Listed
from compliance.inventory.models import System
from compliance.verifiers.answering import ids_in
from portal.lib.regions import load
from tenants.models import Status, Tenant

from .accounts import OURS, Place
from .looks import UNSEARCHED, Store
from .models import StoreFinding

BUCKET_OF = "rag-{}-{}"


def is_known(place: Place) -> Callable[[Store], bool]:
    """A test for the stores of one place. What could not be asked is known to nobody."""
    kept = {pk for region in _places() for pk in staying(region)}  # deleted, and a law keeps something of them
    gone = Q(status=Status.DELETED) & ~Q(pk__in=kept)
    tenants = list(Tenant.objects.exclude(gone).values_list("pk", "name"))
    ids = {pk.hex for pk, _name in tenants}
    plain = {BUCKET_OF.format(name, pk.hex[-8:]) for pk, name in tenants}
    buckets = plain | {f"{one}-{place}" for one in plain for place in _places()}
    rows = list(System.objects.filter(state=Listed.ACTIVE)) if place.account == OURS else []
    own = _instances(place)
    settled = set(
        StoreFinding.objects.filter(account=place.account, region=place.region, resolved_at__isnull=False)
        .exclude(kind=UNSEARCHED)
        .values_list("kind", "name")
    )

    def known(store: Store) -> bool:
        if store.kind == UNSEARCHED:
            return False
        if (store.kind, store.name) in settled or store.name in own:
            return True
        if place.account != OURS:
            return False
        named = set(ids_in(store.name.replace("_", "/")))
        return bool(named & ids) or store.name in buckets or any(row.knows(store.kind, store.name) for row in rows)

    return known


def _places() -> set[str]:
    """Every connected region: each listing of buckets is of all of them, and a tenant's second one bears its own."""
    return set(load(settings.REGIONS_FILE)) if settings.REGIONS_FILE.is_file() else set()


def _instances(place: Place) -> set[str]:
    """The RDS instance that is a region's own database."""
    if place.account != OURS or not settings.REGIONS_FILE.is_file():
        return set()
    return {one.database.instance for one in load(settings.REGIONS_FILE).values() if one.name == place.region} - {""}
