"""The rules of flags hold in the database for whoever writes past the actions, and for writers at the same time."""

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from portal.lib.errors import Conflict
from tenants.flags import actions
from tenants.flags.models import Flag
from tenants.models import Tenant

from .made import admin, ended, flag, on_for, rolled_out

INSERT = """
INSERT INTO flags_flag (key, kind, type, title, purpose, consequence, owner_id, variants, off_variant, default_variant,
    rollout_variant, created_on, expires_on, is_off, off_reason, created_by, created_at)
SELECT %(key)s, %(kind)s, 'boolean', 'T', 'P', '', id, '{"on": true, "off": false}', 'off', 'off', 'on',
    current_date, current_date + %(days)s::int, false, '', 'x', now() FROM access_user LIMIT 1
"""
RULE = "INSERT INTO flags_tierrule (flag_id, tier_id, variant, percent, percent_since) VALUES (%s, %s, %s, %s, now())"
RELATION = "INSERT INTO flags_relation (flag_id, other_id, word) VALUES (%s, %s, 'needs')"


def refused(sql: str, *args: Any, **named: Any) -> str:
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, named or list(args))
    return str(error.value)


def run(sql: str, *args: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(args))


@pytest.mark.django_db
def test_raw_sql_keeps_the_rules(mine: Tenant) -> None:
    flag("cites"), flag("storage"), flag("disks")
    assert "flag_ends_within_90_days" in refused(INSERT, key="late", kind="release", days=91)
    assert "flag_ends_unless" in refused(INSERT, key="endless", kind="release", days=None)
    assert "kill_switch_says" in refused(INSERT, key="mute", kind="kill_switch", days=None)
    assert "flag_key_shape" in refused(INSERT, key="Loud", kind="release", days=1)
    assert "never removed" in refused("DELETE FROM flags_flag WHERE key = 'cites'")
    assert "fixed when it is made" in refused(
        "UPDATE flags_flag SET variants = variants || '{\"x\": 1}' WHERE key = 'cites'"
    )
    assert "only variants" in refused("UPDATE flags_flag SET default_variant = 'x' WHERE key = 'cites'")
    assert "does not go from 0 to 50" in refused(RULE, "cites", "gold", "", 50)
    assert "only variants" in refused(RULE, "cites", "gold", "x", 0)
    run(RELATION, "cites", "storage")
    assert "one level" in refused(RELATION, "storage", "disks")
    assert "one level" in refused(RELATION, "disks", "cites")
    assert "itself" in refused(RELATION, "disks", "disks")


@pytest.mark.django_db
def test_raw_sql_gives_nothing_new_of_a_flag_that_has_ended(mine: Tenant) -> None:
    found = flag()
    rolled_out("cite-sources", "gold", 10)
    on_for("cite-sources", mine)
    ended(found)
    assert "nothing new" in refused("UPDATE flags_tierrule SET percent = 50")
    assert "nothing new" in refused(RULE, "cite-sources", "silver", "on", 0)
    assert "nothing new" in refused("UPDATE flags_override SET variant = 'off'")
    run("UPDATE flags_tierrule SET percent = 0")
    run("DELETE FROM flags_override")
    run("UPDATE flags_flag SET archived_at = now() WHERE key = 'cite-sources'")
    assert "stays as it is" in refused("UPDATE flags_flag SET archived_at = NULL")


@pytest.mark.django_db
def test_reviews_and_figures_stay(shipped: None) -> None:
    flag()
    actions.seen({"cite-sources": "off"})
    actions.review(actor=admin(), reason="all well")
    run("UPDATE flags_exposure SET requests = 5")
    assert "only grow" in refused("UPDATE flags_exposure SET requests = 4")
    assert "stays as it is" in refused("UPDATE flags_review SET conclusion = 'no'")


@pytest.mark.django_db(transaction=True)
def test_two_writers_cannot_pass_the_cap_together(shipped: None) -> None:
    for number in range(49):
        flag(f"flag-{number:02}")
    assert sorted(_together(lambda: flag("left"), lambda: flag("right"))) == ["done", "too-many-flags"]
    assert Flag.objects.counted().count() == 50


@pytest.mark.django_db(transaction=True)
def test_two_writers_cannot_make_a_cycle_together(shipped: None) -> None:
    flag("left"), flag("right")

    def relate(key: str, other: str) -> Any:
        return lambda: actions.relate(key, actor=admin(), reason="x", other=other, word="needs")

    assert sorted(_together(relate("left", "right"), relate("right", "left"))) == ["done", "relation-too-deep"]


def _together(*works: Any) -> list[str]:
    """Run them at once, each with a connection of its own; say how each ended."""
    ends: list[str] = []
    start = threading.Barrier(len(works))

    def run_one(work: Any) -> None:
        try:
            start.wait(120)
            work()
            ends.append("done")
        except Conflict as conflict:
            ends.append(conflict.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run_one, args=(work,)) for work in works]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    return ends
