from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.registry import backup, schedule


class Command(BaseCommand):
    help = "Write the registry to disk, check such a copy, or publish again what Redis lacks."

    def add_arguments(self, parser: CommandParser) -> None:
        words = parser.add_subparsers(dest="word", required=True)
        words.add_parser("copy", help="write a copy now, as is done every hour")
        words.add_parser("check", help="check a copy").add_argument("file", type=Path)
        words.add_parser("repair", help="publish again what Redis does not hold")

    def handle(self, *args: Any, word: str, **options: Any) -> None:
        if word == "copy":
            self.stdout.write(f"The registry is in {backup.write()}.")
        elif word == "check":
            self._check(options["file"])
        else:
            schedule.repair()
            self.stdout.write("Redis holds the registry as it is.")

    def _check(self, file: Path) -> None:
        try:
            found = backup.read(file)
        except backup.Damaged as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(found['tenants'])} tenants as of {found['at']}, unchanged since they were written.")
