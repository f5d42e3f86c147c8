"""Brings what holds refused in the regions' own stores into the portal's record: by the platform, and by raw SQL.

A trigger cannot write in a transaction that fails. So the platform notes what it met, and what nobody noted is a
number: the store counts every refusal where no rollback takes it back. Who that was is in the server's log.
"""

from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings

from compliance.holds.evidence import bring_noted, bring_unnoted, last_of
from lifecycle.stores.errors import StoreError
from lifecycle.stores.postgres import refusals
from portal.lib.regions import Region, load

from .subscribers import SYSTEM

LOG = structlog.get_logger(__name__)
OVERLAP = timedelta(minutes=5)  # what committed late, and what was counted once more
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def tick() -> None:
    """Ask every region. One that is away is asked the next time: what it has stays there."""
    for region in (load(settings.REGIONS_FILE) if settings.REGIONS_FILE.is_file() else {}).values():
        try:
            collect(region)
        except StoreError as error:
            LOG.warning("refusals_not_collected", region=region.name, why=str(error))


def collect(region: Region) -> None:
    """What was noted is there by its number; of the rest, what was counted by the time of the look before this one."""
    last = last_of(region.name)
    found = refusals.noted(region, last - OVERLAP if last else LONG_AGO)
    bring_noted(region.name, found, actor=SYSTEM)
    counted, noted = refusals.counted(region)
    bring_unnoted(region.name, counted, noted, actor=SYSTEM)
