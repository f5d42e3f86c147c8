"""What happens by the clock: stores of held tenants are asked again, also when the job that told them failed."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q

from compliance.holds.models import STANDING, Hold, State
from portal.audit.context import acting
from portal.jobs.models import Job
from portal.lib.clock import now

from .jobs import FENCE
from .subscribers import SYSTEM, fence

AGAIN = timedelta(hours=1)


def tick() -> None:
    """Tell the stores again an hour after they were told last: what was lifted there by hand is back then."""
    told = Job.objects.filter(kind=FENCE.name, tenant_id=OuterRef("tenant_id"))
    lately = told.filter(Q(finished_at=None) | Q(finished_at__gt=now() - AGAIN))
    open_ones = Hold.objects.filter(Q(state__in=STANDING) | Q(state=State.RELEASED, closed_at=None))
    for tenant_id in open_ones.exclude(Exists(lately)).values_list("tenant_id", flat=True).distinct():
        with acting(SYSTEM):
            fence({"tenant_id": tenant_id})
