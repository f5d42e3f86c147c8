"""The queue's address as Celery wants it."""

from typing import Any
from urllib.parse import quote

from bailiwick_client.redis_at import Service, asking


def address(url: str) -> tuple[str, dict[str, Any]]:
    """The broker's URL and the options that go with it: sentinels are written one by one there."""
    service = Service.of(url)
    if service is None:
        return url, {}
    login = f"{quote(service.username, safe='')}:{quote(service.password, safe='')}@"
    return ";".join(f"sentinel://{login}{host}:{port}/{service.db}" for host, port in service.sentinels), {
        "master_name": service.name,
        "sentinel_kwargs": asking(),
    }
