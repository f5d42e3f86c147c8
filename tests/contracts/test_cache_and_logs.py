"""The tenant's Redis user and log group."""

import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.retry import Retry

from lifecycle.stores.cache import keys as cache_keys
from lifecycle.stores.cache import users
from lifecycle.stores.cache.connection import connection
from lifecycle.stores.errors import ForeignResource
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from portal.lib.regions import Region
from tests.contracts import tenants


def login(region: Region, names: TenantNames, password: str) -> redis.Redis:
    return redis.Redis(
        host=region.cache.host,
        port=region.cache.port,
        username=names.cache_user,
        password=password,
        socket_timeout=5,
        retry=Retry(NoBackoff(), 0),
    )


def test_a_new_user_cannot_log_in(region: Region, tenant: TenantNames) -> None:
    state = users.read(region, tenant.cache_user)
    assert state and not state.is_on and state.passwords == 0 and state.keys == (f"{tenant.cache_prefix}*",)
    with pytest.raises(AuthenticationError):
        login(region, tenant, "").ping()


def test_a_user_reaches_its_own_keys_only(region: Region, tenant: TenantNames) -> None:
    users.set_password(region, tenant.cache_user, "secret-1")
    confined(region, tenant, "secret-1")
    users.switch_off(region, tenant.cache_user)
    with pytest.raises((AuthenticationError, redis.ConnectionError)):
        login(region, tenant, "secret-1").ping()


def confined(region: Region, tenant: TenantNames, password: str) -> None:
    """Who logs in so does all that a tenant needs with its own keys, and nothing with others'."""
    mine = login(region, tenant, password)
    own = f"{tenant.cache_prefix}a"
    mine.set(own, 1, ex=60)
    assert mine.incr(own) == 2
    with mine.pipeline(transaction=True) as work:
        assert work.hset(f"{own}:h", "f", "v").expire(own, 5).execute() == [1, True]
    assert mine.eval("return redis.call('INCR', KEYS[1])", 1, own) == 3
    for refused in (
        lambda: mine.set("t:other:a", 1),
        lambda: mine.get(f"x{own}"),
        lambda: mine.eval("return redis.call('GET', 't:other:a')", 0),
        lambda: mine.keys("*"),
        lambda: list(mine.scan_iter()),
        lambda: mine.dbsize(),
        lambda: mine.flushall(),
        lambda: mine.execute_command("CONFIG", "GET", "*"),
        lambda: mine.execute_command("ACL", "LIST"),
        lambda: mine.publish("t:other:news", "x"),
    ):
        with pytest.raises((NoPermissionError, redis.ResponseError)):
            refused()


def test_ensuring_again_keeps_the_password(region: Region, tenant: TenantNames) -> None:
    users.set_password(region, tenant.cache_user, "secret-2")
    before = users.read(region, tenant.cache_user)
    assert users.ensure(region, user=tenant.cache_user, prefix=tenant.cache_prefix) == before
    assert login(region, tenant, "secret-2").ping()


def test_a_changed_rule_changes_the_digest(region: Region, tenant: TenantNames) -> None:
    before = users.read(region, tenant.cache_user)
    connection(region).execute_command("ACL", "SETUSER", tenant.cache_user, "~*")
    changed = users.read(region, tenant.cache_user)
    assert before and changed and changed.rules != before.rules
    assert users.ensure(region, user=tenant.cache_user, prefix=tenant.cache_prefix).rules == before.rules


def test_keys_are_removed_by_their_exact_segment(region: Region, tenant: TenantNames) -> None:
    redis_ = connection(region)
    near = f"{tenant.cache_prefix[:-1]}9:k"  # begins alike, is another's
    redis_.set(near, 1)
    for number in range(2500):
        redis_.set(f"{tenant.cache_prefix}{number}", 1)
    assert cache_keys.count(region, tenant.cache_prefix) == 2500
    assert cache_keys.remove(region, tenant.cache_prefix) == 2500
    assert redis_.exists(near) and cache_keys.count(region, tenant.cache_prefix) == 0
    redis_.delete(near)


def test_a_log_group_keeps_its_days_and_its_key(region: Region, tenant: TenantNames) -> None:
    state = groups.read(region, tenant.log_group)
    assert state and state.retention_days == 30 and state.kms_key_arn and state.tags == tenants.labels(tenant)
    changed = groups.ensure(
        region,
        groups.LogGroupSpec(
            tenant.tenant_id, tenant.log_group, 90, {"TenantID": str(tenant.tenant_id)}, state.kms_key_arn
        ),
    )
    assert changed.retention_days == 90 and changed.tags == {"TenantID": str(tenant.tenant_id)}


def test_a_log_group_of_another_tenant_is_left_alone(region: Region, tenant: TenantNames) -> None:
    other = tenants.names(region, "neighbour")
    with pytest.raises(ForeignResource):
        groups.remove(region, tenant.log_group, other.tenant_id)
    assert groups.read(region, tenant.log_group)
