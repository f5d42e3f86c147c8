"""What a plan and an inventory say together: which things differ, are gone, or stand there unknown to the state.

Works without a database: everything it needs is given.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lifecycle.provisioning.terraform.plan import Change, PlanSummary
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets
from lifecycle.stores.residue import Residue
from lifecycle.stores.tags import Tagged

from .known import KNOWN, OURS, SAID_ELSEWHERE, Known, among, filled

BEARING = ("region_bucket", "region_iam_user")  # the types whose names may bear the region
NOTHING = Decimal("0.00")
UNSAID = "none"  # what a plan does about a change of which the modules say nothing


@dataclass(frozen=True)
class Seen:
    """One thing found at one look."""

    kind: str
    words: str
    address: str = ""
    resource_type: str = ""
    resource: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    monthly_inr: Decimal | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.address, self.resource


def of_tenant(
    plan: PlanSummary,
    there: Iterable[Residue],
    tagged: Iterable[Tagged],
    state: Mapping[str, Any] | None,
    names: TenantNames,
    is_there: Callable[[str, Mapping[str, Any]], bool] = lambda kind, given: False,
) -> list[Seen]:
    """Everything in which a tenant's stack, its state and its region differ.

    `there` is what the inventory found by name, `tagged` what carries the tenant's tag, and `is_there` asks a service
    about a part of something else, by its type and arguments.
    """
    region = Standing(list(there), list(tagged), is_there, names)
    outside = {one.address: one for one in plan.drift}
    found = [_of_change(one, outside.get(one.address), region) for one in plan.changes if not is_suspension(one)]
    found += unsaid(plan)
    known = [one.resource for one in found if one.kind == "orphan"]
    return found + list(_strays((one.arn for one in region.tagged), state, known))


@dataclass(frozen=True)
class Standing:
    """What the region says of itself, in the three ways in which a resource can be recognised."""

    there: list[Residue]
    tagged: list[Tagged]
    is_there: Callable[[str, Mapping[str, Any]], bool]
    names: TenantNames

    def of(self, change: Change) -> tuple[Residue, str] | None:
        """What stands there of a resource the state does not have, and what an import would call it."""
        known, given = KNOWN.get(change.type, Known()), change.after or {}
        entry = self._entry(known, change, given)
        if entry is None:
            return None
        if change.type in OURS:
            named = given.get("name") if self.names.bears_region and change.type in BEARING else ""
            more = given.get("table") or given.get("store") or named or ""
            ours = (self.names.region, str(self.names.tenant_id), self.names.name, more)
            return entry, "/".join(filter(None, ours))
        tail = entry.resource.rpartition("/")[2]
        return entry, filled(known.import_by, given, found=tail, arn=entry.resource)

    def _entry(self, known: Known, change: Change, given: Mapping[str, Any]) -> Residue | None:
        if known.is_shared:
            return Residue("database", f"rag.{given.get('table', '')}", "is there for everybody", NOTHING)
        listed = (one for one in self.there if known.system and one.system == known.system)
        if entry := next((one for one in listed if one.resource.startswith(known.begins)), None):
            return entry
        if one := among(self.tagged, known, given):
            return Residue("tags", one.arn, "carries the tenant's tag")
        if known.asks and self.is_there(change.type, given):
            return Residue("", filled(known.import_by, given), "is set", NOTHING)
        return None


def _of_change(change: Change, outside: Change | None, region: Standing) -> Seen:
    about: dict[str, Any] = {"address": change.address, "resource_type": change.type}
    if change.action == "create" and outside and outside.action == "delete":
        return Seen("missing", "the state knows it, and it is gone", **about, monthly_inr=NOTHING)
    if change.action == "create":
        stands = region.of(change)
        if stands is None:
            return Seen("missing", "neither the state nor the region has it", **about, monthly_inr=NOTHING)
        entry, known_as = stands
        words = f"it {entry.detail}, and the state does not know it"
        detail = {"import_id": known_as}
        return Seen("orphan", words, **about, resource=entry.resource, detail=detail, monthly_inr=entry.monthly_inr)
    return Seen("drift", _deviation(change, outside), **about, detail=_difference(change))


def is_suspension(change: Change) -> bool:
    """Whether all that differs is what the portal itself does to a tenant that is out of use: putting it right would
    open its bucket again."""
    before, after = change.before or {}, change.after or {}
    if change.type == "aws_s3_bucket_policy":
        return set(change.changed) == {"policy"} and _statements(before) == _statements(after)
    if change.type == "aws_cloudwatch_log_group":
        words = set(change.changed) <= {"tags", "tags_all"}
        return words and all(
            _without(before.get(name), groups.STATUS) == (after.get(name) or {}) for name in change.changed
        )
    return False


def _statements(side: Mapping[str, Any]) -> list[Any] | None:
    """What a bucket's policy says, less the denial of a suspension; None where that cannot be read."""
    try:
        said = json.loads(side["policy"])["Statement"]
    except (KeyError, TypeError, ValueError):
        return None
    return [one for one in said if one.get("Sid") != buckets.SHUT]


def _without(tags: Any, name: str) -> dict[str, str]:
    return {key: value for key, value in (tags or {}).items() if key != name}


def unsaid(plan: PlanSummary) -> Iterator[Seen]:
    """What others changed in a resource where the modules say nothing about it: no plan would put it back."""
    planned = {one.address for one in plan.changes}
    for one in plan.drift:
        odd = [name for name in one.changed if name not in SAID_ELSEWHERE.get(one.type, ())]
        if one.address in planned or one.action != "update" or not odd or one.type in OURS:
            continue
        words = f"changed outside in {', '.join(odd)}, of which the modules say nothing"
        detail = {"action": UNSAID, **_sides(odd, one.before or {}, one.after or {})}
        yield Seen("drift", words, address=one.address, resource_type=one.type, detail=detail)


def _deviation(change: Change, outside: Change | None) -> str:
    """The provider's own words; where it has none, what differs by name, and whether others have changed it."""
    said = str((change.before or {}).get("deviation") or "")
    if change.action == "delete":
        said = "the state knows it, and the tenant's modules do not"
    elif change.action == "replace":
        said = "; ".join(filter(None, ("putting it right would make it anew", said)))
    elif not said and outside:
        said = f"changed outside in {', '.join(name for name in outside.changed if name in change.changed)}"
    named = ", ".join(name for name in change.changed if name != "deviation")
    return said or f"differs in {named or 'nothing that is named'}"


def _sides(names: Iterable[str], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    names = list(names)
    return {"before": {name: before.get(name) for name in names}, "after": {name: after.get(name) for name in names}}


def _difference(change: Change) -> dict[str, Any]:
    """Both sides of what differs, masked as the plan is."""
    return {"action": change.action, **_sides(change.changed, change.before or {}, change.after or {})}


def _strays(tagged: Iterable[str], state: Mapping[str, Any] | None, known: list[str]) -> Iterator[Seen]:
    """What carries the tenant's tag and is no part of its stack at all."""
    names = {*_texts((state or {}).get("resources", [])), *known}
    for arn in sorted(set(tagged)):
        if not any(arn == one or arn.removesuffix(":*").endswith((f":{one}", f"/{one}")) for one in names if one):
            words = "carries the tenant's tag, and no state knows it"
            yield Seen("orphan", words, resource_type=_service(arn), resource=arn)


def _service(arn: str) -> str:
    return arn.split(":")[2] if arn.count(":") > 2 else ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) > 7:
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(one)


def of_stranger(there: Iterable[Residue], held: Iterable[str], kept: str = "") -> list[Seen]:
    """What stands of a tenant that nobody knows: the inventory's entries with their price, and what else is tagged.

    `kept`: why all of it stands, where a law keeps a part of a tenant that is deleted.
    """
    entries = [one for one in there if one.system not in ("tags", "state")]
    kind, words = ("kept", kept) if kept else ("orphan", "no tenant in the registry has it")
    found = [
        Seen(kind, f"{words}; it {one.detail}", resource_type=one.system, resource=one.resource[:500],
             monthly_inr=one.monthly_inr)
        for one in entries
    ]  # fmt: skip
    named = [one.resource for one in entries]
    others = (arn for arn in held if arn.startswith("arn:") and not any(_is_of(arn, name) for name in named))
    return found + [Seen(kind, words, resource_type=_service(arn), resource=arn) for arn in sorted(others)]


def _is_of(arn: str, name: str) -> bool:
    return arn == name or arn.removesuffix(":*").endswith((f":{name}", f"/{name}"))
