"""The statutory clock of each legal basis, as data.

GDPR Art. 12(3): one month, extendable once by two further months. Regulation (EEC, Euratom) No 1182/71, Art. 3: the day
of receipt is not counted; a period in months ends on the same date, or on the last day of a month that lacks it; a last
day that is a Saturday, Sunday or public holiday moves to the next working day. CCPA, Cal. Civ. Code § 1798.130(a)(2):
45 days, extendable once by 45. DPDP: 45 days by the house's own rule, extendable once by 45.
"""

from calendar import monthrange
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from .models import Basis

SATURDAY = 5


@dataclass(frozen=True)
class Clock:
    """A period from receipt, and by how much it may be extended; counted in the days of `zone`."""

    zone: str
    months: int = 0
    days: int = 0
    more_months: int = 0
    more_days: int = 0
    moves_on: bool = True


MONTH = Clock("Europe/Brussels", months=1, more_months=2)
CLOCKS: dict[str, Clock] = {
    Basis.GDPR_17: MONTH,
    Basis.GDPR_28: MONTH,
    Basis.CONTRACT: MONTH,
    Basis.SYNTHETIC: MONTH,
    Basis.CCPA: Clock("America/Los_Angeles", days=45, more_days=45, moves_on=False),
    Basis.DPDP: Clock("Asia/Kolkata", days=45, more_days=45, moves_on=False),
}


def due_on(basis: str, received_at: datetime, *, extended: bool = False) -> date:
    """The last day on which the request is answered in time. An extension is counted from receipt, too."""
    clock = CLOCKS[basis]
    received = received_at.astimezone(ZoneInfo(clock.zone)).date()
    last = months_later(received, clock.months + extended * clock.more_months)
    last += timedelta(days=clock.days + extended * clock.more_days)
    return next_working_day(last, settings.ERASURE["holidays"]) if clock.moves_on else last


def months_later(day: date, months: int) -> date:
    """The same date so many months later; the last day of a month that has no such date."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def next_working_day(day: date, holidays: Collection[str]) -> date:
    """The day itself, or the first after it that is neither weekend nor holiday (ISO dates)."""
    while day.weekday() >= SATURDAY or day.isoformat() in holidays:
        day += timedelta(days=1)
    return day


def today(basis: str, at: datetime) -> date:
    """Which day it is where the basis counts."""
    return at.astimezone(ZoneInfo(CLOCKS[basis].zone)).date()
