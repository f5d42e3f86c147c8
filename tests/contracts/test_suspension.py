"""A suspended tenant in its stores: what was let through before is waited for, what comes after is refused there."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis
from botocore.exceptions import ClientError
from psycopg import errors
from redis.backoff import NoBackoff
from redis.retry import Retry

from lifecycle.stores import aws, credentials
from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, keys
from lifecycle.stores.postgres import fences
from lifecycle.stores.secrets import FileSecrets, TenantBinding
from portal.lib.regions import Aws, Region
from tests.contracts import tenants
from tests.ragplatform.test_schema import insert, row_of
from tests.routed import routed

STILL = {"usage_counters", "usage_reports"}  # what was used before is counted and told
WRITE = "INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, 'late')"


@contextmanager
def writer(region: Region, of: TenantNames) -> Iterator[Any]:
    """A transaction of the platform in the tenant's role."""
    with psycopg.connect(**routed(region)) as db:
        db.execute(f'SET LOCAL ROLE "{of.role}"')
        yield db


def write(region: Region, of: TenantNames) -> None:
    with writer(region, of) as db:
        db.execute(WRITE, (of.tenant_id, uuid4()))


def test_a_writer_that_slept_between_check_and_write_is_refused(region: Region, tenant: TenantNames) -> None:
    with writer(region, tenant) as db:
        assert db.execute("SELECT count(*) FROM rag.documents").fetchone() == (0,)
        assert fences.set_suspended(region, tenant.tenant_id, True, 7)
        with pytest.raises(errors.OperationalError, match="suspended") as refused:
            db.execute(WRITE, (tenant.tenant_id, uuid4()))
    assert refused.value.sqlstate == "55BWS"
    assert fences.set_suspended(region, tenant.tenant_id, False, 8)
    write(region, tenant)


def test_a_snapshot_older_than_the_suspension_does_not_pass(region: Region, tenant: TenantNames) -> None:
    with writer(region, tenant) as db:
        db.rollback()
        db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        db.execute(f'SET LOCAL ROLE "{tenant.role}"')
        db.execute("SELECT count(*) FROM rag.documents")
        fences.set_suspended(region, tenant.tenant_id, True, 7)
        with pytest.raises(errors.SerializationFailure):
            db.execute(WRITE, (tenant.tenant_id, uuid4()))


def test_the_suspension_waits_for_what_was_let_through(region: Region, tenant: TenantNames) -> None:
    fenced = threading.Event()

    def suspend() -> None:
        fences.set_suspended(region, tenant.tenant_id, True, 7)
        fenced.set()

    with writer(region, tenant) as db:
        db.execute(WRITE, (tenant.tenant_id, uuid4()))
        thread = threading.Thread(target=suspend)
        thread.start()
        with psycopg.connect(**region.database.connect_kwargs("observer"), autocommit=True) as observer:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while observer.execute(waiting).fetchone() == (0,):
                assert thread.is_alive(), "the fence fell while a writer was under way"
        assert not fenced.is_set()
        db.commit()
    thread.join(60)
    assert fenced.is_set()
    with pytest.raises(errors.OperationalError, match="suspended"):
        write(region, tenant)


def test_every_table_refuses_and_what_ends_use_stays_possible(region: Region, tenant: TenantNames) -> None:
    with psycopg.connect(**region.database.connect_kwargs("observer")) as observer:
        rows = observer.execute("SELECT table_name FROM bw.row_security WHERE NOT is_partition").fetchall()
        guarded = "SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE tgname = 'guard_insert'"
        assert {name for (name,) in observer.execute(guarded)} == {table for (table,) in rows}
    for (table,) in rows:
        fences.set_suspended(region, tenant.tenant_id, False, fences.read(region, tenant.tenant_id).status_version + 1)  # type: ignore[union-attr]
        with writer(region, tenant) as db:
            row = row_of(table, tenant.tenant_id)
            insert(db, table, row)
        fences.set_suspended(region, tenant.tenant_id, True, fences.read(region, tenant.tenant_id).status_version + 1)  # type: ignore[union-attr]
        try:
            with writer(region, tenant) as db:
                insert(db, table, row_of(table, tenant.tenant_id))
            assert table in STILL, table
        except errors.OperationalError as refused:
            assert refused.sqlstate == "55BWS" and table not in STILL
    with writer(region, tenant) as db:
        assert db.execute("UPDATE rag.api_keys SET revoked_at = now()").rowcount
        assert db.execute("DELETE FROM rag.sessions").rowcount
        assert db.execute("DELETE FROM rag.document_outbox").rowcount
    fences.set_suspended(region, tenant.tenant_id, False, 10**6)


def test_neighbours_write_on(region: Region, tenant: TenantNames, tmp_path: Path) -> None:
    other = tenants.names(region, "neighbour")
    tenants.make(region, other)
    fences.set_suspended(region, tenant.tenant_id, True, 7)
    write(region, other)
    tenants.unmake(region, other, tmp_path)


@pytest.fixture
def binding(region: Region, tenant: TenantNames, tmp_path: Path) -> TenantBinding:
    return credentials.issue(region, tenant, FileSecrets(tmp_path / "secrets"))


def s3_of(region: Region, binding: TenantBinding) -> Any:
    mine = Aws(region.aws.endpoint_url, binding.aws_access_key_id, binding.aws_secret_access_key)
    return aws._client(region.name, mine, "s3")


def test_a_bucket_denies_writes_then_everything_then_nothing(
    region: Region, tenant: TenantNames, binding: TenantBinding
) -> None:
    s3, place = s3_of(region, binding), {"Bucket": tenant.bucket, "Key": "note"}
    s3.put_object(**place, Body=b"before")
    before = buckets.read(region, tenant.bucket)
    assert buckets.shut(region, tenant, buckets.WRITES) == tuple(buckets.WRITES)
    for late in (lambda: s3.put_object(**place, Body=b"late"), lambda: s3.delete_object(**place)):
        with pytest.raises(ClientError, match="AccessDenied"):
            late()
    assert s3.get_object(**place)["Body"].read() == b"before"
    buckets.shut(region, tenant, buckets.EVERYTHING)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(**place)
    assert buckets.shut(region, tenant, []) == ()
    s3.put_object(**place, Body=b"after")
    assert buckets.read(region, tenant.bucket) == before


def test_making_the_bucket_again_leaves_it_shut_and_shows_no_drift(region: Region, tenant: TenantNames) -> None:
    key = keys.read(region, tenant.kms_alias)
    spec = buckets.spec_of(tenant, tenants.labels(tenant), key.arn if key else "")
    buckets.shut(region, tenant, buckets.WRITES)
    state = buckets.ensure(region, spec)
    assert state.shut == tuple(buckets.WRITES) and state.policy == buckets.policy(region, spec)


def test_a_cache_user_is_put_out_and_comes_back_with_its_password(
    region: Region, tenant: TenantNames, binding: TenantBinding
) -> None:
    at = {"host": region.cache.host, "port": region.cache.port, "username": tenant.cache_user}
    client = redis.Redis(
        **at, password=binding.cache_password, lib_name=None, lib_version=None, retry=Retry(NoBackoff(), 1)
    )
    client.set(f"{tenant.cache_prefix}k", "v")
    state = cache_users.let_in(region, tenant.cache_user, False)
    assert state and not state.is_on and state.passwords == 1
    with pytest.raises(redis.AuthenticationError):
        client.get(f"{tenant.cache_prefix}k")
    cache_users.let_in(region, tenant.cache_user, True)
    assert client.get(f"{tenant.cache_prefix}k") == b"v"
    assert cache_users.let_in(region, "t-nobody", False) is None


def test_a_log_group_is_tagged_beside_its_tags(region: Region, tenant: TenantNames) -> None:
    key = keys.read(region, tenant.kms_alias)
    spec = groups.LogGroupSpec(tenant.tenant_id, tenant.log_group, 30, tenants.labels(tenant), key.arn if key else "")
    assert groups.set_status(region, tenant.log_group, "suspended").status == "suspended"  # type: ignore[union-attr]
    again = groups.ensure(region, spec)
    assert again.status == "suspended" and again.tags == tenants.labels(tenant)
    assert groups.set_status(region, tenant.log_group, "").status == ""  # type: ignore[union-attr]
    assert groups.set_status(region, "/rag/none", "suspended") is None
