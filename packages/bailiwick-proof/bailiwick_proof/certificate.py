"""The erasure certificate: canonical JSON of a core, its ledger entry and receipt, its signature and its timestamp.

    {"core": {…}, "entry": "…", "receipt": "…", "signature": "…", "timestamp": "…"}

The core is hashed, sealed and anchored first; only then receipt, signature and timestamp come to it. The signature is
a signed note over the digests of the three parts before it, the timestamp is over the signature (RFC 3161, base64).
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from .canonical import canonical
from .certifiable import SYNTHETIC, UNFINISHED, Type, objections
from .erasure import Erasure
from .errors import Unproven
from .shape import Code, Digest, Id, Shape, Time, Words
from .strict import read

FORMAT = "bailiwick.erasure-certificate/1"
VERB, OBJECT = "certificate.intended", "certificates.certificate"
FRESH_SECONDS = 600
STATEMENT = (
    "Certified is that, at the times stated, independent queries with read-only credentials found none of the records "
    "of the manifest in the systems marked erased, and that the other systems stand as their row says. A processor's "
    "word is printed apart and was not verified. Not certified are copies that recipients or people made outside the "
    "systems listed, and anything written after the last query. The signature proves who issued this and that it has "
    "not changed; it does not make a statement true."
)

MADE_UP = "Synthetic: a made-up person was erased to try the machine. This certifies nothing of anybody."


class NotCertifiable(Unproven):
    """The facts do not allow a certificate; `objections` says each reason."""

    def __init__(self, objections: list[str]) -> None:
        super().__init__("not certifiable: " + "; ".join(objections))
        self.objections = objections


@dataclass(frozen=True, slots=True)
class Member(Shape):
    """One file of the evidence archive."""

    name: Code
    digest: Digest
    bytes: int


@dataclass(frozen=True, slots=True)
class Evidence(Shape):
    """The archive that belongs to this certificate and to no other: its whole bytes, and each of its files."""

    digest: Digest
    bytes: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Follows(Shape):
    """The certificate that this one supplements or replaces."""

    id: Id
    digest: Digest


@dataclass(frozen=True, slots=True)
class Core(Shape):
    """What is certified. There is none for facts that cannot be: making one raises NotCertifiable."""

    format: Literal["bailiwick.erasure-certificate/1"]
    id: Id
    serial: int
    previous: Digest | None
    type: Type
    follows: Follows | None
    issuer: Code
    role: Literal["controller", "processor", "joint-controller"]
    certified: Time
    erasure: Erasure
    evidence: Evidence
    simulated: tuple[Words, ...]
    statement: Words

    def __post_init__(self) -> None:
        super(Core, self).__post_init__()
        found = objections(self.erasure, self.type)
        if (self.type in ("supplement", "reissue")) != (self.follows is not None):
            found.append("a supplement or re-issue names the certificate it follows, and nothing else does")
        if self.type == SYNTHETIC and MADE_UP not in self.simulated:
            found.append("a synthetic certificate says that it is one")
        if self.statement != STATEMENT:
            found.append("the statement of what is certified is not the one of this format")
        if self.certified < self.erasure.timeline.verified:
            found.append("it was certified before it was verified")
        if found:
            raise NotCertifiable(found)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical core: what the ledger seals and the next certificate names."""
        return hashlib.sha256(self.encode()).hexdigest()

    @property
    def is_conclusive(self) -> bool:
        """False for the two types that do not say that anything is gone."""
        return self.type not in UNFINISHED

    @classmethod
    def parse(cls, data: bytes) -> "Core":
        return cls.of(read(data, "the core of a certificate"))

    def encode(self) -> bytes:
        return canonical(self.plain())


@dataclass(frozen=True, slots=True)
class Certificate(Shape):
    """The whole file."""

    core: Core
    entry: str
    receipt: str
    signature: str
    timestamp: str

    @classmethod
    def parse(cls, data: bytes) -> "Certificate":
        """Read a certificate strictly: Malformed for any other spelling, NotCertifiable for facts that are none."""
        return cls.of(read(data, "a certificate"))

    def encode(self) -> bytes:
        return canonical(self.plain())

    @property
    def signed_text(self) -> str:
        """The text its signature must cover."""
        return signed_text(self.core, self.entry, self.receipt)


def signed_text(core: Core, entry: str, receipt: str) -> str:
    """What the issuer signs: the format, the id, and the digests of core, entry and receipt."""
    parts = {"core": core.digest, "entry": _digest(entry), "receipt": _digest(receipt)}
    return f"{FORMAT}\n{core.id}\n" + "".join(f"{name} {digest}\n" for name, digest in parts.items())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
