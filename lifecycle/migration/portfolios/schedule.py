"""By the clock: every running portfolio is looked at, each in a transaction of its own."""

import structlog
from django.db import DatabaseError

from portal.lib.errors import Refusal

from .models import Portfolio, State
from .running import SYSTEM, advance

log = structlog.get_logger(__name__)


def tick() -> None:
    """One that cannot be looked at holds up no other."""
    for pk in list(Portfolio.objects.filter(state=State.RUNNING).values_list("pk", flat=True)):
        try:
            advance(pk, actor=SYSTEM)
        except (Refusal, DatabaseError) as error:
            log.warning("portfolio.held_up", portfolio_id=str(pk), why=str(error))
