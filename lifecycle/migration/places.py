"""Who may begin: so many moves a region at once, and the others in the order in which they came.

One that waits at the head of the line keeps its place in both of its regions, so that none that came later goes past it
for ever. One that waits for something else, such as a freeze, is not in line and holds up nobody.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q

from portal.jobs.models import FINISHED, Step

from .models import MOVING, Migration, State

STEP, SINCE = "preflight", "in_line_since"


def hold(migration: Migration) -> None:
    """Let nobody else count the places of these regions until commit."""
    for region in sorted((migration.source, migration.target)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"migration.region:{region}"])


def why_not(migration: Migration, since: datetime | str) -> str:
    """Why one that is in line since then does not begin now; "" if it may."""
    most, sides = settings.MIGRATION["moves_per_region"], (migration.source, migration.target)
    before = list(_before(migration, str(since)))
    for region in sides:
        here = Migration.objects.filter(Q(source=region) | Q(target=region), state__in=MOVING)
        moving = here.exclude(pk=migration.pk).count()
        ahead = sum(region in ends for ends in before)
        if moving >= most:
            line = f"; {ahead} in line before this one" if ahead else "; this one is next in line"
            return f"{region} already has {most} moves under way{line}."
        if moving + ahead >= most:
            return f"{region} has room for {most} moves; {ahead} came before this one."
    return ""


def _before(migration: Migration, since: str) -> Iterable[tuple[str, str]]:
    """The ends of every move that stands in line before."""
    steps = Step.objects.filter(name=STEP, evidence__has_key=SINCE).exclude(job__state__in=FINISHED)
    known: dict[UUID, str | None] = dict(steps.values_list("job_id", f"evidence__{SINCE}"))
    line = {job_id: at for job_id, at in known.items() if at}
    mine = (since, str(migration.pk))
    waiting = Migration.objects.filter(state=State.INITIATED, job_id__in=line).exclude(pk=migration.pk)
    for pk, job_id, source, target in waiting.values_list("pk", "job_id", "source", "target"):
        if (line[job_id], str(pk)) < mine:
            yield source, target
