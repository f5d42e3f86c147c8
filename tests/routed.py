"""Logins to a region's database whose writers say that they were routed there."""

from typing import Any

from portal.lib.regions import Region


def routed(region: Region, login: str = "platform", epoch: int = 1) -> dict[str, Any]:
    """Arguments for psycopg.connect; a tenant that never moved is at epoch 1."""
    return region.database.connect_kwargs(login) | {"options": f"-c bw.epoch={epoch}"}
