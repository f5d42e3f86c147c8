"""Asks AWS, or anything that speaks like it: pages, patience with throttling, and a name for what was not answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session
from botocore.utils import parse_timestamp

from .facts import Gap

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthFailure", "UnauthorizedOperation", "OptInRequired"})
THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "LimitExceededException"}
)


@dataclass(frozen=True)
class Account:
    """Where to ask and as whom: credentials that may only read. Without any, the machine's own (a role, a profile)."""

    endpoint_url: str = ""
    key_id: str = ""
    secret: str = field(default="", repr=False)
    attempts: int = 6

    def client(self, service: str, region: str) -> Any:
        """A client that waits longer after each throttled answer, and gives up after `attempts`."""
        return _client(self, service, region)


@cache
def _session() -> Any:
    own = get_session()
    own.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    return boto3.session.Session(botocore_session=own)


@lru_cache(maxsize=24)
def _client(account: Account, service: str, region: str) -> Any:
    """Kept: reading what a service's API looks like takes longer than many of its answers."""
    return _session().client(
        service,
        region_name=region,
        endpoint_url=account.endpoint_url or None,
        aws_access_key_id=account.key_id or None,
        aws_secret_access_key=account.secret or None,
        config=Config(
            connect_timeout=5, read_timeout=60, retries={"total_max_attempts": account.attempts, "mode": "standard"}
        ),
    )


def _moment(value: Any) -> Any:
    """Points of a metric come by the hundred thousand: their instants stay the numbers they are."""
    return float(value) if isinstance(value, (int, float)) else parse_timestamp(value)


def pages(client: Any, operation: str, key: str, **asked: Any) -> Iterator[list[dict[str, Any]]]:
    for page in client.get_paginator(operation).paginate(**asked):
        yield page[key]


@contextmanager
def noting(gaps: list[Gap], region: str, what: str) -> Iterator[None]:
    """What cannot be read becomes a gap; what was read before it stays."""
    try:
        yield
    except ClientError as error:
        code = str(error.response["Error"].get("Code", ""))
        gaps.append(Gap(region, what, _why(code), code))
    except BotoCoreError as error:
        gaps.append(Gap(region, what, "unreachable", type(error).__name__))


def _why(code: str) -> str:
    if code in THROTTLED:
        return "throttled"
    return "denied" if code in DENIED else "refused"


def tags_of(found: Any) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in found or []}


def at_of(value: Any) -> datetime:
    found = parse_timestamp(value) if isinstance(value, (int, float)) else value
    assert isinstance(found, datetime)
    return found
