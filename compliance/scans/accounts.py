"""Which accounts and regions are searched, and with which key: the verifiers' own, and those of a file beside it.

    [{"account": "legacy", "regions": ["eu-west-1"], "access_key_id": "…", "secret_access_key": "…", "role_arn": "…"}]

Every key can only look. With `role_arn` that role is taken on with it first. No Django beyond the settings.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from django.conf import settings

from portal.lib.regions import load

TIMEOUTS = Config(connect_timeout=3, read_timeout=20, retries={"total_max_attempts": 3, "mode": "standard"})
OURS = "this installation"


@dataclass(frozen=True)
class Place:
    """One region of one account. `only` names the services that a simulated one has; empty: all of them."""

    account: str
    region: str
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    endpoint_url: str = ""
    role_arn: str = ""
    only: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.account}/{self.region}"

    def client(self, service: str) -> Any:
        """The service's client with the place's key, or with the role that it may take on."""
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint_url or None,
            config=TIMEOUTS.merge(Config(s3={"addressing_style": "path" if self.endpoint_url else "auto"})),
            **self._credentials(),
        )

    def _credentials(self) -> dict[str, str]:
        own = {"aws_access_key_id": self.access_key_id, "aws_secret_access_key": self.secret_access_key}
        if not self.role_arn:
            return own
        sts = boto3.client(
            "sts", region_name=self.region, endpoint_url=self.endpoint_url or None, config=TIMEOUTS, **own
        )
        taken = sts.assume_role(RoleArn=self.role_arn, RoleSessionName="bailiwick-scan")["Credentials"]
        return {
            "aws_access_key_id": taken["AccessKeyId"],
            "aws_secret_access_key": taken["SecretAccessKey"],
            "aws_session_token": taken["SessionToken"],
        }


def places() -> list[Place]:
    """Every account and region there is to search."""
    return [*_ours(), *_others()]


def _ours() -> Iterator[Place]:
    for region in (load(settings.REGIONS_FILE) if settings.REGIONS_FILE.is_file() else {}).values():
        eyes = region.verifier
        only = ("s3", "logs") if region.simulated else ()
        keys = (eyes.access_key_id, eyes.secret_access_key, region.aws.endpoint_url)
        yield Place(OURS, region.name, *keys, only=only)


def _others() -> Iterator[Place]:
    path = settings.SCANS["accounts_file"]
    for entry in json.loads(Path(path).read_text()) if path else []:
        keys = {
            name: entry.get(name, "") for name in ("access_key_id", "secret_access_key", "endpoint_url", "role_arn")
        }
        yield from (Place(entry["account"], region, **keys) for region in entry["regions"])
