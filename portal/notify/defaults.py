"""Channels and routes shipped with the product: mail for what needs a person, and for everything from a warning up."""

from portal.access.actor import Actor
from portal.audit.context import action

from . import actions
from .models import Channel, Route, Severity

MAIL = "Mail"
FAMILIES = ("approval.*", "request.*", "certificate.*")
ROUTES = (*((family, Severity.INFO) for family in FAMILIES), ("*", Severity.WARNING))


@action
def install(actor: Actor) -> None:
    """Add the mail channel and its routes if there is no mail channel; what an administrator changed stays."""
    if Channel.objects.filter(kind=Channel.Kind.MAIL).exists():
        return
    reason = "Shipped with the product."
    mail, _secret = actions.create_channel(actor=actor, name=MAIL, kind=Channel.Kind.MAIL, target={}, reason=reason)
    for event, severity in ROUTES:
        if not Route.objects.filter(channel=mail, event=event).exists():
            actions.add_route(actor=actor, channel=mail, event=event, min_severity=severity, reason=reason)
