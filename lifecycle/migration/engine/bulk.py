"""What DataSync may carry ahead of the mover, and what is made of it: compared byte by byte, and gone where it differs.

DataSync carries no history. So it is told of those objects alone that are all of their key's history, each with its
version, and only for a bucket that is empty: then what is alike is the beginning of the history that the mover brings.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from lifecycle.stores import aws
from lifecycle.stores.objects.datasync import Side, Transfer
from lifecycle.stores.tags import OWNER

from . import compare, objects
from .move import Move

MOVE = "MigrationID"
PAGE = 1000  # keys that a store lists at a time


@dataclass(frozen=True)
class Listed:
    """How many objects a list names and how large they are; `left` are keys that are the mover's alone."""

    objects: int = 0
    bytes: int = 0
    left: int = 0


def transfer_of(move: Move) -> Transfer:
    """The one transfer that this move has, by whatever worker."""
    name = f"bailiwick-{move.id}"
    sides = Side(move.source, move.bucket), Side(move.target, move.bucket_there)
    return Transfer(name, *sides, listed=f"{name}.csv", tags={OWNER: str(move.tenant_id), MOVE: str(move.id)})


def is_open_to(move: Move) -> bool:
    """Whether the target's bucket is empty, and lets go of what is to be brought anew."""
    s3, place = aws.client(move.target, "s3"), {"Bucket": move.bucket_there}
    with aws.translated(objects.SYSTEM, "look at a bucket"):
        is_locking = aws.unless_absent(s3.get_object_lock_configuration, **place) is not None
    return not is_locking and next(objects.keys(move.target, move.bucket_there), None) is None


def write_list(move: Move, to: IO[str], beat: Callable[[], None]) -> Listed:
    """Write a line for each object that is all of its key's history, as DataSync reads it."""
    lines, found = csv.writer(to, lineterminator="\n"), Listed()
    for number, (key, moments) in enumerate(objects.moments(move.source, move.bucket)):
        if number % PAGE == 0:
            beat()
        if len(moments) == 1 and "Size" in moments[0] and _is_plain(key):
            lines.writerow([key, moments[0]["VersionId"]])
            found = Listed(found.objects + 1, found.bytes + moments[0]["Size"], found.left)
        else:
            found = Listed(found.objects, found.bytes, found.left + 1)
    return found


def put_list(move: Move, transfer: Transfer, body: IO[bytes]) -> None:
    """Leave the list where DataSync looks for it; `datasync.end` takes it away."""
    with aws.translated(objects.SYSTEM, "put a list"):
        aws.client(move.target, "s3").put_object(Bucket=move.bucket_there, Key=transfer.listed, Body=body)


def look_over(move: Move, after: str, beat: Callable[[], None]) -> Iterator[tuple[int, int, str]]:
    """Compare what both sides have, from behind `after`, and take away on the target what differs.

    Some keys at a time: how many were alike, how many not, and the last key.
    """
    for found, last in compare.pieces(move, after, beat, of_both=True):
        wrong = found.mismatches
        with aws.translated(objects.SYSTEM, "take away what differs"):
            for key in wrong:
                objects.remove(move.target, move.bucket_there, key)
        yield found.keys - len(wrong), len(wrong), last


def _is_plain(key: str) -> bool:
    """A name that DataSync takes for an object's as it stands: neither a folder's nor one that spans lines."""
    parts: list[Any] = key.split("/")
    return key.isprintable() and not {"", ".", ".."} & set(parts)
