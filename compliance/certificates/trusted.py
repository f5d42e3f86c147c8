"""What strangers are given: whom to trust, and what was taken back."""

from bailiwick_proof.note import Note
from bailiwick_proof.trust import IssuerKey, Lost, Standing, StatusList, Trust, Withdrawn, status_text
from django.conf import settings

from portal.audit.sealing.settings import policy
from portal.lib.clock import now

from . import authority, keys
from .models import Certificate, SigningKey, State
from .x509 import fingerprint

GONE = (State.SUPERSEDED, State.REVOKED)


def trust() -> Trust:
    """The trust file: every key there ever was with its term, the time-stamping authorities, the ledger's policy."""
    rows = SigningKey.objects.order_by("number")
    return Trust(
        "bailiwick.certificate-trust/1",
        settings.CERTIFICATES["issuer"],
        tuple(_key(row) for row in rows),
        authority.authorities(),
        policy().decode(),
    )


def _key(row: SigningKey) -> IssuerKey:
    revoked = row.revoked_at.isoformat() if row.revoked_at else None
    return IssuerKey(row.verifier, fingerprint(row.x509), row.since.isoformat(), row.until.isoformat(), revoked)


def status_list() -> StatusList:
    """The list as of now, signed by the key in force. It names certificates by their random ids and nobody."""
    gone = Certificate.objects.filter(state__in=GONE).order_by("serial").prefetch_related("followers")
    withdrawn = tuple(_withdrawn(row) for row in gone)
    lost = tuple(Lost(row.pk, row.revoked_at.isoformat()) for row in SigningKey.objects.all() if row.revoked_at)
    newest = Certificate.objects.exclude(state__in=[State.INTENT, State.ISSUING]).order_by("-serial").first()
    standing = Standing(
        "bailiwick.certificate-status/1",
        settings.CERTIFICATES["issuer"],
        len(withdrawn) + len(lost),
        now().isoformat(),
        newest.serial if newest else 0,
        withdrawn,
        lost,
    )
    signing = keys.pair(keys.current().number)
    return StatusList(standing, Note(status_text(standing)).signed(signing.note).encode().decode())


def _withdrawn(row: Certificate) -> Withdrawn:
    """Why in general; the words of who revoked it are for who may read them."""
    assert row.ended_at is not None
    since, successor = row.ended_at.isoformat(), successor_of(row)
    known_as = successor.known_as if successor else None
    if row.state == State.REVOKED:
        return Withdrawn(row.known_as, "revoked", since, "revoked by the issuer", known_as)
    return Withdrawn(row.known_as, "superseded", since, "replaced by a later certificate", known_as)


def successor_of(row: Certificate) -> Certificate | None:
    """The certificate that stands in its place; None while none does."""
    later = [one for one in row.followers.all() if one.type == "reissue" and one.state == State.ISSUED]
    return later[0] if later else None
