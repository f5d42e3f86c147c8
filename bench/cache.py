"""Erasing a tenant's keys among many, beside the removal of as many keys whose names are known.

A region of its own. Run as a module it prints its rows as JSON.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.rows import Row, timed
from lifecycle.erasure.engine import items
from lifecycle.erasure.engine.cache import UNLINKED, Cache
from lifecycle.erasure.engine.target import RESOURCE, Target
from lifecycle.stores.cache.connection import connection
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences
from portal.embedded.stack import Stack
from portal.lib.regions import Region, load

KEYS, TENANTS, VALUE = 100_000, 10, 64
SLOW = 500  # microseconds; calls that take longer are looked at


def measure() -> list[Row]:
    """All rows, from a home of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="bailiwick-cache-") as folder,
        Stack(Path(folder) / "home", regions=("ap-south-1",), only=("stores",), durable=True) as stack,
    ):
        region = next(iter(load(stack.home.regions_file).values()))
        return keys(region)


def keys(region: Region) -> list[Row]:
    """One tenant's tenth of all keys: listed, the list kept, unlinked; then another's with names that are known."""
    redis = connection(region)
    crowd = [TenantNames(uuid4(), "bench", region.name) for _ in range(TENANTS)]
    for one in crowd:
        redis.execute_command("DEBUG", "POPULATE", KEYS, one.cache_prefix.removesuffix(":"), VALUE)
    ours, longest = watched(redis, lambda: erase(region, crowd[0]))
    known = [f"{crowd[1].cache_prefix}{number}" for number in range(KEYS)]
    bare, floor = watched(redis, lambda: unlink(redis, known))
    assert redis.dbsize() == (TENANTS - 2) * KEYS
    what = f"{KEYS:,} of {KEYS * TENANTS:,} keys"
    return [
        Row(f"erase {what}", ours, bare, "UNLINK of known keys, pipelined", bar=4.0),
        Row("  its longest call", longest, floor, "the same", bar=0.02),
    ]


def erase(region: Region, names: TenantNames) -> None:
    fences.ensure(region, tenant_id=names.tenant_id, state="open")
    fences.raise_job_epoch(region, names.tenant_id, RESOURCE, 1)
    eraser, target = Cache(region), Target(uuid4(), names, "tenant", 1)
    listed = items.put(region, target, eraser.system, eraser.ids(target))
    gone = eraser.erase(target, lambda _: None)
    eraser.settle(target)
    assert listed == gone == KEYS, (listed, gone)


def unlink(redis: Any, known: list[str]) -> None:
    with redis.pipeline(transaction=False) as calls:
        for start in range(0, KEYS, UNLINKED):
            calls.unlink(*known[start : start + UNLINKED])
        calls.execute()


def watched(redis: Any, work: Callable[[], None]) -> tuple[float, float]:
    """The seconds it takes, and those of the longest call by the server's own slow log."""
    redis.config_set("slowlog-log-slower-than", SLOW)
    redis.config_set("slowlog-max-len", 10_000)
    redis.slowlog_reset()
    seconds = timed(work)
    found = redis.slowlog_get(10_000)
    return seconds, max((one["duration"] for one in found), default=SLOW) / 1e6


if __name__ == "__main__":
    sys.stdout.write(json.dumps([asdict(row) for row in measure()]))
