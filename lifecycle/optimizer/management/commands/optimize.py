import sys
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lifecycle.optimizer import configured
from lifecycle.optimizer.engine import report
from lifecycle.optimizer.engine.scan import Report, scan
from lifecycle.optimizer.printing import as_csv
from portal.lib.clock import now

FORMATS = {"table": report.as_table, "json": report.as_json, "csv": as_csv}


class Command(BaseCommand):
    help = "Say where the account wastes money and where it stands open. Exits 2 when something could not be seen."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--region", action="append", default=[], help="may be given several times")
        parser.add_argument("--format", choices=sorted(FORMATS), default="table")
        parser.add_argument("--endpoint-url", default="", help="anything that speaks like AWS")
        parser.add_argument("--at", default="", help="the end of the fortnight, ISO 8601; default: now")
        parser.add_argument("--inr-per-usd", default="", help="instead of the rate in force")

    def handle(self, *args: Any, **given: Any) -> None:
        names = given["region"] or configured.regions()
        if not names:
            raise CommandError("Name a --region, or set BAILIWICK_OPTIMIZER_REGIONS.")
        at = _moment(given["at"])
        sheet = configured.prices(at.date(), _rate(given["inr_per_usd"]))
        found = scan(configured.account(given["endpoint_url"]), names, sheet, at)
        self.stdout.write(FORMATS[given["format"]](found), ending="")
        self._say(found)

    def _say(self, found: Report) -> None:
        if found.is_partial:
            self.stderr.write(f"Partial: {len(found.gaps)} parts could not be seen.")
            sys.exit(2)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text) if text else now()
    except ValueError:
        raise CommandError("--at takes an instant as ISO 8601.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _rate(text: str) -> Decimal | None:
    try:
        rate = Decimal(text) if text else None
    except InvalidOperation:
        raise CommandError("--inr-per-usd takes a number.") from None
    if rate is not None and not (rate.is_finite() and rate > 0):
        raise CommandError("--inr-per-usd takes a number above nought.")
    return rate
