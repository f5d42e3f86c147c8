"""What is read from a plan: masks, digest, refusals, continuation. No process needed."""

from copy import deepcopy
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as some

from lifecycle.provisioning.terraform.plan import (
    LATER,
    MASK,
    PlanSummary,
    is_continuation,
    masked,
    refusals,
    summarise,
)
from lifecycle.stores.names import TenantNames

NAMES = TenantNames(UUID("0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"), "retail", "ap-south-1")
OURS = str(NAMES.tenant_id)


def resource(address: str, actions: list[str], before: Any = None, after: Any = None, **more: Any) -> dict[str, Any]:
    change = {"actions": actions, "before": before, "after": after, **more}
    return {"address": address, "type": address.rpartition(".")[0].rpartition(".")[2], "change": change}


def document(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "timestamp": "2026-11-21T01:00:00Z",
        "variables": {"tenant_id": {"value": OURS}},
        "resource_changes": list(resources),
        **more,
    }


def summary(plan: dict[str, Any], module_hash: str = "m") -> PlanSummary:
    return summarise(plan, names=NAMES, module_hash=module_hash)


BUCKET = resource(
    "module.tenant.region_bucket.this",
    ["create"],
    after={"tenant_id": OURS, "name": "rag-retail", "arn": None},
    after_unknown={"arn": True},
)
ROLE = resource("module.tenant.region_tenant_role.this", ["create"], after={"tenant_id": OURS, "name": "t_1"})


def test_counts_rows_and_round_trip() -> None:
    found = summary(document(ROLE, BUCKET, resource("a.region_fence.this", ["no-op"])))
    assert (found.create, found.update, found.delete) == (2, 0, 0)
    assert [one.address for one in found.changes] == [BUCKET["address"], ROLE["address"]]
    assert found.changes[0].after == {"tenant_id": OURS, "name": "rag-retail", "arn": LATER}
    assert PlanSummary.from_json(found.as_json()) == found


def test_the_digest_knows_meaning_from_form() -> None:
    first = summary(document(ROLE, BUCKET)).digest
    assert summary(document(BUCKET, ROLE, timestamp="2027-01-01", terraform_version="1.12.0")).digest == first
    other = deepcopy(BUCKET)
    other["change"]["after"]["name"] = "rag-other"
    assert summary(document(ROLE, other)).digest != first
    assert summary(document(ROLE, BUCKET), module_hash="n").digest != first
    assert summary(document(ROLE, BUCKET, variables={"tenant_id": {"value": "x"}})).digest != first


def test_the_digest_sees_a_sensitive_value_that_the_summary_hides() -> None:
    secret = resource("x.aws_db_instance.this", ["create"], after={"password": "a"}, after_sensitive={"password": True})
    changed = deepcopy(secret)
    changed["change"]["after"]["password"] = "b"
    one, two = summary(document(secret)), summary(document(changed))
    assert one.changes == two.changes and one.changes[0].after == {"password": MASK}
    assert one.digest != two.digest


def test_masks_follow_the_shape() -> None:
    value = {"a": [{"k": 1, "s": 2}, 3], "b": {"c": "x"}}
    assert masked(value, {"a": [{"s": True}], "b": True}) == {"a": [{"k": 1, "s": MASK}, 3], "b": MASK}
    assert masked(value, False) == value


@given(
    some.recursive(
        some.integers() | some.text(), lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner)
    )
)
def test_a_masked_value_shows_nothing(value: Any) -> None:
    assert masked(value, True) == MASK
    assert masked(value, {}) == value


def test_sensitive_variables_are_masked() -> None:
    given_ = document(
        variables={"key": {"value": "s3cret"}, "tier": {"value": "gold"}},
        configuration={"root_module": {"variables": {"key": {"sensitive": True}, "tier": {}}}},
    )
    assert summary(given_).variables == {"key": MASK, "tier": "gold"}


def test_deleting_or_replacing_data_is_refused() -> None:
    plan = summary(
        document(
            resource("m.region_bucket.this", ["delete", "create"], {"tenant_id": OURS}, {"tenant_id": OURS}),
            resource("m.region_cache_acl.this", ["delete"], {"tenant_id": OURS}),
            resource("m.region_kms_key.this", ["delete"], {"tenant_id": OURS}),
        )
    )
    assert refusals(plan, NAMES) == [
        "m.region_bucket.this holds data and would be deleted and made anew",
        "m.region_kms_key.this holds data and would be deleted",
    ]
    assert refusals(plan, NAMES, destroying=True) == [
        "m.region_bucket.this holds data and would be deleted and made anew"
    ]


def test_another_tenants_address_is_refused_always() -> None:
    thief = "11111111-1111-4111-8111-111111111111"
    plan = summary(document(resource("m.region_fence.other", ["update"], {"tenant_id": thief}, {"tenant_id": OURS})))
    assert plan.other_tenants == ("m.region_fence.other",)
    for destroying in (True, False):
        assert len(refusals(plan, NAMES, destroying=destroying)) == 1


def test_what_is_left_of_an_approved_plan_is_a_continuation() -> None:
    approved = summary(document(ROLE, BUCKET))
    known = deepcopy(BUCKET)
    known["change"]["after"]["arn"] = "arn:aws:s3:::rag-retail"
    known["change"]["after_unknown"] = {}
    assert is_continuation(approved, summary(document(BUCKET)))
    assert is_continuation(approved, summary(document(known)))
    assert is_continuation(approved, summary(document()))


def test_anything_else_is_none() -> None:
    approved = summary(document(ROLE, BUCKET))
    other_value, other_action, added = deepcopy(BUCKET), deepcopy(BUCKET), resource("m.region_fence.x", ["create"])
    other_value["change"]["after"]["name"] = "rag-else"
    other_action["change"]["actions"] = ["update"]
    for changed in (other_value, other_action, added):
        assert not is_continuation(approved, summary(document(changed)))
    assert not is_continuation(approved, summary(document(BUCKET), module_hash="n"))
    assert not is_continuation(approved, summary(document(BUCKET, variables={"tenant_id": {"value": "x"}})))
