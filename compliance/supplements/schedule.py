"""Once an hour: debts whose day has come are asked about where somebody can be asked; what was missed is made up."""

from datetime import timedelta

import structlog
from django.db import DatabaseError

from compliance.certificates.models import Certificate, State, Type
from compliance.erasing.models import Obligation, Owed
from portal.lib.clock import now
from portal.lib.errors import Refusal

from . import facts
from .checking import check
from .subscribers import begin

log = structlog.get_logger(__name__)
LOOKED_AT = timedelta(days=90)  # a settled debt without its supplement is tried again for so long
ASKED = ("beyond_use", "retained")


def tick() -> None:
    """Each is safe to repeat; the alarm of what is overdue is the erasure's own (`erasure.obligation_due`)."""
    for owed in _due():
        try:
            if _is_over(owed):
                begin(str(owed.pk))
        except (Refusal, DatabaseError) as error:
            log.warning("supplement.held_up", obligation_id=str(owed.pk), why=str(error))


def _due() -> list[Obligation]:
    rows = Obligation.objects.select_related("request__tenant").filter(request__certificate_id__isnull=False)
    waiting = rows.exclude(state=Owed.LAPSED).filter(due_on__lte=now().date())
    settled = rows.filter(state=Owed.LAPSED, settled_at__gte=now() - LOOKED_AT)
    known = Certificate.objects.filter(type=Type.SUPPLEMENT).exclude(state=State.VOID).values_list("key", flat=True)
    certified = {key.split(":")[1] for key in known if key.startswith("supplement:")}
    return [*waiting, *(one for one in settled if str(one.pk) not in certified)]


def _is_over(owed: Obligation) -> bool:
    """Whether whoever can be asked says so; where only a person can say it, that is waited for."""
    root = facts.standing(owed.request)
    row = facts.row_of(facts.newest(root).certified, owed) if root else None
    if row is None or (row.outcome not in ASKED and owed.state != Owed.LAPSED):
        return False
    return bool(check(owed, row).outcome)
