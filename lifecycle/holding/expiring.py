"""What stores let go of by themselves: lifecycle rules of buckets, retention of logs, a key's scheduled deletion.

Under a hold each is switched off and read back, whatever the call has answered; what was in force is on record before
that, and is put back once no hold stands. Nothing here is believed because a call succeeded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compliance.holds.models import Suspended
from compliance.holds.queries import stands
from compliance.holds.stores import note_before, note_restored
from lifecycle.naming.queries import names_in
from lifecycle.stores.errors import Permanent, StoreError
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, keys
from portal.access.actor import Actor
from portal.lib.regions import Region
from tenants.models import Tenant

Before = dict[str, Any]


@dataclass(frozen=True)
class Expiry:
    """One way in which things expire. `found` gives what is in force by resource; of one that is off, nothing.

    `stop` and `start` return once the store itself says so, or raise StoreError.
    """

    system: str
    found: Callable[[Region, TenantNames], dict[str, Before]]
    stop: Callable[[Region, TenantNames, str], None]
    start: Callable[[Region, TenantNames, str, Before], None]
    is_there: Callable[[Region, str], bool]
    is_same: Callable[[Before, Before], bool] = lambda now, before: now == before


def bring(
    region: Region, tenant: Tenant, actor: Actor, alive: Callable[[], None] = lambda: None
) -> dict[str, dict[str, Any]]:
    """Leave every system as the portal wants it at the end of the call; say of each how it is, never by its word alone.

    Who writes looks at the portal again afterwards, so the last write is of the newest version.
    """
    names = names_in(tenant, region.name)
    while True:
        stand = stands(tenant.pk)
        bring_one = _suspend if stand.is_held else _restore
        said = {}
        for one in EXPIRIES:
            alive()
            said[one.system] = _said(bring_one, one, region, names, actor)
        if stands(tenant.pk) == stand:
            return said


def _said(
    bring_one: Callable[..., dict[str, Any]], one: Expiry, region: Region, names: TenantNames, actor: Actor
) -> dict[str, Any]:
    try:
        return bring_one(one, region, names, actor)
    except StoreError as error:
        state = "not_effective" if bring_one is _suspend else "not_restored"
        return {"state": state, "why": str(error)[:300]}


def _suspend(one: Expiry, region: Region, names: TenantNames, actor: Actor) -> dict[str, Any]:
    for resource, before in one.found(region, names).items():
        note_before(names.tenant_id, region.name, one.system, resource, before, actor=actor)
        one.stop(region, names, resource)
    if left := one.found(region, names):
        raise Permanent(one.system, "switch off", f"{', '.join(left)} says that it still lets things expire")
    held = Suspended.objects.filter(tenant_id=names.tenant_id, region=region.name, system=one.system, restored_at=None)
    what = list(held.values_list("resource", flat=True))
    return {"state": "suspended" if what else "nothing", "what": what}


def _restore(one: Expiry, region: Region, names: TenantNames, actor: Actor) -> dict[str, Any]:
    rows = Suspended.objects.filter(tenant_id=names.tenant_id, region=region.name, system=one.system, restored_at=None)
    for row in rows:
        left = "" if one.is_there(region, row.resource) else "it is not there any more"
        now = one.found(region, names).get(row.resource)
        if not left and now is None:
            one.start(region, names, row.resource, row.before)
        elif now is not None and not one.is_same(now, row.before):
            left = "somebody has put something else in force meanwhile"
        note_restored(row.pk, actor=actor, left=left)
    return {"state": "in_force"}


def _enabled(rules: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [one for one in rules or [] if one.get("Status") == "Enabled"]


def _rules(region: Region, names: TenantNames) -> dict[str, Before]:
    rules = buckets.expiry(region, names.bucket)
    return {names.bucket: {"rules": rules}} if _enabled(rules) else {}


def _stop_rules(region: Region, names: TenantNames, bucket: str) -> None:
    off = [{**one, "Status": "Disabled"} for one in buckets.expiry(region, bucket) or []]
    buckets.set_expiry(region, bucket, names.tenant_id, off)


def _start_rules(region: Region, names: TenantNames, bucket: str, before: Before) -> None:
    if buckets.set_expiry(region, bucket, names.tenant_id, before["rules"]) != before["rules"]:
        raise Permanent("objects", "put back", f"{bucket} does not have the rules of before")


def _retention(region: Region, names: TenantNames) -> dict[str, Before]:
    states = (groups.read(region, one) for one in groups.all_of(region, names.log_group))
    return {one.name: {"days": one.retention_days} for one in states if one and one.retention_days}


def _stop_retention(region: Region, names: TenantNames, group: str) -> None:
    groups.set_retention(region, group, names.tenant_id, 0)


def _start_retention(region: Region, names: TenantNames, group: str, before: Before) -> None:
    if groups.set_retention(region, group, names.tenant_id, before["days"]) != before["days"]:
        raise Permanent("logs", "put back", f"{group} does not keep its lines {before['days']} days")


def _deletions(region: Region, names: TenantNames) -> dict[str, Before]:
    waiting = [one for one in keys.of_tenant_keys(region, names.tenant_id) if one.deletion_at is not None]
    return {one.arn: {"deletion_at": one.deletion_at.isoformat()} for one in waiting if one.deletion_at}


def _stop_deletion(region: Region, names: TenantNames, key: str) -> None:
    keys.keep(region, key, names.tenant_id)


def _start_deletion(region: Region, names: TenantNames, key: str, before: Before) -> None:
    """From now on, with the whole time that the service waits: the days before the hold do not count."""
    if keys.remove(region, key, names.tenant_id) is None:
        raise Permanent("keys", "put back", f"{key} is not there")


EXPIRIES = (
    Expiry("objects", _rules, _stop_rules, _start_rules, lambda region, name: buckets.expiry(region, name) is not None),
    Expiry("logs", _retention, _stop_retention, _start_retention, lambda region, name: bool(groups.read(region, name))),
    Expiry(
        "keys",
        _deletions,
        _stop_deletion,
        _start_deletion,
        lambda region, name: bool(keys.read(region, name)),
        lambda now, before: True,  # whichever day: the key waits for its end again
    ),
)
