"""A tenant's KMS key, found by its alias. Removing it schedules its deletion: KMS keeps it at least seven days."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres import fences
from lifecycle.stores.tags import OWNER, of_tenant, refuse_foreign
from lifecycle.stores.throttle import looking
from portal.lib.regions import Region

SYSTEM = "keys"
WAIT_DAYS = 7


@dataclass(frozen=True)
class KeyState:
    """A key as it is. `deletion_at` is set while it waits for its deletion."""

    key_id: str
    arn: str
    alias: str
    state: str
    rotates: bool
    deletion_at: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)


def ensure(region: Region, *, tenant_id: UUID, alias: str, log_group: str, tags: dict[str, str]) -> KeyState:
    """Make the key and its alias, adopting an enabled key of this tenant that an interrupted run left without alias.

    The log service may use the key for this log group, everybody else through the account's own policies.
    """
    kms = aws.client(region, "kms")
    with aws.translated(SYSTEM, f"CreateKey {alias}"):
        known = _describe(kms, alias)
        if known is None:
            key_id = _unnamed_key(region, kms, tenant_id) or _create(kms, tenant_id, policy(region, log_group), tags)
            key_id = _name(kms, alias, key_id)
        else:
            key_id = str(known["KeyId"])
            refuse_foreign(SYSTEM, alias, _tags(kms, key_id), tenant_id)
        _set_tags(kms, key_id, tags)
        kms.enable_key_rotation(KeyId=key_id)
    state = read(region, alias)
    if state is None:
        raise Permanent(SYSTEM, "CreateKey", f"{alias} is not there after it was made")
    return state


def read(region: Region, alias_or_id: str) -> KeyState | None:
    """Return the key behind an alias or id as it really is, or None."""
    kms = aws.client(region, "kms")
    with aws.translated(SYSTEM, f"DescribeKey {alias_or_id}"):
        about = _describe(kms, alias_or_id)
        if about is None:
            return None
        key_id = str(about["KeyId"])
        pending = about["KeyState"] == "PendingDeletion"
        return KeyState(
            key_id=key_id,
            arn=str(about["Arn"]),
            alias=_alias_of(kms, key_id),
            state=str(about["KeyState"]),
            rotates=not pending and bool(kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]),
            deletion_at=about.get("DeletionDate"),
            tags=_tags(kms, key_id),
        )


def remove(region: Region, alias_or_id: str, tenant_id: UUID) -> datetime | None:
    """Take away the alias and schedule the key's deletion; return its date, or None when there was no key."""
    kms = aws.client(region, "kms")
    with aws.translated(SYSTEM, f"ScheduleKeyDeletion {alias_or_id}"):
        about = _describe(kms, alias_or_id)
        if about is None:
            return None
        key_id = str(about["KeyId"])
        refuse_foreign(SYSTEM, key_id, _tags(kms, key_id), tenant_id)
        alias = _alias_of(kms, key_id)
        if about["KeyState"] != "PendingDeletion":
            asked = looking(lambda: fences.refuse_held(region, tenant_id, f"ScheduleKeyDeletion {alias_or_id}"))
            with fences.unheld(region, tenant_id), asked:  # who waits for long loses the first, not the second
                about = kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=WAIT_DAYS)
        if alias:  # last: while the alias is there, an interrupted removal finds the key again
            aws.unless_absent(kms.delete_alias, AliasName=alias)
        found = about["DeletionDate"]
        assert isinstance(found, datetime)
        return found


def keep(region: Region, key_id: str, tenant_id: UUID) -> KeyState | None:
    """Call off the deletion for which the key waits; return it as it is then: not usable until somebody enables it."""
    kms = aws.client(region, "kms")
    with aws.translated(SYSTEM, f"CancelKeyDeletion {key_id}"):
        refuse_foreign(SYSTEM, key_id, _tags(kms, key_id), tenant_id)
        kms.cancel_key_deletion(KeyId=key_id)
    return read(region, key_id)


def tags(region: Region, alias_or_id: str) -> dict[str, str]:
    state = read(region, alias_or_id)
    return state.tags if state else {}


def of_tenant_keys(region: Region, tenant_id: UUID) -> list[KeyState]:
    """Return every key that carries the tenant's tag, those waiting for their deletion too."""
    arns = [one.arn for one in of_tenant(region, tenant_id) if ":kms:" in one.arn and ":key/" in one.arn]
    found = (read(region, arn) for arn in arns)
    return [state for state in found if state is not None]


def _describe(kms: Any, alias_or_id: str) -> dict[str, Any] | None:
    said = aws.unless_absent(kms.describe_key, KeyId=alias_or_id)
    return None if said is None else dict(said["KeyMetadata"])


def _unnamed_key(region: Region, kms: Any, tenant_id: UUID) -> str:
    usable = [state for state in of_tenant_keys(region, tenant_id) if state.state == "Enabled" and not state.alias]
    return min((state.key_id for state in usable), default="")


def policy(region: Region, log_group: str) -> dict[str, Any]:
    """Return the key's policy."""
    account = aws.account_id(region)
    group = f"arn:aws:logs:{region.name}:{account}:log-group:{log_group}"
    delegate = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*"}
    logs = {
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region.name}.amazonaws.com"},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": group}},
    }
    statements = [{"Sid": "Account", **delegate, "Resource": "*"}, {"Sid": "Logs", **logs, "Resource": "*"}]
    return {"Version": "2012-10-17", "Statement": statements}


def _create(kms: Any, tenant_id: UUID, document: dict[str, Any], tags: dict[str, str]) -> str:
    words = f"Objects and logs of tenant {tenant_id}"
    labels = aws.as_list({**tags, OWNER: str(tenant_id)}, "TagKey", "TagValue")
    answer = kms.create_key(Description=words, Policy=json.dumps(document), Tags=labels)
    return str(answer["KeyMetadata"]["KeyId"])


def _name(kms: Any, alias: str, key_id: str) -> str:
    """Give the key its alias and return the id behind it: another's, made at the same time, wins, and ours goes."""
    try:
        kms.create_alias(AliasName=alias, TargetKeyId=key_id)
    except ClientError as error:
        if aws.code(error) != "AlreadyExistsException":
            raise
        winner = _describe(kms, alias)
        if winner is not None and winner["KeyId"] != key_id:
            kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=WAIT_DAYS)
            return str(winner["KeyId"])
    return key_id


def _alias_of(kms: Any, key_id: str) -> str:
    named = kms.list_aliases(KeyId=key_id)["Aliases"]
    return str(named[0]["AliasName"]) if named else ""


def _tags(kms: Any, key_id: str) -> dict[str, str]:
    return aws.as_dict(kms.list_resource_tags(KeyId=key_id)["Tags"], "TagKey", "TagValue")


def _set_tags(kms: Any, key_id: str, wanted: dict[str, str]) -> None:
    known = _tags(kms, key_id)
    surplus = sorted(known.keys() - wanted.keys())
    if surplus:
        kms.untag_resource(KeyId=key_id, TagKeys=surplus)
    if known != wanted:
        kms.tag_resource(KeyId=key_id, Tags=aws.as_list(wanted, "TagKey", "TagValue"))
