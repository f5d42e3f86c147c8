"""Once an hour: certificates whose time has come are looked into again."""

import structlog
from django.db import DatabaseError

from portal.lib.errors import Refusal

from .actions import SYSTEM, begin
from .models import Cause
from .queries import due

log = structlog.get_logger(__name__)


def tick() -> None:
    """Safe to repeat: one that is being looked into is left alone."""
    for row in due():
        try:
            begin(row.pk, actor=SYSTEM, reason="Its time has come.", cause=Cause.SCHEDULED)
        except (Refusal, DatabaseError) as error:
            log.warning("recheck.held_up", certificate_id=str(row.pk), why=str(error))
