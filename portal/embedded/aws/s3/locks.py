"""Object Lock: retention that can be lengthened but not shortened, and legal holds, checked before any version goes.

GOVERNANCE yields to a caller who asks for the bypass and is allowed it; COMPLIANCE yields to nobody, root included.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import xml
from ..errors import AwsError, access_denied
from ..store import now_ms
from ..web import Response
from . import bucket_config, versions
from .calls import Call, answer, iso, parse_iso

MODES = ("GOVERNANCE", "COMPLIANCE")
PREFIX = "x-amz-object-lock-"


def new_columns(call: Call) -> dict[str, Any]:
    """Lock columns of a new version: from its headers, else the bucket's default retention."""
    mode, until = call.header(f"{PREFIX}mode"), call.header(f"{PREFIX}retain-until-date")
    hold = call.header(f"{PREFIX}legal-hold")
    if (mode or until or hold) and not call.bucket.lock_enabled:
        raise _no_lock()
    if bool(mode) is not bool(until):
        message = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
        raise AwsError("InvalidArgument", message)
    columns = {"retain_mode": "", "retain_until": 0, "legal_hold": _hold(hold) if hold else ""}
    if hold:
        call.require("s3:PutObjectLegalHold")
    if mode:
        call.require("s3:PutObjectRetention")
        return columns | {"retain_mode": _mode(mode), "retain_until": _future(until)}
    return columns | _default_retention(call.bucket.config.get("object-lock", ""))


def require_unlocked(row: sqlite3.Row, bypass: bool) -> None:
    """Raises AccessDenied while a hold or a retention protects the version."""
    retained = row["retain_mode"] and row["retain_until"] > now_ms()
    if row["legal_hold"] == "ON" or (retained and not (bypass and row["retain_mode"] == "GOVERNANCE")):
        raise access_denied("Access Denied because object protected by object lock.")


def may_bypass(call: Call, key: str) -> bool:
    """Whether this request lifts GOVERNANCE retention: it must ask for it and be allowed to."""
    asked = call.header("x-amz-bypass-governance-retention").lower() == "true"
    if asked:
        call.require("s3:BypassGovernanceRetention", key)
    return asked


def get_configuration(call: Call) -> Response:
    if not call.bucket.lock_enabled:
        message = "Object Lock configuration does not exist for this bucket"
        raise AwsError("ObjectLockConfigurationNotFoundError", message, 404, BucketName=call.bucket.name)
    if text := call.bucket.config.get("object-lock"):
        return Response(200, {"Content-Type": "application/xml"}, xml.HEADER + text.encode())
    return answer("ObjectLockConfiguration", {"ObjectLockEnabled": "Enabled"})


def put_configuration(call: Call) -> Response:
    """Turns Object Lock on for a versioned bucket, for ever, and sets or clears its default retention."""
    text = call.body().decode("utf-8", "replace")
    root = xml.read(text.encode())
    if root.tag != "ObjectLockConfiguration" or root.findtext("ObjectLockEnabled") != "Enabled":
        raise AwsError("MalformedXML", "ObjectLockEnabled must be Enabled.")
    if call.bucket.versioning != "Enabled":
        raise AwsError("InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply Object Lock", 409)
    _default_retention(text)
    with call.account.blobs.change() as db:
        db.execute("UPDATE buckets SET lock_enabled = 1 WHERE name = ?", (call.bucket.name,))
    bucket_config.store(call, "object-lock", text.partition("?>")[2] if text.lstrip().startswith("<?xml") else text)
    return Response(200)


def get_retention(call: Call) -> Response:
    row = _locked_version(call)
    if not row["retain_mode"]:
        message = "The specified object does not have a ObjectLock configuration"
        raise AwsError("NoSuchObjectLockConfiguration", message, 404)
    return answer("Retention", {"Mode": row["retain_mode"], "RetainUntilDate": iso(row["retain_until"])})


def put_retention(call: Call) -> Response:
    """Sets or lengthens a retention; shortening, or another mode, needs the GOVERNANCE bypass."""
    root = call.xml("Retention")
    mode, until = root.findtext("Mode", ""), root.findtext("RetainUntilDate", "")
    wanted = (_mode(mode), _future(until)) if mode or until else ("", 0)
    row, bypass = _locked_version(call), may_bypass(call, call.key)
    with call.account.blobs.change() as db:
        current = versions.lookup_under_lock(db, row["bucket"], row["key"], row["version_id"])
        if current is None:
            raise versions.no_such_key(call.key)
        _require_lengthened(current, *wanted, bypass)
        versions.update(db, current, "retain_mode", wanted[0])
        versions.update(db, current, "retain_until", wanted[1])
    return Response(200)


def get_legal_hold(call: Call) -> Response:
    row = _locked_version(call)
    if not row["legal_hold"]:
        message = "The specified object does not have a ObjectLock configuration"
        raise AwsError("NoSuchObjectLockConfiguration", message, 404)
    return answer("LegalHold", {"Status": row["legal_hold"]})


def put_legal_hold(call: Call) -> Response:
    status = _hold(call.xml("LegalHold").findtext("Status", ""))
    row = _locked_version(call)
    with call.account.blobs.change() as db:
        versions.update(db, row, "legal_hold", status)
    return Response(200)


def _require_lengthened(row: sqlite3.Row, mode: str, until: int, bypass: bool) -> None:
    if not row["retain_mode"] or row["retain_until"] <= now_ms():
        return
    if mode == row["retain_mode"] and until >= row["retain_until"]:
        return
    raised = row["retain_mode"] == "GOVERNANCE" and mode == "COMPLIANCE" and until >= row["retain_until"]
    if raised or (row["retain_mode"] == "GOVERNANCE" and bypass):
        return
    raise access_denied("Access Denied because object protected by object lock.")


def _locked_version(call: Call) -> sqlite3.Row:
    if not call.bucket.lock_enabled:
        raise _no_lock()
    return versions.find(call)


def _default_retention(text: str) -> dict[str, Any]:
    """Columns for a version put now, from a bucket's lock configuration; refuses a malformed one."""
    rule = xml.read(text.encode()).find("Rule/DefaultRetention") if text else None
    if rule is None:
        return {}
    days, years = rule.findtext("Days", ""), rule.findtext("Years", "")
    if bool(days) is bool(years) or not (days or years).isdigit() or not 0 < int(days or years) <= 36500:
        raise AwsError("MalformedXML", "DefaultRetention needs Days or Years, a positive number.")
    period = timedelta(days=int(days) if days else 365 * int(years))
    until = int((datetime.now(UTC) + min(period, timedelta(days=36500))).timestamp() * 1000)
    return {"retain_mode": _mode(rule.findtext("Mode", "")), "retain_until": until}


def _mode(text: str) -> str:
    if text not in MODES:
        raise AwsError("MalformedXML", "The retention mode must be GOVERNANCE or COMPLIANCE.")
    return text


def _hold(text: str) -> str:
    if text not in ("ON", "OFF"):
        raise AwsError("MalformedXML", "A legal hold is ON or OFF.")
    return text


def _future(text: str) -> int:
    until = parse_iso(text)
    if until <= now_ms():
        raise AwsError("InvalidArgument", "The retain until date must be in the future!")
    return until


def _no_lock() -> AwsError:
    return AwsError("InvalidRequest", "Bucket is missing Object Lock Configuration")
