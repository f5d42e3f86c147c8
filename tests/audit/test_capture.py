"""What is captured, from whom, and what nobody can do to it: as the application's role, as the owner, as a DBA."""

import json

import psycopg
import pytest
from django.apps import apps

from portal.audit.sealing import checks
from tests.audit.conftest import Ledger

UNIT = (
    "INSERT INTO tenants_businessunit (code, name, cost_centre, envelope_inr, home_country, created_at)"
    " VALUES (%s, 'Test', 'CC-1', 1.00, 'IN', now())"
)
COLUMNS = """
SELECT array_agg(attname::text) FILTER (WHERE attnum = ANY (tgattr)), array_agg(attname::text)
FROM pg_attribute, pg_trigger
WHERE attrelid = %(table)s::regclass AND tgrelid = attrelid AND tgname = 'ledger_capture_update'
      AND attnum > 0 AND NOT attisdropped
"""
USER = """
INSERT INTO access_user
    (id, password, username, is_active, is_superuser, is_service, credential_epoch, created_at)
VALUES ('00000000-0000-0000-0000-000000000001', 'argon2$canary-hash', 'canary.login', true, false, false, 0, now())
"""
PERSON = """
INSERT INTO access_person (user_id, full_name, email)
VALUES ('00000000-0000-0000-0000-000000000001', 'Canary Person', 'canary@example.com')
"""
EXEMPT = {
    "access_idempotencykey": "answers kept for a day",
    "jobs_logline": "progress; what a step found is its evidence",
    "jobs_wake": "a ring",
    "jobs_resourcelease": "a lease (D6)",
    "jobs_epochcounter": "a counter",
    "jobs_outboxevent": "the outbox (D6)",
    "jobs_delivery": "the outbox (D6)",
    "jobs_schedulerun": "a lease (D6)",
    "notify_notice": "a copy of news for one inbox",
    "notify_delivery": "the outbox of messages",
    "saved_savedview": "a preference of one person",
    "tenants_statusversion": "a counter; tenants_statuschange holds each step",
    "lifecycle_terraformcommand": "timings",
    "costs_statement": "made again while it is open; closing is an act with the digest of what it says",
    "tenants_movement": "written by a trigger of tenants_reservation, which is governed",
    "usage_delta": "append-only itself; each batch is an act with the digest of what it says",
    "registry_published": "made of governed rows, and made again when it is lost",
    "registry_enforcementpoint": "who asked when",
    "registry_acknowledgement": "what enforcement points say; a receipt, not an act",
    "flags_exposure": "figures that platforms report",
    "health_condition": "measured again every minute; the score that counts is on the tenant",
    "placement_epochcounter": "a counter; each placement is an act, and the tenant is governed",
    "judging_judgement": "measured again twice a minute; one that takes a tenant back is an act with its figures",
    "reading_reading": "measured at every look; each share is an act on the governed split, and a failure an act",
    "comparing_comparison": "a comparison on its way; what it found is the evidence of its step",
    "comparing_found": "gone when the comparison ends",
    "erasing_look": "a wish on its way; what was seen is kept in the governed rows of its systems",
    "migration_round": "progress, as it was measured",
    "inventory_search": "when a region was searched last; what was found there is governed",
    "holds_holdversion": "a counter; each hold is an act with its version",
    "holds_refusalcount": "a counter; what it adds up to is an act",
    "health_reading": "measurements, dropped after two weeks",
    "health_watch": "looks at a platform; what was down in them is a delta of usage",
}


def last(ledger: Ledger) -> dict[str, object]:
    return json.loads(ledger.one("SELECT body FROM ledger.entry ORDER BY id DESC LIMIT 1"))


def test_every_table_of_ours_is_governed_or_says_why_not(ledger: Ledger) -> None:
    ours = {
        model._meta.db_table
        for config in apps.get_app_configs()
        for model in config.get_models(include_auto_created=True)
        if not config.name.startswith(("django", "rest_framework"))
        and model._meta.managed
        and "_historical" not in model._meta.db_table
    }
    governed = {row[0] for row in ledger.connect("dba").execute("SELECT relation FROM ledger.governed")}
    assert ours - governed - set(EXEMPT) == set(), "govern these in a migration (portal.audit.govern), or say why not"
    assert set(EXEMPT) & governed == set() and set(EXEMPT) <= ours and governed <= ours


def test_every_governed_table_has_its_triggers_as_declared(ledger: Ledger) -> None:
    db = ledger.connect("dba")
    for relation, skip in db.execute("SELECT relation, skip FROM ledger.governed").fetchall():
        found = dict(
            db.execute(
                "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname LIKE 'ledger%%'",
                [relation],
            ).fetchall()
        )
        assert found == dict.fromkeys(("ledger_capture", "ledger_capture_update", "ledger_no_truncate"), "A"), relation
        columns, every = db.execute(COLUMNS, {"table": relation}).fetchone()
        assert set(columns) == set(every) - set(skip), f"{relation} changed: govern it again in a migration"


def test_a_change_is_captured_whoever_makes_it_and_however(ledger: Ledger) -> None:
    app = ledger.connect("app")
    with ledger.acting(app, "01-person", "because"):
        app.execute(UNIT, ["TST"])
        app.execute("UPDATE tenants_businessunit SET envelope_inr = 2.50 WHERE code = 'TST'")
    entry = last(ledger)
    assert (entry["op"], entry["actor"], entry["reason"], entry["object"], entry["pk"]) == (
        "U",
        "01-person",
        "because",
        "tenants.businessunit",
        "TST",
    )
    assert (entry["old"], entry["new"], entry["session"]) == ({"envelope_inr": 1.00}, {"envelope_inr": 2.50}, "app")
    dba = ledger.connect("dba")
    dba.execute("SET session_replication_role = replica")
    with ledger.acting(dba, "system:repair"):
        dba.execute("UPDATE tenants_businessunit SET name = 'Bulk' WHERE code = 'TST'")
    assert last(ledger)["new"] == {"name": "Bulk"} and last(ledger)["session"] == "postgres"
    with ledger.acting(app):
        app.execute("DELETE FROM tenants_businessunit WHERE code = 'TST'")
    assert last(ledger)["op"] == "D"


def test_no_actor_no_write(ledger: Ledger) -> None:
    for role in ("app", "migrator", "dba"):
        db = ledger.connect(role)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no actor"):
            db.execute(UNIT, ["NOB"])
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no actor"):
            db.execute("SELECT audit.record('v', 't', '1', NULL, '', '', '', '', '{}')")
    assert ledger.one("SELECT count(*) FROM tenants_businessunit WHERE code = 'NOB'") == 0


def test_an_actor_ends_with_the_transaction(ledger: Ledger) -> None:
    app = ledger.connect("app")
    with ledger.acting(app):
        app.execute(UNIT, ["ONE"])
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no actor"):
        app.execute(UNIT, ["TWO"])


TABLES = [
    "ledger.entry",
    "ledger.entry_rest",
    "ledger.leaf",
    "ledger.node",
    "ledger.checkpoint",
    "ledger.anchor",
    "ledger.finding",
]


@pytest.mark.parametrize("table", TABLES)
def test_the_ledger_refuses_even_a_dba_who_leaves_its_triggers_alone(ledger: Ledger, table: str) -> None:
    ledger.write(300)
    ledger.seal()
    dba = ledger.connect("dba")
    dba.execute("INSERT INTO ledger.finding (kind, ok, checked, details) VALUES ('test', true, 0, '{}')")
    column = ledger.one("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 2", [table])
    for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        if table == "ledger.entry_rest" and not statement.startswith("TRUNCATE"):
            continue  # it is empty: rows lie in the month's partition
        for mode in ("origin", "replica"):
            dba.execute(f"SET session_replication_role = {mode}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                dba.execute(statement)


def test_the_application_has_no_grant_on_the_ledger(ledger: Ledger) -> None:
    app = ledger.connect("app")
    for table in [*TABLES, "ledger.horizon", "ledger.subject", "ledger.personal", "ledger.governed"]:
        for statement in (
            f"SELECT FROM {table}",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(statement)
    for statement in (
        "SET ROLE bw_ledger",
        "ALTER TABLE tenants_tenant DISABLE TRIGGER ledger_capture",
        "TRUNCATE tenants_tenant CASCADE",
        "SET session_replication_role = replica",
        "DROP TRIGGER ledger_capture ON tenants_tenant",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)


def test_secrets_and_persons_never_enter_an_entry(ledger: Ledger) -> None:
    app = ledger.connect("app")
    with ledger.acting(app):
        app.execute(USER)
        app.execute(PERSON)
        app.execute("UPDATE access_user SET last_login = now() WHERE username = 'canary.login'")
    bodies = "\n".join(row[0] for row in ledger.connect("dba").execute("SELECT body FROM ledger.entry"))
    assert "anary" not in bodies and "commitment" in bodies and "sha256" in bodies
    kept = {
        row[0]
        for row in ledger.connect("app").execute("SELECT value FROM audit.personal WHERE subject LIKE '00000000%'")
    }
    assert kept == {"canary.login", "Canary Person", "canary@example.com"}
    assert last(ledger)["object"] == "access.person", "last_login is no record"


def test_a_forgotten_person_is_gone_and_the_tree_still_stands(ledger: Ledger, tmp_path) -> None:
    app = ledger.connect("app")
    who = app.execute("SELECT id::text FROM access_user WHERE username = 'meera'").fetchone()[0]
    ledger.seal()
    before = ledger.one("SELECT root FROM ledger.checkpoint ORDER BY size DESC LIMIT 1")
    size = ledger.one("SELECT size FROM ledger.horizon")
    app.execute("SELECT audit.forget(%s, 'system:test', 'system', 'asked for', '')", [who])
    with ledger.acting(app):
        app.execute("UPDATE access_person SET full_name = '', email = '' WHERE user_id = %s", [who])
        app.execute("UPDATE access_user SET username = 'gone-1' WHERE id = %s", [who])
    ledger.seal()
    dba = ledger.connect("dba")
    assert dba.execute("SELECT count(*) FROM ledger.personal WHERE subject = %s", [who]).fetchone()[0] == 0
    assert dba.execute("SELECT salt FROM ledger.subject WHERE id = %s", [who]).fetchone()[0] is None
    for table in ("entry", "personal", "subject"):
        text = "\n".join(str(row) for row in dba.execute(f"SELECT * FROM ledger.{table}"))
        assert "Meera" not in text and "meera" not in text, table
    assert ledger.one("SELECT root FROM ledger.checkpoint WHERE size = %s", [size]) == before
    sealer = ledger.sealer()
    assert checks.check_leaves(sealer.db) and checks.check_tables(sealer.db)
