"""The tenant's bucket: originals, written once under the tenant's own credentials."""

import base64
import hashlib
import threading
from collections import OrderedDict
from typing import Any, cast

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError

from .binding import Binding
from .problems import unavailable

# Only the platform's answer counts, so a store that hangs is given up before the client is.
BOTO = BotoConfig(
    connect_timeout=2,
    read_timeout=10,
    retries={"total_max_attempts": 2, "mode": "standard"},
    s3={"addressing_style": "path"},
    max_pool_connections=16,
)
MAX_CLIENTS = 128


class Clients:
    """boto3 clients by tenant and service; the least recently used go first when there are too many."""

    def __init__(self, region: str, endpoint: str | None) -> None:
        self._region = region
        self._endpoint = endpoint
        self._session = boto3.session.Session()
        self._held: OrderedDict[tuple[str, str, str], Any] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, service: str, binding: Binding) -> Any:
        """A client with the tenant's credentials; a rotated key makes a new one."""
        key = (service, binding.aws_access_key_id, binding.aws_secret_access_key)
        with self._lock:
            if key not in self._held:
                self._held[key] = self._session.client(
                    service,
                    region_name=self._region,
                    endpoint_url=self._endpoint,
                    aws_access_key_id=binding.aws_access_key_id,
                    aws_secret_access_key=binding.aws_secret_access_key,
                    config=BOTO,
                )
            self._held.move_to_end(key)
            while len(self._held) > MAX_CLIENTS:
                self._held.popitem(last=False)
            return self._held[key]


class Objects:
    """Puts, gets and deletes originals."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def put(self, binding: Binding, key: str, body: bytes, media_type: str) -> str:
        """Store the body encrypted with the tenant's key; returns its SHA-256 in hex, which the store has checked."""
        digest = hashlib.sha256(body)
        try:
            self._clients.of("s3", binding).put_object(
                Bucket=binding.bucket,
                Key=key,
                Body=body,
                ContentType=media_type,
                ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=binding.kms_key_id,
            )
        except (ClientError, BotoCoreError) as error:
            raise unavailable(f"The object store did not take the document ({_reason(error)}).") from error
        return digest.hexdigest()

    def get(self, binding: Binding, key: str) -> bytes:
        """The stored bytes; raises Problem 503 when the store does not give them."""
        try:
            answer = self._clients.of("s3", binding).get_object(Bucket=binding.bucket, Key=key)
            return cast(bytes, answer["Body"].read())
        except (ClientError, BotoCoreError) as error:
            raise unavailable(f"The object store did not give the document ({_reason(error)}).") from error

    def delete(self, binding: Binding, key: str) -> None:
        """Delete the object; raises Problem 503 when the store refuses."""
        try:
            self._clients.of("s3", binding).delete_object(Bucket=binding.bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(f"The object store did not delete the document ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "error"))
    return type(error).__name__
