"""Of Route 53 what a weighted split needs: hosted zones, and record sets that change in batches, whole or not at all.

Nothing resolves names here.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from . import xml
from .access import Caller, Guarded, require
from .errors import AwsError, not_implemented
from .web import Request, Response

if TYPE_CHECKING:
    from .account import Account

SCHEMA = """
CREATE TABLE IF NOT EXISTS hosted_zones (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS record_sets (
    zone TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, identifier TEXT NOT NULL, about TEXT NOT NULL,
    PRIMARY KEY (zone, name, type, identifier)
);
"""
NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
ZONES, RECORDS = "/2013-04-01/hostedzone", re.compile(r"/2013-04-01/hostedzone/([A-Z0-9]+)/rrset/?")
HEAVIEST = 255


def call(account: Account, caller: Caller, request: Request) -> Response:
    """Runs one operation, told by method and path."""
    records = RECORDS.fullmatch(request.path)
    if request.method == "POST" and request.path == ZONES:
        require(account, caller, Guarded("route53:CreateHostedZone", "*"))
        return _create_zone(account, request)
    if records is None or request.method not in ("GET", "POST"):
        raise not_implemented(f"{request.method} {request.path}")
    action = "ListResourceRecordSets" if request.method == "GET" else "ChangeResourceRecordSets"
    require(account, caller, Guarded(f"route53:{action}", f"arn:aws:route53:::hostedzone/{records[1]}"))
    if account.store.one("SELECT 1 FROM hosted_zones WHERE id = ?", records[1]) is None:
        raise AwsError("NoSuchHostedZone", f"No hosted zone found with ID: {records[1]}", 404)
    return _list(account, request, records[1]) if request.method == "GET" else _change(account, request, records[1])


def _create_zone(account: Account, request: Request) -> Response:
    said = _read(xml.read(request.body()))
    zone, name = "Z" + secrets.token_hex(8).upper(), _full(str(said.get("Name", "")))
    with account.store.write() as db:
        db.execute("INSERT INTO hosted_zones VALUES (?, ?)", (zone, name))
    shown = {"Id": f"/hostedzone/{zone}", "Name": name, "CallerReference": said.get("CallerReference", "")}
    document = {"HostedZone": shown, "ChangeInfo": _change_info(), "DelegationSet": {"NameServers": {}}}
    return _answer("CreateHostedZoneResponse", document, 201)


def _list(account: Account, request: Request, zone: str) -> Response:
    start = _full(request.query["name"]) if "name" in request.query else ""
    rows = account.store.all(
        "SELECT about FROM record_sets WHERE zone = ? AND (name, type) >= (?, ?) ORDER BY name, type, identifier",
        *(zone, start, request.query.get("type", "")),
    )
    document = {
        "ResourceRecordSets": {"ResourceRecordSet": [json.loads(row["about"]) for row in rows]},
        "IsTruncated": False,
        "MaxItems": 300,
    }
    return _answer("ListResourceRecordSetsResponse", document)


def _change(account: Account, request: Request, zone: str) -> Response:
    root = xml.read(request.body())
    with account.store.write() as db:
        for change in root.iter("Change"):
            _apply(db, zone, change)
    return _answer("ChangeResourceRecordSetsResponse", {"ChangeInfo": _change_info()})


def _apply(db: sqlite3.Connection, zone: str, change: Element) -> None:
    record = change.find("ResourceRecordSet")
    said = _read(record) if record is not None else {}
    weight = str(said.get("Weight", "0"))
    if not {"Name", "Type"} <= said.keys() or not weight.isdigit() or int(weight) > HEAVIEST:
        raise _refused("a record set needs a name, a type, and a weight of at most 255")
    said["Name"] = _full(str(said["Name"]))
    key = zone, said["Name"], str(said["Type"]), str(said.get("SetIdentifier", ""))
    action, where = change.findtext("Action", ""), "zone = ? AND name = ? AND type = ? AND identifier = ?"
    there = db.execute(f"SELECT 1 FROM record_sets WHERE {where}", key).fetchone() is not None  # noqa: S608
    if not {"CREATE": not there, "UPSERT": True, "DELETE": there}.get(action, False):
        raise _refused(f"{action} of {said['Name']}, which {'exists' if there else 'does not exist'}")
    db.execute(f"DELETE FROM record_sets WHERE {where}", key)  # noqa: S608
    if action != "DELETE":
        db.execute("INSERT INTO record_sets VALUES (?, ?, ?, ?, ?)", (*key, json.dumps(said)))


def _read(element: Element) -> dict[str, Any]:
    """An element's children; repeated ones as a list."""
    found: dict[str, Any] = {}
    for child in element:
        value = _read(child) if len(child) else child.text or ""
        known = found.get(child.tag)
        found[child.tag] = value if known is None else [*(known if isinstance(known, list) else [known]), value]
    return found


def _full(name: str) -> str:
    return name.rstrip(".").lower() + "."


def _refused(why: str) -> AwsError:
    return AwsError("InvalidChangeBatch", f"[{why}]")


def _change_info() -> dict[str, str]:
    return {"Id": f"/change/C{secrets.token_hex(8).upper()}", "Status": "INSYNC", "SubmittedAt": "2026-01-01T00:00:00Z"}


def _answer(tag: str, document: dict[str, Any], status: int = 200) -> Response:
    headers = {"Content-Type": "text/xml"} | ({"Location": NAMESPACE} if status == 201 else {})
    return Response(status, headers, xml.document(tag, document, NAMESPACE))
