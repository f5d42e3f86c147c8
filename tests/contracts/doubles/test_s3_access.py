"""Policies decide: identity or bucket must allow, an explicit deny wins, and a tenant never reaches its neighbour."""

from typing import Any

import httpx
import pytest

from .aws import Aws, allow, on_bucket, policy, refusal


@pytest.fixture
def buckets(aws: Aws, s3: Any) -> tuple[str, str]:
    own, other = aws.new_bucket(), aws.new_bucket()
    for name in (own, other):
        s3.put_object(Bucket=name, Key="k", Body=name.encode())
    return own, other


def test_a_tenants_user_reads_its_own_bucket_and_no_other(aws: Aws, buckets: tuple[str, str]) -> None:
    own, other = buckets
    user = aws.new_user(allow(["s3:GetObject", "s3:PutObject", "s3:ListBucket"], *on_bucket(own))).client("s3")
    assert user.get_object(Bucket=own, Key="k")["Body"].read() == own.encode()
    user.put_object(Bucket=own, Key="new", Body=b"x")
    assert user.list_objects_v2(Bucket=own)["KeyCount"] == 2
    denied = ("AccessDenied", 403)
    assert refusal(user.get_object, Bucket=other, Key="k") == denied
    assert refusal(user.put_object, Bucket=other, Key="k", Body=b"x") == denied
    assert refusal(user.list_objects_v2, Bucket=other) == denied
    assert refusal(user.list_object_versions, Bucket=own) == denied
    assert refusal(user.delete_object, Bucket=own, Key="k") == denied
    assert refusal(user.delete_bucket, Bucket=own) == denied
    assert refusal(user.list_buckets) == denied
    assert refusal(user.head_object, Bucket=other, Key="k") == ("403", 403)
    copied = {"Bucket": own, "Key": "stolen", "CopySource": {"Bucket": other, "Key": "k"}}
    assert refusal(user.copy_object, **copied) == denied
    errors = user.delete_objects(Bucket=own, Delete={"Objects": [{"Key": "k"}]})["Errors"]
    assert errors[0]["Code"] == "AccessDenied"


def test_a_missing_key_is_not_told_to_who_may_not_list(aws: Aws, buckets: tuple[str, str]) -> None:
    user = aws.new_user(allow("s3:GetObject", *on_bucket(buckets[0]))).client("s3")
    assert refusal(user.get_object, Bucket=buckets[0], Key="none") == ("AccessDenied", 403)


def test_listing_can_be_narrowed_to_a_prefix(aws: Aws, buckets: tuple[str, str]) -> None:
    narrowed = {**allow("s3:ListBucket", *on_bucket(buckets[0])), "Condition": {"StringLike": {"s3:prefix": "mine/*"}}}
    user = aws.new_user(narrowed).client("s3")
    user.list_objects_v2(Bucket=buckets[0], Prefix="mine/1")
    assert refusal(user.list_objects_v2, Bucket=buckets[0]) == ("AccessDenied", 403)
    assert refusal(user.list_objects_v2, Bucket=buckets[0], Prefix="theirs/") == ("AccessDenied", 403)


def test_a_bucket_policy_lets_one_user_in_and_shuts_another_out(aws: Aws, s3: Any, buckets: tuple[str, str]) -> None:
    own = buckets[0]
    guest, banned = aws.new_user(), aws.new_user(allow("s3:*", "*"))
    arns = [who.client("sts").get_caller_identity()["Arn"] for who in (guest, banned)]
    document = policy(
        {**allow("s3:GetObject", f"arn:aws:s3:::{own}/*"), "Principal": {"AWS": arns[0]}},
        {"Effect": "Deny", "Action": "s3:*", "Resource": on_bucket(own), "Principal": {"AWS": [arns[1]]}},
    )
    s3.put_bucket_policy(Bucket=own, Policy=document)
    assert s3.get_bucket_policy(Bucket=own)["Policy"] == document
    assert guest.client("s3").get_object(Bucket=own, Key="k")["Body"].read() == own.encode()
    assert refusal(guest.client("s3").put_object, Bucket=own, Key="k", Body=b"x") == ("AccessDenied", 403)
    assert refusal(banned.client("s3").get_object, Bucket=own, Key="k") == ("AccessDenied", 403)
    assert banned.client("s3").get_object(Bucket=buckets[1], Key="k")["Body"].read() == buckets[1].encode()
    s3.delete_bucket_policy(Bucket=own)
    assert refusal(guest.client("s3").get_object, Bucket=own, Key="k") == ("AccessDenied", 403)


def test_a_deny_binds_root_too_but_root_can_lift_it(aws: Aws, s3: Any, buckets: tuple[str, str]) -> None:
    everyone = {"Effect": "Deny", "Action": "s3:*", "Resource": on_bucket(buckets[0]), "Principal": "*"}
    s3.put_bucket_policy(Bucket=buckets[0], Policy=policy(everyone))
    assert refusal(s3.get_object, Bucket=buckets[0], Key="k") == ("AccessDenied", 403)
    s3.delete_bucket_policy(Bucket=buckets[0])
    s3.get_object(Bucket=buckets[0], Key="k")


def test_plain_connections_can_be_denied(aws: Aws, s3: Any, buckets: tuple[str, str]) -> None:
    insecure = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": on_bucket(buckets[0]), "Principal": "*"}
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(Bucket=buckets[0], Policy=policy({**insecure, "Condition": condition}))
    assert refusal(s3.get_object, Bucket=buckets[0], Key="k") == ("AccessDenied", 403)


def test_a_public_policy_needs_two_doors_opened(aws: Aws, s3: Any, buckets: tuple[str, str]) -> None:
    own, url = buckets[0], f"{aws.url}/{buckets[0]}/k"
    public = policy({**allow("s3:GetObject", f"arn:aws:s3:::{own}/*"), "Principal": "*"})
    assert refusal(s3.put_bucket_policy, Bucket=own, Policy=public) == ("AccessDenied", 403)
    switches = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy"), False)
    half_open = {**switches, "RestrictPublicBuckets": True}
    s3.put_public_access_block(Bucket=own, PublicAccessBlockConfiguration=half_open)
    s3.put_bucket_policy(Bucket=own, Policy=public)
    assert s3.get_bucket_policy_status(Bucket=own)["PolicyStatus"]["IsPublic"] is True
    assert httpx.get(url).status_code == 403
    s3.delete_public_access_block(Bucket=own)
    assert httpx.get(url).content == own.encode()
    assert httpx.get(f"{aws.url}/{own}").status_code == 403


@pytest.mark.parametrize(
    "document",
    ["", "{", "[]", '{"Statement": []', '{"Statement": [{"Effect": "Maybe"}]}', '{"Statement": "x"}', "{" * 5000],
)
def test_a_policy_that_is_none_is_refused(s3: Any, buckets: tuple[str, str], document: str) -> None:
    assert refusal(s3.put_bucket_policy, Bucket=buckets[0], Policy=document)[0] == "MalformedPolicy"


def test_a_policy_for_another_bucket_is_refused(s3: Any, buckets: tuple[str, str]) -> None:
    foreign = policy({"Effect": "Deny", "Action": "s3:*", "Resource": on_bucket(buckets[1]), "Principal": "*"})
    assert refusal(s3.put_bucket_policy, Bucket=buckets[0], Policy=foreign)[0] == "MalformedPolicy"
