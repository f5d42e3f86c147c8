"""What was found, in the words and numbers of a certificate."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import cast

from bailiwick_proof.certifiable import SYNTHETIC, Type
from bailiwick_proof.erasure import (
    Erasure,
    Exemption,
    Holds,
    Inventory,
    Kind,
    Neighbour,
    Obligation,
    Recipient,
    RestoreGuard,
    Roles,
    Scope,
    System,
    Timeline,
)

from compliance.erasing import queries
from compliance.erasing.models import SystemRun
from compliance.erasing.queries import Facts
from compliance.holds.queries import is_held
from compliance.inventory.queries import drift_count, snapshot
from lifecycle.exports.queries import handed_over
from lifecycle.stores.postgres import fences
from portal.jobs.context import StepContext
from portal.lib.clock import now

from . import keeping
from .outcomes import WAL_DAYS, row_of
from .pseudonyms import Pseudonyms
from .subject import regions, runs

PURGE_DAYS = 90  # Pinecone's own statement of how long deleted data may stay in its storage
PURGED = "Pinecone may keep what was deleted in its own storage until that day."
RECYCLED = "The write-ahead log, and copies for recovery to a moment, may hold old pages until that day."
LOCKED = "A write-once lock (Object Lock) of the store keeps it until that day."
NAMING = "It names by id what a law keeps elsewhere."
BESIDE = "beside what a law keeps a lock of the store keeps some:"
READABLE = "What is kept, or locked, has to stay readable until that day."
OWED = 300  # characters that an obligation's row takes
PARTS = {
    "tenant": ("documents", "passages", "vectors", "originals", "users", "sessions", "questions", "answers", "logs"),
    "person": ("documents", "passages", "vectors", "originals", "account", "sessions", "questions", "answers"),
    "document": ("documents", "passages", "vectors", "originals", "answers"),
}
LEFT_OUT = {
    "tenant": ("registry", "approvals", "costs", "ledger"),
    "person": ("counters", "ledger"),
    "document": ("counters", "ledger"),
}


def type_of(found: Erasure) -> Type:
    """Final, unless something is kept for a while because a law says so; of a made-up person synthetic."""
    if found.legal_basis == SYNTHETIC:
        return SYNTHETIC
    return "partial" if any(one.outcome == "retained" for one in found.systems) else "final"


def erasure_of(ctx: StepContext, facts: Facts) -> Erasure:
    """Everything the job has found, read anew where it may have changed since."""
    listed, hidden, known = snapshot(), Pseudonyms(facts), runs(facts)
    systems = tuple(row_of(facts, row, known.get(row.name)) for row in listed.systems)
    identifiers = tuple(facts.identifiers)
    return Erasure(
        request=hidden.of("request", facts.request.pk),
        approval=facts.approval_digest,
        legal_basis=facts.legal_basis,
        scope=Scope(cast(Kind, facts.kind), facts.subject, identifiers, PARTS[facts.kind], LEFT_OUT[facts.kind]),
        roles=_roles(facts, hidden),
        timeline=_timeline(ctx, facts, known),
        inventory=Inventory(listed.version, listed.digest, len(systems), drift_count(), tuple(listed.removed)),
        systems=systems,
        obligations=tuple(_obligations(facts, systems, known)),
        exemptions=tuple(_exemptions(facts, systems, known)),
        recipients=tuple(_recipients(facts, hidden)),
        holds=_holds(facts),
        neighbours=tuple(_neighbours(ctx, hidden)),
        restore_guard=RestoreGuard("blocked", queries.erasure_ledger_digest()),
    )


def _roles(facts: Facts, hidden: Pseudonyms) -> Roles:
    approvers = tuple(hidden.of("person", one) for one in facts.approvers)
    agents = hidden.of("agent", "eraser"), hidden.of("agent", "verifier")
    return Roles(hidden.of("person", facts.requester), approvers, *agents, facts.persons_needed)


def _timeline(ctx: StepContext, facts: Facts, known: dict[str, SystemRun]) -> Timeline:
    steps = {step.name: step for step in ctx.job.steps.all()}
    started, deleted = steps["begin"].started_at, steps["delete"].finished_at
    last = last_look(known)
    return Timeline(_time(facts.received_at), _time(facts.approved_at), _time(started), _time(deleted), last)


def last_look(known: dict[str, SystemRun]) -> str:
    """When the last of all looks began."""
    return max(str(check["at"]) for run in known.values() for check in run.checks)


def _obligations(facts: Facts, systems: tuple[System, ...], known: dict[str, SystemRun]) -> Iterator[Obligation]:
    """What is still owed, with the day it ends: of each part that a law keeps its own, and of what is locked beside."""
    for one in systems:
        run = known.get(one.name)
        parts = keeping.standing(facts, run)
        for part in parts:
            yield Obligation(one.name, part["until"].isoformat(), keeping.owed(part))
        if not parts and one.until is not None:
            yield Obligation(one.name, one.until, f"{one.title}: {one.limits}"[:OWED])
        if parts and run is not None:
            yield from locked(run)
    expire = {one.name for one in systems if one.outcome == "expires"}
    for one in systems:
        if one.outcome in ("erased", "retained") and one.targeted:
            yield from beneath(one, is_said="backups" in expire)


def locked(run: SystemRun) -> Iterator[Obligation]:
    """What a store's lock keeps of a system beside the parts that a law keeps, by the lock's own day."""
    if run.outcome == "retained" and run.until is not None:
        yield Obligation(run.name, run.until.isoformat(), f"{run.title}: {BESIDE} {run.limits}"[:OWED])


def beneath(one: System, *, is_said: bool) -> Iterator[Obligation]:
    """What goes by itself beneath a system that was erased: a provider's storage, old pages in a log of writes.

    `is_said`: the row of the backups says the latter.
    """
    at = regions().get(one.region)
    if one.connector == "vectors" and at is not None and at.pinecone is not None:
        yield Obligation(one.name, _in_days(PURGE_DAYS), PURGED)
    if not is_said and one.connector in ("postgres", "vectors") and at is not None:
        yield Obligation(one.name, _in_days(WAL_DAYS), RECYCLED)


def _in_days(days: int) -> str:
    return (now().date() + timedelta(days=days)).isoformat()


def _exemptions(facts: Facts, systems: tuple[System, ...], known: dict[str, SystemRun]) -> Iterator[Exemption]:
    """What retention rules keep, and what a store's own lock does: nobody can delete it before its day.

    Of a part of which nothing was there nothing is kept.
    """
    parts = {name: keeping.standing(facts, run) for name, run in known.items()}
    for one in facts.exemptions:
        if not one["part"] or one in parts.get(one["system"], []):
            ground = f"{one['part']}: {one['ground']}" if one["part"] else one["ground"]
            yield Exemption(one["system"], one["category"], ground, one["until"].isoformat())
    for kept in systems:
        run = known.get(kept.name)
        if kept.outcome == "retained" and not parts.get(kept.name):
            yield Exemption(kept.name, *_without_rule(kept), kept.until)
        elif kept.outcome == "retained" and run is not None:
            yield from (Exemption(kept.name, *_without_rule(kept), one.due_on) for one in locked(run))


def _without_rule(kept: System) -> tuple[str, str]:
    """As what, and why, something stays that no rule names: for its lock, or for the sake of what is kept."""
    if kept.connector == "logs":
        return "ids", NAMING
    return "locked", LOCKED if kept.connector == "objects" else READABLE


def _recipients(facts: Facts, hidden: Pseudonyms) -> Iterator[Recipient]:
    """Who was told, and who took an export away: that copy is theirs, and nobody here can erase it."""
    for one in facts.recipients:
        yield Recipient(one["name"], _time(one["told_at"]))
    for made in handed_over(facts.tenant.pk):
        whom = f"received by {hidden.of('person', made.received_by_id)}" if made.received_by_id else "not confirmed"
        words = f"Export {made}, handed over, {whom}; SHA-256 of its manifest {made.digest}"
        yield Recipient(words, _time(made.received_at or made.downloaded_at))


def _holds(facts: Facts) -> Holds:
    """Every store's own row, asked now, and the portal's word."""
    known = [one for one in regions().values() if fences.knows(one, facts.tenant.pk)]
    held = sum(fences.hold_of(one, facts.tenant.pk)[0] for one in known)
    return Holds(_time(now()), len(known), held + is_held(facts.tenant.pk))


def _neighbours(ctx: StepContext, hidden: Pseudonyms) -> Iterator[Neighbour]:
    for one in ctx.evidence("grace")["neighbours"]:
        yield Neighbour(hidden.of("tenant", one["tenant"]), one["count"], one["digest"], one["after"])


def _time(value: datetime | None) -> str:
    assert value is not None
    return value.isoformat()
