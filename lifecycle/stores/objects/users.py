"""A tenant's IAM user: may reach this tenant's bucket, key and log group, and nothing else."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from lifecycle.stores.tags import refuse_foreign
from portal.lib.regions import Region

SYSTEM = "iam"
POLICY = "tenant"


@dataclass(frozen=True)
class UserSpec:
    """An IAM user as it should be."""

    tenant_id: UUID
    user: str
    bucket: str
    log_group: str
    tags: dict[str, str]
    kms_key_arn: str = ""


@dataclass(frozen=True)
class UserState:
    """An IAM user as it is. `policies` are the names of its inline policies, ours among them."""

    user: str
    arn: str
    policy: dict[str, Any]
    policies: tuple[str, ...]
    key_ids: tuple[str, ...]
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AccessKey:
    """A fresh access key. The secret is shown once, here."""

    key_id: str
    secret: str = field(repr=False)


def ensure(region: Region, spec: UserSpec) -> UserState:
    """Make the user with its one policy; adopts a user that carries this tenant's tag. Makes no access key."""
    iam = aws.client(region, "iam")
    with aws.translated(SYSTEM, f"CreateUser {spec.user}"):
        try:
            iam.create_user(UserName=spec.user, Tags=aws.as_list(spec.tags))
        except ClientError as error:
            if aws.code(error) != "EntityAlreadyExists":
                raise
            known = _tags(iam, spec.user)
            refuse_foreign(SYSTEM, spec.user, known, spec.tenant_id)
            _set_tags(iam, spec.user, known, spec.tags)
        iam.put_user_policy(UserName=spec.user, PolicyName=POLICY, PolicyDocument=json.dumps(policy(region, spec)))
        for surplus in iam.list_user_policies(UserName=spec.user)["PolicyNames"]:
            if surplus != POLICY:
                iam.delete_user_policy(UserName=spec.user, PolicyName=surplus)
    state = read(region, spec.user)
    if state is None:
        raise Permanent(SYSTEM, "CreateUser", f"{spec.user} is not there after it was made")
    return state


def read(region: Region, user: str) -> UserState | None:
    """Return the user as it really is, or None."""
    iam = aws.client(region, "iam")
    with aws.translated(SYSTEM, f"GetUser {user}"):
        about = aws.unless_absent(iam.get_user, UserName=user)
        if about is None:
            return None
        ours = aws.unless_absent(iam.get_user_policy, UserName=user, PolicyName=POLICY)
        document = ours["PolicyDocument"] if ours else {}
        return UserState(
            user=user,
            arn=str(about["User"]["Arn"]),
            policy=json.loads(document) if isinstance(document, str) else dict(document),
            policies=tuple(iam.list_user_policies(UserName=user)["PolicyNames"]),
            key_ids=tuple(_key_ids(iam, user)),
            tags=_tags(iam, user),
        )


def remove(region: Region, user: str, tenant_id: UUID) -> bool:
    """Remove the user with its keys and policies; true when it was there."""
    iam = aws.client(region, "iam")
    with aws.translated(SYSTEM, f"DeleteUser {user}"):
        if aws.unless_absent(iam.get_user, UserName=user) is None:
            return False
        refuse_foreign(SYSTEM, user, _tags(iam, user), tenant_id)
        for key_id in _key_ids(iam, user):
            aws.unless_absent(iam.delete_access_key, UserName=user, AccessKeyId=key_id)
        for name in iam.list_user_policies(UserName=user)["PolicyNames"]:
            aws.unless_absent(iam.delete_user_policy, UserName=user, PolicyName=name)
        return aws.unless_absent(iam.delete_user, UserName=user) is not None


def tags(region: Region, user: str) -> dict[str, str]:
    state = read(region, user)
    return state.tags if state else {}


def new_key(region: Region, user: str) -> AccessKey:
    """Return a fresh access key and remove every older one, so that exactly one is valid."""
    iam = aws.client(region, "iam")
    with aws.translated(SYSTEM, f"CreateAccessKey {user}"):
        older = _key_ids(iam, user)
        for surplus in older[1:]:  # IAM allows two at a time
            iam.delete_access_key(UserName=user, AccessKeyId=surplus)
        made = iam.create_access_key(UserName=user)["AccessKey"]
        for old in older[:1]:
            iam.delete_access_key(UserName=user, AccessKeyId=old)
        return AccessKey(str(made["AccessKeyId"]), str(made["SecretAccessKey"]))


def revoke_keys(region: Region, user: str) -> int:
    """Delete every access key of the user, which ends all its access at once; return how many."""
    iam = aws.client(region, "iam")
    with aws.translated(SYSTEM, f"DeleteAccessKey {user}"):
        if aws.unless_absent(iam.get_user, UserName=user) is None:
            return 0
        found = _key_ids(iam, user)
        for key_id in found:
            aws.unless_absent(iam.delete_access_key, UserName=user, AccessKeyId=key_id)
        return len(found)


def policy(region: Region, spec: UserSpec) -> dict[str, Any]:
    """Return the user's policy. Its bucket, its key, its log group; no listing of anything else."""
    account = aws.account_id(region)
    logs = f"arn:aws:logs:{region.name}:{account}:log-group:{spec.log_group}"
    statements = [
        _allow("Bucket", ["s3:ListBucket", "s3:GetBucketLocation"], [f"arn:aws:s3:::{spec.bucket}"]),
        _allow(
            "Objects",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            [f"arn:aws:s3:::{spec.bucket}/*"],
        ),
        _allow(
            "Logs",
            ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams", "logs:FilterLogEvents"],
            [logs, f"{logs}:*"],
        ),
    ]
    if spec.kms_key_arn:
        statements.append(_allow("Key", ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"], [spec.kms_key_arn]))
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


def _key_ids(iam: Any, user: str) -> list[str]:
    """Return the user's key ids, newest first."""
    keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    return [str(key["AccessKeyId"]) for key in sorted(keys, key=lambda key: key["CreateDate"], reverse=True)]


def _tags(iam: Any, user: str) -> dict[str, str]:
    return aws.as_dict(iam.list_user_tags(UserName=user)["Tags"])


def _set_tags(iam: Any, user: str, known: dict[str, str], wanted: dict[str, str]) -> None:
    surplus = sorted(known.keys() - wanted.keys())
    if surplus:
        iam.untag_user(UserName=user, TagKeys=surplus)
    if known != wanted:
        iam.tag_user(UserName=user, Tags=aws.as_list(wanted))
