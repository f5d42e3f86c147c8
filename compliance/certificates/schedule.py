"""By the clock: is the key that signs about to end, and is the store of certificates still write-once?"""

from portal.access.actor import Actor
from portal.audit.context import acting
from portal.audit.evidence import Away
from portal.jobs.outbox import emit
from portal.lib.clock import now

from . import keys
from .probing import probe

ACTOR = Actor.system("certificates.keys")


def tick() -> None:
    """Tell, once a week from sixty days ahead, that the newest signing key ends."""
    at = now()
    key = keys.ends_soon(at)
    if key is None:
        return
    with acting(ACTOR):
        key.warned_at = at
        key.save(update_fields=["warned_at"])
        emit("certificate_key.ending", {"key": key.pk, "until": key.until.isoformat(), "at": at.isoformat()})


def try_store() -> None:
    """Once a day: try to take something out of the write-once store; that it works, or cannot be tried, is an alarm."""
    try:
        why = probe()
    except Away as away:
        why = away.detail
    if why:
        with acting(ACTOR):
            emit("certificate_store.failed", {"why": why, "on": now().date().isoformat()})
