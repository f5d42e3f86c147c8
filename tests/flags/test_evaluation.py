"""What a tenant gets and why: the order of rules, stable buckets, relations, and that an end changes no value."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.flags.evaluation import Answer, Definition, TierPart, bucket, evaluate, is_in

TENANT = UUID("0198b3a0-0000-7000-8000-000000000001")
BOOLEAN = {"on": True, "off": False}


def make(key: str = "f", **more: object) -> Definition:
    return Definition(**{"key": key, "variants": BOOLEAN, "off": "off", "default": "off", "rollout": "on", **more})  # type: ignore[arg-type]


def one(*flags: Definition, tenant: UUID = TENANT, tier: str = "gold") -> Answer:
    return evaluate({flag.key: flag for flag in flags}, tenant, tier)[flags[0].key]


def said(answer: Answer) -> tuple[object, str, str]:
    return answer.variant, answer.reason, answer.because


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        (make(), ("off", "STATIC", "default")),
        (make(tiers={"silver": TierPart("on")}), ("off", "DEFAULT", "default")),
        (make(tiers={"gold": TierPart("on")}), ("on", "TARGETING_MATCH", "tier")),
        (make(tiers={"gold": TierPart(percent=100)}), ("on", "SPLIT", "rollout")),
        (make(tiers={"gold": TierPart("on", 100)}, rollout="off"), ("off", "SPLIT", "rollout")),
        (make(overrides={TENANT: "on"}), ("on", "TARGETING_MATCH", "override")),
        (
            make(tiers={"gold": TierPart(percent=100)}, overrides={TENANT: "off"}),
            ("off", "TARGETING_MATCH", "override"),
        ),
        (make(overrides={TENANT: "on"}, is_off=True), ("off", "DISABLED", "off")),
        (make(overrides={TENANT: "on"}, is_stale=True), ("on", "STALE", "override")),
        (make(is_stale=True, is_off=True), ("off", "DISABLED", "off")),
        (make(overrides={TENANT: "gone"}), ("off", "ERROR", "unknown_variant")),
    ],
)
def test_the_order_of_rules(flag: Definition, expected: tuple[str, str, str]) -> None:
    answer = one(flag)
    assert said(answer) == expected and answer.value is BOOLEAN[answer.variant]


def test_a_tenant_outside_the_rollout_keeps_the_default_of_its_tier() -> None:
    outside = next(t for t in iter(uuid4, None) if not is_in("f", t, 10))
    assert said(one(make(tiers={"gold": TierPart("on", 10)}, rollout="off"), tenant=outside)) == (
        "on", "SPLIT", "waiting",
    )  # fmt: skip


@given(tenant=st.uuids(), key=st.from_regex(r"\A[a-z][a-z0-9-]{2,20}\Z"))
def test_a_raise_only_ever_adds_tenants(tenant: UUID, key: str) -> None:
    assert 0 <= bucket(key, tenant) < 10_000
    inside = [is_in(key, tenant, percent) for percent in (0, 10, 50, 100)]
    assert inside == sorted(inside) and inside[0] is False and inside[-1] is True


def test_buckets_are_even_and_written_down_for_ever() -> None:
    assert bucket("cite-sources", TENANT) == 2532
    hits = sum(is_in("cite-sources", UUID(int=number), 10) for number in range(10_000))
    assert 900 < hits < 1_100


def test_what_a_flag_needs_turns_it_off() -> None:
    needs = make("cites", overrides={TENANT: "on"}, needs=("storage",))
    assert said(one(needs, make("storage"))) == ("off", "DISABLED", "needs")
    assert said(one(needs, make("storage", overrides={TENANT: "on"}))) == ("on", "TARGETING_MATCH", "override")
    assert said(one(needs, make("storage", overrides={TENANT: "on"}, is_off=True)))[1:] == ("DISABLED", "needs")
    assert said(one(needs)) == ("off", "DISABLED", "needs"), "gone is not on"


def test_the_flag_that_says_so_yields_to_what_it_excludes() -> None:
    excludes = make("new-ranker", overrides={TENANT: "on"}, excludes=("old-ranker",))
    assert said(one(excludes, make("old-ranker", overrides={TENANT: "on"}))) == ("off", "DISABLED", "excludes")
    assert one(excludes, make("old-ranker")).value is True


@given(
    tier=st.sampled_from(["", "on", "off"]),
    percent=st.sampled_from([0, 10, 50, 100]),
    override=st.sampled_from([None, "on", "off"]),
    default=st.sampled_from(["on", "off"]),
    is_off=st.booleans(),
    tenant=st.uuids(),
)
def test_the_end_of_a_flag_changes_no_value(
    tier: str, percent: int, override: str | None, default: str, is_off: bool, tenant: UUID
) -> None:
    shape = {
        "tiers": {"gold": TierPart(tier, percent)},
        "overrides": {tenant: override} if override else {},
        "default": default,
        "is_off": is_off,
    }
    before, after = (one(make(is_stale=stale, **shape), tenant=tenant) for stale in (False, True))
    assert (before.value, before.variant) == (after.value, after.variant)
    assert after.reason == ("DISABLED" if is_off else "STALE")
