"""How a move went, from what it left behind: its states, attempts, rounds and gates, the oldest first."""

from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Sum

from lifecycle.migration.judging.models import Judgement
from lifecycle.migration.models import Attempt, Migration, Passage, Round

MOST = 200
Line = tuple[datetime, str, str]


def timeline_of(migration: Migration) -> list[dict[str, Any]]:
    """JSON-ready lines of at most `MOST` events, the newest of them where there are more. Names no person."""
    lines = sorted([*_states(migration), *_attempts(migration), *_rounds(migration), *_gates(migration)])
    return [{"at": at.isoformat(), "what": what, "says": says} for at, what, says in lines[-MOST:]]


def _states(migration: Migration) -> list[Line]:
    rows = Passage.objects.filter(migration=migration)[:MOST]
    return [(one.at, one.new, one.reason) for one in rows]


def _attempts(migration: Migration) -> list[Line]:
    def says(one: Attempt) -> str:
        waited = "" if one.pause_ms is None else f"writers waited {one.pause_ms:.0f} ms"
        return ", ".join(filter(None, (one.direction, waited, one.words)))

    return [(one.at, f"switch {one.outcome}", says(one)) for one in Attempt.objects.filter(migration=migration)[:MOST]]


def _rounds(migration: Migration) -> list[Line]:
    """One line a direction: there may be thousands."""
    found = Round.objects.filter(migration=migration).order_by().values("direction")
    totals = found.annotate(count=Count("id"), keys=Sum("keys"), first=Min("at"), last=Max("at"))
    return [
        (one["last"], "rounds", f"{one['direction']}: {one['count']} since {one['first']:%H:%M:%S}, {one['keys']} keys")
        for one in totals
    ]


def _gates(migration: Migration) -> list[Line]:
    return [(one.since, f"gates {one.outcome}", one.reason) for one in Judgement.objects.filter(migration=migration)]
