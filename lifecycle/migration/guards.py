"""What forbids the start of a move."""

from portal.lib.errors import Blocked

from .models import Migration


def a_copy_exists(verb: str, migration: Migration) -> None:
    """A move starts only with a verified copy to restore from. Until there are backups, only a rehearsal needs none."""
    if not migration.is_rehearsal:
        raise Blocked(
            "No verified copy of the tenant exists from which it could be restored: there are no backups yet.",
            by="backup",
        )
