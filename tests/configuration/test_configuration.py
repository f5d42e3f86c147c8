"""Configuration: versions that are only added, a tenant's part over its tier's, and flags that came to stay."""

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from portal.access.actor import Actor
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from tenants.configuration.actions import roll_back, save_tenant, save_tier
from tenants.configuration.document import Change, check, differences, laid_over
from tenants.configuration.models import Version
from tenants.configuration.queries import changes_of, effective_of
from tenants.flags import actions
from tenants.flags.models import Flag
from tenants.flags.queries import flags_of
from tenants.models import Tenant
from tests.admin.world import person, tenant
from tests.flags.made import admin, ended, flag, kill_switch, on_for, rolled_out

GOLD = {"model": {"name": "large-1", "temperature": 0.2}, "retrieval": {"passages": 8, "rerank": True}}


def meera() -> Actor:
    return Actor.of_user(person("meera"))


def mine_is(one: Tenant, document: Any, base: int = 0) -> Version:
    return save_tenant(one.pk, document, actor=meera(), reason="better answers", base=base)


def gold_is(document: Any, base: int = 0) -> Version:
    return save_tier("gold", document, actor=admin(), reason="new model", base=base)


@pytest.mark.django_db
def test_a_tenants_part_lies_over_its_tiers(mine: Tenant, foreign: Tenant, django_assert_num_queries: Any) -> None:
    gold_is(GOLD)
    mine_is(mine, {"model": {"temperature": 0.7}, "branding": {"display_name": "Ask Finance"}})
    with django_assert_num_queries(1):
        found = effective_of([mine, foreign])
    assert found[foreign.pk] == GOLD
    assert found[mine.pk] == {
        "branding": {"display_name": "Ask Finance"},
        "model": {"name": "large-1", "temperature": 0.7},
        "retrieval": GOLD["retrieval"],
    }
    gold_is({"model": {"name": "large-2"}}, base=1)
    assert effective_of([mine])[mine.pk]["model"] == {"name": "large-2", "temperature": 0.7}


@pytest.mark.django_db
def test_versions_are_told_numbered_and_compared(mine: Tenant, told: Any) -> None:
    mine_is(mine, {"retrieval": {"passages": 5}})
    second = mine_is(mine, {"retrieval": {"passages": 6, "rerank": True}}, base=1)
    assert changes_of(second) == [Change("retrieval.passages", 5, 6), Change("retrieval.rerank", None, True)]
    gold_is(GOLD)
    assert [one["tenant_id"] for one in told("tenant.changed")] == [str(mine.pk)] * 2
    assert told("tier.changed") == [{"tier": "gold"}]


@pytest.mark.django_db
def test_a_roll_back_is_a_new_version(mine: Tenant) -> None:
    first = mine_is(mine, {"retrieval": {"passages": 5}})
    mine_is(mine, {"retrieval": {"passages": 50}}, base=1)
    third = roll_back(first.pk, actor=meera(), reason="slow")
    assert (third.number, third.copy_of, third.document) == (3, 1, first.document)
    assert effective_of([mine])[mine.pk] == {"retrieval": {"passages": 5}}


@pytest.mark.django_db
def test_who_writes_what_somebody_else_has_moved_on_is_told(mine: Tenant) -> None:
    mine_is(mine, {"retrieval": {"passages": 5}})
    with pytest.raises(Conflict, match="version 1 in the meantime"):
        mine_is(mine, {"retrieval": {"passages": 6}}, base=0)
    with pytest.raises(Invalid, match="says already"):
        mine_is(mine, {"retrieval": {"passages": 5}}, base=1)


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"modell": {}}, "document"),
        ({"model": {"name": ""}}, "document.model.name"),
        ({"model": {"temperature": 2.5}}, "document.model.temperature"),
        ({"model": {"temperature": float("inf")}}, "document"),
        ({"retrieval": {"passages": True}}, "document.retrieval.passages"),
        ({"retrieval": {"passages": "8"}}, "document.retrieval.passages"),
        ({"retrieval": {"rerank": None}}, "document.retrieval.rerank"),
        ({"branding": {"logo_url": "javascript:alert(1)"}}, "document.branding.logo_url"),
        ({"branding": {"accent": "red"}}, "document.branding.accent"),
        ({"switches": {"Bad Key": 1}}, "document.switches"),
        ({"switches": {"deep-one": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {}}}}}}}}}}, "document"),
        ({"switches": {"a-list": []}}, "document.switches.a-list"),
        ([], "document"),
    ],
)
def test_what_the_schema_does_not_know_is_refused_where_it_is(document: Any, where: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(document)
    assert where in refused.value.fields


def test_true_is_not_one_and_empty_sections_say_nothing() -> None:
    assert differences({"s": {"x": 1}}, {"s": {"x": True}}) == [Change("s.x", 1, True)]
    assert check({"model": {}, "switches": {"cites": True}}) == {"switches": {"cites": True}}
    assert laid_over({"s": {"a": 1}}, {"s": {"b": 2}, "t": {"c": 3}}) == {"s": {"a": 1, "b": 2}, "t": {"c": 3}}


@pytest.mark.django_db
def test_who_may_write(mine: Tenant, foreign: Tenant) -> None:
    with pytest.raises(Absent):
        mine_is(foreign, {"retrieval": {"passages": 5}})
    viewer = Actor.of_user(person("nadia"))
    with pytest.raises(NotAllowed):
        save_tenant(mine.pk, {"retrieval": {"passages": 5}}, actor=viewer, reason="x", base=0)
    with pytest.raises(NotAllowed):
        save_tier("gold", GOLD, actor=meera(), reason="x", base=0)
    own = mine_is(mine, {"retrieval": {"passages": 5}})
    with pytest.raises(Absent):
        roll_back(own.pk, actor=Actor.of_user(person("arjun")), reason="x")


@pytest.mark.django_db
def test_the_database_only_adds(mine: Tenant) -> None:
    mine_is(mine, {"retrieval": {"passages": 5}})
    insert = """INSERT INTO configuration_version (id, tier_id, tenant_id, number, document, from_flag, reason,
        created_by, created_at) SELECT gen_random_uuid(), %s, %s, %s, '{}', '', 'x', 'x', now()"""
    for sql, args in (
        ("UPDATE configuration_version SET document = '{}'", []),
        ("DELETE FROM configuration_version", []),
        (insert, [None, mine.pk, 3]),
        (insert, ["gold", mine.pk, 1]),
        (insert, [None, None, 1]),
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, args)


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_one_is_told_to_look_again(mine: Tenant) -> None:
    ends: list[str] = []
    start = threading.Barrier(2)

    def write(passages: int) -> None:
        try:
            start.wait(120)
            mine_is(mine, {"retrieval": {"passages": passages}})
            ends.append("done")
        except Conflict as conflict:
            ends.append(conflict.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in (5, 6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert sorted(ends) == ["configuration-moved-on", "done"]


@pytest.mark.django_db
def test_a_flag_that_stays_moves_here_and_nobody_loses_or_wins(mine: Tenant, foreign: Tenant) -> None:
    others = [tenant(f"more-{number}x", "FIN", "meera") for number in range(6)]
    found = flag("cite-sources")
    rolled_out("cite-sources", "gold", 100)
    on_for("cite-sources", foreign, "off")
    ended(found)
    before = {pk: one["cite-sources"]["value"] for pk, one in flags_of([mine, foreign, *others]).items()}
    actions.move_to_configuration("cite-sources", actor=admin(), reason="it stays")
    after = effective_of([mine, foreign, *others])
    assert {pk: one["switches"]["cite-sources"] for pk, one in after.items()} == before
    assert Version.objects.filter(tenant=None, from_flag="cite-sources").count() == 4, "every tier"
    assert [one.tenant_id for one in Version.objects.exclude(tenant=None)] == [foreign.pk]
    assert flags_of([mine])[mine.pk]["cite-sources"]["value"] is True, "until it is archived"
    with pytest.raises(Conflict, match="moved already"):
        actions.move_to_configuration("cite-sources", actor=admin(), reason="again")
    assert Flag.objects.get().moved_at


@pytest.mark.django_db
def test_a_kill_switch_does_not_move_and_an_engineer_does_not_write_tiers(shipped: None) -> None:
    kill_switch()
    flag()
    with pytest.raises(Conflict):
        actions.move_to_configuration("answers", actor=admin(), reason="x")
    with pytest.raises(NotAllowed):
        actions.move_to_configuration("cite-sources", actor=Actor.of_user(person("kiran")), reason="x")
