"""The inventory for others: as a snapshot that a certificate is held against, and what was found beside it."""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from bailiwick_proof.canonical import digest
from django.conf import settings
from django.db.models import QuerySet

from portal.access import policy
from portal.access.actor import Actor
from portal.lib.clock import now
from portal.lib.composed import composed
from portal.lib.regions import load

from .models import Attestation, Finding, InventoryVersion, Kind, Search, State, System


@dataclass(frozen=True)
class Word:
    """The processor's statement in force about a system."""

    processor: str
    digest: str
    expires_on: date


@dataclass(frozen=True)
class Listed:
    """One listed system. `attestation` is the one in force, and None where there is none."""

    name: str
    title: str
    kind: str
    region: str
    processor: str
    categories: list[str]
    connector: str
    verifier: str
    expires_on: date | None
    containers: dict[str, list[str]]
    simulated: bool
    attestation: Word | None = None


@dataclass(frozen=True)
class Snapshot:
    """Every listed system at one moment, by name; `removed` names those that were taken off, of all times."""

    version: int
    digest: str
    systems: list[Listed] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """The same as JSON-like values."""
        return asdict(self)


def snapshot() -> Snapshot:
    """The inventory now. The rows decide: the number is that of the version with their digest, 0 if there is none."""
    rows = _systems()
    listed = [one for one in rows if one.state == State.ACTIVE]
    own = digest_of(listed)
    words, simulated = _words(), _simulated()
    systems = [_listed(one, words.get(one.pk), simulated) for one in listed]
    removed = [one.name for one in rows if one.state == State.REMOVED]
    return Snapshot(next(iter(_numbers(own)), 0), own, systems, removed)


@composed
def _systems() -> QuerySet[System]:
    return System.objects.order_by("name")


@composed
def _numbers(of: str) -> QuerySet[InventoryVersion, int]:
    return InventoryVersion.objects.filter(digest=of).order_by("-number").values_list("number", flat=True)[:1]


def digest_of(rows: list[System]) -> str:
    """SHA-256 over the canonical JSON of listed rows, by name; `Snapshot.plain` holds all that goes into it."""
    return digest([one.plain() for one in sorted(rows, key=lambda one: one.name)])


def drift_count(searched_since: datetime | None = None) -> int:
    """How many findings are open; with an instant, also how many listed regions were not searched since.

    Search anew by `discovery.drift` before relying on it.
    """
    found = Finding.objects.filter(resolved_at=None).count()
    return found if searched_since is None else found + len(unsearched(searched_since))


def unsearched(since: datetime) -> list[str]:
    """Regions with listed systems that nobody has searched since: what is there now is not known."""
    listed = System.objects.filter(state=State.ACTIVE).exclude(region="").values_list("region", flat=True).distinct()
    searched = Search.objects.filter(at__gte=since).values_list("region", flat=True)
    return sorted(set(listed) - set(searched))


def searched() -> dict[str, str]:
    """When each region's last search for what no row lists began."""
    return {one.region: one.at.isoformat() for one in Search.objects.all()}


def available_verbs(system: System, actor: Actor) -> list[str]:
    """Words the actor may use on the system now."""
    if not system.is_listed or not policy.can(actor, "system.edit", system):
        return []
    words = ["attest"] if system.kind == Kind.ATTESTED else []
    if system.removal_asked_by_id is None:
        return [*words, "ask_removal"]
    mine = actor.user is not None and actor.user.pk == system.removal_asked_by_id
    return [*words, *([] if mine else ["confirm_removal"]), "withdraw_removal"]


def _words() -> dict[Any, Word]:
    """The newest statement of each system, if it is still in force."""
    found: dict[Any, Attestation] = {}
    for one in _in_force(now().date()):
        found[one.system_id] = one
    return {key: Word(one.system.processor, one.digest, one.expires_on) for key, one in found.items()}


@composed
def _in_force(day: date) -> QuerySet[Attestation]:
    return Attestation.objects.filter(expires_on__gte=day).select_related("system").order_by("added_at")


def _simulated() -> dict[str, bool]:
    path = settings.REGIONS_FILE
    return {name: region.simulated for name, region in load(path).items()} if path.is_file() else {}


def _listed(one: System, word: Word | None, simulated: dict[str, bool]) -> Listed:
    return Listed(
        name=one.name,
        title=one.title,
        kind=one.kind,
        region=one.region,
        processor=one.processor,
        categories=sorted(one.categories),
        connector=one.connector,
        verifier=one.verifier,
        expires_on=one.expires_on,
        containers=one.containers,
        simulated=simulated.get(one.region, any(simulated.values())),
        attestation=word,
    )
