"""AWS DataSync between two buckets of one tenant: carries what a list names, and is never believed.

A transfer is found again by its task's name and by the tags of all that it made. Locations are made where their buckets
are, the task where the objects go. Objects that are there already are not overwritten, and none is deleted. What it
says it has moved is kept as what it said.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent, StoreError
from portal.lib.regions import DataSync, Region

SYSTEM = "datasync"
OVER = ("SUCCESS", "ERROR")
OPTIONS = {
    "VerifyMode": "ONLY_FILES_TRANSFERRED",
    "OverwriteMode": "NEVER",
    "PreserveDeletedFiles": "PRESERVE",
    "TransferMode": "CHANGED",
    "ObjectTags": "PRESERVE",
    # Owners and rights of files are nothing of an object: kept, they would be noted beside it.
    "Uid": "NONE",
    "Gid": "NONE",
    "PosixPermissions": "NONE",
    # A second execution is refused, not lined up behind the first.
    "TaskQueueing": "DISABLED",
}


@dataclass(frozen=True)
class Side:
    """A bucket, where it is, and the role by which DataSync may reach it."""

    region: Region
    bucket: str

    @property
    def access(self) -> DataSync:
        if self.region.datasync is None:
            raise Permanent(SYSTEM, "reach a bucket", f"{self.region.name} names no role for DataSync")
        return self.region.datasync

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}"


@dataclass(frozen=True)
class Transfer:
    """One transfer. `listed` is the key in the target's bucket of what it may carry: a line of key and version each."""

    name: str
    source: Side
    target: Side
    listed: str
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Execution:
    """A run of the transfer as DataSync tells it. `words` are its own, where it failed."""

    arn: str
    status: str
    files: int = 0
    bytes: int = 0
    words: str = ""

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    def as_json(self) -> dict[str, Any]:
        told = {"execution": self.arn, "status": self.status, "files": self.files, "bytes": self.bytes}
        return {**told, **({"words": self.words} if self.words else {})}


def task_of(transfer: Transfer) -> str | None:
    """Its task, if it was made: then its list was, too."""
    with aws.translated(SYSTEM, "ListTasks"):
        return next(iter(_tasks(transfer)), None)


def make(transfer: Transfer) -> str:
    """Make its locations and its task, each where it is missing; returns the task."""
    with aws.translated(SYSTEM, "make a transfer"):
        return next(iter(_tasks(transfer)), None) or _make(transfer)


def run_of(transfer: Transfer, task: str) -> Execution | None:
    """Its run that is not over, or else one that is; None before the first."""
    with aws.translated(SYSTEM, "look at a transfer"):
        told = _runs(_client(transfer.target), task)
    return next((run for run in told if not run.is_over), told[-1] if told else None)


def start(transfer: Transfer, task: str) -> Execution:
    """Begin a run; refused while there is one."""
    there = _client(transfer.target)
    with aws.translated(SYSTEM, "start a transfer"):
        return _described(there, there.start_task_execution(TaskArn=task)["TaskExecutionArn"])


def end(transfer: Transfer) -> str | None:
    """Ask every run of it to end; None while one may still write. Then take all away: returns why something stays.

    The list goes first: a run that begins in this very moment finds nothing to carry.
    """
    there = _client(transfer.target)
    with aws.translated(SYSTEM, "end a transfer"):
        _unlist(transfer)
        tasks = _tasks(transfer)
        running = [run for task in tasks for run in _runs(there, task) if not run.is_over]
        for run in running:
            if run.status != "CANCELLING":
                there.cancel_task_execution(TaskExecutionArn=run.arn)
    return None if running else _taken_away(transfer, tasks)


def _taken_away(transfer: Transfer, tasks: list[str]) -> str:
    """Nothing writes any more: what stays behind costs nothing."""
    try:
        with aws.translated(SYSTEM, "take a transfer away"):
            for task in tasks:
                _client(transfer.target).delete_task(TaskArn=task)
            for side in (transfer.source, transfer.target):
                for location in _locations(transfer, side):
                    _client(side).delete_location(LocationArn=location)
    except StoreError as refused:
        return str(refused)
    return ""


def _make(transfer: Transfer) -> str:
    tags = aws.as_list(transfer.tags)
    source, target = (_located(transfer, side) for side in (transfer.source, transfer.target))
    where = {
        "ManifestObjectPath": transfer.listed,
        "S3BucketArn": transfer.target.arn,
        "BucketAccessRoleArn": transfer.target.access.role_arn,
    }
    made = _client(transfer.target).create_task(
        SourceLocationArn=source,
        DestinationLocationArn=target,
        Name=transfer.name,
        Options=OPTIONS,
        ManifestConfig={"Action": "TRANSFER", "Format": "CSV", "Source": {"S3": where}},
        Tags=tags,
    )
    return str(made["TaskArn"])


def _located(transfer: Transfer, side: Side) -> str:
    found = next(_locations(transfer, side), None)
    if found:
        return found
    made = _client(side).create_location_s3(
        S3BucketArn=side.arn,
        Subdirectory="/",
        S3Config={"BucketAccessRoleArn": side.access.role_arn},
        Tags=aws.as_list(transfer.tags),
    )
    return str(made["LocationArn"])


def _locations(transfer: Transfer, side: Side) -> Iterator[str]:
    """Those that this transfer made: the same bucket may be somebody else's location as well."""
    here = _client(side)
    ours = {"Name": "LocationUri", "Values": [f"s3://{side.bucket}/"], "Operator": "Contains"}
    for page in here.get_paginator("list_locations").paginate(Filters=[ours]):
        for one in page["Locations"]:
            if _is_ours(transfer, here, one["LocationArn"]):
                yield one["LocationArn"]


def _tasks(transfer: Transfer) -> list[str]:
    there = _client(transfer.target)
    pages = there.get_paginator("list_tasks").paginate()
    named = [one["TaskArn"] for page in pages for one in page["Tasks"] if one.get("Name") == transfer.name]
    return [arn for arn in named if _is_ours(transfer, there, arn)]


def _is_ours(transfer: Transfer, client: Any, arn: str) -> bool:
    pages = client.get_paginator("list_tags_for_resource").paginate(ResourceArn=arn)
    tags = aws.as_dict([tag for page in pages for tag in page.get("Tags", [])])
    return transfer.tags.items() <= tags.items()


def _runs(client: Any, task: str) -> list[Execution]:
    pages = client.get_paginator("list_task_executions").paginate(TaskArn=task)
    return [_described(client, one["TaskExecutionArn"]) for page in pages for one in page["TaskExecutions"]]


def _described(client: Any, arn: str) -> Execution:
    told = client.describe_task_execution(TaskExecutionArn=arn)
    result = told.get("Result", {})
    words = ": ".join(filter(None, (result.get("ErrorCode"), result.get("ErrorDetail"))))
    return Execution(arn, told["Status"], told.get("FilesTransferred", 0), told.get("BytesTransferred", 0), words)


def _unlist(transfer: Transfer) -> None:
    s3, place = aws.client(transfer.target.region, "s3"), {"Bucket": transfer.target.bucket}
    found = s3.list_object_versions(**place, Prefix=transfer.listed)
    for kind in ("Versions", "DeleteMarkers"):
        for one in found.get(kind, []):
            if one["Key"] == transfer.listed:
                s3.delete_object(**place, Key=transfer.listed, VersionId=one["VersionId"])


def _client(side: Side) -> Any:
    account = side.region.aws
    elsewhere = side.access.endpoint_url or account.endpoint_url
    return aws.client(replace(side.region, aws=replace(account, endpoint_url=elsewhere)), SYSTEM)
