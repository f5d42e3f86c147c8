"""Reads of losses: the question that is open, the answer that binds, and a green that was given up."""

from lifecycle.migration.models import Migration, State
from portal.access import policy
from portal.access.actor import Actor

from .models import WITHOUT_GREEN, Loss
from .models import State as LossState


def loss_of(migration: Migration) -> Loss | None:
    """The loss that is asked about, accepted or suffered; None while green answers. No query before the switch."""
    if not migration.is_switched:
        return None
    return Loss.objects.filter(migration=migration).exclude(state=LossState.WITHDRAWN).first()


def is_given_up(migration: Migration) -> bool:
    """True once blue owns the tenant without what green still had: green is asked for nothing any more."""
    return (
        migration.is_switched and Loss.objects.filter(migration=migration, state__in=WITHOUT_GREEN, stores={}).exists()
    )


def may_accept(migration: Migration, actor: Actor) -> bool:
    """Whether this person may answer the question that is open: who asked for the move does not."""
    if migration.state != State.TRAFFIC_CUTOVER_COMPLETE or not policy.can(actor, "migration.accept_loss", migration):
        return False
    loss = loss_of(migration)
    return loss is not None and loss.state == LossState.ASKED and actor.id != str(migration.requested_by_id)
