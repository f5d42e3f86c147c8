import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.audit.health import words_of_finding
from portal.audit.models import LedgerFinding
from portal.audit.sealing import checks
from portal.audit.sealing import settings as sealing
from portal.audit.sealing.export import export
from portal.audit.sealing.replay import replay
from portal.audit.sealing.store import store


class Command(BaseCommand):
    help = "Export the ledger for bailiwick-verify, replay it, check it, or print whom a verifier trusts."

    def add_arguments(self, parser: CommandParser) -> None:
        words = parser.add_subparsers(dest="word", required=True)
        words.add_parser("export", help="write the ledger into a new directory").add_argument("directory", type=Path)
        words.add_parser("replay", help="compare the governed tables with what the ledger says")
        words.add_parser("check", help="look at leaves, tables, copies and lag now")
        words.add_parser("policy", help="print policy.json")

    def handle(self, *args: Any, word: str, **options: Any) -> None:
        is_well = getattr(self, f"_{word}")(**{"directory": options.get("directory")})
        if not is_well:
            sys.exit(1)

    def _export(self, directory: Path) -> bool:
        if directory.exists() and any(directory.iterdir()):
            raise CommandError(f"{directory} is not empty.")
        with sealing.connect() as db:
            size = export(db, store(), Path(settings.LEDGER["witness"]), directory)
        self.stdout.write(f"{size} entries are in {directory}. Check them: bailiwick-verify ledger {directory}")
        return True

    def _replay(self, directory: None) -> bool:
        with sealing.connect() as db:
            folded, differences = replay(db)
        for one in differences:
            columns = f" ({', '.join(one.columns)})" if one.columns else ""
            self.stdout.write(
                f"{one.table} {one.object_id}: {one.kind}{columns}; last entry {one.last_entry or 'none'}."
            )
        self.stdout.write(
            f"{folded} changes were folded. "
            + (f"{len(differences)} rows differ." if differences else "The tables are what the ledger says.")
        )
        return not differences

    def _check(self, directory: None) -> bool:
        with sealing.connect() as db:
            checks.check_leaves(db)
            checks.check_tables(db)
            checks.check_copies(db, store())
        found = list(LedgerFinding.objects.order_by("kind", "-id").distinct("kind"))
        for one in found:
            self.stdout.write(f"{one.kind}: {words_of_finding(one)}")
        return all(one.ok for one in found)

    def _policy(self, directory: None) -> bool:
        self.stdout.write(sealing.policy().decode(), ending="")
        return True
