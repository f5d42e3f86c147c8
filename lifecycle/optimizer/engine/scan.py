"""One scan: every region read, measured and judged; a report whose bytes depend on nothing but what was there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from .collecting import collect
from .costs import Key, seen_of
from .facts import Gap, Instance, Region, Thing
from .findings import Doubt, Finding, Judging, Rule
from .metrics import (
    CPU,
    CREDITS,
    DB_CPU,
    DB_CREDITS,
    DB_MEMORY,
    DB_STORAGE,
    EVERY_FIVE,
    EVERY_MINUTE,
    SENT,
    count,
    measure,
    measure_memory,
)
from .prices import Prices
from .reading import Account
from .rules import databases, groups, instances, tagged, volumes
from .settling import settle

RULES = {
    rule.id: rule
    for module in (instances, volumes, databases, groups, tagged)
    for rule in vars(module).values()
    if isinstance(rule, Rule)
}


@dataclass(frozen=True)
class Report:
    """What a scan found. `gaps` is what it could not see: with one, the scan is partial.

    `seen` holds the resources of findings, and watched ones, as they are; None for what is gone.
    """

    at: datetime
    regions: tuple[str, ...]
    counts: dict[str, int]
    findings: list[Finding]
    doubts: list[Doubt]
    gaps: list[Gap]
    prices: Prices
    seen: dict[Key, Thing | None]

    @property
    def is_partial(self) -> bool:
        return bool(self.gaps)

    @property
    def sheet(self) -> str:
        return f"{self.prices.source}, {self.prices.dated}"


def scan(
    account: Account,
    regions: Iterable[str],
    prices: Prices,
    at: datetime,
    beat: Callable[[], None] = lambda: None,
    watched: Iterable[Key] = (),
) -> Report:
    """Read and judge the regions, one after the other; `beat` is called between the pieces of work."""
    judging, gaps, seen, watched = Judging(at, prices), list[Gap](), dict[Key, Thing | None](), set(watched)
    counts = dict.fromkeys(("instances", "volumes", "databases", "groups"), 0)
    names = tuple(sorted(set(regions)))
    for name in names:
        region = collect(account, name)
        beat()
        _measure(account, region, at, beat)
        judge(region, judging)
        gaps += region.gaps
        seen |= seen_of(region, watched | {(one.region, one.resource) for one in judging.found})
        counts = {kind: count + len(getattr(region, kind)) for kind, count in counts.items()}
    doubts = sorted(judging.doubts, key=lambda one: (one.region, one.resource, one.about))
    return Report(at, names, counts, settle(judging.found), doubts, sorted(gaps), prices, seen)


def _measure(account: Account, region: Region, at: datetime, beat: Callable[[], None]) -> None:
    """Processors of all that run; the rest of those that have little to do, and everything of databases: few."""
    everything = {one.id: EVERY_MINUTE for one in region.databases}
    bursting = [one.id for one in region.databases if one.size.startswith("db.t")]
    for metric in (DB_CPU, DB_MEMORY, DB_STORAGE):
        measure(account, region, metric, everything, at)
        beat()
    measure(account, region, DB_CREDITS, bursting, at)
    count(account, region, DB_CPU, everything, at)
    measure(account, region, CPU, [one.id for one in region.instances if one.state == "running"], at)
    beat()
    calm = [one for one in region.instances if _is_calm(region, one)]
    wanted = {one.id: EVERY_MINUTE if one.is_watched_closely else EVERY_FIVE for one in calm}
    count(account, region, CPU, wanted, at)
    beat()
    calm = [one for one in calm if _is_calm(region, one)]
    measure_memory(account, region, calm, at)
    measure(account, region, CREDITS, [one.id for one in calm if one.size.startswith("t")], at)
    silent = [one.id for one in calm if (region.of(one.id, CPU.name).p995 or 0) <= instances.QUIET_CPU]
    measure(account, region, SENT, silent, at)
    beat()


def _is_calm(region: Region, one: Instance) -> bool:
    cpu = region.of(one.id, CPU.name)
    return cpu.is_enough and cpu.p95 is not None and cpu.p95 < instances.LOW


def judge(region: Region, judging: Judging) -> None:
    """Every rule over one region."""
    for instance in region.instances:
        instances.judge(region, instance, judging)
        tagged.judge(instance.id, region.name, instance.tags, judging)
    if region.is_whole("instances"):
        for fleet in region.fleets():
            instances.judge_fleet(region, fleet, judging)
    for volume in region.volumes:
        volumes.judge(volume, judging)
        tagged.judge(volume.id, region.name, volume.tags, judging)
    for database in region.databases:
        databases.judge(region, database, judging)
        tagged.judge(database.id, region.name, database.tags, judging)
    groups.judge(region, judging)
    for group in region.groups:
        if group.name != "default":
            tagged.judge(group.id, region.name, group.tags, judging)
