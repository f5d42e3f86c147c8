"""Verify a tenant's export: is every file what the manifest commits to, and the manifest what the ledger sealed?"""

import hashlib
import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol
from zipfile import BadZipFile, ZipFile

from bailiwick_proof.canonical import canonical
from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.policy import Policy
from bailiwick_proof.strict import read as strictly

from . import receipt
from .report import printable

FORMAT, VERB = "bailiwick.tenant-export/1", "export.verified"
MANIFEST, PROOF, INDEX = "manifest.json", "proof.json", "files.jsonl"
PARTS = {"entry": str, "receipt": str}
BLOCK, MOST = 1 << 20, 16 << 20
SAID = {
    "format": str, "export": str, "tenant": str, "name": str, "region": str, "as_of": str, "snapshot": str,
    "schema": str, "rows": dict, "objects": int, "files": int, "bytes": int, "index": dict,
}  # fmt: skip


class Files(Protocol):
    """A folder or a zip: names, and bytes block by block."""

    def names(self) -> list[str]: ...

    def blocks(self, name: str) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that holds, and the receipt that proves its manifest."""

    manifest: dict[str, Any]
    digest: str
    proved: receipt.Proved

    def text(self) -> str:
        """Say what is proved, for people."""
        one = self.manifest
        lines = [
            f"Export {one['export']} of tenant {one['tenant']} ({one['name']}),",
            f"of what {one['region']} held as of {one['as_of']}.",
            "",
            f"  Manifest  SHA-256 {self.digest}",
            f"  Files     {one['files']:,} with {one['bytes']:,} bytes, all as named, none besides",
            f"  Snapshot  {one['snapshot']}, schema {one['schema'][:16]}",
            *(f"    {count:>11,}  {table}" for table, count in sorted(one["rows"].items())),
            f"    {one['objects']:>11,}  originals, by version",
            *([f"    {one['vectors']:>11,}  vectors beside the rows"] if "vectors" in one else []),
            "",
        ]
        return printable("\n".join(lines) + "\n") + self.proved.text()


def verify(path: Path, policy: Policy) -> Exported:
    """Return what the export proves; Malformed or Unproven when it does not."""
    with _opened(path) as files:
        names = files.names()
        if len(set(names)) != len(names):
            _refuse("a name stands twice in it")
        data, proof = _small(files, names, MANIFEST), strictly(_small(files, names, PROOF), "a proof")
        manifest = _manifest(data)
        proved = _sealed(manifest, proof, policy)
        _hold(files, names, manifest)
    return Exported(manifest, hashlib.sha256(data).hexdigest(), proved)


def _manifest(data: bytes) -> dict[str, Any]:
    found = strictly(data, "a manifest")
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise Malformed(f"this verifier reads {FORMAT}")
    wrong = [name for name, kind in SAID.items() if type(found.get(name)) is not kind]
    if wrong or set(found) - set(SAID) - {"vectors"} or type(found.get("vectors", 0)) is not int:
        raise Malformed(f"the manifest lacks or misspells {', '.join(wrong) or 'something'}")
    if any(type(count) is not int for count in found["rows"].values()) or found["index"].keys() != {"path", "sha256"}:
        raise Malformed("the manifest's counts or index are none")
    return found


def _sealed(manifest: dict[str, Any], proof: Any, policy: Policy) -> receipt.Proved:
    """The receipt proves the entry, and the entry says this manifest."""
    if not isinstance(proof, dict) or {name: type(part) for name, part in proof.items()} != {
        "entry": str,
        "receipt": str,
    }:
        raise Malformed("a proof has exactly entry and receipt")
    proved = receipt.verify(proof["receipt"].encode(), policy)
    if proved.entry != proof["entry"].encode():
        raise Unproven("the entry in the proof is not the one that the receipt proves")
    try:
        entry = json.loads(proof["entry"])
        same = canonical(entry["data"]) == canonical(manifest)
        about = (entry["op"], entry["verb"], entry["object"], entry["tenant"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Unproven(f"the entry is no record of an export: {error}") from error
    if about != ("A", VERB, "exports.export", manifest["tenant"]):
        _refuse("the entry is no record of this tenant's export")
    if not same:
        _refuse("the manifest is not what was sealed")
    return proved


def _hold(files: Files, names: list[str], manifest: dict[str, Any]) -> None:
    """Every file that is named is there as it was, and no other is."""
    rest, digest, size, lines, count = set(names) - {MANIFEST, PROOF, INDEX}, hashlib.sha256(), 0, dict[str, int](), 0
    if INDEX not in names:
        _refuse(f"{INDEX} is missing")
    for line in _lines(files, digest):
        one = _named(line)
        if one["path"] not in rest:
            _refuse(f"{one['path']} is missing, or named twice")
        rest.remove(one["path"])
        lines[one["path"]] = _file(files, one)
        size, count = size + one["bytes"], count + 1
    if digest.hexdigest() != manifest["index"]["sha256"]:
        _refuse(f"{INDEX} is not the one that the manifest names")
    if rest:
        _refuse(f"the manifest does not know {', '.join(sorted(rest)[:5])}")
    if (count, size) != (manifest["files"], manifest["bytes"]):
        _refuse("files or bytes are not as many as the manifest says")
    for table, rows in manifest["rows"].items():
        path = "vectors/pgvector.jsonl" if table == "chunk_vectors" else f"rows/{table}.jsonl"
        if lines.get(path) != rows:
            _refuse(f"{path} does not hold the {rows} rows that the manifest says")


def _named(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
        if {name: type(found[name]) for name in found} == {"path": str, "bytes": int, "sha256": str}:
            return dict(found)
    except (ValueError, TypeError, RecursionError):
        pass
    raise Malformed(f"{INDEX} holds a line that names no file")


def _file(files: Files, one: dict[str, Any]) -> int:
    digest, size, lines = hashlib.sha256(), 0, 0
    for block in files.blocks(one["path"]):
        digest.update(block)
        size, lines = size + len(block), lines + block.count(b"\n")
    if (size, digest.hexdigest()) != (one["bytes"], one["sha256"]):
        _refuse(f"{one['path']} is not what was written")
    return lines


def _lines(files: Files, digest: Any) -> Iterator[bytes]:
    rest = b""
    for block in files.blocks(INDEX):
        digest.update(block)
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        raise Malformed(f"{INDEX} ends in the middle of a line")


def _small(files: Files, names: list[str], name: str) -> bytes:
    if name not in names:
        raise Malformed(f"no export: it has no {name}")
    found = bytearray()
    for block in files.blocks(name):
        found += block
        if len(found) > MOST:
            raise Malformed(f"{name} is larger than any is")
    return bytes(found)


@contextmanager
def _opened(path: Path) -> Iterator[Files]:
    if path.is_dir():
        yield Folder(path)
        return
    try:
        with ZipFile(path) as archive:
            yield Zip(archive)
    except (BadZipFile, NotImplementedError, EOFError) as error:
        raise Malformed(f"not a whole zip: {error}") from error


@dataclass(frozen=True)
class Folder:
    """Regular files below it; a link leads elsewhere and is refused."""

    path: Path

    def names(self) -> list[str]:
        found = [one for one in self.path.rglob("*") if not stat.S_ISDIR(one.lstat().st_mode)]
        if links := [one for one in found if not stat.S_ISREG(one.lstat().st_mode)]:
            _refuse(f"{links[0].name} is no regular file")
        return [one.relative_to(self.path).as_posix() for one in found]

    def blocks(self, name: str) -> Iterator[bytes]:
        with (self.path / name).open("rb") as file:
            while block := file.read(BLOCK):
                yield block


@dataclass(frozen=True)
class Zip:
    """Read where it lies: nothing is unpacked, so no name in it leads anywhere."""

    archive: ZipFile

    def names(self) -> list[str]:
        return [one for one in self.archive.namelist() if not one.endswith("/")]

    def blocks(self, name: str) -> Iterator[bytes]:
        try:
            with self.archive.open(name) as file:
                while block := file.read(BLOCK):
                    yield block
        except Exception as error:  # what a broken zip raises is of many kinds
            raise Unproven(f"{name} cannot be read: {error}") from error


def _refuse(why: str) -> NoReturn:
    raise Unproven(why)
