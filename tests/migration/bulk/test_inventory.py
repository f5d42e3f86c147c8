"""S3 Inventory beside the comparison's listing: on moto, which keeps its configuration; its reports are made here."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

import pytest
from moto.server import ThreadedMotoServer

from lifecycle.migration.engine import second
from lifecycle.migration.engine.move import Move
from lifecycle.migration.engine.second import AGREES, DIFFERS, NONE, OLDER
from lifecycle.migration.models import Migration
from lifecycle.migration.steps import witness
from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from portal.embedded.stack import Stack
from portal.jobs.context import StepContext
from portal.jobs.errors import WaitUntil
from portal.lib.clock import now
from portal.lib.regions import Aws, load
from tests.migration.control.made import bank, migration
from tests.migration.control.running import SIDES
from tests.migration.windows.made import job_of, step_of

COLUMNS = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"
Table = list[dict[str, Any]]


@pytest.fixture
def taken(stack: Stack) -> Iterator[Move]:
    """A move whose two buckets are moto's, with an Inventory of the source."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    account = Aws(f"http://127.0.0.1:{port}", "key", "not-a-secret")
    known = load(stack.home.regions_file)
    blue, green = (replace(known[name], aws=account) for name in SIDES)
    bucket = f"rag-{uuid4().hex[:8]}"
    move = Move(uuid4(), uuid4(), 1, blue, green, bucket=bucket, other_bucket=f"{bucket}-green")
    for name in (bucket, move.bucket_there, reports(move)):
        s3(move).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": blue.name})
        s3(move).put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    configured(move)
    for key in ("a b", "a+b", "ü/1", "twice", "twice", "deleted"):
        s3(move).put_object(Bucket=bucket, Key=key, Body=uuid4().bytes)
    s3(move).delete_object(Bucket=bucket, Key="deleted")
    yield move
    server.stop()


def reports(move: Move) -> str:
    return f"{move.bucket}-reports"


def s3(move: Move) -> Any:
    return aws.client(move.source, "s3")


def configured(move: Move, **more: Any) -> None:
    to = {"Bucket": f"arn:aws:s3:::{reports(move)}", "Format": "CSV", "Prefix": "inventories"}
    said = {"Id": "daily", "IsEnabled": True, "IncludedObjectVersions": "All", "Schedule": {"Frequency": "Daily"}}
    said |= {"Destination": {"S3BucketDestination": to}, "OptionalFields": ["Size", "ETag"], **more}
    s3(move).put_bucket_inventory_configuration(Bucket=move.bucket, Id="daily", InventoryConfiguration=said)


def listed(move: Move) -> Table:
    """The bucket as a report tells it."""
    found = s3(move).list_object_versions(Bucket=move.bucket)
    both = [(one, kind) for kind in ("Versions", "DeleteMarkers") for one in found.get(kind, [])]
    return [
        {
            "Bucket": move.bucket,
            "Key": quote_plus(one["Key"], safe="/"),
            "VersionId": one["VersionId"],
            "IsLatest": str(one["IsLatest"]).lower(),
            "IsDeleteMarker": str(kind == "DeleteMarkers").lower(),
            "Size": one.get("Size", ""),
            "LastModifiedDate": one["LastModified"].isoformat(),
            "ETag": one.get("ETag", "").strip('"'),
        }
        for one, kind in both
    ]


def report(move: Move, table: Table, at: datetime, columns: str = COLUMNS, harm: str = "") -> None:
    """Leave a report in two files, its manifest and its checksum where S3 would."""
    folder = f"inventories/{move.bucket}/daily"
    files = []
    for number, rows in enumerate((table[::2], table[1::2])):
        text = io.StringIO()
        lines = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        lines.writerows([row[name] for name in columns.split(", ")] for row in rows)
        body = gzip.compress(text.getvalue().encode())
        key, md5 = f"{folder}/data/{uuid4()}.csv.gz", hashlib.md5(body).hexdigest()
        files.append({"key": key, "size": len(body), "MD5checksum": "0" * 32 if harm == "file" and number else md5})
        s3(move).put_object(Bucket=reports(move), Key=key, Body=body)
    told = {"sourceBucket": move.bucket, "version": "2016-11-30", "fileFormat": "CSV", "fileSchema": columns}
    told |= {"creationTimestamp": str(int(at.timestamp() * 1000)), "files": files}
    manifest = json.dumps(told).encode()
    folder += f"/{at:%Y-%m-%dT%H-%MZ}"
    s3(move).put_object(
        Bucket=reports(move), Key=f"{folder}/manifest.json", Body=manifest + (b" " if harm == "manifest" else b"")
    )
    if harm != "unfinished":
        s3(move).put_object(
            Bucket=reports(move), Key=f"{folder}/manifest.checksum", Body=hashlib.md5(manifest).hexdigest().encode()
        )


BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def outcome(move: Move, side: int = 0) -> str:
    return second.look(move, side, BEGAN).outcome


def test_a_report_that_says_the_same_agrees(taken: Move) -> None:
    assert outcome(taken) == NONE, "configured, and none was made yet"
    report(taken, listed(taken), now())
    found = second.look(taken, 0, BEGAN)
    assert (found.outcome, found.rows, found.unlike) == (AGREES, 7, 0)
    assert second.look(taken, 0, now() + timedelta(days=1)).outcome == OLDER
    assert outcome(taken, side=1) == NONE
    assert second.look(replace(taken, bucket=""), 0, BEGAN).outcome == NONE


def _size(table: Table, move: Move) -> Table:
    table[0]["Size"] += 1
    return table


def _etag(table: Table, move: Move) -> Table:
    table[0]["ETag"] = "0" * 32
    return table


def _more(table: Table, move: Move) -> Table:
    return [*table, {**table[0], "Key": "overlooked", "VersionId": "v"}]


def _gone(table: Table, move: Move) -> Table:
    one = next(row for row in table if row["Key"] == "twice" and row["IsLatest"] == "true")
    s3(move).delete_object(Bucket=move.bucket, Key="twice", VersionId=one["VersionId"])
    return table


@pytest.mark.parametrize("change", [_size, _etag, _more, _gone])
def test_what_cannot_both_be_true_differs(taken: Move, change: Any) -> None:
    report(taken, change(listed(taken), taken), now() + timedelta(minutes=1))
    found = second.look(taken, 0, BEGAN)
    assert (found.outcome, found.unlike, len(found.keys)) == (DIFFERS, 1, 1)


def test_an_old_object_that_no_report_has_differs_and_a_young_one_does_not(taken: Move) -> None:
    table = [row for row in listed(taken) if row["Key"] != "a%2Bb"]
    report(taken, table, now() + timedelta(hours=23))
    assert outcome(taken) == AGREES
    report(taken, table, now() + timedelta(hours=25))
    assert second.look(taken, 0, BEGAN).keys == ("a+b",), "the newest report counts"


def test_what_came_or_expired_since_does_not_differ(taken: Move) -> None:
    table = listed(taken)
    its_list = {**table[0], "Key": f"bailiwick-{taken.id}.csv", "VersionId": "v"}
    report(taken, [*table, its_list], now() - timedelta(seconds=5))
    replaced = next(row for row in table if row["Key"] == "twice" and row["IsLatest"] == "false")
    s3(taken).delete_object(Bucket=taken.bucket, Key="twice", VersionId=replaced["VersionId"])
    s3(taken).put_object(Bucket=taken.bucket, Key="a b", Body=b"newer")
    s3(taken).delete_object(Bucket=taken.bucket, Key="a+b")
    assert outcome(taken) == AGREES


@pytest.mark.parametrize("harm", ["file", "manifest"])
def test_a_report_that_is_not_as_its_sums_say_is_not_read(taken: Move, harm: str) -> None:
    report(taken, listed(taken), now(), harm=harm)
    with pytest.raises(Permanent, match="MD5"):
        outcome(taken)


def test_one_that_is_not_whole_is_none(taken: Move) -> None:
    report(taken, listed(taken), now(), harm="unfinished")
    assert outcome(taken) == NONE
    for lacking in (", Size", ", VersionId"):  # one of current versions alone does not tell these
        report(taken, listed(taken), now() + timedelta(minutes=1), columns=COLUMNS.replace(lacking, ""))
        assert outcome(taken) == NONE
    report(taken, listed(taken), now() + timedelta(minutes=2))
    assert outcome(taken) == AGREES
    configured(taken, Filter={"Prefix": "a"})
    assert outcome(taken) == NONE


@pytest.fixture
def ctx(shipped: None) -> StepContext:
    return step_of(job_of(migration(bank(), "incremental_sync")), "verify")


@pytest.mark.django_db
def test_one_that_differs_holds_the_move_until_a_later_one_agrees(taken: Move, ctx: StepContext) -> None:
    one = Migration.objects.get()
    report(taken, _size(listed(taken), taken), now() + timedelta(minutes=1))
    with pytest.raises(WaitUntil, match="differs in 1 objects"):
        witness.require_agreed(ctx, one, taken)
    assert ctx.job.log.filter(level="error").count() == 1 and "inventory" not in ctx.step.evidence
    report(taken, listed(taken), now() + timedelta(minutes=2))
    seen = witness.require_agreed(ctx, one, taken)
    assert [told["outcome"] for told in seen.values()] == [AGREES, NONE]
    report(taken, _more(listed(taken), taken), now() + timedelta(minutes=3))
    assert witness.require_agreed(ctx, one, taken) == seen, "looked at once"


@pytest.mark.django_db
def test_one_that_cannot_be_read_is_only_said(taken: Move, ctx: StepContext) -> None:
    report(taken, listed(taken), now() + timedelta(minutes=1), harm="file")
    seen = witness.require_agreed(ctx, Migration.objects.get(), taken)[taken.source.name]
    assert seen["outcome"] == NONE and "MD5" in seen["why"]
