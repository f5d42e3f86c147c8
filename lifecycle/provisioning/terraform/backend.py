"""Where the state of all tenants is kept: one object per tenant in an S3 bucket, locked by a file beside it."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

STATE_BUCKET = "bailiwick-state"


@dataclass(frozen=True)
class StateLock:
    """Somebody's lock on a state. `id` is what force-unlock wants."""

    id: str
    who: str
    operation: str
    created: str


@dataclass(frozen=True)
class Backend:
    """An S3 backend and how to reach it. `endpoint_url` is None for AWS itself."""

    region: str
    endpoint_url: str | None
    access_key_id: str
    secret_access_key: str = field(repr=False)
    bucket: str = STATE_BUCKET
    kms_key_id: str = ""

    def configuration(self, state_key: str) -> dict[str, Any]:
        """Return the partial backend configuration of one tenant; it holds no credentials."""
        own: dict[str, Any] = {"endpoints": {"s3": self.endpoint_url}} if self.endpoint_url else {}
        if self.kms_key_id:
            own["kms_key_id"] = self.kms_key_id
        simulated = bool(self.endpoint_url)
        return {
            **own,
            "bucket": self.bucket,
            "key": state_key,
            "region": self.region,
            "encrypt": True,
            "use_lockfile": True,
            "use_path_style": simulated,
            "skip_credentials_validation": simulated,
            "skip_requesting_account_id": simulated,
            "skip_metadata_api_check": simulated,
            "skip_region_validation": simulated,
        }

    def environment(self) -> dict[str, str]:
        """Return the credentials as Terraform takes them: from the environment, never from a file."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> BaseClient:
        return boto3.client(
            "s3",
            region_name=self.region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(
                connect_timeout=3,
                read_timeout=15,
                retries={"total_max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path" if self.endpoint_url else "auto"},
            ),
        )


def ensure_bucket(backend: Backend) -> None:
    """Make sure the state bucket exists, keeps versions and is closed to the public."""
    s3 = backend.client()
    try:
        s3.head_bucket(Bucket=backend.bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        _create_bucket(s3, backend)
    s3.put_bucket_versioning(Bucket=backend.bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(
        Bucket=backend.bucket,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
    )


def _create_bucket(s3: Any, backend: Backend) -> None:
    place = {} if backend.region == "us-east-1" else {"LocationConstraint": backend.region}
    try:
        s3.create_bucket(Bucket=backend.bucket, **({"CreateBucketConfiguration": place} if place else {}))
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise


def read_lock(backend: Backend, state_key: str) -> StateLock | None:
    """Return who holds the state's lock, or None."""
    said = _read(backend, f"{state_key}.tflock")
    if said is None:
        return None
    lock = json.loads(said)
    return StateLock(lock["ID"], lock.get("Who", ""), lock.get("Operation", ""), lock.get("Created", ""))


def read_state(backend: Backend, state_key: str) -> dict[str, Any] | None:
    """Return the state document, or None where the tenant has none."""
    said = _read(backend, state_key)
    return None if not said else dict(json.loads(said))


def delete_state(backend: Backend, state_key: str) -> None:
    """Remove the tenant's state. Only for a tenant whose residue is zero; refuses a state that lists resources."""
    state = read_state(backend, state_key)
    if state and state.get("resources"):
        raise ValueError(f"{state_key} still lists {len(state['resources'])} resources")
    backend.client().delete_object(Bucket=backend.bucket, Key=state_key)


def _read(backend: Backend, key: str) -> bytes | None:
    try:
        answer = backend.client().get_object(Bucket=backend.bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket", "404"):
            return None
        raise
    return bytes(answer["Body"].read())


def created_at(lock: StateLock) -> datetime:
    """Return when the lock was taken (Terraform writes nanoseconds, which Python does not read)."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", lock.created))
