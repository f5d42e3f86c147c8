"""Whom a verifier of certificates trusts, and what the issuer has taken back since.

`Trust` is given to a verifier once, by hand: the issuer's keys with their terms, the certificates of the time-stamping
authorities, and the ledger's policy. `StatusList` is published anew at each change and signed by a key in its term.
"""

from dataclasses import dataclass
from typing import Literal

from .canonical import canonical, digest
from .errors import Malformed, Unproven
from .keys import VerifierKey
from .note import Note
from .policy import Policy
from .shape import Code, Digest, Id, Shape, Time, Words
from .strict import read

TRUST_FORMAT = "bailiwick.certificate-trust/1"
STATUS_FORMAT = "bailiwick.certificate-status/1"


@dataclass(frozen=True, slots=True)
class IssuerKey(Shape):
    """A signing key: of notes, and of PDFs by the X.509 certificate with this SHA-256. `until` is excluded."""

    key: str
    x509: Digest
    since: Time
    until: Time
    revoked: Time | None

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey.parse(self.key)

    def held_at(self, at: str) -> bool:
        """True if the key was in its term and not revoked at that time."""
        return self.since <= at < self.until and (self.revoked is None or at < self.revoked)


@dataclass(frozen=True, slots=True)
class Authority(Shape):
    """A certificate of a time-stamping authority; one that is simulated proves no time to anybody outside."""

    x509: Digest
    name: Words
    simulated: bool


@dataclass(frozen=True, slots=True)
class Trust(Shape):
    """A verifier's trust in one issuer."""

    format: Literal["bailiwick.certificate-trust/1"]
    issuer: Code
    keys: tuple[IssuerKey, ...]
    authorities: tuple[Authority, ...]
    ledger: str

    @classmethod
    def parse(cls, data: bytes) -> "Trust":
        """Read the trust file; unknown members are Malformed, a misspelt one must not weaken it."""
        found = cls.of(read(data.strip(), "a trust file"))
        if not found.keys or any(one.verifier.name != found.issuer for one in found.keys):
            raise Malformed("a trust file names at least one key of its issuer and no other's")
        return found

    def encode(self) -> bytes:
        return canonical(self.plain())

    @property
    def policy(self) -> Policy:
        """The policy of the ledger that the issuer writes to."""
        return Policy.parse(self.ledger)

    def signer(self, note: bytes, text: str) -> IssuerKey:
        """The key that signed exactly this text, whatever its term; Unproven when none did."""
        read_note = Note.parse(note)
        if read_note.text != text:
            raise Unproven("the signature is over something else")
        if len(read_note.signatures) != 1:
            raise Unproven("it is not signed by exactly one key")
        signed = read_note.verified([one.verifier for one in self.keys])
        return next(one for one in self.keys if one.verifier == signed[0].key)


@dataclass(frozen=True, slots=True)
class Withdrawn(Shape):
    """A certificate that no longer stands, since when, and what stands in its place."""

    id: Id
    state: Literal["superseded", "revoked"]
    since: Time
    reason: Words
    successor: Id | None


@dataclass(frozen=True, slots=True)
class Lost(Shape):
    """A signing key that is not to be trusted for what it signs from then on."""

    key: Code
    since: Time


@dataclass(frozen=True, slots=True)
class Standing(Shape):
    """What the issuer has taken back, as of one moment."""

    format: Literal["bailiwick.certificate-status/1"]
    issuer: Code
    number: int
    at: Time
    newest: int
    withdrawn: tuple[Withdrawn, ...]
    lost: tuple[Lost, ...]


@dataclass(frozen=True, slots=True)
class StatusList(Shape):
    """The signed list."""

    standing: Standing
    signature: str

    @classmethod
    def parse(cls, data: bytes) -> "StatusList":
        return cls.of(read(data.strip(), "a status list"))

    def encode(self) -> bytes:
        return canonical(self.plain())

    def verify(self, trust: Trust) -> Standing:
        """What the list says; Unproven unless a key in its term signed it."""
        if self.standing.issuer != trust.issuer:
            raise Unproven(f"a status list of {self.standing.issuer}, not of {trust.issuer}")
        signer = trust.signer(self.signature.encode(), status_text(self.standing))
        if not signer.held_at(self.standing.at):
            raise Unproven("the status list was signed by a key out of its term")
        return self.standing

    def of_certificate(self, id_: str) -> Withdrawn | None:
        """How a certificate was withdrawn; None while it stands."""
        return next((one for one in self.standing.withdrawn if one.id == id_), None)


def status_text(standing: Standing) -> str:
    """What the issuer signs of a status list."""
    return f"{STATUS_FORMAT}\n{standing.number}\n{digest(standing.plain())}\n"
