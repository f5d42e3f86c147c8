"""What is done about the registry by the clock."""

from portal.admin.listing import batched
from tenants.models import Tenant

from . import backup, points, stream
from .contents import standings
from .models import Published
from .publish import publish, tell, told

AT_ONCE = 250


def repair() -> None:
    """Entry: publish what never was, and again what Redis does not hold: it was flushed, failed over or away."""
    never = Tenant.objects.filter(published=None).values_list("pk", flat=True)
    for batch in batched(iter(list(never)), AT_ONCE):
        publish(batch)
    held = stream.held("configuration")
    present = Published.objects.values_list("pk", "version")
    lacking = [pk for pk, version in present if held.get(str(pk), -1) < version]
    for batch in batched(iter(lacking), AT_ONCE):
        rows = Published.objects.filter(pk__in=batch)
        stream.put("configuration", [(str(one.pk), one.version, stream.line(told(one))) for one in rows])
    heard = stream.held("standing")
    stale = [one for one in standings() if heard.get(one.tenant_id, -1) < one.version]
    for some in batched(iter(stale), AT_ONCE):
        tell(some)


def forget_old() -> None:
    """Entry: drop what no receipt asks for any more."""
    for _ in points.forget_old():
        pass


def keep_copy() -> None:
    """Entry: write the registry to disk, beside the older copies."""
    backup.write()
