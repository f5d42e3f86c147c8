"""What a stranger would look at once it is over: the paper, whether it arrived, and whether anything is left."""

from typing import Any

from bailiwick_proof.errors import Unproven
from bailiwick_verify.certificate import verify
from django.conf import settings

from compliance.certificates import store
from compliance.certificates.models import Certificate, State
from compliance.certificates.queries import deliveries
from compliance.certificates.trusted import trust
from compliance.erasing.models import Kind
from compliance.erasing.scope import Subject, what_is_left
from compliance.synthetic.models import SyntheticErasure
from portal.lib.errors import Refusal
from portal.notify.models import Delivery
from portal.notify.queries import PORTAL

from .planting import documents_of

WAITS = Delivery.State.PENDING


def checked(run: SyntheticErasure) -> list[dict[str, str]]:
    """Each thing that was looked at: what is `wrong`, or what was `seen`."""
    assert run.request is not None
    row = Certificate.objects.filter(pk=run.request.certificate_id).first()
    if row is None or row.state != State.ISSUED:
        found = [("Certificate", f"it is {row.get_state_display()}" if row else "there is none", "")]
    else:
        found = [_paper(row, "JSON", row.document.encode()), _paper(row, "PDF", _pdf(row)), _delivered(row)]
    found.append(_residue(run))
    return [{"what": what, "wrong": wrong, "seen": seen} for what, wrong, seen in found]


def is_on_its_way(run: SyntheticErasure) -> bool:
    """Whether a mail with its certificate has neither arrived nor been given up."""
    row = Certificate.objects.filter(pk=run.request.certificate_id).first() if run.request else None
    return row is not None and any(one.state == WAITS for one in deliveries(row))


def _pdf(row: Certificate) -> bytes:
    return store.fetch("pdf", row.pdf_digest)


def _paper(row: Certificate, kind: str, data: bytes) -> tuple[str, str, str]:
    """As bailiwick-verify sees it; and it has to say of itself that it is of no worth."""
    try:
        proved = verify(data, trust())
    except Unproven as error:
        return kind, str(error), ""
    core = proved.certificate.core
    if core.type != "synthetic":
        return kind, f"it says that it is {core.type}", ""
    return kind, "", proved.verdict


def _delivered(row: Certificate) -> tuple[str, str, str]:
    """It lies in somebody's inbox, and at least one mail arrived; what failed says why."""
    ways: list[Any] = deliveries(row)
    arrived = {one.by for one in ways if one.state == Delivery.State.DELIVERED}
    failed = sorted({one.why or one.state_words for one in ways if one.state != Delivery.State.DELIVERED})
    if PORTAL not in arrived:
        return "Delivery", "nobody was told of it in the portal", ""
    if arrived == {PORTAL}:
        return "Delivery", f"no mail arrived: {'; '.join(failed) or 'no route sends certificates by mail'}", ""
    return "Delivery", "", ", ".join(f"{one.username} by {one.by}" for one in ways if one.at)


def _residue(run: SyntheticErasure) -> tuple[str, str, str]:
    """Every verifier once more, by the person's id, which only this run can find again."""
    assert run.request is not None
    subject = Subject(run.sandbox.tenant, Kind.PERSON, run.person, documents_of(run.person), ("user_id",))
    try:
        left = what_is_left(subject, settings.SYNTHETIC["look_seconds"])
    except Refusal as error:
        left = [error.detail]
    return "Residue", " ".join(left), "" if left else "every verifier looked, and found nothing"
