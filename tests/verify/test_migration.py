"""The record of a move is what was sealed and says that both sides were equal, or it is refused with what is wrong."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from bailiwick_proof.canonical import canonical
from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.merkle import root
from bailiwick_proof.receipt import Receipt
from bailiwick_verify.__main__ import main
from bailiwick_verify.migration import EMPTY, verify
from hypothesis import given
from hypothesis import strategies as st

from .builder import POLICY, Ledger, body

ROOT, STORED = "a" * 64, "b" * 64
AT = "2026-11-21T15:00:00.123456+00:00"
SWITCH = {"attempts": 2, "epoch": 3, "pause_ms": "41.2", "budget_ms": "100.0", "keys_inside": 12}
RECORD: dict[str, Any] = {
    "format": "bailiwick.migration-record/1",
    "outcome": "switched",
    "move": "MV-0007",
    "migration": "0199-move",
    "tenant": "0199-tenant",
    "is_rehearsal": False,
    "source": "ap-south-1",
    "target": "eu-west-1",
    "job_epoch": 4,
    "routing": {"before": 1, "after": 3, "now": 3},
    "rows": {
        "snapshot": "742:742:",
        "total": 1_234,
        "tables": {"documents": 1_000, "chunks": 234},
        "root_source": ROOT,
        "root_target": ROOT,
    },
    "objects": {"total": 5, "root_source": STORED, "root_target": STORED},
    "switch": SWITCH,
    "way_back": None,
    "rounds": 6,
    "versions": {"engine": "0123456789ab", "module": "0123456789ab", "client": "0123456789ab"},
    "times": {"started": AT, "verified": AT, "switched": AT, "ended": None},
}
LOSS = {"writes": 12, "epoch": 5, "counted_at": AT, "silent_since": AT, "accepted_at": AT}
BACK = {"outcome": "rolled_back", "way_back": {**SWITCH, "epoch": 5}, "routing": {"before": 1, "after": 3, "now": 5}}


def sealed(record: dict[str, Any], **more: Any) -> bytes:
    """The file of a record in a ledger that the policy trusts."""
    about = {"verb": "migration.recorded", "object": "migration.migration", "pk": "0199-move", "tenant": "0199-tenant"}
    ledger = Ledger().run(1)
    ledger.append(body(ledger.now, 21, data=record, **{**about, **more}))
    ledger.seal()

    def hash_at(level: int, index: int) -> bytes:
        return root(ledger.leaves[index << level : (index + 1) << level])

    entry = ledger.entries[-1]
    proof = Receipt.build(20, ledger.witnessed[21], hash_at, entry).encode()
    return canonical({"record": record, "entry": entry.decode(), "receipt": proof.decode()})


def changed(path: str, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(RECORD)
    *way, last = path.split(".")
    at = made
    for name in way:
        at = at[name]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return made


def leaves(record: dict[str, Any], path: str = "") -> list[str]:
    """The path of each member that holds no others."""
    found = []
    for name, value in record.items():
        found += leaves(value, f"{path}{name}.") if isinstance(value, dict) else [path + name]
    return found


GOOD = sealed(RECORD)


def test_it_is_told_in_words() -> None:
    said = verify(GOOD, POLICY).text()
    for words in (
        "Move MV-0007", "ap-south-1 to eu-west-1", "1,234 in 2 tables, equal at snapshot 742:742:", ROOT,
        "writers waited 41.2 ms of at most 100.0 ms", "Entry 20 is in bailiwick.test/ledger",
    ):  # fmt: skip
        assert words in said, words


def test_there_and_back() -> None:
    said = verify(sealed({**RECORD, **BACK, "times": {**RECORD["times"], "ended": AT}}), POLICY).text()
    assert "rolled back" in said and "Way back" in said


@pytest.mark.parametrize("path", leaves(RECORD))
def test_a_member_changed_in_the_record_alone_is_named(path: str) -> None:
    parts = json.loads(GOOD)
    for value in ("other", ...):
        with pytest.raises(Unproven, match=rf"not what was sealed: {path} "):
            verify(canonical({**parts, "record": changed(path, value)}), POLICY)


@pytest.mark.parametrize("path", leaves(RECORD))
def test_a_member_changed_in_record_and_entry_is_not_proved(path: str) -> None:
    other = json.loads(sealed(changed(path, "other")))
    with pytest.raises((Unproven, Malformed)):
        verify(canonical({**other, "receipt": json.loads(GOOD)["receipt"]}), POLICY)


@given(st.data())
def test_a_byte_changed_anywhere_is_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD) - 1))
    bad = GOOD[:at] + bytes([GOOD[at] ^ data.draw(st.integers(1, 255))]) + GOOD[at + 1 :]
    with pytest.raises((Malformed, Unproven)):
        verify(bad, POLICY)


@pytest.mark.parametrize(
    "path, value, why",
    [
        ("format", "bailiwick.migration-record/2", "this verifier reads"),
        ("rows.root_target", "c" * 64, "rows of the two sides were not equal"),
        ("objects.root_target", "c" * 64, "objects of the two sides were not equal"),
        ("rows.root_source", "", r"misspells rows\.root_source"),
        ("rows.total", 1_235, "do not add up"),
        ("rows.tables", {}, r"misspells rows\.tables"),
        ("objects.total", 0, None),
        ("target", "ap-south-1", "no move"),
        ("outcome", "won", "no move"),
        ("outcome", "rolled_back", "contradict"),
        ("routing.after", 1, "routing epochs"),
        ("routing.now", 2, "routing epochs"),
        ("switch.epoch", 9, "routing epochs"),
        ("switch", None, "misspells switch"),
        ("switch.pause_ms", "fast", r"misspells switch\.pause_ms"),
        ("times.switched", None, r"misspells times\.switched"),
        ("rounds", ..., "misspells rounds"),
        ("colour", "red", "misspells colour"),
        ("migration", "another", "another move"),
        ("tenant", "another", "another move"),
    ],
)
def test_what_is_signed_must_also_hold(path: str, value: Any, why: str | None) -> None:
    made = changed(path, value)
    if why is None:  # nothing stored has the root of nothing
        made["objects"] = {"total": 0, "root_source": EMPTY, "root_target": EMPTY}
        assert verify(sealed(made), POLICY)
        return
    with pytest.raises(Unproven, match=why):
        verify(sealed(made), POLICY)


def test_the_roots_of_nothing_prove_nothing() -> None:
    for part in ("rows", "objects"):
        made = copy.deepcopy(RECORD)
        made[part] |= {"root_source": EMPTY, "root_target": EMPTY}
        with pytest.raises(Unproven, match="of nothing"):
            verify(sealed(made), POLICY)


def test_vectors_beside_the_rows_are_equal_too() -> None:
    held = {"total": 12, "root_source": STORED, "root_target": STORED}
    assert f"Vectors   12, equal, root {STORED}" in verify(sealed({**RECORD, "vectors": held}), POLICY).text()
    for wrong, why in (({"root_target": "c" * 64}, "vectors of the two sides"), ({"total": None}, r"vectors\.total")):
        with pytest.raises(Unproven, match=why):
            verify(sealed({**RECORD, "vectors": {**held, **wrong}}), POLICY)


def test_what_came_ahead_and_what_an_inventory_says_is_told() -> None:
    found = {"alike": 9, "different": 1, "missing": 2}
    ahead = {"listed": 12, "execution": "arn:exec", "status": "SUCCESS", "files": 12, "bytes": 80, "found": found}
    seen = {"ap-south-1": {"outcome": "agrees", "at": AT}, "eu-west-1": {"outcome": "none at hand", "at": None}}
    words = verify(sealed({**RECORD, "datasync": ahead, "inventory": seen}), POLICY).text()
    assert "was to bring 12 objects and said SUCCESS; 9 of them were found alike" in words
    assert "Inventory ap-south-1: agrees" in words and "Inventory eu-west-1: none at hand" in words
    refused = {"execution": None, "status": None, "files": None, "bytes": None, "found": None}
    assert "said nothing" in verify(sealed({**RECORD, "datasync": {**ahead, **refused}}), POLICY).text()
    for wrong in ({"datasync": {**ahead, "found": {}}}, {"inventory": {"x": {"outcome": "differs", "at": AT}}}):
        with pytest.raises(Unproven, match=f"misspells {next(iter(wrong))}"):
            verify(sealed({**RECORD, **wrong}), POLICY)


def test_a_target_that_was_given_up_says_what_went_with_it() -> None:
    back = {**RECORD, **BACK, "way_back": None, "loss": LOSS}
    assert "12 writes as counted" in verify(sealed(back), POLICY).text()
    unknown = {**back, "loss": {**LOSS, "writes": None, "counted_at": None}}
    assert "an unknown number of writes" in verify(sealed(unknown), POLICY).text()
    wrong = ({"loss": {**LOSS, "writes": -1}}, {"way_back": BACK["way_back"]}, {"outcome": "switched"})
    for one in wrong:
        with pytest.raises(Unproven):
            verify(sealed({**back, **one}), POLICY)


def test_stores_of_a_target_that_were_given_up_stand_beside_the_way_back() -> None:
    lost = {**LOSS, "stores": {"objects": 2, "vectors": None}}
    back = {**RECORD, **BACK, "loss": lost}
    assert "2 objects and an unknown number of vectors" in verify(sealed(back), POLICY).text()
    wrong = (
        {"way_back": None},
        {"outcome": "switched"},
        *({"loss": {**lost, "stores": odd}} for odd in ({}, {"rows": 1})),
    )
    for one in wrong:
        with pytest.raises(Unproven):
            verify(sealed({**back, **one}), POLICY)


def test_another_entry_proves_no_move() -> None:
    with pytest.raises(Unproven, match=r"but tenant\.suspended"):
        verify(sealed(RECORD, verb="tenant.suspended"), POLICY)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy, file = tmp_path / "policy.json", tmp_path / "MV-0007.json"
    policy.write_bytes(POLICY.encode())
    for data, code in ((GOOD, 0), (sealed(changed("rows.total", 1)), 1), (json.dumps(json.loads(GOOD)).encode(), 2)):
        file.write_bytes(data)
        assert main(["migration", str(file), "--policy", str(policy)]) == code
    said = capsys.readouterr()
    assert "NOT PROVED: the tables do not add up to the rows" in said.out and "canonical" in said.err
