"""Where the state of all tenants is kept: one object per tenant in an S3 bucket, locked by a file beside it."""

import json
import re
from dataclasses import dataclass, field, replace
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
        """Return the credentials as Terraform takes them: from the environment, never from a file.

        Without a key of its own the SDK looks for a role (run.py passes on where): an empty key would hide it.
        """
        if not self.access_key_id:
            return {"AWS_REGION": self.region}
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str = "s3") -> BaseClient:
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key_id or None,
            aws_secret_access_key=self.secret_access_key or None,
            config=Config(
                connect_timeout=3,
                read_timeout=15,
                retries={"total_max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path" if self.endpoint_url else "auto"},
            ),
        )


class Unfit(Exception):
    """The state bucket is not as terraform/bootstrap makes it; a person has to see to it."""

    is_transient = False


def ensure_bucket(backend: Backend) -> Backend:
    """Make sure the state bucket exists, keeps versions, is closed to the public and encrypts with the states' key.

    On AWS that is terraform/bootstrap's: it is looked at and never made or changed, because its name belongs to the
    whole world and may be another's. Returns the backend with that key by its ARN: policies of the bucket compare
    ARNs, so an alias would be refused.
    """
    s3: Any = backend.client()
    if not backend.endpoint_url:
        return _verified(s3, backend)
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
    if not backend.kms_key_id:
        return backend
    arn = _key_arn(backend)
    sealed = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    rules = [{"ApplyServerSideEncryptionByDefault": sealed, "BucketKeyEnabled": True}]
    s3.put_bucket_encryption(Bucket=backend.bucket, ServerSideEncryptionConfiguration={"Rules": rules})
    return replace(backend, kms_key_id=arn)


def _verified(s3: Any, backend: Backend) -> Backend:
    """The backend of an account of AWS, or Unfit with all that its bucket lacks."""
    at = {"Bucket": backend.bucket}
    try:
        s3.head_bucket(**at)
        versions = s3.get_bucket_versioning(**at).get("Status")
        closed = s3.get_public_access_block(**at)["PublicAccessBlockConfiguration"]
        rules = s3.get_bucket_encryption(**at)["ServerSideEncryptionConfiguration"]["Rules"]
    except ClientError as error:
        said = error.response["Error"]["Code"]
        made = "terraform/bootstrap makes it, BAILIWICK_STATE_BUCKET names it"
        raise Unfit(f"The state bucket {backend.bucket} answers {said}: {made}.") from error
    arn = _key_arn(backend) if backend.kms_key_id else ""
    used = {one["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID") for one in rules}
    lacks = {
        "keeps no versions": versions != "Enabled",
        "is not closed to the public": not all(closed.values()),
        f"does not encrypt with {arn}": bool(arn) and used != {arn},
    }
    if any(lacks.values()):
        raise Unfit(f"The state bucket {backend.bucket} {', '.join(words for words, is_so in lacks.items() if is_so)}.")
    return replace(backend, kms_key_id=arn)


def fault_of_sealing(backend: Backend, state_key: str) -> str:
    """Why the state as it lies there is not encrypted with the states' key, or an empty string. Asks the store."""
    if not backend.kms_key_id:
        return ""
    s3: Any = backend.client()
    try:
        said = s3.head_object(Bucket=backend.bucket, Key=state_key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return ""
    used, wanted = said.get("SSEKMSKeyId") or said.get("ServerSideEncryption") or "nothing", _key_arn(backend)
    return "" if used == wanted else f"its state is encrypted with {used}, not with {wanted}"


def _key_arn(backend: Backend) -> str:
    """The states' key by its ARN. Bootstrap has made it; only a simulated account makes one itself."""
    if ":key/" in backend.kms_key_id:
        return backend.kms_key_id
    kms: Any = backend.client("kms")
    try:
        return str(kms.describe_key(KeyId=backend.kms_key_id)["KeyMetadata"]["Arn"])
    except kms.exceptions.NotFoundException:
        if not (backend.endpoint_url and backend.kms_key_id.startswith("alias/")):
            raise
    made = kms.create_key(Description="Terraform states")["KeyMetadata"]["KeyId"]
    try:
        kms.create_alias(AliasName=backend.kms_key_id, TargetKeyId=made)
    except kms.exceptions.AlreadyExistsException:  # another worker's, made at the same time
        kms.schedule_key_deletion(KeyId=made, PendingWindowInDays=7)
    return str(kms.describe_key(KeyId=backend.kms_key_id)["KeyMetadata"]["Arn"])


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
