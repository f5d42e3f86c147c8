"""Install the data every installation starts with, and the demo people and units of the embedded default."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from portal.access import accounts
from portal.audit.context import action_of


class Command(BaseCommand):
    help = "Install default tiers, prices, rules and, in the embedded default, the demo people. Safe to run again."

    @action_of(accounts.SEED)
    def handle(self, *args: Any, **options: Any) -> None:
        for dotted in settings.DEFAULTS:
            import_string(dotted)(accounts.SEED)
        accounts.ensure_platform_service()
        if settings.DEMO_PEOPLE_SHOWN:
            for dotted in settings.DEMO_DEFAULTS:
                import_string(dotted)(accounts.SEED)
            accounts.ensure_demo_people()
        self.stdout.write("Defaults are in place.")
