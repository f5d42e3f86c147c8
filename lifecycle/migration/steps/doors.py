"""Leads clients after the switch, where something stands before the platforms: load balancer, DNS, proxy.

None of it decides who owns the tenant: whoever still comes by the old door is handed on. So nothing here is undone in
haste, and a roll-back is not over before nobody is led to green any more.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from lifecycle.migration.losses.queries import is_given_up
from lifecycle.migration.models import Migration
from lifecycle.migration.routing import Served
from lifecycle.migration.routing.configured import Door, doors_of
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.errors import StoreError
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip, WaitUntil
from portal.lib.clock import now
from tenants.health.scrape import Counted, Look, look_at

from .common import a_person_decides, again, engine_move, migration_of
from .following import round_back

ALONE = "Nothing stands before the platforms: the registry alone leads clients."


def ahead(ctx: StepContext) -> dict[str, Any]:
    """Shorten how long answers live, a full old life ahead of the switch. What it was is kept before it is changed."""
    short = settings.MIGRATION["short_ttl_seconds"]
    for door in _doors(ctx, migration_of(ctx)):
        ttl, kept = door.ttl, ctx.step.evidence.get(door.name)
        if ttl is None or (kept and "at" in kept):
            continue
        if not kept:
            kept = {"ttl": ttl}
            ctx.note(**{door.name: kept})
        door.set_ttl(min(short, kept["ttl"]))
        ctx.note(**{door.name: {**kept, "at": now().isoformat()}})
        ctx.log(f"{door.name}: answers live for {min(short, kept['ttl'])} s now, {kept['ttl']} s before.")
    return dict(ctx.step.evidence)


def settled(ctx: StepContext) -> dict[str, Any]:
    """Wait until nobody keeps an answer of the old length any more."""
    at = settled_at(ctx)
    if at is not None and at > now():
        raise WaitUntil(at, f"Answers of the old length are kept until {at:%d %b %H:%M:%S} UTC")
    return {"settled_at": at and at.isoformat()}


def settled_at(ctx: StepContext) -> datetime | None:
    """When the last answer of the old length ends; None where nothing was shortened."""
    kept = [one for one in _kept(ctx).values() if "at" in one]
    return max((datetime.fromisoformat(one["at"]) + timedelta(seconds=one["ttl"]) for one in kept), default=None)


def lead(ctx: StepContext) -> dict[str, Any]:
    """Lead everybody to green. Waits for nothing, and is stopped by nothing: blue has to go on following."""
    return {door.name: _led(ctx, door) for door in _doors(ctx, migration_of(ctx))}


def _led(ctx: StepContext, door: Door) -> int | None:
    try:
        return door.set(100).green
    except StoreError as error:
        ctx.log(f"{door.name} does not lead to green yet; who comes to blue is handed on: {error}", "warning")
        return None


def followed(ctx: StepContext) -> dict[str, Any]:
    """Go on when everybody comes to green; until then blue follows. Answers then live as long as they did before."""
    migration = migration_of(ctx)
    doors = _doors(ctx, migration)
    with a_person_decides(ctx, migration):
        round_back(ctx, migration, engine_move(ctx, migration).reversed())
    for door in doors:
        door.set(100)
    _only(ctx, migration, doors, 100)
    return _restored(ctx, doors)


def lead_back(ctx: StepContext) -> dict[str, Any]:
    """Lead everybody to blue; over only when nothing that was counted reached green."""
    migration = Migration.objects.select_related("tenant").get(pk=ctx.params["migration_id"])
    doors = _doors(ctx, migration)
    if not ctx.step.evidence.get("led_at"):
        led = {door.name: door.set(0).settles_in_seconds for door in doors}
        ctx.note(led_at=now().isoformat(), settles=max(led.values()))
    if migration.is_switched:
        over = datetime.fromisoformat(ctx.step.evidence["led_at"]) + timedelta(seconds=ctx.step.evidence["settles"])
        if over > now():
            raise WaitUntil(over, f"Answers that lead to green are kept until {over:%H:%M:%S} UTC")
        _only(ctx, migration, doors, 0)
    return _restored(ctx, doors)


def removed(ctx: StepContext, migration: Migration) -> None:
    """Take away what led to blue, where anything stands before the platforms. What it was is kept before it goes."""
    for door in doors_of(migration, region_named(migration.source), settings.MIGRATION["doors"]):
        if stands := door.blue:
            ctx.note(**{door.name: stands})
            ctx.log(f"{door.name}: what led to {migration.source} goes: {stands}.")
        door.remove_blue()


def _doors(ctx: StepContext, migration: Migration) -> list[Door]:
    found = doors_of(migration, region_named(migration.source), settings.MIGRATION["doors"])
    if not found:
        raise Skip(ALONE)
    return found


def _kept(ctx: StepContext) -> dict[str, Any]:
    return {name: one for name, one in ctx.evidence("doors_ahead").items() if isinstance(one, dict)}


def _restored(ctx: StepContext, doors: list[Door]) -> dict[str, Any]:
    kept = _kept(ctx)
    for door in doors:
        if door.name in kept:
            door.set_ttl(kept[door.name]["ttl"])
    return {door.name: door.read().green for door in doors}


def _only(ctx: StepContext, migration: Migration, doors: list[Door], green: int) -> None:
    """Return when all that was counted since the look before came to one side, a quiet time long; else look again."""
    at, seen = now(), {name: asdict(one) for name, one in _counted(migration, doors, green).items()}
    before = ctx.step.evidence.get("look")
    wrong = _strayed(before["seen"], seen, green) if before else []
    if not before or wrong:
        ctx.note(look={"at": at.isoformat(), "seen": seen})
    came = {name: _since(before["seen"].get(name, one) if before else one, one) for name, one in seen.items()}
    ctx.note(split={"intended": green, "observed": came, "at": at.isoformat(), "wrong": wrong})
    since = datetime.fromisoformat(before["at"]) if before and not wrong else at
    quiet = (
        settings.MIGRATION["quiet_seconds"] + max((door.late for door in doors), default=timedelta(0)).total_seconds()
    )
    if (at - since).total_seconds() < quiet:
        told = "; ".join(wrong) or "nothing that was counted strayed yet; it is watched for a quiet time"
        raise again(min(settings.MIGRATION["tick_seconds"], settings.MIGRATION["quiet_seconds"]), told)


def _strayed(before: dict[str, dict[str, int]], seen: dict[str, dict[str, int]], green: int) -> list[str]:
    """Where requests came to the wrong side, or a counter began anew, since the look before."""
    side, found = ("blue" if green else "green"), []
    for name, one in seen.items():
        came = one[side] - before.get(name, one)[side]
        if came:
            found.append(f"{name}: {abs(came)} requests reached {side} since the last look")
    return found


def _since(before: dict[str, int], seen: dict[str, int]) -> dict[str, int]:
    """How many came to each side between two looks; a counter that began anew has counted what it says."""
    return {side: count - before[side] if count >= before[side] else count for side, count in seen.items()}


def _served(door: Door) -> Served | None:
    """What the door counted. One that does not say so holds: nobody knows then where clients come."""
    try:
        return door.served()
    except StoreError as error:
        told = f"{door.name} does not say what it served: {error}"
        raise again(settings.MIGRATION["tick_seconds"], told) from error


def _counted(migration: Migration, doors: list[Door], green: int) -> dict[str, Served]:
    """What the doors counted themselves, and what the platform that is left handed on: those came by the old door."""
    found = {door.name: served for door in doors if (served := _served(door)) is not None}
    left = migration.source if green else migration.target
    url = region_named(left).platform_url
    look = look_at(url) if url else Look(is_up=False)
    if look.started is None:
        if url and (look.is_up or not found) and not is_given_up(migration):
            raise again(
                settings.MIGRATION["tick_seconds"], f"Nothing says who still comes to {left}: it is not counted"
            )
        return found  # it is down and serves nobody
    strays = int(look.tenants.get(str(migration.tenant_id), Counted()).handed_on)
    return {**found, f"platform of {left}": Served(strays, 0) if green else Served(0, strays)}
