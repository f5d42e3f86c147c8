from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lifecycle.restores import actions
from portal.access.actor import Actor
from portal.lib.errors import Refusal


class Command(BaseCommand):
    help = "Ask for a restore of a tenant. Refused, and kept in the ledger, until restores replay the erasure ledger."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", type=UUID, help="the tenant's id")
        parser.add_argument("--reason", required=True, help="kept in the ledger")

    def handle(self, *args: Any, tenant: UUID, reason: str, **options: Any) -> None:
        try:
            actions.ask(tenant, actor=Actor.system("command"), reason=reason)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
