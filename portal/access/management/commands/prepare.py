"""Bring a database up to date in one process, begun while the database itself still starts."""

import time
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import OperationalError, connection

PATIENCE, POLL = 120.0, 0.02


class Command(BaseCommand):
    help = "Wait for the database, migrate it, install the defaults. Safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mark", type=Path, help="write this file once the schema stands, before the defaults")

    def handle(self, *args: Any, **options: Any) -> None:
        _wait()
        call_command("migrate", interactive=False, verbosity=options["verbosity"], stdout=self.stdout)
        if options["mark"]:
            options["mark"].touch()
        call_command("seed", stdout=self.stdout)


def _wait() -> None:
    """Return when the role that migrates may sign in: its password is the last that a new cluster gets."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.ensure_connection()
            return
        except OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(POLL)
