"""Erasures run straight through the engine: list, erase, settle."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from lifecycle.erasure.engine import items
from lifecycle.erasure.engine.target import Eraser, Kind, Target
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences
from portal.lib.regions import Region


class Killed(Exception):
    """What a kill looks like from inside."""


def target(region: Region, names: TenantNames, kind: Kind = "tenant", epoch: int = 1, **more: Any) -> Target:
    """A target whose job the region's store knows."""
    made = Target(uuid4(), names, kind, epoch, **more)
    fences.raise_job_epoch(region, names.tenant_id, made.resource, epoch)
    return made


def person(region: Region, names: TenantNames, user_id: UUID, *documents: UUID) -> Target:
    return target(region, names, "person", user_id=user_id, documents=documents)


def listed(region: Region, eraser: Eraser, of: Target) -> list[str]:
    """List what is to go, and keep it where erasers look."""
    items.put(region, of, eraser.system, eraser.ids(of))
    return list(items.each(region, of.request_id, eraser.system))


def erased(region: Region, eraser: Eraser, of: Target) -> tuple[list[str], int]:
    """What was listed, and how many of it are gone."""
    found = listed(region, eraser, of)
    gone = eraser.erase(of, lambda _: None)
    eraser.settle(of)
    return found, gone


def killed_at(batch: int) -> Any:
    """An `alive` that does not live to see this batch, counted from one."""
    batches: Iterator[int] = iter(range(1, batch))

    def alive(_: int) -> None:
        if next(batches, None) is None:
            raise Killed

    return alive
