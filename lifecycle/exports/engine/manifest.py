"""What is in an export: the index of its files, the manifest that commits to them all, and a letter to the receiver."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from bailiwick_proof.canonical import canonical

from .originals import INDEX as ORIGINALS
from .place import Place
from .writing import Beat, Written, lines, opened, read, written

FORMAT = "bailiwick.tenant-export/1"
INDEX, MANIFEST, README, PROOF = "files.jsonl", "manifest.json", "README.txt", "proof.json"
LETTER = """Export {export} of {name} ({tenant})

Everything that the platform held of this tenant in {region}, as of {as_of}.

  manifest.json     what is in here: counts, snapshot, and the SHA-256 of files.jsonl
  files.jsonl       every other file: its path, its size and its SHA-256, one to a line
  proof.json        the entry of the issuer's ledger that holds the manifest, and its receipt
  registry/         how the tenant was registered and configured
  rows/             the rows of each table, one JSON object to a line
  vectors/          the vectors with the keys of their passages, and how they were made (registry/tenant.json)
  objects/          the originals; objects/index.jsonl says of each its key, version, time, type and tags

Timestamps are in UTC. Rows of sessions and API keys hold digests of tokens, never tokens.

To check it offline, with the policy file of the issuer's ledger that you got from somebody you trust:

  bailiwick-verify export THIS-FOLDER-OR-ZIP --policy policy.json

Confirm the receipt in the portal with the SHA-256 of manifest.json. The copy there is then deleted; this one is yours.
"""


def write_index(place: Place, attempt: str, files: list[dict[str, Any]], places: dict[str, str], beat: Beat) -> Written:
    """One line for each file but this one, the manifest and the proof. Originals come from their own index."""
    with opened(place, attempt, INDEX, beat) as index:
        for one in files:
            index.line(json.dumps(one))
        for one in originals(place, places["objects"]):
            index.line(json.dumps({name: one[name] for name in ("path", "bytes", "sha256")}))
            beat()
        return index.close()


def originals(place: Place, attempt: str) -> Iterator[dict[str, Any]]:
    """Every original that has content, as its index says."""
    found = map(json.loads, lines(read(place, attempt, ORIGINALS)))
    return (one for one in found if not one["is_marker"])


def write_letter(place: Place, attempt: str, manifest: dict[str, Any], beat: Beat) -> Written:
    return written(place, attempt, README, LETTER.format(**manifest).encode(), beat)


def write_manifest(place: Place, attempt: str, manifest: dict[str, Any], beat: Beat) -> str:
    """Store it in its one form; returns its SHA-256."""
    data = canonical(manifest)
    written(place, attempt, MANIFEST, data, beat)
    return hashlib.sha256(data).hexdigest()


def folder_of(path: str) -> str:
    """The part of an export that a path belongs to: a top folder, or what lies beside them."""
    top, slash, _ = path.partition("/")
    return top if slash else ""
