"""Where PDFs and evidence lie: a write-once bucket beside the ledger's anchors, each thing under its own digest."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from bailiwick_proof.archive import described, pack
from bailiwick_proof.certificate import Evidence
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from portal.audit.evidence import Away
from portal.audit.sealing.store import Store, store
from portal.lib.clock import now

AWAY = (BotoCoreError, ClientError)


def bucket() -> Store:
    """Where they lie, beside the ledger's anchors."""
    return replace(store(), bucket=settings.CERTIFICATES["bucket"])


def keep(kind: str, data: bytes) -> str:
    """Keep bytes for good; returns their SHA-256. Again, it changes nothing. Away without the store."""
    digest, there = hashlib.sha256(data).hexdigest(), bucket()
    try:
        _put(there, f"{kind}/{digest}", data)
    except AWAY as error:
        raise Away("The write-once store of certificates does not answer.") from error
    return digest


def _put(there: Store, key: str, data: bytes) -> None:
    try:
        there.put(key, data, now())
    except there.s3.exceptions.NoSuchBucket:  # the first of all
        there.ensure()
        there.put(key, data, now())


def fetch(kind: str, digest: str) -> bytes:
    """The bytes with this digest, as they were first written."""
    try:
        return bucket().oldest(f"{kind}/{digest}")[0]
    except AWAY as error:
        raise Away("The write-once store of certificates does not answer.") from error


def keep_evidence(files: Mapping[str, bytes]) -> Evidence:
    """Pack and keep the evidence; returns what the core says of it."""
    packed = pack(files)
    keep("evidence", packed)
    return described(files, packed)
