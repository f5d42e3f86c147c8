"""What a verifier is asked and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from portal.lib.regions import Region

Kind = Literal["tenant", "person", "document"]


@dataclass(frozen=True)
class Question:
    """Is anything of this left in this region? `request_id` names the ids that were to go, kept in the region's store.

    Of a person: `user_id` and the documents that this person owned when the erasure began. `kept` are the parts of this
    region's systems that a law keeps, each with its system's code: what is there of them is counted apart.
    """

    region: Region
    tenant_id: UUID
    tenant_name: str
    kind: Kind
    request_id: UUID
    user_id: UUID | None = None
    documents: tuple[UUID, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()

    def kept_of(self, system: str) -> frozenset[str]:
        """The parts of one system that are kept."""
        return frozenset(part for name, part in self.kept if name == system)


@dataclass(frozen=True)
class Answer:
    """What one verifier saw of one system.

    found       how many records the query by what they are (tenant, person, document) saw; None: not checked
    listed      how many of the manifest's ids are still there; None: not checked, or none had been listed yet
    why         why it was not checked, in one sentence; empty otherwise
    query       what was asked, word for word; its digest is printed on the certificate
    credential  the login or key id that was used
    by          found, by table, bucket, key space: names of containers, never of records
    kept        what a law keeps there, in the same way; none of it is among what was found
    """

    verifier: str
    credential: str
    query: str
    found: int | None
    listed: int | None = None
    why: str = ""
    by: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)

    @property
    def is_checked(self) -> bool:
        return self.found is not None


class Verifier(Protocol):
    """One kind of system. Never raises for what a store answers: that is an Answer that was not checked."""

    name: str

    def look(self, question: Question) -> Answer:
        """Look now, at everything of this system in the question's region."""

    def look_together(self, questions: Sequence[Question]) -> list[Answer]:
        """Look once for several questions about one region, in their order: each is answered as if asked alone."""


class Together:
    """A verifier that looks for one question as it does for several."""

    def look(self, question: Question) -> Answer:
        return self.look_together([question])[0]

    def look_together(self, questions: Sequence[Question]) -> list[Answer]:
        raise NotImplementedError
