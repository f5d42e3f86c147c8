"""Redis: a tenant's keys by their exact segment, a person by what names it, and nobody else's part of a shared key."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from lifecycle.erasure.engine.cache import Cache
from lifecycle.stores.cache.connection import connection
from lifecycle.stores.errors import Held, Permanent, Transient
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences
from portal.lib.regions import Region
from ragplatform.cache import TenantCache

from .engine import Killed, erased, killed_at, listed, person, target


@pytest.fixture
def redis(region: Region) -> Any:
    return connection(region)


def keys(redis: Any, names: TenantNames) -> list[str]:
    return sorted(redis.scan_iter(match=f"{names.cache_prefix}*"))


def platform(redis: Any, names: TenantNames, epoch: int = 1) -> TenantCache:
    """What the platform writes with."""
    return TenantCache(redis, names.cache_prefix, epoch)


def test_a_tenants_keys_go_and_keys_that_look_alike_stay(
    redis: Any, region: Region, tenant: TenantNames, neighbour: TenantNames
) -> None:
    own, digits = tenant.cache_prefix, tenant.tenant_id.hex
    alike = [
        f"{own[:-1]}0:k",
        f"x{own}k",
        f"t:{digits[:8]}:k",
        f"{neighbour.cache_prefix}of:{digits}",
        own.upper() + "k",
    ]
    for key in [*alike, *(f"{own}{n}" for n in range(1500)), f"{own}odd key?field=*[é"]:
        redis.set(key, digits, ex=600)
    redis.set(own.encode() + b"\xff\x00", "not text")
    redis.hset(f"{own}hash", mapping={"a": "1"})
    redis.xadd(f"{own}stream", {"a": "1"})
    found, gone = erased(region, Cache(region), target(region, tenant))
    assert gone == len(found) == 1504
    assert keys(redis, tenant) == [] and redis.exists(*alike) == len(alike)
    redis.delete(*alike)


def test_of_a_person_sessions_and_answers_go_and_what_is_cached_later_is_new(
    redis: Any, region: Region, tenant: TenantNames
) -> None:
    user, other, owned = uuid4(), uuid4(), uuid4()
    cache = platform(redis, tenant)
    cache.open_session("aa", user, 600)
    cache.open_session("bb", other, 600)
    late, _ = cache.answer("asked before, kept after")
    cache.remember(cache.answer("mine")[0], [(owned, 0, 0.5), (uuid4(), 1, 0.4)])
    cache.remember(cache.answer("theirs")[0], [(uuid4(), 0, 0.5)])
    found, gone = erased(region, Cache(region), person(region, tenant, user, owned))
    assert gone == len(found) == 2
    cache.remember(late, [(owned, 0, 0.5)])
    assert cache.session("aa") is None and cache.session("bb") == other
    assert cache.answer("mine")[1] is None and cache.answer("asked before, kept after")[1] is None


def test_only_the_persons_part_of_a_shared_key_goes(redis: Any, region: Region, tenant: TenantNames) -> None:
    user, owned, other, own = uuid4(), uuid4(), uuid4(), tenant.cache_prefix
    redis.hset(
        f"{own}h?x", mapping={str(user): "1", "by value": f"u={user.hex.upper()}", "odd %": f'["{owned}"]', "o": "2"}
    )
    mine = redis.xadd(f"{own}s", {"who": str(user)})
    theirs = redis.xadd(f"{own}s", {"who": str(other)})
    redis.sadd(f"{own}set", str(user), str(other))
    redis.zadd(f"{own}z", {f"a:{owned}": 1, f"a:{other}": 2})
    redis.rpush(f"{own}l", str(user), str(other), str(user))
    redis.hset(f"{own}of:{user}", mapping={"whole": "key"})
    found, gone = erased(region, Cache(region), person(region, tenant, user, owned))
    assert gone == len(found) == 8
    assert f"{own}h%3Fx?field=odd%20%25" in found and f"{own}s?entry={mine}" in found and f"{own}of:{user}" in found
    assert redis.hgetall(f"{own}h?x") == {"o": "2"}
    assert [entry for entry, _ in redis.xrange(f"{own}s")] == [theirs]
    assert redis.smembers(f"{own}set") == {str(other)} == set(redis.lrange(f"{own}l", 0, -1))
    assert redis.zrange(f"{own}z", 0, -1) == [f"a:{other}"] and not redis.exists(f"{own}of:{user}")
    redis.delete(*keys(redis, tenant))


def test_of_a_document_what_names_it(redis: Any, region: Region, tenant: TenantNames) -> None:
    one, user, own = uuid4(), uuid4(), tenant.cache_prefix
    redis.set(f"{own}1:answer", f'[["{one}", 0, 0.5]]')
    redis.set(f"{own}1:session:x", str(user))
    other = "1" if one.hex[0] == "0" else "0"  # so that the whole of it is nowhere by chance
    digest = uuid4().hex[:-1] + other + one.hex[1:] + "0"  # its digits, but not in their places
    redis.set(f"{own}1:digest", digest)
    found, _ = erased(region, Cache(region), target(region, tenant, "document", documents=(one,)))
    assert found == [f"{own}1:answer"]
    assert redis.exists(f"{own}1:session:x", f"{own}1:digest") == 2
    redis.delete(*keys(redis, tenant))


def test_killed_half_way_and_called_again_it_ends_the_same(redis: Any, region: Region, tenant: TenantNames) -> None:
    with redis.pipeline() as calls:
        for number in range(1001):
            calls.set(f"{tenant.cache_prefix}{number}", 1)
        calls.execute()
    eraser, of = Cache(region), target(region, tenant)
    listed(region, eraser, of)
    with pytest.raises(Killed):
        eraser.erase(of, killed_at(batch=2))
    assert len(keys(redis, tenant)) == 1
    redis.set(f"{tenant.cache_prefix}late", 1)
    assert eraser.erase(of, lambda _: None) == 1001
    assert keys(redis, tenant) == [f"{tenant.cache_prefix}late"]
    redis.delete(*keys(redis, tenant))


def test_settled_is_when_what_was_cached_meanwhile_has_expired(redis: Any, region: Region, tenant: TenantNames) -> None:
    document, own = uuid4(), tenant.cache_prefix
    eraser, of = Cache(region), target(region, tenant, "document", documents=(document,))
    assert listed(region, eraser, of) == []
    redis.set(f"{own}1:answer", str(document), px=1_500)
    redis.set(f"{own}kept by somebody", str(document))
    with pytest.raises(Transient) as waiting:
        eraser.settle(of)
    assert waiting.value.retry_after and 0 < waiting.value.retry_after <= 1.5
    redis.pexpire(f"{own}1:answer", 0)
    eraser.settle(of)
    assert keys(redis, tenant) == [f"{own}kept by somebody"]
    redis.delete(f"{own}kept by somebody")


@pytest.mark.parametrize("kind", ["tenant", "person"])
def test_a_held_tenant_and_an_overtaken_job_lose_nothing(
    redis: Any, region: Region, tenant: TenantNames, kind: str
) -> None:
    user: UUID = uuid4()
    platform(redis, tenant).open_session("aa", user, 600)
    before = keys(redis, tenant)
    of = person(region, tenant, user) if kind == "person" else target(region, tenant)
    listed(region, Cache(region), of)
    fences.set_hold(region, tenant.tenant_id, True, 1)
    with pytest.raises(Held):
        Cache(region).erase(of, lambda _: None)
    fences.set_hold(region, tenant.tenant_id, False, 2)
    fences.raise_job_epoch(region, tenant.tenant_id, of.resource, 9)
    with pytest.raises(Permanent, match="the store is at 9"):
        Cache(region).erase(of, lambda _: None)
    assert keys(redis, tenant) == before
    redis.delete(*before)
