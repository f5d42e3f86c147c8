"""AWS as the verifiers' own key sees it, and its answers checked for what must be in them."""

import functools
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from portal.lib.regions import Region

from .answering import NotChecked

PATIENCE = 20.0
_making = threading.Lock()


def client(region: Region, service: str, patience: float = PATIENCE) -> Any:
    """The client of a service with the read-only key; NotChecked where the region gives none."""
    found = region.verifier
    if not found.access_key_id:
        raise NotChecked(f"No read-only credentials for AWS in {region.name} are configured.")
    with _making:  # clients are thread-safe, making them is not
        return _client(
            region.name, region.aws.endpoint_url, found.access_key_id, found.secret_access_key, service, patience
        )


@functools.cache
def _client(region: str, endpoint: str, key_id: str, secret: str, service: str, patience: float) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=endpoint or None,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(
            connect_timeout=min(3.0, patience),
            read_timeout=patience,
            retries={"total_max_attempts": 2, "mode": "standard"},
            s3={"addressing_style": "path" if endpoint else "auto"},
        ),
    )


def key_id(region: Region) -> str:
    """The key's id, which is no secret."""
    return region.verifier.access_key_id


@contextmanager
def heard(asked: str) -> Iterator[None]:
    """NotChecked instead of the SDK's errors, with AWS's own code."""
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
        code = error.response.get("Error", {}).get("Code", "")
        raise NotChecked(f"{asked}: refused with {status} {code}.".replace("  ", " ")) from error
    except ResponseParserError as error:
        raise NotChecked(f"{asked}: the answer cannot be read.") from error
    except BotoCoreError as error:
        raise NotChecked(f"{asked}: no whole answer ({type(error).__name__}).") from error


def asked_once(found: Any, operation: str, needs: Collection[str], asked: str, **arguments: Any) -> dict[str, Any]:
    """One answer that has these fields."""
    with heard(asked):
        return _whole(getattr(found, operation)(**arguments), needs, asked)


def pages(found: Any, operation: str, needs: Collection[str], asked: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """Every page of a listing, each with these fields."""
    with heard(asked):
        for page in found.get_paginator(operation).paginate(**arguments):
            yield _whole(page, needs, asked)


def _whole(answer: dict[str, Any], needs: Collection[str], asked: str) -> dict[str, Any]:
    missing = sorted(set(needs) - answer.keys())
    if missing:
        raise NotChecked(f"{asked}: the answer lacks {', '.join(missing)}.")
    return answer
