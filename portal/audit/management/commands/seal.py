import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from portal.audit.sealing import service


class Command(BaseCommand):
    help = "Seal the ledger every second, anchor the seals, and look into it on schedule. Any number may run at once."
    requires_system_checks: list[str] = []  # a page that does not load must not leave entries unsealed

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        service.run(stop)
