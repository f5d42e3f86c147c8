import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.jobs import dispatch
from portal.lib import heap


class Command(BaseCommand):
    help = "Deliver events, send due jobs to the workers, run the schedule. Any number may run at once."
    requires_system_checks: list[str] = []  # a door that does not load must not stop the jobs

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-listen", action="store_true", help="look five times a second instead of listening")
        parser.add_argument("--no-schedule", action="store_true", help="leave the schedule to another dispatcher")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        heap.settle()
        dispatch.run(stop, listen=not options["no_listen"], schedule=not options["no_schedule"])
