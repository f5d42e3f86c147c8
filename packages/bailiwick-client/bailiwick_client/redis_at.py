"""A Redis by its address: one server, or whichever the sentinels call the primary. Needs the extra `stream`."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

SCHEME = "redis+sentinel"
SENTINEL_PORT = 26379


@dataclass(frozen=True)
class Service:
    """`redis+sentinel://user:password@one:26379,two:26379/service/db`; name and password are those of the servers."""

    sentinels: tuple[tuple[str, int], ...]
    name: str
    db: int
    username: str
    password: str

    @classmethod
    def of(cls, url: str) -> "Service | None":
        """What a sentinel address says; None for any other. Raises ValueError."""
        if not url.startswith(f"{SCHEME}://"):
            return None
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2].split(",")
        name, _, db = parts.path.lstrip("/").partition("/")
        if not name or not all(hosts):
            raise ValueError(f"{SCHEME}://user:password@host,host/service/db names hosts and a service")
        sentinels = tuple(_host(one) for one in hosts)
        return cls(sentinels, name, int(db or 0), unquote(parts.username or ""), unquote(parts.password or ""))


def connect(url: str, **options: Any) -> redis.Redis:
    """A client of the server at this address. Sentinels are asked again for every new connection."""
    service = Service.of(url)
    if service is None:
        return redis.Redis.from_url(url, **options)
    login = {"username": service.username or None, "password": service.password or None, "db": service.db}
    group: Any = Sentinel(list(service.sentinels), sentinel_kwargs=asking(), **options)  # type: ignore[no-untyped-call]
    found: redis.Redis = group.master_for(service.name, **login)
    return found


def asking() -> dict[str, Any]:
    """How a sentinel is asked: once, and not for long. One that is away has neighbours."""
    return {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "retry": Retry(NoBackoff(), 0)}


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or SENTINEL_PORT
