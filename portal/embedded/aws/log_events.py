"""Events of a log group: put, read back in time order, and search; nothing older than the retention is returned."""

from __future__ import annotations

import os
import sqlite3
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import kms, log_patterns
from .errors import AwsError
from .store import now_ms

if TYPE_CHECKING:
    from .account import Account

SERVICE_KEY = "service-logs"
HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
MAX_EVENTS, MAX_BYTES, EVENT_OVERHEAD = 10_000, 1_048_576, 26
SEARCH_BATCH = 2_000


def put(account: Account, group: sqlite3.Row, stream: sqlite3.Row, events: Any) -> dict[str, Any]:
    """Stores a batch; events outside the accepted times are named in the answer and dropped, as AWS does."""
    batch = _checked(events)
    now = now_ms()
    accepted, rejected = _within_times(batch, now, group["retention_days"])
    with account.store.write() as db:
        if not db.execute("SELECT 1 FROM log_streams WHERE id = ?", (stream["id"],)).fetchone():
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        key_id, cipher = _current_key(account, db, group["id"])
        rows = [(group["id"], stream["id"], at, now, key_id, _seal(cipher, text)) for at, text in accepted]
        db.executemany(
            "INSERT INTO log_events (group_id, stream_id, at, ingested_at, data_key_id, message)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
        if accepted:
            _note_on_stream(db, stream["id"], accepted, now)
    token = {"nextSequenceToken": f"{now:056d}"}
    return {**token, "rejectedLogEventsInfo": rejected} if rejected else token


def get(account: Account, group: sqlite3.Row, stream: sqlite3.Row, parameters: dict[str, Any]) -> dict[str, Any]:
    """One page of a stream; both tokens always come back, and repeat themselves at either end."""
    limit, token = _limit(parameters), str(parameters.get("nextToken") or "")
    start, end = _period(parameters, group, end_inclusive=False)
    if token:
        direction, at, seq = _position(token)
    else:
        direction, at, seq = ("f", -1, 0) if parameters.get("startFromHead") else ("b", 1 << 62, 0)
    beyond, order = (">", "ASC") if direction == "f" else ("<", "DESC")
    rows = account.store.all(
        f"SELECT * FROM log_events WHERE stream_id = ? AND at >= ? AND at < ? AND (at, seq) {beyond} (?, ?)"  # noqa: S608
        f" ORDER BY at {order}, seq {order} LIMIT ?",
        stream["id"], start, end, at, seq, limit,
    )  # fmt: skip
    rows = rows if direction == "f" else rows[::-1]
    first, last = (rows[0], rows[-1]) if rows else ({"at": at, "seq": seq},) * 2
    reader = _Messages(account)
    return {
        "events": [_event(row, reader) for row in rows],
        "nextForwardToken": f"f/{last['at']}/{last['seq']}",
        "nextBackwardToken": f"b/{first['at']}/{first['seq']}",
    }


def search(account: Account, group: sqlite3.Row, parameters: dict[str, Any]) -> dict[str, Any]:
    """Events of a group in time order that the filter pattern accepts."""
    limit, token = _limit(parameters), str(parameters.get("nextToken") or "")
    accepts = log_patterns.compile_pattern(str(parameters.get("filterPattern") or ""))
    streams = _wanted_streams(account, group, parameters)
    start, end = _period(parameters, group, end_inclusive=True)
    _, at, seq = _position(token) if token else ("f", -1, 0)
    found: list[dict[str, Any]] = []
    reader = _Messages(account)
    while len(found) < limit:
        rows = account.store.all(
            "SELECT * FROM log_events WHERE group_id = ? AND at >= ? AND at < ? AND (at, seq) > (?, ?)"
            " ORDER BY at, seq LIMIT ?",
            group["id"], start, end, at, seq, SEARCH_BATCH,
        )  # fmt: skip
        for row in rows:
            at, seq = row["at"], row["seq"]
            if row["stream_id"] in streams and accepts(reader.text(row)):
                event = {**_event(row, reader), "logStreamName": streams[row["stream_id"]], "eventId": f"{seq:056d}"}
                found.append(event)
                if len(found) == limit:
                    return {"events": found, "searchedLogStreams": [], "nextToken": f"f/{at}/{seq}"}
        if len(rows) < SEARCH_BATCH:
            break
    return {"events": found, "searchedLogStreams": []}


def purge_expired(account: Account) -> None:
    """Deletes what is older than its group keeps it; until then it is not returned any more, but still there."""
    rows = account.store.all("SELECT id, retention_days FROM log_groups WHERE retention_days IS NOT NULL")
    with account.store.write() as db:
        for row in rows:
            oldest = now_ms() - row["retention_days"] * DAY_MS
            db.execute("DELETE FROM log_events WHERE group_id = ? AND at < ?", (row["id"], oldest))


class _Messages:
    """Decrypts messages, unwrapping each data key once; a disabled key refuses."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._ciphers: dict[int, AESGCM] = {}

    def text(self, row: sqlite3.Row) -> str:
        key_id = row["data_key_id"]
        if key_id not in self._ciphers:
            stored = self._account.store.one("SELECT * FROM log_data_keys WHERE id = ?", key_id)
            if stored is None:
                raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
            self._ciphers[key_id] = _opened(self._account, stored)
        return self._ciphers[key_id].decrypt(row["message"][:12], row["message"][12:], None).decode()


def _event(row: sqlite3.Row, reader: _Messages) -> dict[str, Any]:
    return {"timestamp": row["at"], "ingestionTime": row["ingested_at"], "message": reader.text(row)}


def _checked(events: Any) -> list[tuple[int, str]]:
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
        raise _invalid(f"logEvents must have 1 to {MAX_EVENTS} events.")
    batch = [_checked_event(event) for event in events]
    if sum(len(text.encode()) + EVENT_OVERHEAD for _, text in batch) > MAX_BYTES:
        raise _invalid(f"Upload too large: more than {MAX_BYTES} bytes.")
    if any(later[0] < earlier[0] for earlier, later in pairwise(batch)):
        raise _invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if batch[-1][0] - batch[0][0] > DAY_MS:
        raise _invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    return batch


def _checked_event(event: Any) -> tuple[int, str]:
    at, text = (event.get("timestamp"), event.get("message")) if isinstance(event, dict) else (None, None)
    if isinstance(at, int) and not isinstance(at, bool) and 0 <= at < 1 << 62 and isinstance(text, str) and text:
        return at, text
    raise _invalid("Every event needs a timestamp in milliseconds and a message.")


def _within_times(
    batch: list[tuple[int, str]], now: int, retention_days: int | None
) -> tuple[list[tuple[int, str]], dict[str, int]]:
    oldest, newest = now - 14 * DAY_MS, now + 2 * HOUR_MS
    expired = now - (retention_days or 10**6) * DAY_MS
    rejected = {}
    if count := sum(at < expired for at, _ in batch):
        rejected["expiredLogEventEndIndex"] = count
    if count := sum(at < oldest for at, _ in batch):
        rejected["tooOldLogEventEndIndex"] = count
    if any(at > newest for at, _ in batch):
        rejected["tooNewLogEventStartIndex"] = next(i for i, (at, _) in enumerate(batch) if at > newest)
    return [(at, text) for at, text in batch if max(oldest, expired) <= at <= newest], rejected


def _current_key(account: Account, db: sqlite3.Connection, group_id: int) -> tuple[int, AESGCM]:
    """The data key for new events: the latest one, if it is wrapped by the group's present KMS key."""
    group = db.execute("SELECT kms_key FROM log_groups WHERE id = ?", (group_id,)).fetchone()
    if group is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    sql = "SELECT * FROM log_data_keys WHERE group_id = ? ORDER BY id DESC LIMIT 1"
    row = db.execute(sql, (group_id,)).fetchone()
    if row is not None and row["kms_key"] == group["kms_key"]:
        return row["id"], _opened(account, row)
    plain = os.urandom(32)
    wrapped = account.keyring.wrap(_wrapping_key(account, group["kms_key"]), plain)
    values = (group_id, group["kms_key"], wrapped)
    cursor = db.execute("INSERT INTO log_data_keys (group_id, kms_key, wrapped) VALUES (?, ?, ?)", values)
    return cursor.lastrowid or 0, AESGCM(plain)


def _opened(account: Account, row: sqlite3.Row) -> AESGCM:
    return AESGCM(account.keyring.unwrap(_wrapping_key(account, row["kms_key"]), row["wrapped"]))


def _wrapping_key(account: Account, kms_key: str) -> str:
    if not kms_key:
        account.keyring.ensure(SERVICE_KEY)
        return SERVICE_KEY
    try:
        row = kms.find(account, kms_key)
        kms.require_enabled(account, row)
    except AwsError as error:
        raise AwsError("AccessDeniedException", f"The KMS key of the log group refuses: {error.message}") from error
    return str(row["id"])


def _seal(cipher: AESGCM, text: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + cipher.encrypt(nonce, text.encode("utf-8", "replace"), None)


def _note_on_stream(db: sqlite3.Connection, stream_id: int, accepted: list[tuple[int, str]], now: int) -> None:
    size = sum(len(text.encode("utf-8", "replace")) + EVENT_OVERHEAD for _, text in accepted)
    db.execute(
        "UPDATE log_streams SET first_at = min(coalesce(first_at, ?1), ?1), last_at = max(coalesce(last_at, 0), ?2),"
        " ingested_at = ?3, bytes = bytes + ?4 WHERE id = ?5",
        (accepted[0][0], accepted[-1][0], now, size, stream_id),
    )


def _wanted_streams(account: Account, group: sqlite3.Row, parameters: dict[str, Any]) -> dict[int, str]:
    names, prefix = parameters.get("logStreamNames"), str(parameters.get("logStreamNamePrefix") or "")
    if names and prefix:
        raise _invalid("logStreamNames and logStreamNamePrefix exclude each other.")
    rows = account.store.all("SELECT id, name FROM log_streams WHERE group_id = ?", group["id"])
    known = {row["name"] for row in rows}
    if names and not set(names) <= known:
        raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
    wanted = set(names or known)
    return {row["id"]: row["name"] for row in rows if row["name"].startswith(prefix) and row["name"] in wanted}


def _period(parameters: dict[str, Any], group: sqlite3.Row, end_inclusive: bool) -> tuple[int, int]:
    start, end = parameters.get("startTime"), parameters.get("endTime")
    if any(value is not None and (not isinstance(value, int) or not 0 <= value < 1 << 62) for value in (start, end)):
        raise _invalid("startTime and endTime are milliseconds since 1970.")
    retained = now_ms() - (group["retention_days"] or 10**6) * DAY_MS
    last = 1 << 62 if end is None else end + end_inclusive
    return max(start or 0, retained), last


def _position(token: str) -> tuple[str, int, int]:
    direction, _, rest = token.partition("/")
    at, _, seq = rest.partition("/")
    if direction not in ("f", "b") or not at.lstrip("-").isdigit() or not seq.isdigit() or len(rest) > 40:
        raise _invalid("The specified nextToken is invalid.")
    return direction, int(at), int(seq)


def _limit(parameters: dict[str, Any]) -> int:
    limit = parameters.get("limit") or MAX_EVENTS
    if not isinstance(limit, int) or not 1 <= limit <= MAX_EVENTS:
        raise _invalid(f"limit must be between 1 and {MAX_EVENTS}.")
    return limit


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
