"""Retention: whole months leave after an approval, their hashes stay, and everything else still holds."""

from pathlib import Path

import psycopg
import pytest
from bailiwick_verify.ledger import verify

from portal.audit.sealing import checks
from portal.audit.sealing.settings import keys
from tests.audit.conftest import Ledger

APPROVAL = "00000000-0000-0000-0000-0000000000aa"


OLD = "entry_2018_01"


def approve(ledger: Ledger, name: str) -> None:
    dba = ledger.connect("dba")
    dba.execute("SET session_replication_role = replica")
    with ledger.acting(dba):
        dba.execute(
            "INSERT INTO approvals_case (id, kind, title, subject_type, subject_id, business_unit, aggregation_key,"
            " aggregated_with, facts, snapshot, digest, requested_by_id, opened_at, expires_at, state, blocked_reason,"
            " decided_reason, period)"
            " SELECT %s, 'ledger.retire', 'Retire', 'audit.partition', %s, '', '', '[]', '{}', '{}', 'd',"
            " (SELECT id FROM access_user LIMIT 1), now(), now(), 'approved', '', '', 'once'",
            [APPROVAL, name],
        )


def age(ledger: Ledger) -> int:
    """Everything there is happened in January 2018; returns the size of the tree."""
    size, dba = ledger.seal(), ledger.connect("dba")
    dba.execute(f"CREATE TABLE ledger.{OLD} PARTITION OF ledger.entry FOR VALUES FROM ('2018-01-01') TO ('2018-02-01')")
    dba.execute(f"ALTER TABLE ledger.{OLD} OWNER TO bw_ledger")
    dba.execute("ALTER TABLE ledger.entry DISABLE TRIGGER ALL")
    dba.execute("UPDATE ledger.entry SET at = '2018-01-15'")
    dba.execute("ALTER TABLE ledger.entry ENABLE TRIGGER ALL")
    return size


def retire(ledger: Ledger, role: str = "migrator") -> None:
    ledger.connect(role).execute("CALL audit.retire(%s, %s)", [OLD, APPROVAL])


def test_nothing_leaves_without_an_approval_or_before_its_time(ledger: Ledger) -> None:
    age(ledger)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no approval"):
        retire(ledger)
    approve(ledger, OLD)
    for role in ("app", "sealer", "reader"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            retire(ledger, role)
    dba = ledger.connect("dba")
    dba.execute("UPDATE ledger.governed SET retention = interval '10 years' WHERE label = 'tenants.tier'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not past their retention"):
        retire(ledger)


def test_a_month_past_its_time_leaves_its_hashes_behind(ledger: Ledger, tmp_path: Path) -> None:
    size = age(ledger)
    approve(ledger, OLD)
    retire(ledger)
    assert ledger.seal() > size
    assert ledger.one("SELECT count(*) FROM ledger.leaf WHERE index < %s", [size]) == size
    db = ledger.connect("sealer")
    assert checks.check_leaves(db) and checks.check_tables(db), "what began in that month was begun anew"
    report = verify(ledger.export(tmp_path / "export"), keys().policy)
    assert report.retired == size and not report.findings
