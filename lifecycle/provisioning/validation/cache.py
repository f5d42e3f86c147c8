"""A tenant's cache user reaches the tenant's own keys and no other tenant's, tried both ways."""

from contextlib import closing
from typing import Any
from uuid import uuid4

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.target import Binding
from portal.lib.regions import Region

SECONDS = 30
Redis = Any


def judge(region: Region, found: Findings, own: Binding, neighbour: Binding) -> None:
    """Note what each of the two can do in the other's keys; keys made here are deleted and expire anyhow."""
    with closing(login(region, own)) as mine, closing(login(region, neighbour)) as theirs:
        _own(found, mine, own.cache_prefix, "tenant")
        _own(found, theirs, neighbour.cache_prefix, "canary")
        _foreign(found, mine, neighbour.cache_prefix, "tenant in the canary's cache")
        _foreign(found, theirs, own.cache_prefix, "canary in the tenant's cache")


def _own(found: Findings, client: Redis, prefix: str, who: str) -> None:
    key, said = f"{prefix}bw-validation:{uuid4().hex}", uuid4().hex
    try:
        client.set(key, said, ex=SECONDS)
        read, _, left = client.get(key), client.delete(key), client.exists(key)
    except redis.RedisError as error:
        found.unseen(f"the {who}'s cache cannot be used: {error}")
        return
    found.expect(read == said and left == 0, f"{who}'s own cache works", f"{who}'s cache did not keep what was written")


def _foreign(found: Findings, client: Redis, prefix: str, who: str) -> None:
    key = f"{prefix}bw-validation:{uuid4().hex}"
    tries = {
        "SET": (key, "x", "EX", SECONDS),
        "GET": (key,),
        "DEL": (key,),
        "SCAN": (0,),
        "KEYS": ("*",),
        "ACL": ("LIST",),
    }
    for command, arguments in tries.items():
        try:
            client.execute_command(command, *arguments)
            found.wrong(f"{command} by the {who} was allowed")
        except redis.exceptions.NoPermissionError:
            found.held(f"{command} by the {who}: refused")


def login(region: Region, binding: Binding) -> Redis:
    """A connection as the tenant's own cache user; close it."""
    return redis.Redis(
        **region.cache.address(),
        username=binding.cache_user,
        password=binding.cache_password,
        decode_responses=True,
        socket_timeout=3,
        socket_connect_timeout=3,
        lib_name=None,
        lib_version=None,
        retry=Retry(NoBackoff(), 0),  # a wrong password stays wrong
    )
