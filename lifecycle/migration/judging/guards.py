"""What forbids to let blue go: that nobody knows whether green is well. A clock that has run out says nothing of it."""

from datetime import timedelta

from django.conf import settings

from lifecycle.migration.models import Migration
from portal.lib.clock import now
from portal.lib.errors import Blocked

from .models import Judgement

LOOKS = 5
SURE = ("metrics", "hard triggers", "reported problems")


def green_is_well(verb: str, migration: Migration) -> None:
    """It was judged just now, it answers, nobody has reported a problem, and what fails is known to be rare.

    Where a tenant asks so little that the test of its error rate never ends, not one error may have been seen.
    """
    last = Judgement.objects.filter(migration=migration).first()
    oldest = now() - timedelta(seconds=LOOKS * settings.MIGRATION["gate_seconds"] + settings.MIGRATION["tick_seconds"])
    if last is None or last.at < oldest:
        raise Blocked("Nobody has judged green of late.", by="gates", remedy="It is looked at again every few seconds.")
    said = {one["gate"]: one for one in last.findings}
    doubts = [said[gate]["reason"] for gate in SURE if said[gate]["outcome"] != "pass"]
    failed = ((last.figures.get("green") or {}).get("errors")) or 0
    if said["errors"]["outcome"] != "pass" and failed:
        doubts.append(said["errors"]["reason"])
    if doubts or last.outcome == "fail":
        raise Blocked("; ".join(doubts or [last.reason])[:500], by="gates", remedy="See the gates on the move's page.")
