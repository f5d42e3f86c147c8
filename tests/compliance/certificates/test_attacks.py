"""What a forger may try on a certificate, its PDF and its evidence: each is refused, and the refusal says why.

`make test` flips a byte at places drawn by a printed seed; `BAILIWICK_SWEEPS=all` at every place of every file.
"""

import base64
import json
import random
import re
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from bailiwick_proof import keys, manifest
from bailiwick_proof.archive import described, pack, require_same
from bailiwick_proof.canonical import canonical
from bailiwick_proof.certificate import Certificate, signed_text
from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.merkle import leaf_hash, node_hash
from bailiwick_proof.note import Note
from bailiwick_proof.trust import IssuerKey
from bailiwick_verify import certificate as verifier
from bailiwick_verify.__main__ import main
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from tests.compliance.certificates.conftest import Kit
from tests.compliance.certificates.made import IDS, KEY, PERSON, ROWS, finished
from tests.sweeps import SEED, WHOLE

pytestmark = pytest.mark.django_db
REFUSED = (Malformed, Unproven)
SAMPLE = 150


def places(size: int) -> list[int]:
    if WHOLE:
        return list(range(size))
    seed = SEED
    print(f"BAILIWICK_SEED={seed}")
    return random.Random(seed).sample(range(size), min(SAMPLE, size))


def flipped(data: bytes, place: int) -> bytes:
    bit = 1 << (place % 7)
    return data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]


@pytest.mark.parametrize("form", ["document", "pdf"])
def test_a_byte_flipped_anywhere(kit: Kit, form: str) -> None:
    data = getattr(kit, form)
    accepted = [place for place in places(len(data)) if not is_refused(flipped(data, place), kit)]
    assert accepted == []


@pytest.mark.parametrize("form", ["document", "pdf"])
def test_a_byte_flipped_where_no_signature_reaches(kit: Kit, form: str) -> None:
    """Signatures and time stamps cover all but themselves, so their own bytes are swept apart."""
    data = getattr(kit, form)
    begin = data.index(b'"signature":"') if form == "document" else data.index(b"/Contents <") + 10
    swept = range(begin, begin + 4_800)
    accepted = [
        begin + at
        for at in places(len(swept))
        if begin + at < len(data) and not is_refused(flipped(data, begin + at), kit)
    ]
    assert accepted == []


def test_a_byte_flipped_anywhere_in_the_archive(kit: Kit) -> None:
    evidence = Certificate.parse(kit.document).core.evidence
    for place in places(len(kit.archive)):
        with pytest.raises(Unproven, match="not the one of this certificate"):
            require_same(BytesIO(flipped(kit.archive, place)), evidence)


def is_refused(data: bytes, kit: Kit) -> bool:
    try:
        verifier.verify(data, kit.trust)
    except REFUSED:
        return True
    return False


def test_a_pdf_that_was_added_to_is_valid_and_not_intact(kit: Kit, tmp_path: Path) -> None:
    writer = IncrementalPdfFileWriter(BytesIO(kit.pdf))
    writer.root["/Note"] = generic.pdf_string("And the neighbour's data too.")
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    with pytest.raises(Unproven, match="added to after it was signed"):
        verifier.verify(out.getvalue(), kit.trust)
    (tmp_path / "more.pdf").write_bytes(out.getvalue())
    said = subprocess.run(["pdfsig", tmp_path / "more.pdf"], capture_output=True, text=True).stdout
    assert "Signature is Valid" in said and "Not total document signed" in said  # so validity alone is not enough


def test_pdfsig_agrees(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "certificate.pdf").write_bytes(kit.pdf)
    said = subprocess.run(["pdfsig", tmp_path / "certificate.pdf"], capture_output=True, text=True).stdout
    assert "Signature is Valid" in said and "\n  - Total document signed" in said and "CAdES" in said


def test_keys_reordered(kit: Kit) -> None:
    parts = json.loads(kit.document)
    with pytest.raises(Malformed, match="canonical form"):
        verifier.verify(json.dumps(dict(reversed(parts.items())), separators=(",", ":")).encode(), kit.trust)


def test_a_key_given_twice(kit: Kit) -> None:
    twice = kit.document.replace(b'"serial":', b'"serial":9,"serial":', 1)
    with pytest.raises(Malformed, match="a key stands twice"):
        verifier.verify(twice, kit.trust)


@pytest.mark.parametrize("part", ["core", "entry", "receipt", "signature", "timestamp"])
def test_a_part_of_another_certificate(kit: Kit, part: str) -> None:
    """Whoever changes one part would have to change them all, and has not the keys."""
    parts = json.loads(kit.document)
    other = {
        "core": {**parts["core"], "serial": 2},
        "entry": "{}",
        "receipt": parts["entry"],
        "signature": "x",
        "timestamp": "",
    }
    with pytest.raises(REFUSED):
        verifier.verify(canonical({**parts, part: other[part]}), kit.trust)


def test_signed_by_a_key_of_the_forger(kit: Kit) -> None:
    found = Certificate.parse(kit.document)
    own = keys.SigningKey.parse(keys.generate(kit.trust.issuer))
    text = signed_text(found.core, found.entry, found.receipt)
    forged = replace(found, signature=Note(text).signed(own).encode().decode())
    with pytest.raises(Unproven, match="no trusted key"):
        verifier.verify(forged.encode(), kit.trust)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"revoked": "2026-01-01T00:00:00+00:00"}, "when that was revoked"),
        ({"until": "2026-01-01T00:00:00+00:00", "since": "2025-01-01T00:00:00+00:00"}, "out of its term"),
    ],
)
def test_signed_with_a_key_that_was_revoked_or_not_in_force(kit: Kit, change: dict[str, str], why: str) -> None:
    (key,) = kit.trust.keys
    trust = replace(kit.trust, keys=(IssuerKey(**{name: getattr(key, name) for name in key.__slots__} | change),))
    for data in (kit.document, kit.pdf):
        with pytest.raises(Unproven, match=why):
            verifier.verify(data, trust)


def test_the_archive_of_another_certificate(kit: Kit, tmp_path: Path) -> None:
    other = finished(ids=IDS[:7])
    swapped = tmp_path / "evidence.zip"
    swapped.write_bytes(pack(other.files))
    with pytest.raises(Unproven, match="has changed"):
        verifier.check_archive(verifier.verify(kit.document, kit.trust), swapped)


def test_an_archive_whose_leaves_are_of_another_manifest(kit: Kit, tmp_path: Path) -> None:
    """Bound by its digest and still inconsistent: as if the issuer itself had packed the wrong leaves."""
    other = finished(ids=IDS[:7])
    proved = verifier.verify(kit.document, kit.trust)
    packed = pack(other.files)
    core = proved.certificate.core
    proved.certificate = replace(proved.certificate, core=replace(core, evidence=described(other.files, packed)))
    (tmp_path / "evidence.zip").write_bytes(packed)
    with pytest.raises(Unproven, match="do not give the root"):
        verifier.check_archive(proved, tmp_path / "evidence.zip")


# -- the manifest ---------------------------------------------------------------------------------------------------
def tree(kit: Kit) -> tuple[str, int]:
    return kit.done.erasure.systems[0].manifest.root, len(IDS)  # type: ignore[union-attr]


def test_each_deleted_id_is_included(kit: Kit) -> None:
    for one in IDS:
        manifest.Inclusion.build(KEY, ROWS, one, kit.done.leaves).verify(*tree(kit))


def test_an_id_that_was_never_deleted(kit: Kit) -> None:
    with pytest.raises(Unproven, match="never in the manifest"):
        manifest.Inclusion.build(KEY, ROWS, "doc-9999", kit.done.leaves)
    true = manifest.Inclusion.build(KEY, ROWS, IDS[3], kit.done.leaves)
    salt = manifest.salt_of(KEY, ROWS, "doc-9999").hex()
    for forged in (replace(true, id="doc-9999"), replace(true, id="doc-9999", salt=salt), replace(true, index=4)):
        with pytest.raises(Unproven):
            forged.verify(*tree(kit))


def test_an_inner_node_offered_as_a_leaf(kit: Kit) -> None:
    """Two leaves under their parent's prefix are not a leaf under its own, whatever length the tree is said to have."""
    left, right = kit.done.leaves[:2]
    assert leaf_hash(left + right) != node_hash(left, right)
    true = manifest.Inclusion.build(KEY, ROWS, IDS[0], kit.done.leaves)
    for leaves in (len(IDS), len(IDS) // 2 + 1):
        with pytest.raises(Unproven):
            replace(true, proof=true.proof[1:], index=0, leaves=leaves).verify(*tree(kit))


def test_ids_cannot_be_tried_against_the_leaves(kit: Kit) -> None:
    """All that a stranger has, tried for every id there is: with plain hashes each of them would be found."""
    seen = set(kit.done.leaves)
    public = [b"", bytes(32), bytes.fromhex(tree(kit)[0]), KEY[::-1]]
    for one in (f"doc-{number:04d}" for number in range(10_000)):
        plain = (one.encode(), f"{ROWS}\0{one}".encode())
        assert not seen & {leaf_hash(data) for data in plain}
    for salt in public:
        tried = {manifest.leaf_of(salt, ROWS, one) for one in IDS} if len(salt) == 32 else set()
        assert not seen & tried
    one_known = manifest.Inclusion.build(KEY, ROWS, IDS[0], kit.done.leaves)  # giving one away gives no other
    assert {manifest.leaf_of(bytes.fromhex(one_known.salt), ROWS, one) for one in IDS} & seen == {kit.done.leaves[0]}


# -- what must be nowhere -------------------------------------------------------------------------------------------
def test_no_personal_data_anywhere(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "c.pdf").write_bytes(kit.pdf)
    read = [["pdftotext", "c.pdf", "-"], ["pdfinfo", "-meta", "c.pdf"], ["pdfinfo", "c.pdf"]]
    texts = [subprocess.run(one, cwd=tmp_path, capture_output=True, check=True).stdout for one in read]
    for data in (kit.document, kit.pdf, kit.archive, kit.status, *texts):
        assert not [one for one in (*PERSON, *IDS) if one.encode() in data]
    for data in (kit.document, kit.status, *texts):  # among compressed bytes an address stands by chance now and then
        assert not re.search(rb"[\w.]+@[\w-]+\.[a-z]{2}", data)
    assert b"Certificate of erasure" in texts[0]


# -- the command ----------------------------------------------------------------------------------------------------
@pytest.fixture
def files(kit: Kit, tmp_path: Path) -> Path:
    given = {"c.json": kit.document, "c.pdf": kit.pdf, "e.zip": kit.archive, "trust.json": kit.trust.encode()}
    proof = manifest.Inclusion.build(KEY, ROWS, IDS[5], kit.done.leaves)
    for name, data in (given | {"status.json": kit.status, "i.json": proof.encode()}).items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def run(files: Path, *arguments: str) -> int:
    return main(["certificate", *(str(files / one) if "." in one else one for one in arguments)])


def test_the_command_says_what_was_checked_and_what_not(files: Path, capsys: Any) -> None:
    everything = ("--archive", "e.zip", "--inclusion", "i.json", "--status-list", "status.json")
    assert run(files, "c.pdf", "--policy", "trust.json", *everything) == 0
    said = capsys.readouterr().out
    assert said.startswith("VALID: final erasure certificate ") and "NOT CHECKED" not in said
    for words in (
        "SIMULATED",
        "21 of 21 gone",
        "doc-0005 was in the manifest",
        "not withdrawn",
        "intact to its last byte",
    ):
        assert words in said, words
    assert run(files, "c.json", "--policy", "trust.json") == 0
    assert capsys.readouterr().out.count("NOT CHECKED") == 2


def test_the_command_refuses_in_one_line(files: Path, kit: Kit, capsys: Any) -> None:
    (files / "bad.json").write_bytes(kit.document.replace(b'"serial":1', b'"serial":2'))
    (files / "bad.zip").write_bytes(kit.archive[:-1] + b"x")
    assert run(files, "bad.json", "--policy", "trust.json") == 1
    assert capsys.readouterr().out == "NOT VALID: the ledger sealed another certificate than this one\n"
    assert run(files, "c.json", "--policy", "trust.json", "--archive", "bad.zip") == 1
    assert run(files, "i.json", "--policy", "trust.json") == 2


def test_a_foreign_timestamp_is_refused(kit: Kit) -> None:
    parts = json.loads(kit.document)
    token = bytearray(base64.b64decode(parts["timestamp"]))
    with pytest.raises(Unproven, match="not trusted"):
        verifier.verify(kit.document, replace(kit.trust, authorities=()))
    with pytest.raises(REFUSED):
        verifier.verify(canonical({**parts, "timestamp": base64.b64encode(token + b"\0").decode()}), kit.trust)
