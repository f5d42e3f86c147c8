"""Erasures in any state, and two stores' doubles: who goes by an address, and what a verifier sees."""

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from compliance.erasing import actions, running
from compliance.erasing.models import ErasureRequest, Exemption, Obligation, State, SubjectKey
from compliance.erasing.pseudonyms import fence_of
from compliance.erasing.scope import BY_HAND
from compliance.verifiers.looking import Answer, Question
from portal.access.accounts import SEED
from portal.access.actor import Actor
from portal.access.models import User
from portal.approvals import actions as approvals
from portal.approvals.models import Case
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from portal.lib.regions import Region
from tenants.models import Tenant
from tests.admin.world import person
from tests.sealing import seal_here

EMAIL = "asha.rao@example.com"
USER_ID = UUID("0193b0a0-0000-7000-8000-000000000001")
RULES = ("erasing_request_rules", "erasing_export_stays", "erasing_concluded_before")
SYSTEMS = ("postgres", "vectors", "objects", "cache", "logs", "metrics")
USUAL: dict[str, Any] = {
    "kind": "person",
    "legal_basis": "gdpr-17",
    "identity": "document",
    "user_id": USER_ID,
    "reason": "She asked for it in writing.",
}


def user_of(region: Region, tenant_id: UUID, email: str) -> UUID | None:
    """Asha alone is known."""
    return USER_ID if email == EMAIL else None


class Seven:
    """A verifier that finds seven of everything."""

    name = "seven"

    def look(self, question: Question) -> Answer:
        return Answer("seven", "test", "SELECT 7", found=7)


@dataclass(frozen=True)
class Listed:
    """A row of the inventory, as far as a request reads it."""

    name: str
    region: str
    title: str
    verifier: str = ""
    categories: tuple[str, ...] = ()
    containers: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Inventory:
    version: int
    digest: str
    systems: list[Listed]

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def inventory() -> Inventory:
    """Six systems of one region, which can be looked into, and two of none."""
    tables = {"postgres": {"table": ["rag.query_history", "rag.users"]}}
    here = [
        Listed(f"{one}-ap-south-1", "ap-south-1", one.capitalize(), one, (), tables.get(one, {})) for one in SYSTEMS
    ]
    return Inventory(3, "c" * 64, [*here, Listed("backups", "", "Backups"), Listed("portal", "", "This portal")])


class Nothing(Seven):
    """One that finds nothing any more."""

    def look(self, question: Question) -> Answer:
        return Answer("nothing", "test", "SELECT 0", found=0)


class Silent(Seven):
    """One whose store says nothing until it is let go."""

    def __init__(self) -> None:
        self.let_go = Event()

    def look(self, question: Question) -> Answer:
        self.let_go.wait(120)
        return super().look(question)


silent = Silent()


def one_is_silent(system: str) -> Seven:
    return silent if system == "cache" else Seven()


def verifier_of(system: str) -> Seven:
    return Seven()


def nothing_of(system: str) -> Seven:
    return Nothing()


def act(name: str) -> Actor:
    return Actor.of_user(person(name))


def ask(of: Tenant, by: str = "farah", **more: Any) -> ErasureRequest:
    """A request as compliance makes it: by default for one person of the tenant."""
    given = {**USUAL, **more}
    if given["kind"] != "person":
        given.pop("user_id", None)
    return actions.request(of.pk, actor=act(by), **given)


def erasure(of: Tenant, state: str = "awaiting_approval", by: str = "farah") -> ErasureRequest:
    """One in a state, about a person of its own."""
    made = ask(of, by, user_id=uuid4())
    return made if state == made.state else put(made, state)


def row(of: Tenant, state: str = "awaiting_approval", kind: str = "person") -> ErasureRequest:
    """One written past every rule but those of its table, of a tenant in whatever status."""
    made = ErasureRequest.objects.create(
        number=(ErasureRequest.objects.values_list("number", flat=True).first() or 0) + 1,
        tenant=of,
        kind=kind,
        legal_basis="gdpr-17",
        justification="She asked for it in writing.",
        subject="a" * 64,
        identifiers=["user_id"],
        identity="document",
        authority="owner",
        requested_by=person("meera"),
        due_on=now().date() + timedelta(days=30),
    )
    SubjectKey.objects.create(request=made, key=b"k" * 32, fence=fence_of(str(made.pk)), user_id=uuid4())
    return put(made, state)


def put(one: ErasureRequest, state: str, **more: Any) -> ErasureRequest:
    """Move it past the machine and its trigger, as the owner of the table can."""
    columns: dict[str, Any] = {"state": state, "blocked_from": ""}
    if state in ("executing", "verifying", "failed", "not_certifiable", "completed"):
        columns["started_at"] = one.received_at
    if state == "completed":
        columns |= {"certificate_id": uuid4(), "is_final": True}
    if state == "legal_hold_blocked":
        columns["blocked_from"] = "awaiting_approval"
    if one.kind == "tenant" and "started_at" in columns:
        columns |= {"export_settled": "before", "export_settled_at": one.received_at, "export_settled_how": "test"}
    columns |= more
    names = ", ".join(f"{name} = %s" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for rule in RULES:
            cursor.execute(f"ALTER TABLE erasing_erasurerequest DISABLE TRIGGER {rule}")
        cursor.execute(f"UPDATE erasing_erasurerequest SET {names} WHERE id = %s", [*columns.values(), one.pk])
        for rule in RULES:
            cursor.execute(f"ALTER TABLE erasing_erasurerequest ENABLE TRIGGER {rule}")
    return ErasureRequest.objects.get(pk=one.pk)


def blocked(of: Tenant) -> ErasureRequest:
    """One that a hold stopped in the middle of its work, with what each system said by then."""
    one = row(of, "executing")
    running.enter_ledger(one.pk, actor=SEED)
    for number, (system, title) in enumerate(BY_HAND.items()):
        targeted, region = 1311 - 100 * number, "" if system in ("backups", "portal") else of.region
        said = {"title": title, "found": targeted, "targeted": targeted, "acknowledged": targeted if number < 4 else 0}
        done = {"outcome": "erased", "state": "verified", "residual": 0, "manifest_root": "9f3c" * 16}
        running.note_system(one.pk, system, region, actor=SEED, **said, **(done if number < 4 else {}))
    Exemption.objects.create(
        request=one, rule="RET-SOX", system="portal", category="financial_records", until=one.due_on,
        ground="Records of account, kept seven years (SOX s. 802)",
    )  # fmt: skip
    return running.hold_blocked(one.pk, actor=SEED)


def owed(of: Tenant) -> Obligation:
    """What a completed erasure of the tenant owes."""
    done = row(of, State.COMPLETED)
    return Obligation.objects.create(request=done, system="backups", due_on=done.due_on, owed="Purge of the last set")


def sign(one: ErasureRequest, *people: User) -> None:
    case = Case.objects.get(pk=one.case_id)
    for user in people or (person("leela"), person("thomas")):
        approvals.sign(case.pk, actor=Actor.of_user(user), reason="Read it.", digest=case.digest)


def scheduled(one: ErasureRequest) -> ErasureRequest:
    """Signed by two others, sealed, taken into effect. Once a test: its entries share one transaction.

    Of a whole tenant counsel has waived the export.
    """
    sign(one)
    if one.awaits_export:
        actions.waive_export(one.pk, actor=act("thomas"), reason="The tenant keeps its own copy.")
    seal_here()
    deliver()
    return ErasureRequest.objects.get(pk=one.pk)


def deliver() -> None:
    while deliver_due():
        pass
