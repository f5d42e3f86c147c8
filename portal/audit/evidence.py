"""Proofs over the sealed tree as the application may read it: where an entry lies, receipts, consistency, trust."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from bailiwick_proof.merkle import consistency_proof, root_at
from bailiwick_proof.receipt import Receipt
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.db import connection

from portal.lib.errors import Absent, Conflict, Invalid, Refusal

from .models import Checkpoint, Entry
from .sealing import tree
from .sealing.export import members, stream
from .sealing.store import store

SEAL = """
SELECT l.index, l.hash, c.size, c.sealed_at, c.anchored_at, c.place, c.version, c.cosignature
FROM audit.leaf l
LEFT JOIN LATERAL (SELECT * FROM audit.checkpoint c WHERE c.size > l.index ORDER BY c.size LIMIT 1) c ON true
WHERE l.entry_id = %s
"""


class Away(Refusal):
    """Something outside does not answer; asking again later may do."""

    status, title = 503, "Not possible at the moment"


def fetch(query: str, values: list[Any]) -> list[Any]:
    """Rows of a query over the application's connection, the shape `sealing.tree` asks for."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


@dataclass(frozen=True)
class Seal:
    """Where a sealed entry lies: its leaf, the first checkpoint over it, and that checkpoint's anchor."""

    index: int
    leaf: bytes
    size: int
    sealed_at: datetime
    anchored_at: datetime | None
    place: str | None
    version: str | None
    cosigned: str | None

    @property
    def leaf_hex(self) -> str:
        return self.leaf.hex()


def seal_of(entry: int) -> Seal | None:
    """The seal of an entry; None while it has none."""
    row = next(iter(fetch(SEAL, [entry])), None)
    return Seal(row[0], bytes(row[1]), *row[2:]) if row and row[2] is not None else None


def entry_of(key: int | None) -> Entry:
    """An entry that another object names; raises Conflict where it names none yet."""
    found = Entry.objects.filter(pk=key).first() if key is not None else None
    if found is None:
        raise Conflict("There is no entry of the ledger to prove yet.", code="not-signed")
    return found


def receipt_of(entry: Entry) -> bytes:
    """The `.tlog-proof` of an entry, its bytes included; raises Conflict until it is anchored."""
    seal = seal_of(entry.pk)
    if seal is None or seal.anchored_at is None or seal.cosigned is None:
        raise Conflict("This entry is not sealed and anchored yet; it takes a few seconds.", code="not-anchored")
    hash_at = tree.reader(fetch)
    return Receipt.build(seal.index, seal.cosigned.encode(), hash_at, entry.body.encode()).encode()


@dataclass(frozen=True)
class Consistency:
    """That the tree of `old` leaves is the beginning of the tree of `new` (RFC 9162 2.1.4)."""

    old: int
    new: int
    old_root: bytes
    new_root: bytes
    proof: list[bytes]


def consistency(old: int | None, new: int | None) -> Consistency:
    """Prove it between two sizes; by default from nothing to the newest checkpoint."""
    newest = newest_checkpoint()
    sealed = newest.size if newest else 0
    old, new = old or 0, sealed if new is None else new
    if new > sealed:
        raise Absent(f"The newest checkpoint has {sealed} entries.")
    if old > new:
        raise Invalid(fields={"from": "not larger than `to`"})
    hash_at = tree.reader(fetch)
    return Consistency(
        old, new, root_at(old, hash_at), root_at(new, hash_at), consistency_proof(old, new, hash_at) if old else []
    )


def newest_checkpoint() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-size").first()


def packed_export() -> Iterator[bytes]:
    """The whole ledger as a .tar.gz, for `bailiwick-verify`. Raises Away before the first piece, not in the middle."""
    files = members(fetch, store(), Path(settings.LEDGER["witness"]))
    try:
        first = next(files)
    except (ClientError, BotoCoreError) as error:
        raise Away("The write-once store does not answer; without it an export proves little.") from error
    return stream(chain([first], files), "ledger")
