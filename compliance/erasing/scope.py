"""What a request would reach: the systems of the inventory, how many records each holds of it, and whom an id names.

The verifiers look with credentials that can only read. What cannot be looked at is said, and is not zero.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import digest
from django.conf import settings
from django.utils.module_loading import import_string

from portal.jobs.text import plain
from portal.lib import regions
from portal.lib.errors import Blocked, Invalid
from portal.lib.ids import new_id
from portal.lib.regions import Region
from tenants.models import Tenant

from ..verifiers.looking import Answer, Question, Verifier
from .models import Kind

BY_HAND = {
    "postgres": "PostgreSQL",
    "vectors": "Vectors",
    "objects": "Objects",
    "cache": "Cache",
    "logs": "Logs",
    "metrics": "Metrics",
    "backups": "Backups",
    "portal": "This portal",
}


@dataclass(frozen=True)
class System:
    """One row of the inventory, as a request keeps it. `verifier` is empty where nothing can look into it.

    `tables` are those that the inventory lists of it.
    """

    name: str
    region: str
    title: str
    categories: tuple[str, ...] = ()
    verifier: str = ""
    tables: tuple[str, ...] = ()

    @property
    def system(self) -> str:
        """The code without the region: `postgres` of `postgres-ap-south-1`."""
        return self.name.removesuffix(f"-{self.region}") if self.region else self.name

    def as_json(self) -> dict[str, Any]:
        said = {**asdict(self), "system": self.system, "categories": list(self.categories)}
        del said["tables"]
        return said


@dataclass(frozen=True)
class Snapshot:
    """The inventory at one moment; `plain` is all that its digest covers."""

    version: int
    digest: str
    systems: tuple[System, ...]
    plain: dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """Whom it is about. It lives in memory and in SubjectKey, nowhere else.

    `kept`: the parts of systems that a law keeps, each with its system.
    """

    tenant: Tenant
    kind: str
    user_id: UUID | None = None
    documents: tuple[UUID, ...] = ()
    identifiers: tuple[str, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()


def snapshot_of(tenant: Tenant) -> Snapshot:
    """Every listed store of record, in whatever region: what holds nothing of the tenant has to say so."""
    try:
        found = import_string(settings.ERASURE["inventory"])()
    except ImportError:
        return listed_by_hand(tenant)
    return Snapshot(found.version, found.digest, _systems(found), plain(found.plain()))


def listed() -> tuple[System, ...]:
    """The systems of the inventory, whoever's; none where no inventory is installed."""
    try:
        return _systems(import_string(settings.ERASURE["inventory"])())
    except ImportError:
        return ()


def _systems(found: Any) -> tuple[System, ...]:
    return tuple(
        System(
            one.name, one.region, one.title, tuple(one.categories), one.verifier, tuple(one.containers.get("table", ()))
        )
        for one in found.systems
    )


def listed_by_hand(tenant: Tenant) -> Snapshot:
    """The eight systems with the tenant's region, where no inventory is installed."""
    systems = []
    for code, title in BY_HAND.items():
        here = tenant.region if code not in ("backups", "portal") else ""
        systems.append(System(f"{code}-{here}" if here else code, here, title, (), code if here else ""))
    said = {"version": 0, "systems": [one.as_json() for one in systems]}
    return Snapshot(0, digest(said), tuple(systems), said)


def region_of(name: str) -> Region | None:
    """The region as this installation reaches it; None where it is not connected."""
    if not Path(settings.REGIONS_FILE).is_file():
        return None
    return regions.load(settings.REGIONS_FILE).get(name)


def person_named(tenant: Tenant, email: str) -> UUID:
    """The platform's id of whoever goes by this address in the tenant; the address is kept nowhere."""
    region = region_of(tenant.region)
    if region is None:
        raise Blocked(f"{tenant.region} is not connected: nobody can be looked up there.", by="store")
    try:
        found: UUID | None = import_string(settings.ERASURE["user_of"])(region, tenant.pk, email)
    except Exception as error:
        raise Blocked("The tenant's store does not answer: nobody can be looked up now.", by="store") from error
    if found is None:
        raise Invalid(fields={"email": "nobody in this tenant goes by it"})
    return found


def look(subject: Subject, systems: tuple[System, ...], seconds: float | None = None) -> dict[str, Answer | str]:
    """What each system holds of the subject now, by name: an answer, or why nobody could look.

    All are asked at once and waited for together: unless told, no longer than a caller's transaction may stand idle.
    """
    pool = ThreadPoolExecutor(max_workers=max(1, len(systems)))
    asked = {one.name: pool.submit(_look, subject, one) for one in systems}
    wait(asked.values(), timeout=seconds or settings.ERASURE["look_seconds"])
    pool.shutdown(wait=False, cancel_futures=True)
    late = "it did not answer in time"
    return {name: answer.result() if answer.done() else late for name, answer in asked.items()}


def _look(subject: Subject, one: System) -> Answer | str:
    region = region_of(one.region)
    if not one.verifier:
        return "counted when it is erased"
    if region is None:
        return f"{one.region} is not connected"
    try:
        verifier: Verifier = import_string(settings.ERASURE["verifier_of"])(one.verifier)
    except (ImportError, LookupError):
        return "nothing can look into it"
    tenant, kind = subject.tenant, Kind(subject.kind).value
    asked = (region, tenant.pk, tenant.name, kind, new_id(), subject.user_id, subject.documents)
    kept = tuple((one.system, part) for system, part in subject.kept if system == one.name)
    return verifier.look(Question(*asked, kept=kept))  # type: ignore[arg-type]  # Kind's words are its own


def seen(answers: Mapping[str, Answer | str], one: System) -> tuple[int | None, str]:
    """How many records a system holds, or None and why."""
    said = answers.get(one.name, "not looked")
    return (None, said) if isinstance(said, str) else (said.found, said.why)


def kept_apart(answers: Mapping[str, Answer | str], one: System) -> dict[str, int]:
    """How many records of it a law keeps, by table or bucket: with a row also those that it refers to."""
    said = answers.get(one.name)
    return said.kept if isinstance(said, Answer) else {}


def what_is_left(subject: Subject, seconds: float | None = None) -> list[str]:
    """What the verifiers still see of it, and where they could not look; empty where all looked and saw nothing."""
    systems = tuple(one for one in snapshot_of(subject.tenant).systems if one.verifier)
    answers, found = look(subject, systems, seconds), []
    for one in systems:
        count, why = seen(answers, one)
        if count is None:
            found.append(f"{one.name} could not be looked at: {why}.")
        elif count:
            found.append(f"{one.name} still has {count}.")
    return found
