"""By the clock: a review that the news did not open is opened, and a copy that is kept too long is asked about."""

import structlog
from django.db import DatabaseError

from portal.lib.errors import Refusal

from .actions import SYSTEM, open_review
from .green import remind
from .queries import unreviewed

log = structlog.get_logger(__name__)


def tick() -> None:
    """Both, each safe to repeat."""
    for migration in unreviewed():
        try:
            open_review(migration.pk, actor=SYSTEM, reason="No review had been opened.")
        except (Refusal, DatabaseError) as error:
            log.warning("migration_review.held_up", migration_id=str(migration.pk), why=str(error))
    remind()
