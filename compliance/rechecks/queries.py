"""Which certificates are to be looked into, when, and whose they are."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max

from compliance.certificates.models import Certificate, State, Type
from compliance.erasing.models import ErasureRequest
from portal.lib.clock import now

KIND = "certificate.recheck"  # the job that looks
RECHECKED = (Type.FINAL, Type.PARTIAL, Type.REISSUE)  # a supplement stands and falls with what it follows
AT_ONCE = 20


def erasure_of(row: Certificate | None) -> ErasureRequest | None:
    """The erasure that a certificate is about; of one that replaces another, the other's."""
    while row is not None:
        found = ErasureRequest.objects.select_related("tenant").filter(certificate_id=row.pk).first()
        if found is not None:
            return found
        row = row.follows
    return None


def every(age: timedelta) -> timedelta:
    """How long after a look the next is due, of a certificate of this age: settings.RECHECKS, youngest first."""
    steps = settings.RECHECKS
    days = next((days for until, days in steps if until is None or age < timedelta(days=until)), steps[-1][1])
    return timedelta(days=days)


def due(at: datetime | None = None) -> list[Certificate]:
    """Those that stand and whose time has come, the one that waits longest first; so many at once."""
    at = at or now()
    rows = Certificate.objects.filter(state=State.ISSUED, type__in=RECHECKED).annotate(
        looked_at=Max("rechecks__started_at")
    )
    waiting = [
        (last, one)
        for one in rows.defer("core", "document", "receipt").iterator()
        if one.issued_at and at - (last := one.looked_at or one.issued_at) >= every(at - one.issued_at)
    ]
    return [one for _last, one in sorted(waiting, key=lambda pair: pair[0])[:AT_ONCE]]
