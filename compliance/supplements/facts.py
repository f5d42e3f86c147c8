"""The facts of a supplement: those of the certificate that it follows, and what has changed since."""

from dataclasses import replace
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from bailiwick_proof.certificate import Core
from bailiwick_proof.erasure import Erasure, Exemption, System

from compliance.certificates import store
from compliance.certificates.models import Certificate, State, Type
from compliance.certificates.trusted import successor_of
from compliance.erasing.models import ErasureRequest, Obligation

from .checking import Checked

NO_MORE = "What was copied out before is not covered."


def standing(request: ErasureRequest) -> Certificate | None:
    """The certificate of an erasure that stands now: its own, or what replaced that. None where none does."""
    row = Certificate.objects.filter(pk=request.certificate_id).first() if request.certificate_id else None
    while row is not None and row.state in (State.SUPERSEDED, State.REVOKED):
        row = successor_of(row)
    return row if row is not None and row.state == State.ISSUED else None


def newest(root: Certificate) -> Certificate:
    """Whose facts hold now: the last supplement's, or else those of the certificate itself."""
    void = (State.VOID, State.REVOKED)
    later = root.followers.filter(type=Type.SUPPLEMENT).exclude(state__in=void).order_by("-serial").first()
    return later or root


def row_of(core: Core, owed: Obligation) -> System | None:
    """The system that owes, while it still does: another supplement may have settled it."""
    if _debt(owed) not in {(one.system, one.due_on, one.owed) for one in core.erasure.obligations}:
        return None
    return next((one for one in core.erasure.systems if one.name == owed.system), None)


def supplemented(core: Core, owed: Obligation, found: Checked) -> Erasure:
    """The same facts with one system's debt settled."""
    done = core.erasure
    return replace(
        done,
        systems=tuple(_settled(one, found) if one.name == owed.system else one for one in done.systems),
        obligations=tuple(one for one in done.obligations if (one.system, one.due_on, one.owed) != _debt(owed)),
        exemptions=tuple(one for one in done.exemptions if not _is_over(one, owed, found)),
    )


def _debt(owed: Obligation) -> tuple[str, str, str]:
    """As its certificate says it."""
    return owed.system, owed.due_on.isoformat(), owed.owed


def _is_over(one: Exemption, owed: Obligation, found: Checked) -> bool:
    """Whether what was kept by this ground is gone: all of its system, or the part or lock that was owed."""
    is_its_ground = one.ground.startswith(f"{owed.part}: ") if owed.part else one.category == "locked"
    return one.system == owed.system and (found.outcome == "erased" or (found.is_gone and is_its_ground))


def _settled(row: System, found: Checked) -> System:
    said: dict[str, Any] = {"outcome": found.outcome, "until": found.until, "method": found.method}
    said |= {"limits": row.limits if found.until else NO_MORE}
    if found.check is not None:
        said |= {"checks": (*row.checks, found.check), "absent_after": row.targeted, "residual": 0}
    return replace(row, **said)


def evidence_of(row: Certificate) -> dict[str, bytes]:
    """The files that its archive holds: a supplement's own says all of them again."""
    with ZipFile(BytesIO(store.fetch("evidence", row.archive_digest))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
