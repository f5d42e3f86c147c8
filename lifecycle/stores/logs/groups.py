"""A tenant's log group: kept so many days, encrypted with the tenant's key where there is one."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres import fences
from lifecycle.stores.tags import refuse_foreign
from lifecycle.stores.throttle import looking
from portal.lib.regions import Region
from portal.lib.streams import beneath

SYSTEM = "logs"
STATUS = "TenantStatus"  # set beside the tags of the plan while the tenant is not in use


@dataclass(frozen=True)
class LogGroupSpec:
    """A log group as it should be."""

    tenant_id: UUID
    name: str
    retention_days: int
    tags: dict[str, str]
    kms_key_arn: str = ""


@dataclass(frozen=True)
class LogGroupState:
    """A log group as it is. `retention_days` 0 means for ever; `status` is its tag of that name, not among `tags`."""

    name: str
    arn: str
    retention_days: int
    kms_key_arn: str
    stored_bytes: int
    tags: dict[str, str] = field(default_factory=dict)
    status: str = ""


def ensure(region: Region, spec: LogGroupSpec) -> LogGroupState:
    """Make the log group so; adopts one that carries this tenant's tag or none (the name holds the tenant's id)."""
    logs = aws.client(region, "logs")
    with aws.translated(SYSTEM, f"CreateLogGroup {spec.name}"):
        key = {"kmsKeyId": spec.kms_key_arn} if spec.kms_key_arn else {}
        try:
            logs.create_log_group(logGroupName=spec.name, tags=spec.tags, **key)
        except ClientError as error:
            if aws.code(error) != "ResourceAlreadyExistsException":
                raise
            _adopt(region, logs, spec)
        logs.put_retention_policy(logGroupName=spec.name, retentionInDays=spec.retention_days)
    state = read(region, spec.name)
    if state is None:
        raise Permanent(SYSTEM, "CreateLogGroup", f"{spec.name} is not there after it was made")
    return state


def read(region: Region, name: str) -> LogGroupState | None:
    """Return the log group as it really is, or None."""
    logs = aws.client(region, "logs")
    with aws.translated(SYSTEM, f"DescribeLogGroups {name}"):
        about = _describe(logs, name)
        if about is None:
            return None
        arn = str(about["arn"]).removesuffix(":*")
        tags = dict(logs.list_tags_for_resource(resourceArn=arn)["tags"])
        status = tags.pop(STATUS, "")
        return LogGroupState(
            name=name,
            arn=arn,
            retention_days=int(about.get("retentionInDays", 0)),
            kms_key_arn=str(about.get("kmsKeyId", "")),
            stored_bytes=int(about.get("storedBytes", 0)),
            tags=tags,
            status=status,
        )


def set_status(region: Region, name: str, status: str) -> LogGroupState | None:
    """Tag the log group with the tenant's status, or with none; return it as it is then."""
    state = read(region, name)
    if state is None or state.status == status:
        return state
    logs = aws.client(region, "logs")
    with aws.translated(SYSTEM, f"TagResource {name}"):
        if status:
            logs.tag_resource(resourceArn=state.arn, tags={STATUS: status})
        else:
            logs.untag_resource(resourceArn=state.arn, tagKeys=[STATUS])
    return read(region, name)


def set_retention(region: Region, name: str, tenant_id: UUID, days: int) -> int:
    """Let the log group's lines expire after so many days, with 0 never; return what the service says then."""
    state, logs = read(region, name), aws.client(region, "logs")
    if state is None:
        raise Permanent(SYSTEM, "PutRetentionPolicy", f"{name} is not there")
    refuse_foreign(SYSTEM, name, state.tags, tenant_id)
    with aws.translated(SYSTEM, f"PutRetentionPolicy {name}"):
        if days:
            logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        else:
            aws.unless_absent(logs.delete_retention_policy, logGroupName=name)
    state = read(region, name)
    return state.retention_days if state else 0


def remove(region: Region, name: str, tenant_id: UUID) -> bool:
    """Remove the log group with all it holds; true when it was there."""
    state = read(region, name)
    if state is None:
        return False
    refuse_foreign(SYSTEM, name, state.tags, tenant_id)
    asked = looking(lambda: fences.refuse_held(region, tenant_id, f"DeleteLogGroup {name}"))
    with aws.translated(SYSTEM, f"DeleteLogGroup {name}"), asked:
        return aws.unless_absent(aws.client(region, "logs").delete_log_group, logGroupName=name) is not None


def all_of(region: Region, own: str) -> list[str]:
    """Return the names of the tenant's own group and of those beneath it, as far as they are there."""
    pages = aws.client(region, "logs").get_paginator("describe_log_groups")
    with aws.translated(SYSTEM, f"DescribeLogGroups {own}"):
        found = [one["logGroupName"] for page in pages.paginate(logGroupNamePrefix=own) for one in page["logGroups"]]
    return [one for one in found if beneath(own, one) is not None]


def streams(region: Region, name: str) -> list[str]:
    """Return the names of a log group's streams; none where it is not there."""
    with aws.translated(SYSTEM, f"DescribeLogStreams {name}"):
        said = aws.unless_absent(_streams, logs=aws.client(region, "logs"), name=name)
    return list(said["names"]) if said else []


def _streams(logs: Any, name: str) -> dict[str, list[str]]:
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=name)
    return {"names": [one["logStreamName"] for page in pages for one in page["logStreams"]]}


def tags(region: Region, name: str) -> dict[str, str]:
    state = read(region, name)
    return state.tags if state else {}


def _adopt(region: Region, logs: Any, spec: LogGroupSpec) -> None:
    state = read(region, spec.name)
    if state is None:
        return
    refuse_foreign(SYSTEM, spec.name, state.tags, spec.tenant_id)
    surplus = sorted(state.tags.keys() - spec.tags.keys())
    if surplus:
        logs.untag_resource(resourceArn=state.arn, tagKeys=surplus)
    if state.tags != spec.tags:
        logs.tag_resource(resourceArn=state.arn, tags=spec.tags)
    if spec.kms_key_arn and state.kms_key_arn != spec.kms_key_arn:
        logs.associate_kms_key(logGroupName=spec.name, kmsKeyId=spec.kms_key_arn)


def _describe(logs: Any, name: str) -> dict[str, Any] | None:
    """The API finds by prefix only, so the exact name is picked from its first pages."""
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
        for about in page["logGroups"]:
            if about["logGroupName"] == name:
                return dict(about)
    return None
