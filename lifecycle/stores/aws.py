"""Clients of AWS (or a region's double of it): timeouts, the shared rate, errors told permanent from transient."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.throttle import Throttle, retry_after, throttle
from portal.lib.regions import Aws, Region

TRANSIENT = frozenset(
    {
        "ConcurrentModification",
        "InternalError",
        "InternalFailure",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "InvalidUserState",  # of ElastiCache: it is being changed
        "InvalidUserGroupState",
    }
)
ABSENT = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchTagSet",
        "NotFoundException",
        "ResourceNotFoundException",
        "UserNotFound",
        "ServerSideEncryptionConfigurationNotFoundError",
        "NoSuchLifecycleConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "OwnershipControlsNotFoundError",
    }
)
_making = threading.Lock()


def client(region: Region, service: str, *, soon: bool = False) -> Any:
    """Return the shared, thread-safe client of a service in a region; one that tries once and not long if `soon`."""
    with _making:  # clients are thread-safe, making them is not
        return _client(region.name, region.aws, service, soon)


@functools.cache
def _client(region: str, account: Aws, service: str, soon: bool = False) -> Any:
    made = boto3.client(
        service,
        region_name=region,
        endpoint_url=account.endpoint_url or None,
        aws_access_key_id=account.access_key_id or None,
        aws_secret_access_key=account.secret_access_key or None,
        config=Config(
            connect_timeout=3,
            read_timeout=5 if soon else 20,
            retries={"total_max_attempts": 1 if soon else 4, "mode": "standard"},
            max_pool_connections=32,
            s3={"addressing_style": "path" if account.endpoint_url else "auto"},
        ),
    )
    _share_rate(made, throttle("aws", f"{region}:{account.access_key_id}"))
    return made


def _share_rate(made: Any, bucket: Throttle) -> None:
    def before(**_: Any) -> None:
        bucket.take()

    def after(response: Any = None, **_: Any) -> None:
        """Every answer passes here, before the SDK decides on its own retries."""
        if response is not None and response[0].status_code in (429, 503):
            bucket.back_off(retry_after(response[0].headers.get("Retry-After")))

    made.meta.events.register("before-send.*.*", before)
    made.meta.events.register_first("needs-retry.*.*", after)


@contextmanager
def translated(system: str, operation: str) -> Iterator[None]:
    """Raise this house's errors instead of the SDK's, with AWS's own words."""
    try:
        yield
    except ClientError as error:
        code, words = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in TRANSIENT or status in (429, 500, 502, 503, 504):
            raise Transient(system, operation, f"{code}: {words}") from error
        raise Permanent(system, operation, f"{code}: {words}") from error
    except BotoCoreError as error:  # no connection, no answer in time, no endpoint
        raise Transient(system, operation, str(error)) from error


def code(error: ClientError) -> str:
    return str(error.response["Error"].get("Code", ""))


def unless_absent(call: Any, **arguments: Any) -> dict[str, Any] | None:
    """Return the answer of `call`, or None when AWS says that the thing does not exist."""
    try:
        return dict(call(**arguments))
    except ClientError as error:
        if code(error) in ABSENT:
            return None
        raise


@functools.cache
def _account_id(region: str, account: Aws) -> str:
    return str(_client(region, account, "sts").get_caller_identity()["Account"])


def account_id(region: Region) -> str:
    """Return the number of the account the credentials belong to."""
    with _making:
        return _account_id(region.name, region.aws)


def as_list(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags as most services take them."""
    return [{key: name, value: text} for name, text in sorted(tags.items())]


def as_dict(tags: list[dict[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {tag[key]: tag[value] for tag in tags}
