"""Which modules a tenant was made with: the tree is kept whole, so that it can be planned with again anywhere."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from lifecycle.provisioning.terraform.run import hash_of, sources
from portal.access.actor import Actor
from portal.audit.context import action
from portal.lib.clock import now
from tenants import actions as registry

from .models import ModuleVersion, Pin

SYSTEM = Actor.system("estate")


def keep(files: Mapping[str, str] | None = None) -> ModuleVersion:
    """Keep this tree of modules, by default the one installed here; one that is known stays as it is."""
    given = dict(sources() if files is None else files)
    digest = hash_of(given)
    known = ModuleVersion.objects.defer("files").filter(pk=digest).first()
    return known or _kept(digest, given, actor=SYSTEM)


@action
def _kept(digest: str, files: dict[str, str], *, actor: Actor) -> ModuleVersion:
    return ModuleVersion.objects.get_or_create(pk=digest, defaults={"files": files})[0]


@action
def pin(tenant_id: UUID, digest: str, state: Mapping[str, Any] | None, *, actor: Actor) -> None:
    """Note what the tenant was just made with, and the state that left.

    A run that was prepared before trees were kept pins nothing: what nobody has cannot be planned with again.
    """
    if not ModuleVersion.objects.filter(pk=digest).exists():
        return
    seen = {"lineage": (state or {}).get("lineage", ""), "serial": (state or {}).get("serial", 0)}
    Pin.objects.update_or_create(tenant_id=tenant_id, defaults={"version_id": digest, "pinned_at": now(), **seen})
    registry.note_modules(tenant_id, digest=digest, actor=actor)


def files_of(tenant_id: UUID) -> dict[str, str] | None:
    """The pinned modules of a tenant; None where none are known, and those installed here are meant."""
    found = Pin.objects.filter(tenant_id=tenant_id).select_related("version").first()
    return dict(found.version.files) if found else None


def fault_of_state(found: Pin | None, state: Mapping[str, Any] | None) -> str:
    """Why the state is not the one that was left, or an empty string. A later serial of the same lineage is fine."""
    if found is None or not found.lineage:
        return ""
    if not state:
        return f"the state is lost: it had serial {found.serial}"
    if state.get("lineage") != found.lineage:
        return f"the state is another one: lineage {state.get('lineage')}, not {found.lineage}"
    if int(state.get("serial", 0)) < found.serial:
        return f"the state was rolled back from serial {found.serial} to {state['serial']}"
    return ""
