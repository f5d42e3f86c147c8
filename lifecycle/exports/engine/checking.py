"""Looks at what was written: every file read back and hashed, every line counted, nothing of the writer's believed.

Shares no code with the writer but where things lie. A fault is Permanent: nothing that was written wrong is handed out.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent

SYSTEM = "exports"


@dataclass
class Checked:
    """What was found: how many files, how many bytes, and of JSON Lines how many lines, by path."""

    files: int
    bytes: int
    lines: dict[str, int]


def check(s3: Any, bucket: str, key_of: Callable[[str], str], manifest: bytes, beat: Callable[[], None]) -> Checked:
    """Read back the manifest, the index that it names and every file that the index names."""
    if (stored := _whole(s3, bucket, key_of("manifest.json"))) != manifest:
        _refuse(f"manifest.json is not what was written: {len(stored)} bytes")
    index = json.loads(manifest)["index"]
    digest, found = hashlib.sha256(), Checked(0, 0, {})
    for line in _lines(s3, bucket, key_of("files.jsonl"), digest):
        one = json.loads(line)
        _file(s3, bucket, key_of(one["path"]), one, found)
        beat()
    if digest.hexdigest() != index["sha256"]:
        _refuse("files.jsonl is not what the manifest names")
    return found


def compare(found: Checked, manifest: dict[str, Any], counted: dict[str, int]) -> None:
    """Hold lines against what an independent query counted, and both against the manifest."""
    for table, rows in counted.items():
        path = "vectors/pgvector.jsonl" if table == "chunk_vectors" else f"rows/{table}.jsonl"
        if found.lines.get(path) != rows or manifest["rows"].get(table) != rows:
            _refuse(f"{path} holds {found.lines.get(path)} rows where {rows} were counted")
    if set(manifest["rows"]) != set(counted):
        _refuse("the manifest and the catalogue do not name the same tables")
    if (found.files, found.bytes) != (manifest["files"], manifest["bytes"]):
        _refuse(f"{found.files} files with {found.bytes} bytes are not what the manifest says")


def _file(s3: Any, bucket: str, key: str, one: dict[str, Any], found: Checked) -> None:
    digest, size, ends = hashlib.sha256(), 0, 0
    for block in _blocks(s3, bucket, key):
        digest.update(block)
        size += len(block)
        ends += block.count(b"\n")
    if (size, digest.hexdigest()) != (one["bytes"], one["sha256"]):
        _refuse(f"{one['path']} is not what was written")
    found.files += 1
    found.bytes += size
    if one["path"].endswith(".jsonl"):
        found.lines[one["path"]] = ends


def _lines(s3: Any, bucket: str, key: str, digest: Any) -> Iterator[bytes]:
    rest = b""
    for block in _blocks(s3, bucket, key):
        digest.update(block)
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        _refuse("files.jsonl ends in the middle of a line")


def _whole(s3: Any, bucket: str, key: str) -> bytes:
    return b"".join(_blocks(s3, bucket, key))


def _blocks(s3: Any, bucket: str, key: str) -> Iterator[bytes]:
    with aws.translated(SYSTEM, "read back"):
        found = aws.unless_absent(s3.get_object, Bucket=bucket, Key=key)
        if found is None:
            _refuse("a file that was written is not there")
        yield from found["Body"].iter_chunks(1 << 20)


def _refuse(why: str) -> NoReturn:
    raise Permanent(SYSTEM, "verify", why)
