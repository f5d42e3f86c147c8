"""The one account of a region: its index, object files and key material, and the ARNs of what is in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from . import balancing, blobs, dns, iam, kms, log_events, logs, s3
from .keyring import Keyring
from .store import Store

ACCOUNT_ID = "000000000000"


@dataclass(frozen=True)
class RootKey:
    access_key_id: str
    secret_access_key: str


READER = "bw-verifier"
READS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "s3:ListAllMyBuckets",
                "s3:ListBucket*",
                "s3:GetBucket*",
                "logs:Describe*",
                "logs:FilterLogEvents",
                "logs:ListTagsForResource",
                "tag:GetResources",
                "kms:DescribeKey",
            ],
            "Resource": "*",
        }
    ],
}


class Account:
    """Everything a service needs to answer; opening it removes what a kill left half-written."""

    id = ACCOUNT_ID

    def __init__(
        self, root: Path, region: str, root_key: RootKey, assume_tls: bool = False, durable: bool = False
    ) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.region, self.root_key, self.assume_tls = region, root_key, assume_tls
        services = (iam, kms, logs, s3, blobs, balancing, dns)
        self.store = Store(root / "index.sqlite", [service.SCHEMA for service in services], durable)
        self.keyring = Keyring(root / "kms")
        self.blobs = blobs.Blobs(root / "objects", self.store)
        kms.purge_expired(self)
        log_events.purge_expired(self)
        self.blobs.sweep(s3.known_blobs(self.store))

    def let_in_reader(self, key: RootKey) -> None:
        """Make the user that may look at everything and change nothing; none of an object's content is its to read."""
        iam.make_user(self, READER, {"read-only": json.dumps(READS)}, (key.access_key_id, key.secret_access_key))

    @property
    def root_arn(self) -> str:
        return f"arn:aws:iam::{self.id}:root"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.id}:{resource}"
