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


@pytest.mark.parametrize("name", ["../../x", "A", "retail-", "-x", "a", "a" * 33, "naïve", "a b", "rag\n", ""])
def test_a_bad_name_never_becomes_a_resource(name: str) -> None:
    with pytest.raises(ValueError, match="not a tenant name"):
        TenantNames(ID, name, "ap-south-1")


def test_names_stay_within_every_limit() -> None:
    names = TenantNames(ID, "a" * 32, "ap-southeast-1")
    assert (
        len(names.bucket) <= 63 and len(names.role) <= 63 and len(names.partition) <= 63 and len(names.iam_user) <= 64
    )
