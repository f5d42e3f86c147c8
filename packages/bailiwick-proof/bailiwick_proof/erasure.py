"""What an erasure certificate tells: the found facts, each of a fixed type, none of them personal data.

People, tenants and subjects are keyed pseudonyms (`Digest`). Counts are never summed over systems or outcomes.
"""

from dataclasses import dataclass
from typing import Literal

from .shape import Code, Day, Digest, Shape, Time, Words

Kind = Literal["tenant", "person", "document"]
Stage = Literal["before", "after", "resweep"]
Outcome = Literal[
    "erased",
    "crypto_erased",
    "anonymised",
    "beyond_use",
    "expires",
    "expired",
    "retained",
    "not_held",
    "attested_by_processor",
    "not_checked",
]


@dataclass(frozen=True, slots=True)
class Scope(Shape):
    """Whom it concerns, by pseudonym, and which kinds of data are in and out."""

    kind: Kind
    subject: Digest
    identifier_types: tuple[Code, ...]
    included: tuple[Code, ...]
    excluded: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Roles(Shape):
    """Who did what, by pseudonym. Persons are the requester and the approvers, agents are executor and verifier.

    `needed` is how many different persons the rules of the request asked for; no agent counts as one.
    """

    requester: Digest
    approvers: tuple[Digest, ...]
    executor: Digest
    verifier: Digest
    needed: int


@dataclass(frozen=True, slots=True)
class Timeline(Shape):
    received: Time
    approved: Time
    started: Time
    deleted: Time
    verified: Time


@dataclass(frozen=True, slots=True)
class Inventory(Shape):
    """The stores of record it was held against; `drift` is what was found beside them, `removed` what was taken off."""

    version: int
    digest: Digest
    systems: int
    drift: int
    removed: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Tree(Shape):
    """The manifest of a system: the root over its salted leaves."""

    root: Digest
    leaves: int


@dataclass(frozen=True, slots=True)
class Check(Shape):
    """One independent query. `planted`: a canary put there was found by the same query, so its zero means something."""

    stage: Stage
    at: Time
    verifier: Code
    credential: Digest
    query: Digest
    found: int
    planted: bool


@dataclass(frozen=True, slots=True)
class Attestation(Shape):
    """A processor's signed word for a system that cannot be queried."""

    processor: Words
    digest: Digest
    expires_on: Day


@dataclass(frozen=True, slots=True)
class System(Shape):
    """One row of the inventory and what became of it."""

    name: Code
    title: Words
    region: Code
    processor: Words
    connector: Code
    version: Code
    categories: tuple[Code, ...]
    outcome: Outcome
    until: Day | None
    method: Words
    limits: Words
    targeted: int
    acknowledged: int
    absent_after: int
    residual: int
    manifest: Tree | None
    checks: tuple[Check, ...]
    attestation: Attestation | None
    simulated: bool


@dataclass(frozen=True, slots=True)
class Obligation(Shape):
    """What is still owed, and by when."""

    system: Code
    due_on: Day
    owed: Words


@dataclass(frozen=True, slots=True)
class Exemption(Shape):
    """What was kept because a law says so."""

    system: Code
    category: Code
    ground: Words
    until: Day | None


@dataclass(frozen=True, slots=True)
class Neighbour(Shape):
    """A tenant that was not to be touched, counted and hashed before and after."""

    tenant: Digest
    count: int
    before: Digest
    after: Digest


@dataclass(frozen=True, slots=True)
class Holds(Shape):
    """When every store's own hold row was read, in how many stores, and how many held."""

    at: Time
    stores: int
    held: int


@dataclass(frozen=True, slots=True)
class RestoreGuard(Shape):
    """What keeps a restore from bringing it back: restores refused, or the erasure ledger replayed by each."""

    restores: Literal["blocked", "replay"]
    ledger: Digest


@dataclass(frozen=True, slots=True)
class Recipient(Shape):
    """A recipient told of the erasure (Art. 19)."""

    recipient: Words
    told: Time


@dataclass(frozen=True, slots=True)
class Erasure(Shape):
    """Everything that was found, as the erasure hands it over."""

    request: Digest
    approval: Digest
    legal_basis: Code
    scope: Scope
    roles: Roles
    timeline: Timeline
    inventory: Inventory
    systems: tuple[System, ...]
    obligations: tuple[Obligation, ...]
    exemptions: tuple[Exemption, ...]
    recipients: tuple[Recipient, ...]
    holds: Holds
    neighbours: tuple[Neighbour, ...]
    restore_guard: RestoreGuard
