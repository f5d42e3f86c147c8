"""The scale that every installation starts with."""

from portal.access.actor import Actor
from portal.audit.context import action

from .models import Scale


@action
def install(actor: Actor) -> None:
    """Add the scale if there is none; what an administrator changed stays."""
    if not Scale.objects.exists():
        Scale(pk=1).save(force_insert=True)
