"""What every step needs of its request: the row, its names, its region, its Terraform run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import digest
from django.conf import settings

from lifecycle.models import TenantRequest
from lifecycle.provisioning.terraform.backend import Backend
from lifecycle.provisioning.terraform.inputs import TenantInputs
from lifecycle.provisioning.terraform.run import module_hash
from lifecycle.stores.names import TenantNames
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from portal.lib.regions import Region, load
from tenants.models import Tier

from .judgement import Judgement, connected_regions


@dataclass(frozen=True)
class Stack:
    """One tenant's resources in one region, as Terraform is told of them, and where it works on them."""

    names: TenantNames
    inputs: TenantInputs
    directory: Path
    modules: Mapping[str, str] | None = None  # None: those installed here


def request_of(ctx: StepContext, *, lock: bool = False) -> TenantRequest:
    """The request this job is about; with `lock` inside `ctx.fenced()`."""
    rows = TenantRequest.objects.select_related("tier", "business_unit", "owner", "champion", "requested_by")
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    return rows.get(pk=UUID(ctx.params["request_id"]))


def names_of(request: TenantRequest) -> TenantNames:
    return TenantNames(request.tenant_id, request.name, request.region)


def region_named(name: str) -> Region:
    """The endpoints of a connected region."""
    if name not in connected_regions():
        raise Permanent(f"{name} is not connected to this portal.")
    return load(settings.REGIONS_FILE)[name]


def backend() -> Backend:
    """Where Terraform states live: the home region, which is the first one in the file."""
    home = next(iter(load(settings.REGIONS_FILE).values()))
    account = (home.aws.endpoint_url or None, home.aws.access_key_id, home.aws.secret_access_key)
    return Backend(home.name, *account, **settings.STATES)


def stack_of(request: TenantRequest) -> Stack:
    """What the request asks to be made."""
    directory = settings.WORK_DIR / "terraform" / str(request.tenant_id)
    return Stack(names_of(request), inputs_of(request), directory)


def inputs_of(request: TenantRequest) -> TenantInputs:
    """The stack's variables. A duty of a compliance profile is stronger than the tier's own setting."""
    requires = request.placement.get("requires", {})
    classes = sorted(request.data_classes)
    return TenantInputs(
        tier=request.tier_id,
        environment=request.environment,
        cost_center=request.cost_centre,
        owner=f"{request.business_unit_id.lower()}-champions",  # a tag names a team, never a person
        project=request.business_unit_id.lower(),
        data_class=strictest(classes),
        data_classes=tuple(classes),  # type: ignore[arg-type]  # the model's choices are these words
        compliance=tuple(code.lower() for code in request.placement.get("profiles", ())),
        expires_on=request.expires_on.isoformat() if request.expires_on else "",
        vector_provider=request.placement.get("providers", {}).get("vectors", "pgvector"),
        encryption_cmk=True,
        log_retention_days=max(request.tier.log_retention_days, int(requires.get("log_retention_days", 0))),
        backup_retention_days=request.tier.backup_retention_days,
    )


def strictest(classes: list[str]) -> str:
    """The confidentiality of a tenant's data as tags say it."""
    if {"phi", "privileged"} & set(classes):
        return "restricted"
    return "confidential" if classes else "internal"


def tags_of(request: TenantRequest) -> dict[str, str]:
    """The tags every resource of the tenant must carry."""
    given = inputs_of(request)
    return {
        "TenantID": str(request.tenant_id),
        "Tier": given.tier,
        "Environment": given.environment,
        "CostCenter": given.cost_center,
        "Owner": given.owner,
        "Project": given.project,
        "ManagedBy": "bailiwick",
    }


def content_digest(request: TenantRequest, judgement: Judgement, plan_digest: str) -> str:
    """What a signature binds to: normalised plan, variables, module, and the policy and price versions."""
    return digest(
        {
            "plan": plan_digest,
            "module": module_hash(),
            "variables": inputs_of(request).variables(names_of(request)),
            "limits": tier_limits(request.tier),
            "rules": sorted(f"{f.rule_id} {f.rule_version} {f.outcome}" for f in judgement.findings),
            "manual": list(judgement.manual_reasons),
            "price_book": judgement.estimate.price_book,
            "counted_inr": judgement.counted_inr,
        }
    )


def tier_limits(tier: Tier) -> dict[str, Any]:
    return tier.limits()


def is_connected(request: TenantRequest) -> bool:
    return request.region in connected_regions()
