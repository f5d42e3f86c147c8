"""Verify an erasure certificate offline: JSON or PDF, alone or with its evidence, a proof of inclusion, a status list.

Checked in the order in which a forger would be found out: form, facts, ledger, signature, key's term, time, standing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bailiwick_proof import archive
from bailiwick_proof.certificate import FRESH_SECONDS, OBJECT, VERB, Certificate, Core
from bailiwick_proof.encoding import from_base64
from bailiwick_proof.erasure import System
from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.manifest import Inclusion
from bailiwick_proof.merkle import root
from bailiwick_proof.receipt import Receipt
from bailiwick_proof.trust import IssuerKey, StatusList, Trust, Withdrawn

from . import pdf, timestamp
from .report import printable

MAX_BYTES = 8 << 20
SLACK_SECONDS = 3600
OUTCOMES = {
    "erased": "erased",
    "crypto_erased": "crypto-erased",
    "anonymised": "anonymised",
    "beyond_use": "beyond use until",
    "expires": "expires on",
    "expired": "ended as a whole",
    "retained": "RETAINED until",
    "not_held": "nothing was held",
    "attested_by_processor": "processor's word, not verified",
    "not_checked": "NOT CHECKED",
}


class Revoked(Unproven):
    """Genuine, and taken back."""


@dataclass(slots=True)
class Proved:
    """A certificate that holds, and what was looked at."""

    certificate: Certificate
    key: IssuerKey
    stamped: timestamp.Stamped
    checked: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """One line."""
        core = self.certificate.core
        return f"VALID: {core.type} erasure certificate {core.id}, number {core.serial}, of {core.issuer}."

    def text(self) -> str:
        """Say what is proved, for people."""
        core = self.certificate.core
        scope = core.erasure.scope
        simulated = " (SIMULATED: it proves no time to anybody outside)" if self.stamped.authority.simulated else ""
        lines = [
            self.verdict,
            "",
            f"  Scope     {scope.kind} {scope.subject[:16]}…, on the ground of {core.erasure.legal_basis}",
            f"  Stamped   {self.stamped.at:%Y-%m-%d %H:%M:%S} UTC by {self.stamped.authority.name}{simulated}",
            f"  Key       {self.key.verifier.id.hex()}, in its term",
            *(f"    {_row(one)}" for one in core.erasure.systems),
            *(
                f"  Kept      {one.until or 'undated   '}  {one.system}: {one.ground}"
                for one in core.erasure.exemptions
            ),
            *(f"  Owed      {one.due_on}  {one.system}: {one.owed}" for one in core.erasure.obligations),
            *(f"  Simulated {one}" for one in core.simulated),
            *(f"  Checked   {one}" for one in self.checked),
            *(f"  NOT CHECKED: {one}" for one in self.unchecked),
            "",
            core.statement,
        ]
        return printable("\n".join(lines) + "\n")


def _row(one: System) -> str:
    until = f" {one.until}" if one.until else ""
    counted = (
        f"{one.absent_after:,} of {one.targeted:,} gone" if one.outcome in ("erased", "not_held", "retained") else ""
    )
    return f"{one.name:<24} {OUTCOMES[one.outcome]}{until}  {counted}".rstrip()


def verify(data: bytes, trust: Trust) -> Proved:
    """Return what a certificate proves; Malformed or Unproven when it does not."""
    if len(data) > MAX_BYTES:
        raise Malformed("too large for a certificate")
    authorities = {one.x509: one for one in trust.authorities}
    if not data.startswith(b"%PDF-"):
        return _verify(Certificate.parse(data), trust)
    attached, key, printed = pdf.verify(data, {one.x509: one for one in trust.keys}, authorities)
    proved = _verify(Certificate.parse(attached), trust)
    if key != proved.key:
        raise Unproven("PDF and certificate are signed by different keys")
    _require_term(key, printed)
    proved.checked.append("the PDF: valid, and intact to its last byte")
    return proved


def _verify(found: Certificate, trust: Trust) -> Proved:
    if found.core.issuer != trust.issuer:
        raise Unproven(f"a certificate of {found.core.issuer}, not of {trust.issuer}")
    _require_sealed(found, trust)
    signature = found.signature.encode()
    key = trust.signer(signature, found.signed_text)
    stamped = timestamp.verify(from_base64(found.timestamp), signature, {one.x509: one for one in trust.authorities})
    _require_term(key, stamped)
    _require_time(found.core, stamped)
    said = ["the ledger's entry and receipt", "signature and time stamp"]
    return Proved(found, key, stamped, said)


def _require_sealed(found: Certificate, trust: Trust) -> None:
    """The ledger's entry names this core, and was sealed before anything was signed."""
    receipt = Receipt.parse(found.receipt.encode())
    entry = found.entry.encode()
    if receipt.extra != entry:
        raise Unproven("the entry in this file is not the one that the receipt proves")
    receipt.verify(trust.policy)
    try:
        said = json.loads(entry)
        about = (said["op"], said["verb"], said["object"], said["data"]["id"], said["data"]["core"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Unproven(f"the entry is no certificate's: {error}") from error
    if about != ("A", VERB, OBJECT, found.core.id, found.core.digest):
        raise Unproven("the ledger sealed another certificate than this one")


def _require_term(key: IssuerKey, stamped: timestamp.Stamped) -> None:
    if not key.held_at(stamped.at.isoformat()):
        why = "revoked" if key.revoked else "out of its term"
        raise Unproven(f"signed with key {key.verifier.id.hex()} when that was {why}")


def _require_time(core: Core, stamped: timestamp.Stamped) -> None:
    late = (stamped.at - datetime.fromisoformat(core.certified)).total_seconds()
    if not -SLACK_SECONDS < late < SLACK_SECONDS:
        raise Unproven("it was stamped long before or after it says to have been certified")
    age = datetime.fromisoformat(core.certified) - datetime.fromisoformat(core.erasure.timeline.verified)
    if core.is_conclusive and core.follows is None and age.total_seconds() > FRESH_SECONDS:
        raise Unproven("its last verification was too old when it was certified")


def check_status(proved: Proved, data: bytes, trust: Trust) -> None:
    """Hold it against a status list; Revoked when it was taken back, Unproven when the list is not the issuer's."""
    listed = StatusList.parse(data)
    standing = listed.verify(trust)
    own = f"{proved.key.verifier.id.hex()}"
    for lost in standing.lost:
        if lost.key == own and lost.since <= proved.stamped.at.isoformat():
            raise Unproven(f"signed with key {own} after that was revoked")
    gone = listed.of_certificate(proved.certificate.core.id)
    if gone is not None:
        raise Revoked(_gone(gone))
    if standing.newest < proved.certificate.core.serial:
        raise Unproven("the status list is older than this certificate: get a newer one")
    proved.checked.append(f"status list {standing.number} of {standing.at[:16]}: not withdrawn")


def _gone(one: Withdrawn) -> str:
    instead = f"; {one.successor} stands in its place" if one.successor else ""
    return f"{one.state} since {one.since[:16]}: {one.reason}{instead}"


def check_archive(proved: Proved, path: Path) -> None:
    """Hold the evidence archive against the certificate: its bytes, and that its leaves give each manifest's root."""
    core = proved.certificate.core
    with path.open("rb") as file:
        archive.require_same(file, core.evidence)
        for name, wanted, leaves in _trees(core):
            stored = archive.member(file, archive.LEAVES.format(name))
            found = root(stored[at : at + 32] for at in range(0, len(stored), 32))
            if found.hex() != wanted or len(stored) != 32 * leaves:
                raise Unproven(f"{name}: its leaves do not give the root of its manifest")
    proved.checked.append(f"the evidence archive: {len(core.evidence.members)} files, every manifest's root")


def _trees(core: Core) -> Iterator[tuple[str, str, int]]:
    for one in core.erasure.systems:
        if one.manifest is not None:
            yield one.name, one.manifest.root, one.manifest.leaves


def check_inclusion(proved: Proved, data: bytes) -> None:
    """Show that one id was in the manifest of one system."""
    inclusion = Inclusion.parse(data)
    trees = {name: (wanted, leaves) for name, wanted, leaves in _trees(proved.certificate.core)}
    if inclusion.system not in trees:
        raise Unproven(f"the certificate has no manifest of {inclusion.system}")
    inclusion.verify(*trees[inclusion.system])
    proved.checked.append(f"{inclusion.id} was in the manifest of {inclusion.system}")
