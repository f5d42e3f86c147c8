"""The tables of S3. `versions` is clustered by key and newest first, so both listings are one range scan."""

from __future__ import annotations

from ..store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, created_at INTEGER NOT NULL, versioning TEXT NOT NULL DEFAULT '',
    lock_enabled INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS bucket_config (
    bucket TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (bucket, kind)
);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO counter VALUES ('version', 0);
CREATE TABLE IF NOT EXISTS versions (
    bucket TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, version_id TEXT NOT NULL,
    is_latest INTEGER NOT NULL, is_marker INTEGER NOT NULL, modified_at INTEGER NOT NULL,
    size INTEGER NOT NULL DEFAULT 0, etag TEXT NOT NULL DEFAULT '', parts INTEGER NOT NULL DEFAULT 0,
    blob TEXT NOT NULL DEFAULT '', data_key BLOB NOT NULL DEFAULT x'', encryption TEXT NOT NULL DEFAULT '',
    headers TEXT NOT NULL DEFAULT '{}', tags TEXT NOT NULL DEFAULT '{}', checksum TEXT NOT NULL DEFAULT '',
    retain_mode TEXT NOT NULL DEFAULT '', retain_until INTEGER NOT NULL DEFAULT 0, legal_hold TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (bucket, key, seq DESC)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS current_objects ON versions (bucket, key) WHERE is_latest = 1 AND is_marker = 0;
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, initiated_at INTEGER NOT NULL,
    encryption TEXT NOT NULL, headers TEXT NOT NULL, tags TEXT NOT NULL, checksum TEXT NOT NULL,
    retain_mode TEXT NOT NULL, retain_until INTEGER NOT NULL, legal_hold TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS uploads_of_bucket ON uploads (bucket, key, id);
CREATE TABLE IF NOT EXISTS parts (
    upload_id TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    blob TEXT NOT NULL, data_key BLOB NOT NULL, checksum TEXT NOT NULL, modified_at INTEGER NOT NULL,
    PRIMARY KEY (upload_id, number)
);
"""


def known_blobs(store: Store) -> set[str]:
    """Names of every content file the index refers to."""
    rows = store.all("SELECT blob FROM versions WHERE blob <> '' UNION ALL SELECT blob FROM parts")
    return {row["blob"] for row in rows}
