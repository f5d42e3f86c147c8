"""S3 with a tenant's own credentials."""

import functools
import threading
from typing import Any

import boto3
from botocore.config import Config

from lifecycle.provisioning.validation.target import Binding
from portal.lib.regions import Region

# Checks try what must fail, so nothing is tried twice.
ONCE = {"total_max_attempts": 1, "mode": "standard"}
_making = threading.Lock()


def endpoint(region: Region) -> str:
    """Return the address buckets are paths of."""
    return (region.aws.endpoint_url or f"https://s3.{region.name}.amazonaws.com").rstrip("/")


def as_tenant(region: Region, binding: Binding) -> Any:
    """Return a client with the tenant's runtime credentials."""
    with _making:  # clients are thread-safe, making them is not
        return _client(region.name, endpoint(region), binding.aws_access_key_id, binding.aws_secret_access_key)


@functools.lru_cache(maxsize=32)
def _client(region: str, address: str, key_id: str, secret: str) -> Any:
    return boto3.client(
        "s3",
        region_name=region,
        endpoint_url=address,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(connect_timeout=2, read_timeout=5, retries=ONCE, s3={"addressing_style": "path"}),
    )
