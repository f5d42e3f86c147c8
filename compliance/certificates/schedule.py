"""Once an hour: is the key that signs about to end?"""

from portal.access.actor import Actor
from portal.audit.context import acting
from portal.jobs.outbox import emit
from portal.lib.clock import now

from . import keys

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
