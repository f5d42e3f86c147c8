import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from lifecycle.migration.comparing import holder


class Command(BaseCommand):
    help = "Hold the snapshots in which both sides of a move are compared. Any number may run at once."
    requires_system_checks: list[str] = []  # a page that does not load must not end a comparison

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        holder.run(stop)
