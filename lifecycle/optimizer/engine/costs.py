"""What a resource costs a month as it is, as it was, and whether a change was made: seen in the resource itself."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from .facts import Database, Fleet, Instance, Region, Thing, Volume
from .prices import NOTHING, Price, Prices, total

Key = tuple[str, str]
Change = dict[str, Any]
FLEETS = "asg/"
KINDS = {"i-": "instances", FLEETS: "instances", "vol-": "volumes", "sg-": "groups"}
FIELDS: dict[type, dict[str, str]] = {
    Instance: {"instance_type": "size"},
    Fleet: {"instance_type": "size"},
    Volume: {"volume_type": "type", "iops": "iops", "throughput": "mibps", "encrypted": "is_encrypted"},
    Database: {
        "instance_class": "size",
        "storage_type": "storage_type",
        "iops": "iops",
        "throughput": "mibps",
        "multi_az": "is_multi_az",
        "backup_retention_days": "backup_days",
        "publicly_accessible": "is_public",
        "storage_encrypted": "is_encrypted",
    },
}


def cost_of(one: Thing, prices: Prices) -> Price | None:
    """None where there is no price, or none that a list could know."""
    if isinstance(one, Fleet):
        return total(*(cost_of(each, prices) for each in one.members))
    if isinstance(one, Instance):
        if one.state != "running":
            return NOTHING
        return prices.instance(one.region, one.size) if one.is_listed else None
    if isinstance(one, Volume):
        return prices.volume(one.region, one.type, one.size_gib, iops=one.iops, mibps=one.mibps)
    if isinstance(one, Database):
        return total(compute_of(one, prices), storage_of(one, prices))
    return NOTHING


def compute_of(one: Database, prices: Prices) -> Price | None:
    return prices.database(one.region, one.engine, one.size, is_multi_az=one.is_multi_az)


def storage_of(one: Database, prices: Prices) -> Price | None:
    of = prices.database_storage
    return of(one.region, one.storage_type, one.storage_gib, is_multi_az=one.is_multi_az, paid_iops=paid_iops(one))


def included(gib: int) -> tuple[int, int]:
    """Operations and MiB a second that gp3 of PostgreSQL, MySQL and MariaDB comes with: striped from 400 GiB on."""
    return (12_000, 500) if gib >= 400 else (3_000, 125)


def paid_iops(one: Database) -> int:
    if one.storage_type in ("io1", "io2"):
        return one.iops
    return max(0, one.iops - included(one.storage_gib)[0]) if one.storage_type == "gp3" else 0


def kind_of(resource: str) -> str:
    """Where a region keeps a resource of this name."""
    return next((kind for start, kind in KINDS.items() if resource.startswith(start)), "databases")


def seen_of(region: Region, wanted: Iterable[Key]) -> dict[Key, Thing | None]:
    """Wanted resources as they are; None for what is gone. Where nobody could look a resource is left out.

    So is a fleet of which nothing runs: whether its group is still there is not read.
    """
    there = {(region.name, one.id): one for one in region.things()}
    mine = [key for key in wanted if key[0] == region.name]
    return {key: there.get(key) for key in mine if key in there or _could_see(region, key[1])}


def _could_see(region: Region, resource: str) -> bool:
    return region.is_whole(kind_of(resource)) and not resource.startswith(FLEETS)


def is_seen(one: Thing | None, change: Change) -> str:
    """`before`, `after`, `gone` or `other`; empty for what shows in no attribute: rules of groups, and tags.

    Of several attributes set together the first says whether nothing was done, and all of them whether it was done.
    """
    name = ".".join(change["path"][2:])
    if name == "count":
        return "before" if one else "after"
    if one is None:
        return "gone"
    if name not in FIELDS.get(type(one), {}):
        return ""
    if isinstance(one, Fleet) and not one.size:
        return "before"  # they are being replaced, one after the other
    if _value(one, name) == change["before"]:
        return "before"
    together = {name: change["after"], **{each: both["after"] for each, both in change.get("with", {}).items()}}
    return "after" if all(_value(one, each) == after for each, after in together.items()) else "other"


def _value(one: Thing, name: str) -> Any:
    return getattr(one, FIELDS[type(one)][name])


def undone(one: Thing, change: Change) -> Thing:
    """The resource without a change that was made to it."""
    before = {".".join(change["path"][2:]): change["before"]}
    before |= {name: both["before"] for name, both in change.get("with", {}).items()}
    if isinstance(one, Fleet):
        return resized(one, change["before"])
    fields = FIELDS.get(type(one), {})
    return replace(one, **{fields[name]: value for name, value in before.items() if name in fields})


def resized(one: Thing, size: str) -> Thing:
    if isinstance(one, Fleet):
        return replace(one, members=tuple(replace(each, size=size) for each in one.members))
    return replace(one, size=size) if isinstance(one, Instance) else one


def realised(one: Thing, change: Change, later: Iterable[Change], prices: Prices) -> Decimal | None:
    """Dollars a month that one change saves of itself: those made after it, the last first, are thought away."""
    after = one
    for each in later:
        after = undone(after, each)
    now, then = cost_of(after, prices), cost_of(undone(after, change), prices)
    return None if now is None or then is None else then.usd - now.usd
