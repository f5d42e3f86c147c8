"""Keeps every refused attempt, in a transaction of its own: the one that was refused has rolled back."""

from typing import TYPE_CHECKING

from django.db.models import F

from portal.access.actor import Actor
from portal.audit.context import acting
from portal.lib.clock import now

from .models import RefusedAttempt
from .queries import stands

if TYPE_CHECKING:
    from .errors import Retained


def keep(refusal: "Retained", actor: Actor) -> None:
    """Write one attempt down. A process that comes back under the same hold is counted, a person never is."""
    version = stands(refusal.tenant_id).version if refusal.tenant_id else 0
    about = {"tenant_id": refusal.tenant_id, "verb": refusal.verb, "actor": actor.id, "place": refusal.place[:64]}
    with acting(actor, "refused: retained under law"):
        known = RefusedAttempt.objects.filter(version=version, **about).first() if actor.is_system else None
        if known is None:
            RefusedAttempt.objects.create(version=version, **about)
        else:
            RefusedAttempt.objects.filter(pk=known.pk).update(times=F("times") + 1, last_at=now())
