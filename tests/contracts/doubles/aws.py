"""Clients of one AWS-compatible endpoint, and the little that most tests begin with."""

import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


@dataclass(frozen=True)
class Aws:
    """An endpoint with credentials; `client` is an unmodified boto3 client."""

    url: str
    region: str
    access_key_id: str
    secret_access_key: str

    def client(self, service: str, **options: Any) -> Any:
        config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}).merge(Config(**options))
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=config,
        )

    def new_bucket(self, versioned: bool = False, locked: bool = False) -> str:
        name, s3 = f"test-{uuid4().hex[:20]}", self.client("s3")
        s3.create_bucket(
            Bucket=name,
            CreateBucketConfiguration={"LocationConstraint": self.region},
            ObjectLockEnabledForBucket=locked,
        )
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def new_user(self, *statements: dict[str, Any]) -> "Aws":
        """A new IAM user with these statements as its policy; returned as the endpoint under its credentials."""
        iam, name = self.client("iam"), f"user-{uuid4().hex[:12]}"
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy(*statements))
        return replace(self, access_key_id=key["AccessKeyId"], secret_access_key=key["SecretAccessKey"])


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], *resources: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": list(resources)}


def on_bucket(bucket: str) -> list[str]:
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def refusal(call: Any, *arguments: Any, **options: Any) -> tuple[str, int]:
    """Code and status with which a call is refused; the test fails when it is not."""
    try:
        call(*arguments, **options)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("the call was not refused")


def versions(s3: Any, bucket: str) -> list[dict[str, Any]]:
    """Every version and marker, in the order listed, over all pages."""
    found = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found += page.get("Versions", []) + page.get("DeleteMarkers", [])
    return found


def empty(s3: Any, bucket: str) -> int:
    """Deletes versions and markers by reading the first page until it is empty; returns how many went."""
    count = 0
    while True:
        page = s3.list_object_versions(Bucket=bucket)
        found = page.get("Versions", []) + page.get("DeleteMarkers", [])
        if not found:
            return count
        objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        assert not answer.get("Errors"), answer["Errors"][:3]
        count += len(objects)
