"""Databases: their class and storage, and what keeps their data: a second zone, backups, encryption, a closed door.

Nothing here takes a second zone away from what may serve people, and nothing anywhere takes backups away.
"""

from dataclasses import replace
from datetime import datetime

from ..costs import compute_of, cost_of, included, storage_of
from ..facts import Database, Region, Use
from ..findings import (
    BACKUP_DAYS,
    LEAST_BACKUP_DAYS,
    Judging,
    Rule,
    change_of,
    environment_of,
    is_production,
    is_trial,
)
from ..metrics import DB_CPU, DB_CREDITS, DB_MEMORY, DB_STORAGE
from ..sizes import one_down, size_of
from .instances import HIGHEST, fits, projected, runs_dry, seen, too_little

SMALLER = Rule("database.one_size_down", 2, "One class smaller is enough", "cost", "resize", "medium", "medium", 50)
STORAGE = Rule("database.storage_oversized", 1, "Far more storage than data", "cost", "recreate", "high", "medium", 60)
GP3 = Rule("database.gp3", 1, "gp3 gives as many operations for no more", "cost", "modify", "low", "medium", 40)
SECOND_ZONE = Rule("database.trial_in_two_zones", 2, "Two zones for trials", "cost", "modify", "low", "low", 45)
ONE_ZONE = Rule("database.one_zone", 1, "Production in one zone", "resilience", "modify", "low", "low", 10)
BACKUPS = Rule("database.backups", 1, "Backups are kept too short", "resilience", "modify", "low", "low", 5)
OPEN = Rule("database.unencrypted", 1, "Not encrypted", "security", "recreate", "high", "medium", 20)
PUBLIC = Rule("database.public", 1, "Reachable from the internet", "security", "modify", "medium", "medium", 1)

GIB = 1024**3
MUCH_STORAGE, HALF = 100, 0.5
STRIPING, STRIPED, MOST_IOPS = ("postgres", "mysql", "mariadb"), 400, 64_000


def judge(region: Region, one: Database, judging: Judging) -> None:
    cpu = region.of(one.id, DB_CPU.name)
    is_read, changes_read = region.is_whole(DB_CPU.name), region.is_whole("modifications")
    why = too_little(cpu, since(one, judging.at), judging.at, is_read=is_read)
    if why := why or ("" if changes_read else "whether it was changed could not be read"):
        judging.doubt(one.id, one.region, "use", why)
    else:
        _smaller(region, one, cpu, judging)
        _storage(one, region.of(one.id, DB_STORAGE.name), judging)
    _gp3(one, judging)
    _zones(one, judging)
    _backups(one, judging)
    if not one.is_encrypted:
        _say(OPEN, one, judging, "storage_encrypted", False, True, ("it is encrypted by restoring a copied snapshot",))
    if one.is_public:
        _say(PUBLIC, one, judging, "publicly_accessible", True, False, ())


def since(one: Database, at: datetime) -> datetime:
    """Since when it has had its class, as far as its events tell."""
    return one.resized_at if one.resized_at and one.resized_at <= at else one.created_at


def _smaller(region: Region, one: Database, cpu: Use, judging: Judging) -> None:
    """A database lives in its memory: without its measure nothing is proposed."""
    now, smaller = size_of(one.size), one_down(one.size)
    free = region.of(one.id, DB_MEMORY.name)
    if now is None or smaller is None or not fits(now, smaller, cpu) or free.least is None or not free.is_enough:
        return
    used = now.gib - free.least / GIB
    if used / smaller.gib * 100 >= HIGHEST or runs_dry(now, region.of(one.id, DB_CREDITS.name)):
        return
    staying = replace(one, is_multi_az=stays_in_two_zones(one))
    before = compute_of(staying, judging.prices)
    after = compute_of(replace(staying, size=smaller.name), judging.prices)
    judging.find(
        SMALLER,
        one.id,
        one.region,
        f"{one.size} would do as {smaller.name}",
        one.tags,
        evidence={**seen(cpu), "projected_p995": projected(now, smaller, cpu), "memory_used_gib": round(used, 2)},
        confidence="medium",
        reasons=("a smaller class allows fewer connections: compare max_connections first",),
        saving=judging.prices.saving(before, after),
        change=change_of(one.id, "instance_class", one.size, smaller.name),
    )


def _storage(one: Database, free: Use, judging: Judging) -> None:
    """Storage of RDS does not shrink in place: no change is proposed that would only fail."""
    if one.in_cluster or one.storage_gib < MUCH_STORAGE or free.least is None or not free.is_enough:
        return
    free_gib = free.least / GIB
    if free_gib / one.storage_gib < HALF:
        return
    wanted = max(20, round((one.storage_gib - free_gib) * 1.5))
    staying = replace(one, is_multi_az=stays_in_two_zones(one))
    before = storage_of(staying, judging.prices)
    after = storage_of(replace(staying, storage_gib=wanted), judging.prices)
    judging.find(
        STORAGE,
        one.id,
        one.region,
        f"{one.storage_gib} GiB hold at most {one.storage_gib - free_gib:.0f}",
        one.tags,
        evidence={"allocated_gib": one.storage_gib, "least_free_gib": round(free_gib, 1), "enough_gib": wanted},
        confidence="medium",
        reasons=("storage cannot shrink in place: it takes a blue/green deployment or a dump into a new database",),
        saving=judging.prices.saving(before, after),
    )


def as_gp3(one: Database) -> Database | None:
    """The same storage as gp3 with all the operations it has now; None where gp3 cannot give, or sell, that many."""
    iops, mibps = included(one.storage_gib)
    has = one.iops if one.storage_type != "gp2" else max(100, 3 * one.storage_gib)
    if has > iops and (one.storage_gib < STRIPED or has > MOST_IOPS):
        return None
    return replace(one, storage_type="gp3", iops=max(has, iops), mibps=mibps)


def _gp3(one: Database, judging: Judging) -> None:
    """Of gp2, io1 and io2. Below 400 GiB gp3 takes no figures: it has 3,000 operations and 125 MiB a second."""
    wanted = as_gp3(one) if one.storage_type in ("gp2", "io1", "io2") and one.engine in STRIPING else None
    if wanted is None or one.in_cluster:
        return
    two = stays_in_two_zones(one)
    before, after = (storage_of(replace(each, is_multi_az=two), judging.prices) for each in (one, wanted))
    if before is not None and after is not None and after.usd > before.usd:
        return
    given = {"iops": (one.iops, wanted.iops), "throughput": (one.mibps, wanted.mibps)}
    judging.find(
        GP3,
        one.id,
        one.region,
        f"{one.storage_gib} GiB {one.storage_type} as gp3",
        one.tags,
        evidence={"storage_gib": one.storage_gib, "iops": wanted.iops, "mibps": wanted.mibps, "had_iops": one.iops},
        confidence="medium",
        reasons=(f"gp3 gives {wanted.mibps} MiB a second here, and promises no latency: compare with ReadThroughput",),
        saving=judging.prices.saving(before, after),
        change=change_of(
            one.id, "storage_type", one.storage_type, "gp3", given if one.storage_gib >= STRIPED else None
        ),
    )


def stays_in_two_zones(one: Database) -> bool:
    """What is saved elsewhere is counted without the zone that goes anyway, so that no rupee is saved twice."""
    return one.is_multi_az and not has_a_zone_too_many(one)


def has_a_zone_too_many(one: Database) -> bool:
    return one.is_multi_az and is_trial(one.tags) and not (one.is_replica or one.in_cluster)


def _zones(one: Database, judging: Judging) -> None:
    """A replica is no primary, and a cluster keeps its zones itself."""
    if is_production(one.tags) and not (one.is_multi_az or one.is_replica or one.in_cluster):
        _say(ONE_ZONE, one, judging, "multi_az", False, True, ())
    if has_a_zone_too_many(one):
        before, after = (cost_of(replace(one, is_multi_az=two), judging.prices) for two in (True, False))
        judging.find(
            SECOND_ZONE,
            one.id,
            one.region,
            "A trial database in two zones",
            one.tags,
            evidence={"environment": environment_of(one.tags)},
            saving=judging.prices.saving(before, after),
            change=change_of(one.id, "multi_az", True, False),
        )


def _backups(one: Database, judging: Judging) -> None:
    """7, 14 and 35 days by environment; what says nothing of its environment needs the least."""
    wanted = BACKUP_DAYS.get(environment_of(one.tags), LEAST_BACKUP_DAYS)
    if one.is_replica or one.in_cluster or one.backup_days >= wanted:
        return
    _say(BACKUPS, one, judging, "backup_retention_days", one.backup_days, wanted, ())


def _say(
    rule: Rule, one: Database, judging: Judging, what: str, before: object, after: object, reasons: tuple[str, ...]
) -> None:
    judging.find(
        rule,
        one.id,
        one.region,
        rule.title,
        one.tags,
        evidence={what: before, "wanted": after, "environment": environment_of(one.tags)},
        reasons=reasons,
        change=change_of(one.id, what, before, after),
    )
