"""An export holds exactly what the tenant has, says so under a seal, and is refused where a byte of it differs."""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import psycopg
import pytest
from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.policy import Policy
from bailiwick_verify.tenant import verify
from psycopg import sql

from lifecycle.exports import downloads
from portal.audit.models import Entry
from portal.audit.sealing.settings import keys

from .conftest import HOME, KEPT, Settled, lines

EACH = "SELECT to_jsonb(t) FROM rag.{} t WHERE tenant_id = %s"


def rows_of(notes: Settled, table: str) -> list[str]:
    """As an independent query has them, in no order."""
    with psycopg.connect(**notes.region.database.connect_kwargs("verifier")) as db:
        db.execute("SET TimeZone = 'UTC'")
        found = db.execute(sql.SQL(EACH).format(sql.Identifier(table)), [notes.tenant.pk]).fetchall()
    return sorted(json.dumps(one, sort_keys=True) for (one,) in found)


def as_text(one: dict[str, Any]) -> str:
    """A line of the export as `rows_of` has it: there a vector is a text."""
    vector = {"embedding": json.dumps(one["embedding"], separators=(",", ":"))} if "embedding" in one else {}
    return json.dumps({**one, **vector}, sort_keys=True)


def test_it_holds_every_row_vector_and_original_and_no_neighbours(notes: Settled) -> None:
    made = notes.made()
    archive, manifest = notes.zip(made), made.found
    assert archive.testzip() is None
    tables = set(notes.world.everything(notes.region))
    assert set(manifest["rows"]) == tables and manifest["rows"]["documents"] == 6
    for table in tables:
        path = "vectors/pgvector.jsonl" if table == "chunk_vectors" else f"rows/{table}.jsonl"
        got = sorted(map(as_text, lines(archive, path)))
        assert got == rows_of(notes, table) and len(got) == manifest["rows"][table], table
    index = lines(archive, "objects/index.jsonl")
    bodies = {
        key: [None if one["is_marker"] else archive.read(one["path"]) for one in index if one["key"] == key]
        for key in {one["key"] for one in index}
    }
    assert {key: sorted(map(str, found)) for key, found in bodies.items()} == {
        key: sorted(map(str, found)) for key, found in KEPT.items()
    }
    assert all(one["metadata"] == {"of": "closing-notes"} for one in index if not one["is_marker"])
    assert not [name for name in archive.namelist() if ".." in name or name.startswith("/")]
    assert b"beside-notes" not in b"".join(archive.read(name) for name in archive.namelist())
    entry = json.loads(archive.read("registry/tenant.json"))
    assert (entry["name"], entry["tier"], entry["owner"]) == ("closing-notes", "gold", "meera")


def test_it_lies_in_the_tenants_region_encrypted(notes: Settled) -> None:
    made = notes.made()
    place = notes.place(made)
    assert made.region == HOME and place.bucket.endswith(HOME)
    told = place.s3.head_object(Bucket=place.bucket, Key=place.key(made.places[""], "manifest.json"))
    assert told["ServerSideEncryption"] in ("aws:kms", "AES256")
    acts = Entry.objects.filter(object_id=str(made.pk), op="A").order_by("id")
    assert list(acts.values_list("verb", flat=True)) == ["export.asked", "export.verified"]


def unpacked(notes: Settled, at: Path) -> tuple[Path, Policy]:
    """The export as a folder, with the policy of the ledger's keys."""
    made = notes.made()
    (at / "export.zip").write_bytes(b"".join(downloads.zipped(notes.place(made), made.places)))
    with ZipFile(at / "export.zip") as archive:
        archive.extractall(at / "export")
    return at / "export", keys().policy


def test_a_stranger_checks_it_offline_and_sees_what_was_changed(notes: Settled, tmp_path: Path) -> None:
    folder, policy = unpacked(notes, tmp_path)
    proved = verify(folder, policy)
    assert proved.manifest["name"] == "closing-notes" and "originals" in proved.text()
    packed = tmp_path / "export.zip"
    assert verify(packed, policy).digest == proved.digest
    packed.write_bytes(packed.read_bytes()[:-100])
    with pytest.raises(Malformed):
        verify(packed, policy)
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        whole = path.read_bytes()
        if not whole:
            continue
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        with pytest.raises((Unproven, Malformed)):
            verify(folder, policy)
        path.unlink()
        with pytest.raises((Unproven, Malformed)):
            verify(folder, policy)
        path.write_bytes(whole)
    (folder / "rows" / "more.jsonl").write_text("{}\n")
    with pytest.raises(Unproven, match="does not know rows/more"):
        verify(folder, policy)
