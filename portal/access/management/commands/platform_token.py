from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.access import accounts
from portal.access.models import User
from portal.lib.errors import Refusal


class Command(BaseCommand):
    help = "Issue a token for the RAG platform's account and print it, once. The account is made by `prepare`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=365)
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username="platform", is_service=True).first()
        if user is None:
            raise CommandError("There is no such account yet: run `prepare` first.")
        try:
            token = accounts.new_platform_token(user, days=options["days"], reason=options["reason"])
        except Refusal as error:
            raise CommandError(str(error)) from error
        self.stdout.write(token)
