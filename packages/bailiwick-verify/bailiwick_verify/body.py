"""The two things of an entry's body that the verifier reads: when, and which id."""

import json
from datetime import UTC, datetime

# {"at": "2026-11-21T15:00:00.123456Z", "id": 17, ...: PostgreSQL's jsonb puts the shortest keys first.
_HEAD, _AT, _MIDDLE, _ID = slice(0, 8), slice(8, 35), slice(34, 44), 44
_FIXED = {b'{"at": "'}, {b'Z", "id": '}
RETIRED = b"-"
_BIGINT = 1 << 63


def heads(bodies: list[bytes]) -> tuple[list[bytes], list[int]]:
    """Return each body's `at` as 27 sortable bytes and its id: b"" and -1 where it is retired or cannot be read."""
    if ({body[_HEAD] for body in bodies}, {body[_MIDDLE] for body in bodies}) == _FIXED:
        ids = _numbers([body[_ID : body.find(b",", _ID)] for body in bodies])
        if ids:
            return [body[_AT] for body in bodies], ids
    each = [head(body) for body in bodies]
    return [at for at, _ in each], [identity for _, identity in each]


def _numbers(texts: list[bytes]) -> list[int]:
    """The ids these are, none when one is no bigint."""
    try:
        ids = [int(text) for text in texts]
    except ValueError:
        return []
    return ids if min(ids) >= 0 and max(ids) < _BIGINT else []


def head(body: bytes | None) -> tuple[bytes, int]:
    """The same for one body in any spelling."""
    try:
        found = json.loads(body or b"")
        at, identity = datetime.fromisoformat(found["at"]), found["id"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return b"", -1
    if at.tzinfo is None or type(identity) is not int or not 0 <= identity < _BIGINT:
        return b"", -1
    return stamp(at), identity


def stamp(at: datetime) -> bytes:
    """A time as bytes that sort."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


def without_id(body: bytes) -> bytes:
    """The body less its id: what stays the same when entries are renumbered."""
    if body[_HEAD] in _FIXED[0] and body[_MIDDLE] in _FIXED[1]:
        return body[:_ID] + body[body.find(b",", _ID) :]
    return body
