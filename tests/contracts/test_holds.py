"""A held tenant in its stores: nothing of it goes or is written over, by anybody, from the instant the hold commits."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from lifecycle.stores import aws, sweep
from lifecycle.stores.cache import keys as cache_keys
from lifecycle.stores.cache.connection import connection as cache
from lifecycle.stores.errors import Held, Transient
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, emptying, keys
from lifecycle.stores.postgres import fences, rows
from lifecycle.stores.secrets import FileSecrets
from lifecycle.stores.vectors.store import store_of
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from tests.contracts import tenants
from tests.routed import routed
from tests.sweeps import SEED, WHOLE

ROUNDS = 100 if WHOLE else 10
FILL = "INSERT INTO rag.documents (tenant_id, id, title) SELECT %s, gen_random_uuid(), 'x' FROM generate_series(1, %s)"
KEPT = ("users", "documents", "chunks", "chunk_vectors", "query_history", "budget_transfers")


@pytest.fixture
def held(region: Region, tenant: TenantNames) -> Iterator[TenantNames]:
    """A tenant with a few rows, held at version 1 until the test is over."""
    tenants.insert_rows(region, tenant, documents=2)
    assert fences.set_hold(region, tenant.tenant_id, True, 1)
    yield tenant
    fences.set_hold(region, tenant.tenant_id, False, fences.hold_of(region, tenant.tenant_id)[1] + 1)


def fill(region: Region, of: TenantNames, wanted: int) -> None:
    with psycopg.connect(**routed(region)) as db:
        db.execute(f'SET LOCAL ROLE "{of.role}"')
        db.execute(FILL, (of.tenant_id, wanted))


def test_only_a_newer_version_changes_a_hold(region: Region, tenant: TenantNames) -> None:
    assert fences.hold_of(region, tenant.tenant_id) == (False, 0)
    assert fences.set_hold(region, tenant.tenant_id, True, 7)
    assert not fences.set_hold(region, tenant.tenant_id, False, 3)
    assert fences.hold_of(region, tenant.tenant_id) == (True, 7)
    fences.set_hold(region, tenant.tenant_id, False, 7)
    assert fences.hold_of(region, tenant.tenant_id) == (True, 7)
    assert fences.set_hold(region, tenant.tenant_id, False, 8)
    assert fences.hold_of(region, uuid4()) == (True, -1), "no word of it counts as held"


def test_the_platform_adds_and_removes_nothing(region: Region, held: TenantNames) -> None:
    fill(region, held, 1)
    for statement in ("DELETE FROM rag.chunk_vectors", "UPDATE rag.documents SET title = 'other'"):
        with psycopg.connect(**routed(region)) as db:
            db.execute(f'SET LOCAL ROLE "{held.role}"')
            with pytest.raises(errors.OperationalError, match="retained under law") as refused:
                db.execute(statement)
        assert refused.value.sqlstate == "55BWH"
    assert rows.count(region, held.tenant_id)["documents"] == 3


def test_a_snapshot_older_than_the_hold_does_not_pass(region: Region, tenant: TenantNames) -> None:
    tenants.insert_rows(region, tenant, documents=1)
    with psycopg.connect(**routed(region)) as db:
        db.rollback()
        db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        db.execute(f'SET LOCAL ROLE "{tenant.role}"')
        db.execute("SELECT set_config('bw.epoch', '1', true)")
        assert db.execute("SELECT count(*) FROM rag.documents").fetchone() == (1,)
        assert fences.set_hold(region, tenant.tenant_id, True, 1)
        with pytest.raises(psycopg.Error) as refused:
            db.execute("DELETE FROM rag.chunk_vectors")
        assert refused.value.sqlstate in ("55BWH", "40001")
    assert fences.set_hold(region, tenant.tenant_id, False, 2)


def test_raw_sql_as_the_provisioner_and_as_superuser_is_refused(
    region: Region, held: TenantNames, stack: Stack
) -> None:
    for login in (region.database.connect_kwargs("provisioner"), stack.superuser_kwargs(region.name)):
        with psycopg.connect(**login, autocommit=True) as db:
            for table in KEPT:
                with pytest.raises(psycopg.Error):
                    db.execute(f"TRUNCATE rag.{table} CASCADE")
    mine = (held.tenant_id,)
    with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db:
        for statement in ("DELETE FROM rag.chunk_vectors", "UPDATE rag.documents SET title = 'other'"):
            with pytest.raises(errors.OperationalError, match="retained under law"):
                db.execute(f"{statement} WHERE tenant_id = %s", mine)
        for lift in ("UPDATE bw.hold_fence SET state = 'clear' WHERE tenant_id = %s",
                     "DELETE FROM bw.hold_fence WHERE tenant_id = %s"):  # fmt: skip
            with pytest.raises(errors.OperationalError, match="legal hold"):
                db.execute(lift, mine)
    counted = rows.count(region, held.tenant_id)
    assert (counted["documents"], counted["chunks"], counted["chunk_vectors"]) == (2, 6, 6)


def test_no_connector_takes_anything_from_it(region: Region, held: TenantNames, tmp_path: Path) -> None:
    s3 = aws.client(region, "s3")
    s3.put_object(Bucket=held.bucket, Key="kept", Body=b"kept")
    cache(region).set(held.cache_prefix + "kept", "1")
    destroyers: list[Callable[[], object]] = [
        lambda: rows.remove(region, tenant_id=held.tenant_id, role=held.role),
        lambda: fences.remove(region, held.tenant_id),
        lambda: emptying.empty(region, held.bucket),
        lambda: keys.remove(region, held.kms_alias, held.tenant_id),
        lambda: groups.remove(region, held.log_group, held.tenant_id),
        lambda: cache_keys.remove(region, held.cache_prefix),
        lambda: store_of(region, "pgvector").remove(held),
        lambda: sweep.purge(region, held, secrets=FileSecrets(tmp_path)),
    ]
    for destroy in destroyers:
        with pytest.raises(Held):
            destroy()
    assert cache_keys.count(region, held.cache_prefix) == 1 and groups.read(region, held.log_group)
    assert s3.get_object(Bucket=held.bucket, Key="kept")["Body"].read() == b"kept"
    key, bucket = keys.read(region, held.kms_alias), buckets.read(region, held.bucket)
    assert key and key.state == "Enabled" and bucket


def test_a_store_that_cannot_say_is_not_destroyed_in(region: Region, tenant: TenantNames) -> None:
    away = replace(region, database=replace(region.database, port=9))
    for destroy in (
        lambda: keys.remove(away, tenant.kms_alias, tenant.tenant_id),
        lambda: groups.remove(away, tenant.log_group, tenant.tenant_id),
    ):
        with pytest.raises(Transient):
            destroy()
    key = keys.read(region, tenant.kms_alias)
    assert key and key.state == "Enabled" and groups.read(region, tenant.log_group)


def test_a_hold_that_is_lost_counts_as_held(region: Region, tenant: TenantNames, stack: Stack) -> None:
    tenants.insert_rows(region, tenant, documents=1)
    with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db:
        db.execute("DELETE FROM bw.hold_fence WHERE tenant_id = %s", (tenant.tenant_id,))
    with pytest.raises(Held):
        keys.remove(region, tenant.kms_alias, tenant.tenant_id)
    with pytest.raises(Held):
        rows.remove(region, tenant_id=tenant.tenant_id, role=tenant.role)
    assert fences.set_hold(region, tenant.tenant_id, False, 0)


def test_a_key_that_is_there_when_a_hold_commits_is_there_in_the_end(
    region: Region, tenant: TenantNames, stack: Stack
) -> None:
    """At random instants of its destruction: who places the hold waits for the call that was let through."""
    chance, version, seen = random.Random(SEED), 0, set()
    with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db, ThreadPoolExecutor(1) as pool:
        for _ in range(ROUNDS):
            key = tenants.key(region, tenant).key_id
            ended = pool.submit(keys.remove, region, tenant.kms_alias, tenant.tenant_id)
            threading.Event().wait(chance.uniform(0, 0.08))
            with db.transaction():
                db.execute("SELECT bw.set_hold(%s, 'held', %s)", (tenant.tenant_id, version + 1))
                at_commit = keys.read(region, key)
            error, later = ended.exception(), keys.read(region, key)
            assert at_commit and later and at_commit.state == later.state, SEED
            assert isinstance(error, Held) == (later.state == "Enabled"), error
            seen.add(later.state)
            version += 2
            assert fences.set_hold(region, tenant.tenant_id, False, version)
    assert seen == {"Enabled", "PendingDeletion"} or not WHOLE
    assert keys.remove(region, key, tenant.tenant_id), "what was stopped goes on once it is released"
