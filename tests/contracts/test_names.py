"""Names: no two tenants meet, nothing odd gets in."""

from uuid import UUID

import pytest

from lifecycle.stores.names import TenantNames

ID = UUID("0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b")


def test_every_name_carries_the_tenant() -> None:
    names = TenantNames(ID, "retail", "ap-south-1")
    assert names.role == "t_0197a3b45c6d7e8f9a0b1c2d3e4f5a6b"
    assert names.partition == "chunk_vectors_0197a3b45c6d7e8f9a0b1c2d3e4f5a6b"
    assert names.bucket == "rag-retail-3e4f5a6b"
    assert names.cache_prefix == "t:0197a3b45c6d7e8f9a0b1c2d3e4f5a6b:"
    assert names.state_key == "tenants/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b/terraform.tfstate"


def test_a_second_set_bears_its_region_where_names_are_a_whole_aws() -> None:
    first = TenantNames(ID, "retail", "eu-west-1")
    second = TenantNames(ID, "retail", "eu-west-1", state_of="eu-west-1", bears_region=True)
    assert second.bucket == "rag-retail-3e4f5a6b-eu-west-1" and second.iam_user == f"{first.iam_user}-eu-west-1"
    assert second.role == first.role and second.kms_alias == first.kms_alias and second.log_group == first.log_group
    assert second.state_key == "tenants/0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b/eu-west-1/terraform.tfstate"


@pytest.mark.parametrize("name", ["../../x", "A", "retail-", "-x", "a", "a" * 33, "naïve", "a b", "rag\n", ""])
def test_a_bad_name_never_becomes_a_resource(name: str) -> None:
    with pytest.raises(ValueError, match="not a tenant name"):
        TenantNames(ID, name, "ap-south-1")


def test_names_stay_within_every_limit() -> None:
    assert not TenantNames(ID, "a" * 32, "simulated-region-1").fits_region
    with pytest.raises(ValueError, match="longer than"):
        TenantNames(ID, "a" * 32, "simulated-region-1", bears_region=True)
    names = TenantNames(ID, "a" * 32, "ap-southeast-1", bears_region=True)
    assert (
        len(names.bucket) <= 63 and len(names.role) <= 63 and len(names.partition) <= 63 and len(names.iam_user) <= 64
    )
