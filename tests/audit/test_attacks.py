"""What a DBA, with the log's key in hand if need be, can do to a real ledger; who notices, and where.

Nine attacks are found offline by `bailiwick-verify` on an export, one by replaying the ledger against the tables.
"""

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from bailiwick_proof.checkpoint import Checkpoint, read_checkpoint
from bailiwick_proof.keys import LOG, SigningKey, generate
from bailiwick_proof.merkle import root
from bailiwick_verify.ledger import verify
from bailiwick_verify.report import Report

from portal.audit.sealing import checks
from portal.audit.sealing.anchor import checkpoint_key, entries_key
from portal.audit.sealing.seal import seal
from portal.audit.sealing.settings import keys
from tests.audit.conftest import Ledger

BATCHES, EACH = 4, 5
Found = set[tuple[str, str, int | None, int | None]]


@pytest.fixture
def kept(ledger: Ledger) -> Ledger:
    """A ledger of some batches after what the installation itself has written."""
    ledger.seal()
    for _ in range(BATCHES):
        ledger.write(EACH)
        ledger.seal()
    return ledger


@pytest.fixture
def first(kept: Ledger) -> int:
    """The index of the first entry of the second batch: the one that is attacked."""
    return int(kept.one("SELECT size FROM ledger.horizon")) - (BATCHES - 1) * EACH


@pytest.fixture
def judge(tmp_path: Path) -> Callable[[Ledger], Report]:
    """What an auditor sees who was given the policy beforehand."""
    return lambda ledger: verify(ledger.export(tmp_path / "export"), keys().policy)


def told(report: Report) -> Found:
    return {(one.attack, one.detector, one.first, one.last) for one in report.findings}


def unlocked(ledger: Ledger) -> psycopg.Connection:
    """A superuser who has switched every refusal off."""
    dba = ledger.connect("dba")
    for table in ("entry", "leaf", "node", "checkpoint", "anchor"):
        dba.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER ALL")
    return dba


def edit(dba: psycopg.Connection, index: int) -> str:
    """Change one word of one sealed entry; returns the new body."""
    row = dba.execute(
        "UPDATE ledger.entry SET body = replace(body, 'a test', 'a lie!') WHERE id ="
        " (SELECT entry_id FROM ledger.leaf WHERE index = %s) RETURNING body",
        [index],
    ).fetchone()
    assert row is not None
    return str(row[0])


def recompute(dba: psycopg.Connection, key: SigningKey) -> None:
    """Make leaves, nodes and checkpoints fit the entries again, signed with the log's own key."""
    dba.execute(
        "UPDATE ledger.leaf l SET hash = sha256('\\x00' || convert_to(e.body, 'UTF8'))"
        " FROM ledger.entry e WHERE e.id = l.entry_id"
    )
    hashes = [bytes(one) for (one,) in dba.execute("SELECT hash FROM ledger.leaf ORDER BY index")]
    for level in (8, 16):
        for index in range(len(hashes) >> level):
            made = root(hashes[index << level : (index + 1) << level])
            dba.execute("UPDATE ledger.node SET hash = %s WHERE level = %s AND index = %s", [made, level, index])
    for size, at in dba.execute("SELECT size, sealed_at FROM ledger.checkpoint").fetchall():
        made = root(hashes[:size])
        note = Checkpoint.sealed(key.verifier.name, size, made, at).sign(key).decode()
        dba.execute("UPDATE ledger.checkpoint SET root = %s, note = %s WHERE size = %s", [made, note, size])


def test_an_untouched_ledger_holds(kept: Ledger, judge: Callable[[Ledger], Report]) -> None:
    report = judge(kept)
    assert report.ok and not report.warnings
    assert report.entries == kept.one("SELECT count(*) FROM ledger.entry")
    db = kept.connect("sealer")
    assert checks.check_leaves(db) and checks.check_copies(db, kept.to) and checks.check_tables(db)


def test_1_a_row_is_edited(kept: Ledger, first: int, judge: Callable[[Ledger], Report]) -> None:
    edit(unlocked(kept), first)
    assert told(judge(kept)) == {("edited", "stored leaf", first, first)}
    db = kept.connect("sealer")
    assert not checks.check_leaves(db), "and the sealer's own nightly hash notices"
    entry = kept.one("SELECT entry_id FROM ledger.leaf WHERE index = %s", [first])
    assert kept.one("SELECT details FROM ledger.finding ORDER BY id DESC LIMIT 1") == {
        "edited": [{"leaf": first, "entry": entry}]
    }
    assert not checks.check_copies(db, kept.to)


def test_2_edited_and_everything_recomputed(kept: Ledger, first: int, judge: Callable[[Ledger], Report]) -> None:
    dba = unlocked(kept)
    edit(dba, first)
    recompute(dba, keys().log)
    found = told(judge(kept))
    assert ("edited and recomputed", "anchored copy", first, first) in found
    assert {detector for _, detector, _, _ in found} <= {"anchored copy", "anchor", "witness"}
    assert not checks.check_copies(kept.connect("sealer"), kept.to), "comparing the copies notices, too"


def test_3_re_signed_with_another_key(kept: Ledger, first: int, judge: Callable[[Ledger], Report]) -> None:
    dba = unlocked(kept)
    recompute(dba, SigningKey.parse(generate(keys().log.verifier.name, LOG)))
    assert {(one.attack, one.detector) for one in judge(kept).findings} == {("unknown key", "policy")}


def test_4_the_tail_is_cut_off(kept: Ledger, judge: Callable[[Ledger], Report]) -> None:
    size = int(kept.one("SELECT size FROM ledger.horizon"))
    dba = unlocked(kept)
    _forget(dba, size - EACH)
    report = judge(kept)
    assert {one.attack for one in report.findings} == {"tail truncated"}
    assert {(one.first, one.last) for one in report.findings} == {(size - EACH, size - 1)}


def _forget(dba: psycopg.Connection, size: int) -> None:
    """Take every trace of the leaves from `size` on out of the database."""
    for statement in (
        "DELETE FROM ledger.anchor WHERE size > %s",
        "DELETE FROM ledger.checkpoint WHERE size > %s",
        "DELETE FROM ledger.entry WHERE id IN (SELECT entry_id FROM ledger.leaf WHERE index >= %s)",
        "DELETE FROM ledger.leaf WHERE index >= %s",
    ):
        dba.execute(statement, [size])


def test_5_yesterdays_dump_is_restored_and_written_on(kept: Ledger, judge: Callable[[Ledger], Report]) -> None:
    size = int(kept.one("SELECT size FROM ledger.horizon"))
    older = kept.copy()
    kept.write(EACH)
    kept.seal()
    older.write(EACH + 1)
    assert seal(older.connect("sealer"), keys().log) is not None, "sealed by hand: the service refuses to"
    found = told(judge(older))
    assert any(attack == "earlier state restored" and low == size for attack, _, low, _ in found), found


def test_6_one_from_the_middle_is_deleted_and_the_rest_renumbered(
    kept: Ledger, first: int, judge: Callable[[Ledger], Report]
) -> None:
    dba = unlocked(kept)
    gone = dba.execute("DELETE FROM ledger.leaf WHERE index = %s RETURNING entry_id", [first]).fetchone()
    assert gone is not None
    dba.execute("DELETE FROM ledger.entry WHERE id = %s", [gone[0]])
    for (index,) in dba.execute("SELECT index FROM ledger.leaf WHERE index > %s ORDER BY index", [first]).fetchall():
        dba.execute("UPDATE ledger.leaf SET index = %s WHERE index = %s", [index - 1, index])
    dba.execute("DELETE FROM ledger.anchor WHERE size = (SELECT max(size) FROM ledger.checkpoint)")
    dba.execute("DELETE FROM ledger.checkpoint WHERE size = (SELECT max(size) FROM ledger.checkpoint)")
    recompute(dba, keys().log)
    found = told(judge(kept))
    assert any(attack == "removed" and low == first for attack, _, low, _ in found), found


def test_7_an_entry_is_back_dated(kept: Ledger, judge: Callable[[Ledger], Report]) -> None:
    """Written today with last week's date, by a DBA who is in time for the seal."""
    dba = unlocked(kept)
    entry = kept.write(1)[0]
    body = json.loads(kept.one("SELECT body FROM ledger.entry WHERE id = %s", [entry]))
    lie = body | {"at": f"2026-01-{1:02d}T00:00:00.000000Z"}
    dba.execute("UPDATE ledger.entry SET body = %s::jsonb::text WHERE id = %s", [json.dumps(lie), entry])
    index = kept.seal() - 1
    assert ("back-dated", "time", index, index) in told(judge(kept))


def test_8_a_change_with_the_triggers_off(kept: Ledger, judge: Callable[[Ledger], Report]) -> None:
    dba = kept.connect("dba")
    dba.execute("ALTER TABLE tenants_businessunit DISABLE TRIGGER ALL")
    dba.execute("UPDATE tenants_businessunit SET envelope_inr = 99 WHERE code = 'FIN'")
    dba.execute("ALTER TABLE tenants_businessunit ENABLE TRIGGER ALL")
    assert judge(kept).ok, "it left no entry, so nothing offline can show it"
    last = kept.one(
        "SELECT max(id) FROM ledger.entry"
        " WHERE object_type = 'tenants.businessunit' AND object_id = 'FIN' AND op <> 'A'"
    )
    db = kept.connect("sealer")
    assert not checks.check_tables(db)
    assert kept.one("SELECT details FROM ledger.finding WHERE kind = 'replay' ORDER BY id DESC LIMIT 1") == {
        "differences": [
            {
                "kind": "a change without an entry",
                "table": "tenants_businessunit",
                "object": "FIN",
                "columns": ["envelope_inr"],
                "last_entry": last,
            }
        ]
    }


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("DELETE FROM approvals_rule WHERE rule_id = 'APR-005'", "gone without an entry"),
        ("INSERT INTO tenants_tenantname (name, tenant_id, reserved_at)"
         " VALUES ('smuggled', gen_random_uuid(), now())", "the ledger does not know"),
        ("UPDATE access_person SET full_name = 'Somebody Else' WHERE full_name LIKE 'Meera%'", "without an entry"),
        ("UPDATE access_user SET password = 'md5$known' WHERE username = 'meera'", "without an entry"),
    ],
)  # fmt: skip
def test_8_in_every_form(kept: Ledger, statement: str, kind: str) -> None:
    dba = kept.connect("dba")
    table = statement.split()[2 if statement[0] != "U" else 1]
    dba.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    dba.execute(statement)
    assert not checks.check_tables(kept.connect("sealer"))
    (found,) = kept.one("SELECT details FROM ledger.finding ORDER BY id DESC LIMIT 1")["differences"]
    assert found["table"] == table and found["kind"].endswith(kind)


def test_9_an_anchor_is_overwritten(kept: Ledger, first: int, judge: Callable[[Ledger], Report]) -> None:
    """With the store's own credentials: a version on top changes nothing, the oldest is read and cannot be deleted."""
    size = first + EACH
    dba = unlocked(kept)
    edit(dba, first)
    recompute(dba, keys().log)
    lie = str(kept.one("SELECT note FROM ledger.checkpoint WHERE size = %s", [size])).encode()
    kept.to.s3.put_object(Bucket=kept.to.bucket, Key=checkpoint_key(size), Body=lie)
    found = told(judge(kept))
    assert ("edited and recomputed", "anchored copy", first, first) in found
    assert read_checkpoint(kept.to.oldest(checkpoint_key(size))[0]) != read_checkpoint(lie)


def test_10_an_edit_with_its_streamed_copies_rewritten_too(
    kept: Ledger, first: int, judge: Callable[[Ledger], Report], tmp_path: Path
) -> None:
    """The DBA owns the store as well and has written its history anew: only the witness still knows better."""
    dba = unlocked(kept)
    edit(dba, first)
    recompute(dba, keys().log)
    out = kept.export(tmp_path / "rewritten")
    for size, note in dba.execute("SELECT size, note FROM ledger.checkpoint").fetchall():
        (out / "anchors" / "checkpoints" / f"{size:020d}").write_text(note)
    batch = entries_key(first, first + EACH).rpartition("/")[2]
    bodies = dba.execute(
        "SELECT e.body FROM ledger.leaf l JOIN ledger.entry e ON e.id = l.entry_id"
        " WHERE l.index >= %s AND l.index < %s ORDER BY l.index",
        [first, first + EACH],
    )
    (out / "anchors" / "entries" / batch).write_text("".join(f"{body}\n" for (body,) in bodies))
    found = told(verify(out, keys().policy))
    assert found and {detector for _, detector, _, _ in found} == {"witness"}
    assert ("rewritten with its copies", "witness", first, first + EACH - 1) in found


def test_an_entry_slipped_in_behind_the_seal_is_noticed(kept: Ledger) -> None:
    """A row written with a transaction number that the sealer has passed would never be sealed."""
    dba = unlocked(kept)
    dba.execute(
        "INSERT INTO ledger.entry SELECT nextval('ledger.entry_id'), at, 3, op, verb, object_type, object_id,"
        " tenant_id, actor, request, replace(body, 'test', 'lie') FROM ledger.entry ORDER BY id DESC LIMIT 1"
    )
    assert not checks.check_leaves(kept.connect("sealer"))
    assert set(kept.one("SELECT details FROM ledger.finding ORDER BY id DESC LIMIT 1")) >= {"inserted"}
