"""A move between two regions that name roles for DataSync, with objects of every kind, about to be carried ahead."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lifecycle.migration.control import move_at
from lifecycle.migration.engine.move import Move
from lifecycle.stores import aws
from portal.embedded.stack import Stack
from portal.jobs.models import Step
from portal.lib.regions import load
from tests.migration.control.running import NO_READS, SIDES, Running, running

from .double import Double

ROLE = "arn:aws:iam::000000000000:role/bw-datasync"
PLAIN = {"a, b": b"comma", 'q"uote': b"quote", "originals/ü": b"utf-8", "empty": b"", "tagged": b"tags"}
HISTORIES = ("twice", "deleted")


@pytest.fixture
def double(settings: Any, tmp_path: Path) -> Iterator[Double]:
    """DataSync, named in the entry of either region."""
    known = json.loads(Path(settings.REGIONS_FILE).read_text())
    with Double(load(settings.REGIONS_FILE)) as made:
        for name in SIDES:
            known[name]["datasync"] = {"role_arn": ROLE, "endpoint_url": made.url}
        settings.REGIONS_FILE = tmp_path / "with-datasync.json"
        settings.REGIONS_FILE.write_text(json.dumps(known))
        yield made


@pytest.fixture
def one(shipped: None, stack: Stack, settings: Any, double: Double) -> Running:
    """Five plain objects, one of two versions, one that was deleted, and one in what DataSync takes for a folder."""
    quick = {"budget_ms": 5_000, "gate_seconds": 3600, "tick_seconds": 0}
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, **quick}
    settings.MIGRATION |= {"datasync": {"bytes": 1, "objects": 1, "hours": 1}}
    made = running(stack.superuser_kwargs("control", "postgres"))
    s3, bucket = aws.client(made.stores.blue, "s3"), bucket_of(made)
    for key, body in PLAIN.items():
        said = {"Tagging": "class=pii", "Metadata": {"who": "me"}} if key == "tagged" else {}
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/plain", **said)
    for key in HISTORIES:
        s3.put_object(Bucket=bucket, Key=key, Body=b"first")
    s3.put_object(Bucket=bucket, Key="twice", Body=b"second")
    s3.delete_object(Bucket=bucket, Key="deleted")
    s3.put_object(Bucket=bucket, Key="a//b", Body=b"no folder")
    return made


def bucket_of(one: Running) -> str:
    return one.stores.names[SIDES[0]].bucket


def engine(one: Running) -> Move:
    return move_at(one.migration, 0, one.stores.blue, one.stores.green)


def step(one: Running, name: str = "bulk") -> Step:
    return Step.objects.get(job=one.migration.job_id, name=name)


def told(one: Running) -> dict[str, Any]:
    one.migration.refresh_from_db()
    return dict(one.migration.datasync)


def seen_on_green(one: Running, key: str) -> list[Any]:
    """What the key's versions there say of who brought them: the mover leaves its mark, DataSync none."""
    s3, bucket = aws.client(one.stores.green, "s3"), bucket_of(one)
    found = s3.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", [])
    ids = [version["VersionId"] for version in found if version["Key"] == key]
    return [s3.head_object(Bucket=bucket, Key=key, VersionId=id_)["Metadata"].get("bw-sha256") for id_ in ids]
