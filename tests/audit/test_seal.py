"""Every committed entry is sealed exactly once, whoever commits when; nothing takes effect before it is anchored."""

import threading

import psycopg
import pytest
from bailiwick_proof.checkpoint import Checkpoint, read_checkpoint
from bailiwick_proof.errors import Unproven
from bailiwick_proof.keys import LOG, SigningKey, generate
from bailiwick_proof.merkle import consistency_proof, root
from bailiwick_proof.receipt import Receipt

from portal.audit.sealing import checks, tree
from portal.audit.sealing.anchor import Behind, checkpoint_key, require_not_behind
from portal.audit.sealing.seal import Foreign, seal
from portal.audit.sealing.service import Sealer
from portal.audit.sealing.store import Overwritten
from portal.audit.sealing.witness import Witness
from portal.lib.clock import now
from tests.audit.conftest import Ledger
from tests.audit.killed import survives
from tests.jobs.support import eventually

UNSEALED = "SELECT count(*) FROM ledger.entry e WHERE NOT EXISTS (SELECT FROM ledger.leaf l WHERE l.entry_id = e.id)"


def leaves(ledger: Ledger) -> list[tuple[int, int]]:
    return ledger.connect("dba").execute("SELECT index, entry_id FROM ledger.leaf ORDER BY index").fetchall()


def test_a_transaction_held_open_holds_its_own_back_and_loses_nobody(ledger: Ledger) -> None:
    ledger.seal()
    slow, quick = ledger.connect("app"), ledger.connect("app")
    with slow.transaction():
        early = ledger.act(slow, 1)
        late = ledger.act(quick, 2)
        assert early < late
        ledger.seal()
        assert ledger.one(UNSEALED) == 1, "what committed above the open transaction waits with it"
        checks.check_horizon(ledger.connect("sealer"), 11.0, 10.0)
        found = ledger.one("SELECT details FROM ledger.finding WHERE kind = 'lag'")
        assert found["holder"]["pid"] == slow.info.backend_pid and found["holder"]["role"] == "app"
    ledger.seal()
    assert [entry for _, entry in leaves(ledger)][-2:] == [early, late]
    assert ledger.one(UNSEALED) == 0


def test_an_aborted_transaction_leaves_no_gap(ledger: Ledger) -> None:
    app = ledger.connect("app")
    for number in range(6):
        with app.transaction(force_rollback=number % 2 == 0):
            ledger.act(app, number)
    size = ledger.seal()
    assert [index for index, _ in leaves(ledger)] == list(range(size)) and ledger.one(UNSEALED) == 0


def test_two_sealers_and_many_writers_seal_every_entry_once(ledger: Ledger) -> None:
    done, problems = threading.Event(), []

    def write(number: int) -> None:
        with psycopg.connect(ledger.url("app"), autocommit=True) as db:
            for n in range(60):
                with db.transaction(force_rollback=n % 7 == 0):  # ids commit out of order, some never
                    for _ in range(n % 4 + 1):
                        ledger.act(db, number)

    def sealing() -> None:
        sealer = Sealer(psycopg.connect(ledger.url("sealer"), autocommit=True), ledger.to)
        try:
            while not done.is_set():
                sealer.round()
        except Exception as error:
            problems.append(error)
        finally:
            sealer.db.close()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    sealers = [threading.Thread(target=sealing) for _ in range(2)]
    for thread in (*writers, *sealers):
        thread.start()
    for thread in writers:
        thread.join()
    eventually(lambda: ledger.one(UNSEALED) == 0)
    done.set()
    for thread in sealers:
        thread.join()
    assert not problems
    rows = leaves(ledger)
    assert [index for index, _ in rows] == list(range(len(rows))) and len({entry for _, entry in rows}) == len(rows)
    hashes = [bytes(h) for (h,) in ledger.connect("dba").execute("SELECT hash FROM ledger.leaf ORDER BY index")]
    for size, kept in ledger.connect("dba").execute("SELECT size, root FROM ledger.checkpoint").fetchall():
        assert root(hashes[:size]) == bytes(kept)


def test_a_sealer_killed_at_any_statement_is_followed_by_one_that_finishes(ledger: Ledger) -> None:
    """Kill -9 after the n-th statement, for every n until one round gets through."""
    steps = 1
    ledger.write(3)
    while not survives(ledger, steps):
        ledger.write(3)
        steps += 1
    assert steps > 15
    ledger.seal()
    rows = leaves(ledger)
    assert ledger.one(UNSEALED) == 0 and [index for index, _ in rows] == list(range(len(rows)))
    db = ledger.connect("sealer")
    assert checks.check_leaves(db) and checks.check_copies(db, ledger.to) and checks.check_tables(db)
    assert (
        ledger.one(
            "SELECT count(*) FROM ledger.checkpoint c WHERE NOT EXISTS"
            " (SELECT FROM ledger.anchor a WHERE a.size = c.size)"
        )
        == 0
    )


def test_a_batch_may_be_cut_but_never_through_a_transaction(ledger: Ledger) -> None:
    app = ledger.connect("app")
    for _ in range(5):
        with app.transaction():
            for number in range(10):
                ledger.act(app, number)
    sealer, before = ledger.sealer(), ledger.seal()
    for _ in range(5):
        with app.transaction():
            for number in range(10):
                ledger.act(app, number)
    sizes = []
    while (one := seal(sealer.db, sealer.keys.log, at_once=15)) is not None:
        sizes.append(one.size - before)
    assert sizes[-1] == 50 and len(sizes) > 2 and all(size % 10 == 0 for size in sizes)


def test_a_receipt_proves_every_entry_under_every_later_checkpoint(ledger: Ledger) -> None:
    ledger.write(300)
    ledger.seal()
    ledger.write(5)
    size = ledger.seal()
    sealer = ledger.sealer()
    note = ledger.one("SELECT cosignature FROM ledger.anchor ORDER BY size DESC LIMIT 1").encode()
    bodies = (
        ledger.connect("dba")
        .execute("SELECT l.index, e.body FROM ledger.leaf l JOIN ledger.entry e ON e.id = l.entry_id ORDER BY 1")
        .fetchall()
    )
    for index in (0, 1, 255, 256, size - 1):
        receipt = Receipt.build(index, note, tree.of(sealer.db), bodies[index][1].encode())
        read = Receipt.parse(receipt.encode())
        assert read.verify(sealer.keys.policy).checkpoint.size == size
        assert len(read.proof) * 32 <= 640
        with pytest.raises(Unproven):
            read.verify(sealer.keys.policy, bodies[index][1].replace("a test", "a text").encode() + b" ")


def test_anchors_are_written_once_and_cannot_be_shortened(ledger: Ledger) -> None:
    ledger.write(2)
    size = ledger.seal()
    s3, key = ledger.to.s3, checkpoint_key(size)
    first, version = ledger.to.oldest(key)
    with pytest.raises(Overwritten):
        ledger.to.put(key, b"another story", now())
    s3.put_object(Bucket=ledger.to.bucket, Key=key, Body=b"another story")
    s3.delete_object(Bucket=ledger.to.bucket, Key=key)
    assert ledger.to.oldest(key) == (first, version), "the oldest version speaks, whatever lies on it"
    for attempt in (
        lambda: s3.delete_object(Bucket=ledger.to.bucket, Key=key, VersionId=version),
        lambda: s3.delete_object(Bucket=ledger.to.bucket, Key=key, VersionId=version, BypassGovernanceRetention=True),
        lambda: s3.put_object_retention(
            Bucket=ledger.to.bucket,
            Key=key,
            VersionId=version,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": now()},
        ),
    ):
        with pytest.raises(s3.exceptions.ClientError):
            attempt()
    assert ledger.to.oldest(key) == (first, version)


def test_a_witness_signs_no_second_story(ledger: Ledger) -> None:
    ledger.write(3)
    ledger.seal()
    sealer = ledger.sealer()
    note = ledger.one("SELECT note FROM ledger.checkpoint ORDER BY size DESC LIMIT 1").encode()
    said = read_checkpoint(note)
    again = Witness(sealer.keys.witness, sealer.keys.policy, ledger.witness)
    assert again.size() == said.size
    fork = Checkpoint.sealed(said.origin, said.size, b"\x07" * 32, now()).sign(sealer.keys.log)
    smaller = Checkpoint.sealed(said.origin, said.size - 1, b"\x07" * 32, now()).sign(sealer.keys.log)
    larger = Checkpoint.sealed(said.origin, said.size + 1, b"\x07" * 32, now()).sign(sealer.keys.log)
    stranger = SigningKey.parse(generate(said.origin, LOG))
    unsigned = Checkpoint.sealed(said.origin, said.size + 1, b"\x07" * 32, now()).sign(stranger)
    for lie in (fork, smaller, larger, unsigned):
        with pytest.raises(Unproven):
            again.cosign(lie, consistency_proof(said.size, said.size, tree.of(sealer.db)))


def test_yesterdays_dump_is_not_sealed_further(ledger: Ledger) -> None:
    """The DBA restores an older state: the store knows more, and the sealer stops instead of telling a second story."""
    ledger.write(3)
    ledger.seal()
    older = ledger.copy()
    ledger.write(3)
    ledger.seal()
    older.write(2)
    with pytest.raises(Behind, match="the anchors at"):
        older.sealer().round()
    require_not_behind(ledger.connect("sealer"), ledger.to)
    assert older.one(UNSEALED) > 0


def test_a_database_on_another_cluster_is_not_sealed(ledger: Ledger) -> None:
    ledger.connect("dba").execute("UPDATE ledger.horizon SET cluster = 1")
    with pytest.raises(Foreign):
        ledger.sealer().round()


def test_anchored_means_in_the_store(ledger: Ledger) -> None:
    entry = ledger.write(1)[0]
    app, sealer = ledger.connect("app"), ledger.sealer()
    seal(sealer.db, sealer.keys.log)
    assert app.execute("SELECT audit.anchored(%s)", [entry]).fetchone() == (False,), "sealed is not yet anchored"
    sealer.round()
    assert app.execute("SELECT audit.anchored(%s)", [entry]).fetchone() == (True,)
    assert app.execute("SELECT audit.anchored(%s)", [entry + 10_000]).fetchone() == (False,)
