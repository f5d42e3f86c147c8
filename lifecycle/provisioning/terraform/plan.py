"""What a plan would do, told without secrets, and the digest a signature binds to."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from bailiwick_proof.canonical import digest

from lifecycle.stores.names import TenantNames

MASK = "(sensitive)"
LATER = "(known after apply)"
STATEFUL = frozenset(
    {
        "region_bucket",
        "region_kms_key",
        "region_log_group",
        "region_tenant_role",
        "region_vector_namespace",
        "aws_cloudwatch_log_group",
        "aws_db_instance",
        "aws_kms_key",
        "aws_s3_bucket",
    }
)
VERBS = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("read",): "read",
    ("no-op",): "none",
    ("forget",): "forget",
}


@dataclass(frozen=True)
class Change:
    """One resource of the plan. `before` and `after` are masked; what Terraform learns later is LATER."""

    address: str
    type: str
    action: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    changed: tuple[str, ...] = ()
    reason: str = ""
    is_drift: bool = False


@dataclass(frozen=True)
class PlanSummary:
    """A plan as an approver sees it and as a later run is compared with it."""

    create: int
    update: int
    delete: int
    changes: tuple[Change, ...]
    drift: tuple[Change, ...]
    stateful: tuple[str, ...]
    other_tenants: tuple[str, ...]
    variables: dict[str, Any]
    module_hash: str
    digest: str
    terraform_version: str = field(default="", compare=False)

    def as_json(self) -> dict[str, Any]:
        """Return a plain JSON value; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PlanSummary":
        read = dict(value)
        for key in ("changes", "drift"):
            read[key] = tuple(Change(**{**one, "changed": tuple(one["changed"])}) for one in read[key])
        for key in ("stateful", "other_tenants"):
            read[key] = tuple(read[key])
        return cls(**read)

    @property
    def is_empty(self) -> bool:
        return not self.changes


def summarise(plan: Mapping[str, Any], *, names: TenantNames, module_hash: str) -> PlanSummary:
    """Return the summary of a `terraform show -json` document."""
    changes = _changes(plan.get("resource_changes", ()), is_drift=False)
    variables = _variables(plan)
    return PlanSummary(
        create=sum(one.action in ("create", "replace") for one in changes),
        update=sum(one.action == "update" for one in changes),
        delete=sum(one.action in ("delete", "replace") for one in changes),
        changes=changes,
        drift=_changes(plan.get("resource_drift", ()), is_drift=True),
        stateful=tuple(one.address for one in changes if one.type in STATEFUL),
        other_tenants=tuple(one.address for one in changes if _is_anothers(one, names)),
        variables=variables,
        module_hash=module_hash,
        digest=digest(_normal(plan, module_hash)),
        terraform_version=str(plan.get("terraform_version", "")),
    )


def refusals(plan: PlanSummary, names: TenantNames, *, destroying: bool = False) -> list[str]:
    """Return why this plan must not be applied even when it is approved; empty when nothing forbids it.

    `destroying` is for a rollback or an end of tenancy, which has its own approval: then deleting is the purpose.
    """
    found = [f"{address} belongs to another tenant than {names.tenant_id}" for address in plan.other_tenants]
    for one in plan.changes:
        removes = one.action in ("delete", "replace", "forget")
        if removes and one.type in STATEFUL and not (destroying and one.action == "delete"):
            found.append(f"{one.address} holds data and would be {_past(one.action)}")
    return found


def is_continuation(approved: PlanSummary, now: PlanSummary) -> bool:
    """Say whether `now` only does what is left of `approved`: a subset of its changes with the same values.

    A value that was known only after apply when it was approved may be anything now.
    """
    if approved.module_hash != now.module_hash or approved.variables != now.variables:
        return False
    allowed = {one.address: one for one in approved.changes}
    return all(one.address in allowed and _continues(allowed[one.address], one) for one in now.changes)


def _continues(approved: Change, now: Change) -> bool:
    if approved.action != now.action or approved.type != now.type:
        return False
    if approved.after is None or now.after is None:
        return approved.after is now.after
    return approved.after.keys() == now.after.keys() and all(
        _same_or_later(value, now.after[key]) for key, value in approved.after.items()
    )


def _same_or_later(approved: Any, now: Any) -> bool:
    if approved == LATER:
        return True
    if isinstance(approved, dict) and isinstance(now, dict):
        return approved.keys() == now.keys() and all(_same_or_later(v, now[k]) for k, v in approved.items())
    if isinstance(approved, list) and isinstance(now, list):
        return len(approved) == len(now) and all(map(_same_or_later, approved, now))
    return bool(approved == now)


def _past(action: str) -> str:
    return {"delete": "deleted", "replace": "deleted and made anew", "forget": "forgotten"}[action]


def _changes(listed: Iterable[Mapping[str, Any]], *, is_drift: bool) -> tuple[Change, ...]:
    found = (_change(one, is_drift) for one in listed)
    return tuple(sorted((one for one in found if one.action not in ("none", "read")), key=lambda one: one.address))


def _change(listed: Mapping[str, Any], is_drift: bool) -> Change:
    change = listed["change"]
    before = masked(change.get("before"), change.get("before_sensitive"))
    after = masked(_with_later(change.get("after"), change.get("after_unknown")), change.get("after_sensitive"))
    keys = sorted(set(before or ()) | set(after or ()))
    return Change(
        address=listed["address"],
        type=listed["type"],
        action=VERBS.get(tuple(change["actions"]), "+".join(change["actions"])),
        before=before,
        after=after,
        changed=tuple(key for key in keys if (before or {}).get(key) != (after or {}).get(key)),
        reason=str(listed.get("action_reason", "")),
        is_drift=is_drift,
    )


def masked(value: Any, sensitive: Any) -> Any:
    """Return `value` with every part that `sensitive` marks replaced; the marks have the value's shape."""
    if sensitive is True:
        return MASK
    if isinstance(value, dict) and isinstance(sensitive, dict):
        return {key: masked(item, sensitive.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(sensitive, list):
        marks = [*sensitive, *([None] * (len(value) - len(sensitive)))]
        return [masked(item, mark) for item, mark in zip(value, marks, strict=False)]
    return value


def _with_later(value: Any, unknown: Any) -> Any:
    if unknown is True:
        return LATER
    if isinstance(unknown, dict) and isinstance(value, dict):
        return {**value, **{key: _with_later(value.get(key), mark) for key, mark in unknown.items() if mark}}
    if isinstance(unknown, list) and isinstance(value, list):
        marks = [*unknown, *([None] * (len(value) - len(unknown)))]
        return [_with_later(item, mark) for item, mark in zip(value, marks, strict=False)]
    return value


def _variables(plan: Mapping[str, Any]) -> dict[str, Any]:
    declared = plan.get("configuration", {}).get("root_module", {}).get("variables", {})
    given = {key: one.get("value") for key, one in plan.get("variables", {}).items()}
    return {key: MASK if declared.get(key, {}).get("sensitive") else value for key, value in sorted(given.items())}


def _is_anothers(change: Change, names: TenantNames) -> bool:
    """A change that names a tenant at all, itself or by its tags, names this one, before and after."""
    sides = [side for side in (change.before, change.after) if side]
    named = {side["tenant_id"] for side in sides if "tenant_id" in side}
    named |= {side["tags_all"].get("TenantID") for side in sides if isinstance(side.get("tags_all"), dict)}
    return bool(named - {str(names.tenant_id)})


def _normal(plan: Mapping[str, Any], module_hash: str) -> dict[str, Any]:
    """Return what the plan means: no dates, versions, serials or order, but every value in clear."""
    changes = [
        {
            "address": one["address"],
            "actions": one["change"]["actions"],
            "before": one["change"].get("before"),
            "after": _with_later(one["change"].get("after"), one["change"].get("after_unknown")),
            "replace_paths": one["change"].get("replace_paths", []),
        }
        for one in sorted(plan.get("resource_changes", ()), key=lambda one: str(one["address"]))
        if one["change"]["actions"] != ["no-op"]
    ]
    outputs = {
        name: {"actions": one["actions"], "after": _with_later(one.get("after"), one.get("after_unknown"))}
        for name, one in plan.get("output_changes", {}).items()
    }
    given = {key: one.get("value") for key, one in plan.get("variables", {}).items()}
    whole = {"changes": changes, "outputs": outputs, "variables": given, "modules": module_hash}
    exact = _exact(whole)
    assert isinstance(exact, dict)
    return exact


def _exact(value: Any) -> Any:
    """Return `value` with floats as the decimal text Terraform wrote, which canonical JSON needs."""
    if isinstance(value, float):
        return str(Decimal(repr(value)))
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_exact(item) for item in value]
    return value
