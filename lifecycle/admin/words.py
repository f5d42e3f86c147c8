"""A plan in the words of the people who sign it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

RESOURCES = {
    "region_tenant_role": (gettext_lazy("Database role"), gettext_lazy("may reach this tenant's rows only")),
    "region_fence": (gettext_lazy("Write fence"), gettext_lazy("closes the tenant's writing in one place")),
    "region_row_security": (gettext_lazy("Row security of a table"), gettext_lazy("enabled and forced")),
    "region_vector_namespace": (
        gettext_lazy("Search index of its own"),
        gettext_lazy("a partition nobody else shares"),
    ),
    "region_bucket": (gettext_lazy("Document store"), gettext_lazy("encrypted, versioned, closed to the public")),
    "region_kms_key": (gettext_lazy("Encryption key"), gettext_lazy("belongs to this tenant alone")),
    "region_iam_user": (gettext_lazy("Access to the document store"), gettext_lazy("its own bucket and key only")),
    "region_cache_acl": (gettext_lazy("Cache access"), gettext_lazy("its own keys only")),
    "region_log_group": (gettext_lazy("Log"), gettext_lazy("kept as long as the law asks")),
    "region_tag_set": (gettext_lazy("Cost tags"), gettext_lazy("on every resource")),
}
UNCHANGED = frozenset({"read", "none"})


@dataclass(frozen=True)
class PlanRow:
    what: str
    count: int
    action: str
    note: str
    addresses: list[str]


def plan_rows(plan: dict[str, Any]) -> list[PlanRow]:
    """One row for each kind of resource and change, in the plan's order."""
    changes = [one for one in plan.get("changes", []) if one["action"] not in UNCHANGED]
    counts = Counter((one["type"], one["action"]) for one in changes)
    return [_row(kind, action, count, changes) for (kind, action), count in counts.items()]


def _row(kind: str, action: str, count: int, changes: list[dict[str, Any]]) -> PlanRow:
    what, note = RESOURCES.get(kind, (kind.replace("_", " "), ""))
    addresses = [one["address"] for one in changes if (one["type"], one["action"]) == (kind, action)]
    return PlanRow(str(what), count, action, str(note), addresses)


def plan_sentence(plan: dict[str, Any]) -> str:
    if not plan:
        return _("There is no plan: a person sets this up by hand.")
    return _("%(create)d to create, %(update)d to change, %(delete)d to remove.") % {
        "create": plan.get("create", 0),
        "update": plan.get("update", 0),
        "delete": plan.get("delete", 0),
    }
