"""What forbids the start of a move: a green that was given up and has not been shut yet."""

from lifecycle.migration.models import Migration
from portal.lib.errors import Blocked

from .models import Loss, State


def no_green_is_open(verb: str, migration: Migration) -> None:
    """A store that was given up may take writes still, of clients that nobody reaches: it is shut first."""
    lost = Loss.objects.filter(migration__tenant=migration.tenant_id, state=State.GIVEN_UP, stores={})
    if loss := lost.select_related("migration").first():
        where = loss.migration.target
        raise Blocked(
            f"{loss.migration} gave up {where}, which has not been reached and closed since.",
            by="given-up",
            remedy=f"Bring the database of {where} back, or have it replaced: it is closed within seconds.",
        )
