"""Is what was owed over? Asked of whoever can know: the key service, the verifiers, or else the person who said so."""

from dataclasses import dataclass

from bailiwick_proof.erasure import Check, System
from django.conf import settings
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from compliance.erasing.models import Obligation, Owed
from compliance.erasing.queries import LOCKABLE
from compliance.verifiers.keys import Keys
from compliance.verifiers.looking import Answer, Question, Verifier
from portal.lib.clock import now
from portal.lib.regions import Region, load

LOCKED = "What a lock had kept beside it"
KEY_GONE = "The key service of every region was asked with read-only credentials: it knows no key of the tenant."
ENDED = "The day has passed, and it was said by a person that the copies have ended as a whole."
BENEATH = "What lay beneath it until its day is gone, as a person said."
NOTHING = "What was kept by law until the day stated is gone: the same query found nothing of it."


@dataclass(frozen=True)
class Checked:
    """What became of a debt: the outcome to certify with its words, or none and `why` nothing can be certified yet.

    `until`: the day of what is kept there still, beside what was owed.
    """

    outcome: str = ""
    method: str = ""
    why: str = ""
    check: Check | None = None
    until: str | None = None

    @property
    def is_gone(self) -> bool:
        """Whether a store was asked, and has nothing of it."""
        return self.check is not None


def check(owed: Obligation, row: System) -> Checked:
    """Ask whoever can know. A debt before its day, an answer that did not come, or what is still there: no outcome."""
    if owed.due_on > now().date():
        return Checked(why=f"Its day is {owed.due_on}.")
    if row.outcome == "beyond_use":
        return _keys(owed)
    if row.outcome == "retained" and (owed.part or owed.due_on.isoformat() == row.until or row.connector == LOCKABLE):
        return _gone(owed, row)
    if owed.state != Owed.LAPSED:
        return Checked(why="Nobody has said yet that it is over.")
    if row.outcome == "retained":
        return Checked(row.outcome, f"{row.method} {BENEATH}", until=row.until)
    return Checked("expired", ENDED) if row.outcome == "expires" else Checked(row.outcome, f"{row.method} {BENEATH}")


def _regions() -> dict[str, Region]:
    return load(settings.REGIONS_FILE) if settings.REGIONS_FILE.is_file() else {}


def _keys(owed: Obligation) -> Checked:
    found = {name: Keys().look(region, owed.request.tenant_id) for name, region in _regions().items()}
    if not found:
        return Checked(why="No region is connected, so no key service can be asked.")
    for name, said in found.items():
        if said.found != 0:
            return Checked(why=f"{name}: {said.why or f'{said.found} keys of the tenant still exist.'}"[:500])
    return Checked("crypto_erased", KEY_GONE)


def _gone(owed: Obligation, row: System) -> Checked:
    """Of a whole tenant alone: whom another erasure was about is forgotten by now."""
    request, region = owed.request, _regions().get(row.region)
    again = "Have what was kept erased from here" if owed.part else "Have it erased again"
    if request.kind != "tenant":
        return Checked(why=f"Whom it was about is forgotten, so the store cannot be asked. {again}.")
    if region is None:
        return Checked(why=f"{row.region} is not connected.")
    verifier: Verifier = import_string(settings.ERASURE["verifier_of"])(row.connector)
    beside = {one.part: one.due_on.isoformat() for one in _beside(owed)}
    kept = tuple((row.connector, part) for part in sorted(beside))
    said = verifier.look(Question(region, request.tenant_id, request.tenant.name, "tenant", request.pk, kept=kept))
    if said.found != 0:
        return Checked(why=said.why or f"{said.found} are still there. {again}.")
    if beside:
        return Checked(
            "retained", f"{owed.part or LOCKED}: {NOTHING}", check=_check(said, row), until=max(beside.values())
        )
    return Checked("erased", NOTHING, check=_check(said, row))


def _beside(owed: Obligation) -> QuerySet[Obligation]:
    """What else of the same system a law still keeps."""
    others = owed.request.obligations.filter(system=owed.system).exclude(pk=owed.pk)
    return others.exclude(part__in=("", owed.part)).exclude(state=Owed.LAPSED)


def _check(said: Answer, row: System) -> Check:
    """As the earlier ones, whose query and credential the certificate names by digest."""
    last = row.checks[-1]
    return Check("resweep", now().isoformat(), said.verifier, last.credential, last.query, 0, last.planted)
