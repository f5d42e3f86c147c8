"""Where exports lie: one closed, encrypted bucket in each region, a folder for each export, one for each attempt."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError

from compliance.verifiers.exports import bucket_of
from lifecycle.stores import aws
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import keys
from lifecycle.stores.objects.buckets import CLOSED
from portal.lib.regions import Region

SYSTEM = "exports"
USABLE = "Enabled"


@dataclass(frozen=True)
class Place:
    """One export's folder, and how what is put there is encrypted."""

    region: Region
    tenant_id: UUID
    prefix: str
    encryption: dict[str, str]

    @property
    def bucket(self) -> str:
        return bucket_of(self.region.name)

    @property
    def s3(self) -> Any:
        return aws.client(self.region, "s3")

    def key(self, attempt: str, path: str) -> str:
        return f"{self.prefix}{attempt}/{path}"


def place_of(region: Region, names: TenantNames, prefix: str) -> Place:
    """Under the tenant's own key where it has one in use: whoever ends that key ends its exports, too."""
    key = keys.read(region, names.kms_alias)
    by_key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key.arn} if key and key.state == USABLE else {}
    return Place(region, names.tenant_id, prefix, by_key or {"ServerSideEncryption": "AES256"})


def ensure_bucket(region: Region) -> None:
    """Make the region's bucket: closed to the public, encrypted. It keeps no versions, and expires nothing by itself:
    a rule of the store would not ask whether a hold stands."""
    s3, bucket = aws.client(region, "s3"), bucket_of(region.name)
    where = {} if region.name == "us-east-1" else {"LocationConstraint": region.name}
    with aws.translated(SYSTEM, f"CreateBucket {bucket}"):
        if aws.unless_absent(s3.head_bucket, Bucket=bucket) is None:
            try:
                s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))
            except ClientError as error:
                if aws.code(error) != "BucketAlreadyOwnedByYou":
                    raise
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=CLOSED)
        usual = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [usual]})
