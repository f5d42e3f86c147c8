"""The sweep: finds every system's leftovers, never calls silence clean, and can take them away."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from lifecycle.stores import aws, inventory, sweep
from lifecycle.stores.cache.connection import connection
from lifecycle.stores.credentials import issue
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import roles
from lifecycle.stores.secrets import FileSecrets
from portal.lib.regions import Region
from tests.contracts import tenants

PRICES = {
    "object_gb_month": Decimal("2.10"),
    "log_gb_month": Decimal("48"),
    "key_month": Decimal("84"),
    "vector_month": Decimal("0.001"),
}


def test_everything_is_found_then_purged(region: Region, tenant: TenantNames, tmp_path: Path) -> None:
    secrets = FileSecrets(tmp_path / "secrets")
    issue(region, tenant, secrets)
    tenants.insert_rows(region, tenant, documents=2)
    aws.client(region, "s3").put_object(Bucket=tenant.bucket, Key="a", Body=b"x")
    connection(region).set(f"{tenant.cache_prefix}k", 1)

    found = sweep.residue(region, tenant, secrets=secrets, state_addresses=["module.x"], prices=PRICES)
    systems = {one.system for one in found.residue}
    assert systems == {"state", "database", "tags", "vectors", "objects", "iam", "keys", "cache", "logs", "secrets"}
    assert not found.is_clean and not found.not_checked
    assert next(one for one in found.residue if one.system == "keys").monthly_inr == Decimal("84.00")

    done, failed = sweep.purge(region, tenant, secrets=secrets)
    assert failed == [] and done.versions == 1
    after = sweep.residue(region, tenant, secrets=secrets, prices=PRICES)
    assert after.is_clean and after.monthly_inr == Decimal("0.00")
    assert [one.system for one in after.scheduled] == ["keys"]
    assert sweep.purge(region, tenant, secrets=secrets)[1] == []


def test_the_inventory_names_every_tenant_a_region_knows(region: Region, tenant: TenantNames, tmp_path: Path) -> None:
    found = inventory.tenants_found(region)[tenant.tenant_id]
    assert {f"role {tenant.role}", "bw.fence", "cache user", f"relation {tenant.partition}"} <= found
    assert {one.split(":")[2] for one in found if one.startswith("arn:")} == {"s3", "kms", "logs", "iam"}
    sweep.purge(region, tenant, secrets=FileSecrets(tmp_path))
    assert tenant.tenant_id not in inventory.tenants_found(region)


def test_a_system_that_does_not_answer_is_not_clean(region: Region, names: TenantNames, tmp_path: Path) -> None:
    silent = replace(
        region, cache=replace(region.cache, port=9), aws=replace(region.aws, endpoint_url="http://127.0.0.1:9")
    )
    found = sweep.residue(silent, names, secrets=FileSecrets(tmp_path))
    assert {one.system for one in found.not_checked} == {"tags", "objects", "cache", "logs", "keys"}
    assert not found.residue and not found.is_clean


def test_an_unknown_price_is_not_nothing(region: Region, tenant: TenantNames, tmp_path: Path) -> None:
    assert sweep.residue(region, tenant, secrets=FileSecrets(tmp_path)).monthly_inr is None


def test_rows_whose_role_is_gone_are_found_and_removed(region: Region, tenant: TenantNames, tmp_path: Path) -> None:
    tenants.insert_rows(region, tenant, documents=2)
    roles.remove(region, tenant.role, tenant.tenant_id)
    found = sweep.residue(region, tenant, secrets=FileSecrets(tmp_path))
    assert "rag.documents" in {one.resource for one in found.residue}
    assert sweep.purge(region, tenant, secrets=FileSecrets(tmp_path))[1] == []
    assert sweep.residue(region, tenant, secrets=FileSecrets(tmp_path)).is_clean


def test_a_neighbour_is_untouched(region: Region, tenant: TenantNames, tmp_path: Path) -> None:
    other = tenants.names(region, tenant.name)
    tenants.make(region, other)
    tenants.insert_rows(region, other, documents=1)
    secrets = FileSecrets(tmp_path)
    before = sweep.residue(region, other, secrets=secrets)
    sweep.purge(region, tenant, secrets=secrets)
    assert sweep.residue(region, other, secrets=secrets) == before
    sweep.purge(region, other, secrets=secrets)
