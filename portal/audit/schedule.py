"""Tell people once when the ledger is not as it should be, and once when it is again. The ledger itself remembers."""

from django.conf import settings
from django.core.cache import cache

from portal.access.actor import Actor
from portal.jobs.outbox import emit

from .actions import record
from .context import action_of
from .health import Health, health
from .models import Checkpoint, Entry

WATCH = Actor.system("ledger-watch")
ALARM, CLEAR = "ledger.alarm", "ledger.all_clear"
MISSED, REMEMBERED_SECONDS = "ledger:sealer-missed", 60


def tick() -> None:
    """Entry: compare what is wrong with what has been told. A sealer is missed twice before that is news."""
    found = health()
    if found.sealers or "sealer" in told() or not _is_missed_first():
        tell(found)


def _is_missed_first() -> bool:
    """True once: a sealer that restarts is back at the next look. Without the cache it is always news."""
    return bool(cache.add(MISSED, True, REMEMBERED_SECONDS))


def told() -> set[str]:
    """The kinds of trouble of the present episode; empty after an all-clear."""
    last = Entry.objects.filter(object_type=Checkpoint._meta.label_lower, verb__in=[ALARM, CLEAR]).order_by("-id")
    entry = last.first()
    return set(entry.data["kinds"]) if entry and entry.verb == ALARM else set()


@action_of(WATCH)
def tell(found: Health) -> None:
    """Write down and send what is new about the ledger's state; nothing when nothing is."""
    troubles, before = found.troubles(), told()
    kinds = {one.kind for one in troubles}
    if kinds - before:
        data = {"kinds": sorted(kinds | before), "words": [one.words for one in troubles]}
        _news(ALARM, found, data)
    elif before and not kinds:
        _news(CLEAR, found, {"kinds": sorted(before)})


def _news(event: str, found: Health, data: dict[str, list[str]]) -> None:
    entry = record(event, Checkpoint(size=found.size), actor=WATCH, data=data)
    emit(event, {**data, "entry": entry, "url": f"{settings.PUBLIC_URL}/integrity/"})
