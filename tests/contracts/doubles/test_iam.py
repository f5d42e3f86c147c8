"""Users, keys and policies: what exists, what conflicts, and how soon a change counts."""

from typing import Any
from uuid import uuid4

import pytest

from .aws import Aws, allow, policy, refusal


@pytest.fixture
def iam(double: Aws) -> Any:
    return double.client("iam")


@pytest.fixture
def user(iam: Any) -> str:
    name = f"rag-{uuid4().hex}"
    iam.create_user(UserName=name, Tags=[{"Key": "TenantID", "Value": "t-1"}])
    return name


def test_a_user_is_made_once_read_and_tagged(iam: Any, user: str) -> None:
    assert refusal(iam.create_user, UserName=user) == ("EntityAlreadyExists", 409)
    assert iam.get_user(UserName=user)["User"]["Arn"].endswith(f":user/{user}")
    iam.tag_user(UserName=user, Tags=[{"Key": "Owner", "Value": "o & p"}])
    tags = iam.list_user_tags(UserName=user)["Tags"]
    assert tags == [{"Key": "Owner", "Value": "o & p"}, {"Key": "TenantID", "Value": "t-1"}]
    iam.untag_user(UserName=user, TagKeys=["Owner"])
    assert user in [item["UserName"] for page in iam.get_paginator("list_users").paginate() for item in page["Users"]]
    iam.delete_user(UserName=user)
    assert refusal(iam.get_user, UserName=user) == ("NoSuchEntity", 404)


def test_a_user_with_keys_or_policies_is_not_deleted(iam: Any, user: str) -> None:
    key = iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy(allow("s3:*", "*")))
    assert refusal(iam.delete_user, UserName=user) == ("DeleteConflict", 409)
    iam.delete_access_key(UserName=user, AccessKeyId=key)
    assert refusal(iam.delete_user, UserName=user) == ("DeleteConflict", 409)
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == ["p"]
    assert iam.get_user_policy(UserName=user, PolicyName="p")["PolicyDocument"]["Statement"][0]["Effect"] == "Allow"
    iam.delete_user_policy(UserName=user, PolicyName="p")
    iam.delete_user(UserName=user)


def test_two_keys_at_most_and_a_deleted_one_is_dead_at_once(double: Aws, iam: Any, user: str) -> None:
    keys = [iam.create_access_key(UserName=user)["AccessKey"] for _ in range(2)]
    assert refusal(iam.create_access_key, UserName=user) == ("LimitExceeded", 409)
    listed = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    assert {item["AccessKeyId"] for item in listed} == {key["AccessKeyId"] for key in keys}
    own = Aws(double.url, double.region, keys[0]["AccessKeyId"], keys[0]["SecretAccessKey"])
    assert own.client("sts").get_caller_identity()["Arn"].endswith(user)
    iam.update_access_key(UserName=user, AccessKeyId=own.access_key_id, Status="Inactive")
    assert refusal(own.client("sts").get_caller_identity) == ("InvalidClientTokenId", 403)
    iam.delete_access_key(UserName=user, AccessKeyId=own.access_key_id)
    assert refusal(own.client("s3").list_buckets) == ("InvalidAccessKeyId", 403)


def test_a_user_has_no_rights_it_was_not_given(double: Aws, iam: Any) -> None:
    nobody = double.new_user()
    assert refusal(nobody.client("iam").list_users) == ("AccessDenied", 403)
    assert refusal(nobody.client("kms").create_key)[0] == "AccessDeniedException"
    assert refusal(nobody.client("logs").create_log_group, logGroupName="/x")[0] == "AccessDeniedException"
    assert refusal(nobody.client("resourcegroupstaggingapi").get_resources)[0] == "AccessDeniedException"


def test_an_explicit_deny_wins(double: Aws) -> None:
    limited = double.new_user(
        allow("iam:*", "*"), {"Effect": "Deny", "Action": "iam:Create*", "Resource": "*"}
    )  # fmt: skip
    limited.client("iam").list_users()
    assert refusal(limited.client("iam").create_user, UserName="x") == ("AccessDenied", 403)


def test_bad_names_and_policies_are_refused(iam: Any, user: str) -> None:
    assert refusal(iam.create_user, UserName="../../x")[0] == "ValidationError"
    for document in ("{", "[]", policy({"Effect": "Allow", "Action": "s3:*"})):
        refused = refusal(iam.put_user_policy, UserName=user, PolicyName="p", PolicyDocument=document)
        assert refused == ("MalformedPolicyDocument", 400)
