"""The tenant in PostgreSQL: role, control rows, row security, rows, tags."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from lifecycle.stores.errors import ForeignResource, Permanent, Transient
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences, residue, roles, row_security, rows, tags
from lifecycle.stores.vectors.store import store_of
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from tests.contracts import tenants


def test_a_role_can_be_taken_by_the_platform_and_has_no_power(region: Region, tenant: TenantNames) -> None:
    state = roles.read(region, tenant.role)
    assert state and roles.deviations(state, tenant.tenant_id) == []
    assert state.settable_by == ("bw_validator", "rag_platform") and state.member_of == ("rag_tenant",)


def test_a_changed_role_is_told_in_words(region: Region, tenant: TenantNames, stack: Stack) -> None:
    with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db:
        db.execute(f'ALTER ROLE "{tenant.role}" BYPASSRLS LOGIN')
        db.execute(f'REVOKE "{tenant.role}" FROM rag_platform GRANTED BY bw_provisioner')
    state = roles.read(region, tenant.role)
    assert state
    assert roles.deviations(state, tenant.tenant_id) == [
        "has BYPASSRLS",
        "has LOGIN",
        "cannot be taken by rag_platform",
    ]


def test_another_tenants_role_is_not_adopted(region: Region, tenant: TenantNames) -> None:
    with pytest.raises(ForeignResource):
        roles.ensure(region, role=tenant.role, tenant_id=uuid4(), tenant_name="thief")
    with pytest.raises(ForeignResource):
        roles.remove(region, tenant.role, uuid4())


def test_a_fence_is_made_once_and_its_values_are_left_alone(region: Region, names: TenantNames) -> None:
    assert fences.ensure(region, tenant_id=names.tenant_id, state="closed").state == "closed"
    assert fences.set_state(region, names.tenant_id, "open")
    assert fences.ensure(region, tenant_id=names.tenant_id, state="closed").state == "open"
    assert fences.set_suspended(region, names.tenant_id, True, 7)
    assert not fences.set_suspended(region, names.tenant_id, False, 7)
    assert fences.remove(region, names.tenant_id) and not fences.remove(region, names.tenant_id)


def test_rows_go_children_first_and_only_this_tenants(region: Region, tenant: TenantNames) -> None:
    other = tenants.names(region, "neighbour")
    tenants.make(region, other)
    for one in (tenant, other):
        tenants.insert_rows(region, one, documents=4)
    gone = rows.remove(region, tenant_id=tenant.tenant_id, role=tenant.role)
    assert gone == {"chunk_vectors": 12, "chunks": 12, "documents": 4}
    assert not any(rows.count(region, tenant.tenant_id).values())
    assert rows.count(region, other.tenant_id)["chunk_vectors"] == 12
    rows.remove(region, tenant_id=other.tenant_id, role=other.role)


def test_a_job_that_was_overtaken_deletes_nothing(region: Region, tenant: TenantNames) -> None:
    tenants.insert_rows(region, tenant, documents=1)
    assert fences.raise_job_epoch(region, tenant.tenant_id, "erase", 5) == 5
    with pytest.raises(Permanent, match="the store is at 5, this job at 4"):
        rows.remove(region, tenant_id=tenant.tenant_id, role=tenant.role, resource_class="erase", epoch=4)
    assert rows.remove(region, tenant_id=tenant.tenant_id, role=tenant.role, resource_class="erase", epoch=5)


@pytest.fixture
def quiet_region(stack: Stack) -> Region:
    """The region no other test counts rows in: a table that is not secured yet would stop them."""
    return stack.region("eu-west-1")


def test_row_security_tells_what_leaks_and_is_put_right(quiet_region: Region, stack: Stack) -> None:
    region = quiet_region
    with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db:
        db.execute("CREATE TABLE rag.leaky (tenant_id uuid PRIMARY KEY)")
        db.execute("ALTER TABLE rag.leaky OWNER TO rag_owner; ALTER TABLE rag.leaky ENABLE ROW LEVEL SECURITY")
        db.execute(
            "CREATE POLICY tenant_isolation ON rag.leaky USING (true); CREATE POLICY extra ON rag.leaky USING (true)"
        )
    state = row_security.read(region, "leaky")
    assert state
    assert row_security.deviations(state) == [
        "row security is not forced",
        "policy erasure is missing",
        "policy residue_count is missing",
        "policy extra is not ours",
        "policy tenant_isolation reads true / None",
    ]
    assert row_security.deviations(row_security.ensure(region, "leaky")) == []
    with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db:
        db.execute("DROP TABLE rag.leaky")


def test_a_full_partition_is_kept_and_an_empty_one_goes(region: Region, tenant: TenantNames) -> None:
    store = store_of(region, "pgvector")
    tenants.insert_rows(region, tenant, documents=1)
    with pytest.raises(Permanent, match="still holds 3 vectors"):
        store.remove(tenant)
    state = store.read(tenant)
    assert state and state.vectors == 3 and state.deviation == ""
    store.empty(tenant)
    assert store.remove(tenant) and not store.remove(tenant)


def test_a_detach_that_was_killed_is_finished(region: Region, tenant: TenantNames, stack: Stack) -> None:
    """A reader that holds an old snapshot stops DETACH CONCURRENTLY between its two transactions."""
    store = store_of(region, "pgvector")
    superuser = stack.superuser_kwargs(region.name)
    with psycopg.connect(**superuser) as reader, psycopg.connect(**superuser, autocommit=True) as killed:
        reader.execute("SELECT count(*) FROM rag.chunk_vectors")
        killed.execute("SET statement_timeout = '300ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            killed.execute(f"ALTER TABLE rag.chunk_vectors DETACH PARTITION rag.{tenant.partition} CONCURRENTLY")
    assert store.remove(tenant)
    assert store.read(tenant) is None


def test_tags_belong_to_one_tenant(region: Region, tenant: TenantNames) -> None:
    with pytest.raises(ForeignResource):
        tags.ensure(region, tenant_id=uuid4(), resources=[f"role:{tenant.role}"], tags={})
    kept = tags.ensure(region, tenant_id=tenant.tenant_id, resources=["a:b"], tags={"Name": "x"})
    assert kept == {"a:b": {"Name": "x"}}
    assert tags.remove(region, tenant.tenant_id) == 1


def test_residue_lists_what_the_catalogue_knows(quiet_region: Region, stack: Stack, tmp_path: Path) -> None:
    region, tenant = quiet_region, tenants.names(quiet_region)
    tenants.make(region, tenant)
    tenants.insert_rows(region, tenant, documents=1)
    with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db:
        db.execute("CREATE TABLE rag.later (tenant_id uuid PRIMARY KEY)")
        db.execute("ALTER TABLE rag.later OWNER TO rag_owner")
        row_security.ensure(region, "later")
        db.execute("INSERT INTO rag.later VALUES (%s)", (tenant.tenant_id,))
        found = {one.resource: one.detail for one in residue.residue(region, tenant)}
        db.execute("DROP TABLE rag.later")
    tenants.unmake(region, tenant, tmp_path)
    assert found["rag.later"] == "1 rows" and found["rag.chunks"] == "3 rows"
    assert f"role {tenant.role}" in found and f"relation {tenant.partition}" in found


def test_a_database_that_is_down_is_transient(region: Region) -> None:
    nowhere = replace(region, database=replace(region.database, port=9))
    with pytest.raises(Transient):
        roles.read(nowhere, "t_x")
