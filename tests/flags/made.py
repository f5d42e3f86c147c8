"""A flag of each sort, made as a person makes one; one that has ended, which nobody can make."""

from datetime import timedelta
from typing import Any

from portal.access.actor import Actor
from portal.access.models import User
from tenants.flags import actions
from tenants.flags.models import STEPS, Flag, today
from tenants.models import Tenant

WORDS = {"title": "Answers cite their source", "purpose": "Answers name the page they come from."}


def admin() -> Actor:
    return Actor.of_user(User.objects.get(username="priya"))


def flag(key: str = "cite-sources", **more: Any) -> Flag:
    owner = more.pop("owner", None) or User.objects.get(username="kiran")
    return actions.create(actor=admin(), reason="trial", key=key, owner=owner, **{**WORDS, **more})


def kill_switch(key: str = "answers") -> Flag:
    return flag(key, kind="kill_switch", title="Answering", consequence="No tenant gets answers, only search results.")


def rolled_out(key: str, tier: str, percent: int) -> None:
    """Step by step, as it must be."""
    for step in STEPS[1 : STEPS.index(percent) + 1]:
        actions.set_rollout(key, actor=admin(), reason="goes well", tier=tier, percent=step)


def on_for(key: str, tenant: Tenant, variant: str = "on") -> None:
    actions.override(key, actor=admin(), reason="asked for it", tenant_id=tenant.pk, variant=variant)


def ended(found: Flag, days: int = 10) -> Flag:
    """The same flag as if its last day had been so many days ago, written past the rules that forbid it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE flags_flag DISABLE TRIGGER flags_flag_guard")
        last = today() - timedelta(days=days)
        cursor.execute(
            "UPDATE flags_flag SET created_on = %s, expires_on = %s WHERE key = %s",
            [last - timedelta(days=60), last, found.key],
        )
        cursor.execute("ALTER TABLE flags_flag ENABLE TRIGGER flags_flag_guard")
    found.refresh_from_db()
    return found
