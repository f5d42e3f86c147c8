"""An installation that makes no secrets of its own still gets its platform a token."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from portal.access import accounts
from portal.access.models import ApiToken, User
from portal.audit.context import action_of


def issued(**options: object) -> str:
    out = StringIO()
    call_command("platform_token", stdout=out, **options)
    return out.getvalue().strip()


@pytest.mark.django_db
def test_a_token_of_the_platforms_account_and_its_scopes() -> None:
    action_of(accounts.SEED)(accounts.ensure_platform_service)()
    before = set(ApiToken.objects.values_list("pk", flat=True))
    credential = issued(reason="a region goes live", days=30)
    [row] = ApiToken.objects.exclude(pk__in=before)
    assert credential.startswith("bwk_") and row.prefix in credential
    assert row.user == User.objects.get(username="platform") and row.scopes == sorted(accounts.PLATFORM_SCOPES)
    with pytest.raises(CommandError, match="life"):
        issued(reason="for ever", days=4000)


@pytest.mark.django_db
def test_not_before_there_is_an_account() -> None:
    User.objects.filter(username="platform").update(username="elsewhere")
    with pytest.raises(CommandError, match="prepare"):
        issued(reason="too early")
