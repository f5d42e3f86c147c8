"""A receipt proves one entry offline; canonical JSON and commitments have one form."""

import hashlib
import json
from decimal import Decimal

import pytest
from bailiwick_proof.canonical import canonical, digest
from bailiwick_proof.commitment import commitment, new_salt
from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.merkle import root
from bailiwick_proof.receipt import Receipt
from hypothesis import given
from hypothesis import strategies as st

from .builder import POLICY, Ledger

LEDGER = Ledger().run(2)
SIZE = len(LEDGER.entries)


def receipt(index: int = 17, extra: bool = True) -> Receipt:
    note, entry = LEDGER.witnessed[SIZE], LEDGER.entries[index] if extra else None
    return Receipt.build(index, note, lambda level, at: root(LEDGER.leaves[at << level : (at + 1) << level]), entry)


@pytest.mark.parametrize("index", range(SIZE))
def test_every_entry_has_one(index: int) -> None:
    data = receipt(index).encode()
    assert Receipt.parse(data).encode() == data
    assert Receipt.parse(data).verify(POLICY).checkpoint.size == SIZE


def test_what_it_looks_like() -> None:
    lines = receipt(17, extra=False).encode().decode().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 17"]
    assert lines.index("") == 2 + 6  # six hashes for a tree of forty
    assert lines[9] == "bailiwick.test/ledger"


def test_another_entry_is_refused() -> None:
    assert receipt(extra=False).verify(POLICY, LEDGER.entries[17])
    with pytest.raises(Unproven):
        receipt().verify(POLICY, LEDGER.entries[18])
    with pytest.raises(Malformed, match="brings the entry"):
        receipt(extra=False).verify(POLICY)


@given(st.data())
def test_a_byte_changed_anywhere_is_refused(data: st.DataObject) -> None:
    good = receipt().encode()
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    with pytest.raises((Malformed, Unproven)):
        Receipt.parse(bad).verify(POLICY)


@pytest.mark.parametrize("data", [b"", b"c2sp.org/tlog-proof@v1\n\n", b"c2sp.org/tlog-proof@v1\nindex 01\n\nx"])
def test_what_is_no_receipt(data: bytes) -> None:
    with pytest.raises(Malformed):
        Receipt.parse(data)


def test_a_commitment_is_what_postgresql_computes() -> None:
    salt = bytes(range(32))
    plain = salt + "नाम".encode() + b"\0" + "Aarav ₹".encode()
    assert commitment(salt, "नाम", "Aarav ₹") == hashlib.sha256(plain).hexdigest()
    assert new_salt() != new_salt()
    for bad_salt, field in ((b"short", "name"), (salt, "na\0me")):
        with pytest.raises(ValueError, match=r"salt|NUL"):
            commitment(bad_salt, field, "value")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON)
def test_canonical_json_has_one_form(value: object) -> None:
    data = canonical(value)
    assert json.loads(data) == value
    assert canonical(json.loads(data)) == data


def test_what_has_no_canonical_form() -> None:
    assert digest({"b": Decimal("1.50"), "a": 1}) == hashlib.sha256(b'{"a":1,"b":"1.50"}').hexdigest()
    for value in (1.5, {"a": [1.5]}, {1: 2}, object()):
        with pytest.raises(TypeError):
            canonical(value)
