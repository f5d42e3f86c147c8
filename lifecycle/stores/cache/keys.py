"""A tenant's cache keys: counted and removed by their exact first segment, never by a loose pattern."""

from collections.abc import Iterator
from uuid import UUID

from lifecycle.stores.cache.connection import connection, translated
from lifecycle.stores.postgres import fences
from portal.lib.regions import Region

PAGE = 1000


def under(region: Region, prefix: str) -> Iterator[str]:
    """Every key that begins with `prefix`, by a full scan; one may come twice while the server's table grows."""
    redis = connection(region)
    with translated(f"SCAN {prefix}"):
        for key in redis.scan_iter(match=_exactly(prefix), count=PAGE):
            if key.startswith(prefix):
                yield key


def count(region: Region, prefix: str) -> int:
    """Return how many keys begin with `prefix`."""
    return sum(1 for _ in under(region, prefix))


def remove(region: Region, prefix: str) -> int:
    """Unlink every key that begins with `prefix`, the tenant's; return how many. Killed, it goes on when called again.

    Before each batch the region is asked whether the tenant is held.
    """

    def unlink(batch: list[str]) -> int:
        fences.refuse_held(region, owner, f"UNLINK {prefix}")
        return int(redis.unlink(*batch))

    owner = UUID(prefix.split(":")[1])
    redis = connection(region)
    removed = 0
    batch: list[str] = []
    with translated(f"UNLINK {prefix}"):
        for key in under(region, prefix):
            batch.append(key)
            if len(batch) >= PAGE:
                removed += unlink(batch)
                batch = []
        return removed + (unlink(batch) if batch else 0)


def _exactly(prefix: str) -> str:
    """Return a glob for the prefix with every special character taken literally."""
    return "".join(f"\\{char}" if char in "*?[]^\\-" else char for char in prefix) + "*"
