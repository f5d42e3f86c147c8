"""Every attack on the ledger that leaves a trace offline is found, and the report says where and by which detector.

The tenth, a change with the triggers off, leaves none here: replaying the ledger against the tables finds it.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from bailiwick_proof.checkpoint import Checkpoint
from bailiwick_proof.merkle import leaf_hash, root
from bailiwick_verify.difference import Difference, compare
from bailiwick_verify.export import Unreadable
from bailiwick_verify.ledger import verify
from bailiwick_verify.report import Finding, Report
from bailiwick_verify.truth import Entry
from hypothesis import given
from hypothesis import strategies as st

from .builder import LOG, ORIGIN, POLICY, START, STRANGER, Ledger, body

AT = 117  # the entry attacked: index 117 has id 118 and lies under the checkpoints of 100 and 120 entries
INTACT = Ledger().run(10)  # 200 entries


@pytest.fixture
def ledger() -> Ledger:
    return INTACT.dump()


@pytest.fixture
def check(tmp_path: Path) -> Callable[[Ledger], Report]:
    return lambda ledger: verify(ledger.write(tmp_path / "export"), POLICY)


Check = Callable[[Ledger], Report]


def told(report: Report) -> set[tuple[str, str, int | None, int | None]]:
    """Findings as (attack, detector, first, last)."""
    return {(one.attack, one.detector, one.first, one.last) for one in report.findings}


def edit(ledger: Ledger, index: int = AT) -> None:
    ledger.entries[index] = ledger.entries[index].replace(b"suspend", b"approve")


def test_an_intact_ledger(ledger: Ledger, check: Check) -> None:
    report = check(ledger)
    assert report.ok
    assert not report.warnings
    assert report.checked["entries compared with their anchored copies"] == report.entries == 200


def test_an_entry_is_edited(ledger: Ledger, check: Check) -> None:
    edit(ledger)
    (found,) = check(ledger).findings
    assert (found.attack, found.detector, found.first, found.last, found.id) == ("edited", "stored leaf", AT, AT, 118)


def test_an_entry_is_edited_and_its_leaf_recomputed(ledger: Ledger, check: Check) -> None:
    edit(ledger)
    ledger.leaves[AT] = leaf_hash(ledger.entries[AT])
    assert told(check(ledger)) == {("edited and recomputed", "anchored copy", AT, AT)}


def test_the_same_without_copies_lies_between_two_checkpoints(ledger: Ledger, check: Check) -> None:
    edit(ledger)
    ledger.leaves[AT] = leaf_hash(ledger.entries[AT])
    ledger.copies.clear()
    assert told(check(ledger)) == {("rewritten", "witness", 100, 119)}
    ledger.witnessed.clear()
    assert ("rewritten", "anchor", 100, 119) in told(check(ledger))


def test_the_streamed_copies_are_rewritten_too(ledger: Ledger, check: Check) -> None:
    edit(ledger)
    ledger.recompute()
    ledger.copies[100, 119] = ledger.entries[100:120]
    assert told(check(ledger)) == {
        ("rewritten with its copies", "witness", 100, 119),
        ("re-signed", "witness", None, None),
    }


def test_where_proof_is_lost_what_is_seen_is_still_told(ledger: Ledger, check: Check) -> None:
    """One entry rewritten with its copy, then one only in its body, then one only in its copy."""
    edit(ledger, 105)
    ledger.leaves[105] = leaf_hash(ledger.entries[105])
    ledger.copies[100, 119] = ledger.entries[100:120]
    edit(ledger, 150)
    ledger.copies[160, 179] = [b"{}", *ledger.entries[161:180]]
    assert told(check(ledger)) == {
        ("rewritten with its copies", "witness", 100, 119),
        ("edited", "stored leaf", 150, 150),
        ("rewritten", "anchored copy", 160, 160),
    }


def test_everything_is_signed_again_with_the_right_key(ledger: Ledger, check: Check) -> None:
    edit(ledger)
    report = check(ledger.recompute())
    assert told(report) == {("edited and recomputed", "anchored copy", AT, AT), ("re-signed", "witness", None, None)}
    assert "signed two histories" in str(report.findings[0])


def test_everything_is_signed_again_with_a_wrong_key(ledger: Ledger, check: Check) -> None:
    edit(ledger)
    assert told(check(ledger.recompute(STRANGER))) == {
        ("unknown key", "policy", None, None),
        ("edited and recomputed", "anchored copy", AT, AT),
    }


@pytest.mark.parametrize("left", [180, 187])
def test_the_tail_is_truncated(ledger: Ledger, check: Check, left: int) -> None:
    del ledger.entries[left:]
    assert ("tail truncated", "anchored copy", left, 199) in told(check(ledger.recompute()))


def test_the_tail_is_truncated_where_no_copies_are(ledger: Ledger, check: Check) -> None:
    del ledger.entries[180:]
    ledger.recompute().copies.clear()
    assert told(check(ledger)) == {("tail truncated", "witness", 180, 199)}


def test_yesterdays_dump_is_restored(ledger: Ledger, check: Check) -> None:
    dump = ledger.dump()
    ledger.run(5)
    ledger.restore(dump)
    assert told(check(ledger)) == {("tail truncated", "anchored copy", 200, 299)}


@pytest.mark.parametrize("rate", [20, 17])
def test_yesterdays_dump_is_restored_and_written_on(ledger: Ledger, check: Check, rate: int) -> None:
    """At the same rate the new checkpoints meet the old ones' names, at another they lie between them."""
    dump = ledger.dump()
    ledger.run(5)
    witnessed = dict(ledger.witnessed)
    ledger.restore(dump)
    ledger.rate = rate
    ledger.run(3)
    ledger.witnessed = witnessed
    report = check(ledger)
    assert ("earlier state restored", "anchored copy", 200, 299) in told(report)
    assert ("re-signed", "witness", None, None) in told(report)
    assert {one.attack for one in report.findings} == {"earlier state restored", "re-signed"}


def test_a_middle_entry_is_removed(ledger: Ledger, check: Check) -> None:
    del ledger.entries[AT]
    found = told(check(ledger.recompute()))
    assert found == {("removed", "anchored copy", AT, AT), ("re-signed", "witness", None, None)}


def test_a_middle_entry_is_removed_and_the_rest_renumbered(ledger: Ledger, check: Check) -> None:
    del ledger.entries[AT]
    for index in range(AT, len(ledger.entries)):
        ledger.entries[index] = ledger.entries[index].replace(b'"id": %d,' % (index + 2), b'"id": %d,' % (index + 1))
    report = check(ledger.recompute())
    assert told(report) == {
        ("removed", "anchored copy", AT, AT),
        ("renumbered", "anchored copy", AT + 1, 199),
        ("re-signed", "witness", None, None),
    }
    assert next(one.id for one in report.findings if one.attack == "removed") == 118


def test_an_entry_is_inserted(ledger: Ledger, check: Check) -> None:
    ledger.entries.insert(AT, body(START + timedelta(seconds=5.87), 5000))
    found = told(check(ledger.recompute()))
    assert found == {("inserted", "anchored copy", AT, AT), ("re-signed", "witness", None, None)}


def test_two_entries_change_places(ledger: Ledger, check: Check) -> None:
    ledger.entries[AT], ledger.entries[AT + 40] = ledger.entries[AT + 40], ledger.entries[AT]
    found = told(check(ledger.recompute()))
    assert {one for one in found if one[0] == "reordered"} == {
        ("reordered", "anchored copy", index, index) for index in (AT, AT + 40)
    }


def test_several_at_once_are_all_named(ledger: Ledger, check: Check) -> None:
    edit(ledger, 170)
    del ledger.entries[AT]
    edit(ledger, 3)
    found = told(check(ledger.recompute()))
    assert found >= {
        ("edited and recomputed", "anchored copy", 3, 3),
        ("removed", "anchored copy", AT, AT),
        ("edited and recomputed", "anchored copy", 170, 170),
    }


@pytest.mark.parametrize(("days", "ok"), [(9, False), (0.2, True), (0, True)])
def test_an_entry_is_back_dated(ledger: Ledger, check: Check, days: float, ok: bool) -> None:
    """A long migration may commit late, so up to a day is only a warning."""
    ledger.now += timedelta(seconds=1)
    ledger.append(body(ledger.now - timedelta(days=days), 201))
    ledger.seal()
    report = check(ledger)
    assert told(report) == (set() if ok else {("back-dated", "time", 200, 200)})
    assert bool(report.warnings) == (days == 0.2)


def test_an_entry_is_dated_after_its_seal(ledger: Ledger, check: Check) -> None:
    ledger.append(body(ledger.now + timedelta(minutes=1), 201))
    ledger.seal()
    assert told(check(ledger)) == {("post-dated", "time", 200, 200)}


def test_a_checkpoint_is_back_dated(ledger: Ledger, check: Check) -> None:
    ledger.now -= timedelta(hours=1)
    ledger.seal()
    ledger.append(body(ledger.now, 201))
    ledger.seal()
    assert ("back-dated", "time", None, None) in told(check(ledger))


def another_tree(ledger: Ledger, size: int) -> Checkpoint:
    leaves = [bytes(32), *ledger.leaves[1:size]]
    return Checkpoint.sealed(ORIGIN, size, root(leaves), ledger.now)


def test_an_anchor_is_overwritten(ledger: Ledger, check: Check) -> None:
    ledger.anchors[100] = another_tree(ledger, 100).sign(LOG)
    assert told(check(ledger)) == {("anchor overwritten", "witness", None, None)}


def test_an_anchor_is_overwritten_that_no_witness_kept(ledger: Ledger, check: Check) -> None:
    ledger.anchors[100] = another_tree(ledger, 100).sign(LOG)
    del ledger.witnessed[100]
    assert told(check(ledger)) == {("anchor overwritten", "witness", None, None)}


@pytest.mark.parametrize("junk", [b"junk", another_tree(INTACT, 100).sign(STRANGER)])
def test_an_anchor_is_overwritten_by_what_nobody_signed(ledger: Ledger, check: Check, junk: bytes) -> None:
    ledger.anchors[100] = junk
    assert told(check(ledger)) == {("anchor overwritten", "policy", None, None)}


def test_an_anchor_under_another_name(ledger: Ledger, check: Check) -> None:
    ledger.anchors[99] = ledger.anchors[100]
    (found,) = check(ledger).findings
    assert "it is of 100 entries" in found.message


def test_an_anchor_is_gone(ledger: Ledger, check: Check) -> None:
    del ledger.anchors[100]
    report = check(ledger)
    assert report.ok
    assert [one.attack for one in report.warnings] == ["anchor missing"]


def test_the_witness_kept_what_it_did_not_sign(ledger: Ledger, check: Check) -> None:
    ledger.witnessed[100] = ledger.anchors[100]
    assert told(check(ledger)) == {("unknown key", "policy", None, None)}


def test_the_copies_alone_are_rewritten(ledger: Ledger, check: Check) -> None:
    ledger.copies[100, 119] = [b"{}", *ledger.copies[100, 119][1:]]
    assert told(check(ledger)) == {("copy rewritten", "anchored copy", 100, 100)}


def test_a_leaf_alone_is_altered(ledger: Ledger, check: Check) -> None:
    ledger.leaves[AT] = bytes(32)
    assert told(check(ledger)) == {("leaf altered", "witness", AT, AT)}


def test_an_id_comes_twice(ledger: Ledger, check: Check) -> None:
    ledger.append(body(ledger.now, 118))
    ledger.seal()
    assert told(check(ledger)) == {("duplicate id", "id", 200, 200)}


def test_an_entry_cannot_be_read(ledger: Ledger, check: Check) -> None:
    ledger.append(b'{"id": true}')
    ledger.seal()
    assert told(check(ledger)) == {("unreadable entry", "id", 200, 200)}


@pytest.mark.parametrize(("years", "warned"), [(0, True), (8, False)])
def test_bodies_are_retired(ledger: Ledger, check: Check, years: int, warned: bool) -> None:
    """Whoever deletes a row can call it retired, so one that is too young for it is pointed out."""
    ledger.now += timedelta(days=365 * years)
    ledger.run()
    ledger.retired, ledger.entries[20:60] = [(20, 59)], [b"-"] * 40
    report = check(ledger)
    assert report.ok
    assert report.retired == 40
    assert "20-59" in report.text()
    assert [(one.first, one.last) for one in report.warnings] == [(20, 59)] * warned


def test_an_edit_is_found_where_bodies_are_retired(ledger: Ledger, check: Check) -> None:
    ledger.retired, ledger.entries[20:60] = [(20, 59)], [b"-"] * 40
    edit(ledger)
    ledger.leaves[AT] = leaf_hash(ledger.entries[AT])
    assert told(check(ledger)) == {("edited and recomputed", "anchored copy", AT, AT)}


def test_bodies_are_gone_that_nobody_retired(ledger: Ledger, check: Check) -> None:
    ledger.retired, ledger.entries[20:60] = [(20, 49)], [b"-"] * 40
    assert told(check(ledger)) == {("removed", "stored leaf", 50, 59)}


def test_less_evidence_is_said_to_prove_less(ledger: Ledger, check: Check) -> None:
    ledger.anchors.clear()
    ledger.copies.clear()
    ledger.witnessed.clear()
    report = check(ledger)
    assert told(report) == {("not witnessed", "policy", None, None)}
    assert sum(note.startswith("NO ") for note in report.notes) == 3


def test_chunks_and_processes_change_nothing(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints and batches that cross the files' borders, entries split over processes."""
    monkeypatch.setattr("bailiwick_verify.ledger.LARGE", 1)
    ledger.chunk = 33
    assert verify(ledger.write(tmp_path / "intact"), POLICY).ok
    edit(ledger)
    report = verify(ledger.recompute().write(tmp_path / "edited"), POLICY)
    assert ("edited and recomputed", "anchored copy", AT, AT) in told(report)


@given(st.data())
def test_any_mixture_is_told_apart(data: st.DataObject) -> None:
    """Entries edited, removed and inserted at random: each is named as what it was."""
    size = data.draw(st.integers(1, 30))
    fate = data.draw(st.lists(st.sampled_from("kkkker"), min_size=size, max_size=size))
    put = data.draw(st.sets(st.integers(0, size), max_size=4))
    bodies = [body(START + timedelta(seconds=at), at) for at in range(size)]
    ours: list[bytes] = []
    expected = Difference()
    for at in range(size + 1):
        if at in put:
            expected.inserted.append(len(ours))
            ours.append(body(START + timedelta(seconds=at - 0.5), 1000 + at))
        if at < size and fate[at] == "r":
            expected.removed.append(at)
        elif at < size:
            if fate[at] == "e":
                expected.edited.append((at, len(ours)))
            ours.append(bodies[at].replace(b"suspend", b"approve") if fate[at] == "e" else bodies[at])
    found = compare(*([Entry(leaf_hash(one), one) for one in row] for row in (bodies, ours)))
    assert (found.edited, found.removed, found.inserted) == (expected.edited, expected.removed, expected.inserted)
    assert not (found.moved or found.renumbered)


def test_a_byte_changed_anywhere_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Whatever else it may be called, and without a crash."""
    export = ledger.write(tmp_path / "export")
    files = [path for path in export.rglob("*") if path.is_file() and path.name != "policy.json"]
    random = Random(20261121)
    for _ in range(120):
        path = random.choice(files)
        good = path.read_bytes()
        at = random.randrange(len(good))
        path.write_bytes(good[:at] + bytes([good[at] ^ random.randint(1, 255)]) + good[at + 1 :])
        try:
            assert not verify(export, POLICY).ok, f"{path.name} at {at}"
        except Unreadable:
            pass
        path.write_bytes(good)
    assert verify(export, POLICY).ok


def test_findings_name_entry_and_id() -> None:
    assert str(Finding("removed", "anchor", "gone", 4, 4, 17)) == "entry 4 (id 17): REMOVED: gone [found by anchor]"
    assert Finding("removed", "anchor", "gone", 4, 9).where() == "entries 4 to 9"


def test_a_report_does_not_steer_the_terminal() -> None:
    report = Report(findings=[Finding("removed", "anchor", "\x1b[2Jnothing\u202e here")] * 300)
    assert {"\x1b", "\u202e"}.isdisjoint(report.text())
    assert "and 100 more" in report.text()
