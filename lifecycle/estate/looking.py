"""The steps that look: a real plan of one tenant with its own modules, and the search of a region for strangers."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings

from compliance.erasing.models import Obligation
from compliance.erasing.queries import staying
from lifecycle.migration.copies.models import TenantCopy
from lifecycle.migration.models import Migration
from lifecycle.models import ENDED, State, TenantRequest
from lifecycle.naming.models import RegionalSet
from lifecycle.provisioning.steps.rollback import prices
from lifecycle.provisioning.subject import region_named
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.backend import read_state
from lifecycle.provisioning.terraforming import execute, fresh_run, must_succeed
from lifecycle.stores import inventory, sweep, tags
from lifecycle.stores.names import TenantNames
from lifecycle.stores.secrets import store_of
from portal.jobs.context import StepContext
from tenants.models import Status, Tenant, TenantName

from .comparing import Seen, of_stranger, of_tenant
from .known import asker
from .models import Finding, Pin
from .modules import fault_of_state
from .recording import write_down
from .stacks import place_of, stack_of, tenant_of

KINDS = Finding.Kind
NOT_OURS = (Status.DELETED, Status.FAILED, Status.REQUESTED)


def compare(ctx: StepContext) -> dict[str, Any]:
    """Plan the tenant with its pinned modules and look at its region: what differs is written down."""
    tenant = tenant_of(ctx)
    stack = stack_of(tenant)
    run = fresh_run(ctx, stack)
    state = read_state(run.backend, stack.names.state_key)
    must_succeed(run, execute(ctx, run, "plan"))
    summary, region = commands.show(run), region_named(tenant.region)
    there = sweep.residue(region, stack.names, secrets=store_of(tenant.region, settings.SECRETS_DIR), prices=prices())
    tagged = tags.of_set(region, stack.names)
    found = of_tenant(summary, there.residue, tagged, state, stack.names, asker(region))
    found += _of_state(Pin.objects.filter(tenant=tenant).first(), state)
    complete = [KINDS.DRIFT, KINDS.MISSING, KINDS.STATE, *([] if there.not_checked else [KINDS.ORPHAN])]
    with ctx.fenced():
        news = write_down(place_of(tenant), found, actor=ctx.actor, gone=complete)
    for one in found:
        ctx.log(f"{one.kind}: {one.address or one.resource}: {one.words}", "warning")
    missed = [f"{one.system}: {one.reason}" for one in there.not_checked]
    counts = {kind: sum(one.kind == kind for one in found) for kind in KINDS.values}
    return {**counts, "new": len(news), "modules": run.module_hash, "not_checked": missed}


def _of_state(pin: Pin | None, state: Mapping[str, Any] | None) -> list[Seen]:
    fault = fault_of_state(pin, state)
    detail = {"lineage": (state or {}).get("lineage", ""), "serial": (state or {}).get("serial", 0)}
    return [Seen(KINDS.STATE, fault, address="terraform.tfstate", detail=detail)] if fault else []


def search(ctx: StepContext) -> dict[str, Any]:
    """Look through a region for what belongs to nobody the registry knows there; what a law keeps is kept, and said."""
    region = region_named(ctx.params["region"])
    held = inventory.tenants_found(region)
    strangers = sorted(_strangers(held, region.name))
    unseen, stay = list[str](), staying(region.name)
    for tenant_id in strangers:
        ctx.heartbeat()
        names = names_of(tenant_id, region.name, held[tenant_id])
        there = sweep.residue(region, names, secrets=store_of(region.name, settings.SECRETS_DIR), prices=prices())
        unseen += [f"{one.system}: {one.reason}" for one in there.not_checked]
        kinds = () if there.not_checked else (KINDS.ORPHAN, KINDS.KEPT)
        with ctx.fenced():
            found = of_stranger(there.residue, held[tenant_id], why_kept(stay.get(tenant_id, [])))
            write_down(stranger_at(names), found, actor=ctx.actor, gone=kinds)
    _forget(ctx, region.name, set(held))
    kept = [str(one) for one in strangers if one in stay]
    found_strange = [str(one) for one in strangers if one not in stay]
    return {"tenants": len(held), "strangers": found_strange, "kept": kept, "not_checked": sorted(set(unseen))}


def why_kept(owed: Iterable[Obligation]) -> str:
    """In words why something of a deleted tenant stands; nothing where nothing of it is owed."""
    said = sorted({f"{one.part or 'what is locked'} of {one.system} until {one.due_on}" for one in owed})
    return f"kept by law, with what stands around it: {', '.join(said)}" if said else ""


def _strangers(held: Mapping[UUID, set[str]], region: str) -> set[UUID]:
    """Who is not expected. AWS lists the users of all its regions in one: of a tenant that stands, that is nothing."""
    found = set(held) - _expected(region)
    users = {one for one in found if all(":iam:" in arn for arn in held[one])}
    return found - set(Tenant.objects.filter(pk__in=users).exclude(status__in=NOT_OURS).values_list("pk", flat=True))


def _expected(region: str) -> set[UUID]:
    """Whoever may have something in the region: who lives there, is on the way there, or was moved or copied there."""
    lives = Tenant.objects.filter(region=region).exclude(status__in=NOT_OURS).values_list("pk", flat=True)
    coming = TenantRequest.objects.filter(region=region).exclude(state__in=[*ENDED, State.ROLLBACK_INCOMPLETE])
    moves = Migration.objects.exclude(tenant__status__in=NOT_OURS)
    sides = [moves.filter(source=region), moves.filter(target=region)]
    copies = TenantCopy.objects.filter(region=region).exclude(tenant__status__in=NOT_OURS)
    rows = [rows.values_list("tenant_id", flat=True) for rows in (coming, *sides, copies)]
    return {*lives, *(tenant_id for found in rows for tenant_id in found if tenant_id)}


def names_of(tenant_id: UUID, region: str, held: set[str]) -> TenantNames:
    """The stranger's names. Its bucket's carries the readable one, which a name ever reserved for it knows too."""
    known = TenantName.objects.filter(tenant_id=tenant_id).order_by("-reserved_at").first()
    tail, bears = f"-{tenant_id.hex[-8:]}", any(one.endswith(f"{tenant_id.hex[-8:]}-{region}") for one in held)
    ended = f"{tail}-{region}" if bears else tail
    named = [one.rpartition(":")[2] for one in held if one.startswith("arn:aws:s3:::rag-") and one.endswith(ended)]
    name = known.name if known else named[0].removeprefix("rag-").removesuffix(ended) if named else "unknown"
    bears = bears or RegionalSet.objects.filter(tenant_id=tenant_id, region=region).exists()
    return TenantNames(tenant_id, name, region, bears_region=bears)


def stranger_at(names: TenantNames) -> dict[str, Any]:
    known = Tenant.objects.filter(pk=names.tenant_id).first()
    unit = known.business_unit_id if known else ""
    name = "" if names.name == "unknown" else names.name
    return {"tenant_id": names.tenant_id, "tenant_name": name, "business_unit": unit, "region": names.region}


def _forget(ctx: StepContext, region: str, held: set[UUID]) -> None:
    """What a whole search of the region did not meet at all is gone."""
    kinds = [KINDS.ORPHAN, KINDS.KEPT]
    rows = Finding.objects.filter(region=region, kind__in=kinds).exclude(state=Finding.State.GONE)
    for tenant_id in set(rows.values_list("tenant_id", flat=True)) - held:
        with ctx.fenced():
            write_down({"tenant_id": tenant_id, "region": region}, [], actor=ctx.actor, gone=kinds)
