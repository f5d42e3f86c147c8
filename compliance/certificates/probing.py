"""Is the store of certificates still one in which nobody can change anything? Tried, not read off its settings."""

from datetime import UTC, datetime

from botocore.exceptions import ClientError

from portal.audit.evidence import Away
from portal.audit.sealing.store import Store
from portal.lib.clock import now

from .store import AWAY, bucket

DENIED = ("AccessDenied", "403")
MODE = "COMPLIANCE"


def probe() -> str:
    """Why it is not write-once; empty when it is. Once a month something of its own is put there, and stays.

    Away when the store does not answer: then nothing is known of it.
    """
    there = bucket()
    key = f"probe/{now():%Y-%m}"
    try:
        there.ensure()
        version = there.put(key, key.encode(), now())
        return _kept(there, key, version) or _deleted(there, key, version)
    except AWAY as error:
        raise Away("The write-once store of certificates does not answer.") from error


def _kept(there: Store, key: str, version: str) -> str:
    said = there.s3.get_object_retention(Bucket=there.bucket, Key=key, VersionId=version)["Retention"]
    until: datetime = said["RetainUntilDate"]
    if said["Mode"] == MODE and until > datetime.now(UTC) + there.retention / 2:
        return ""
    return f"What is put there is kept in mode {said['Mode']} until {until:%Y-%m-%d}."


def _deleted(there: Store, key: str, version: str) -> str:
    """Try it with every right there is; a refusal is what is wanted."""
    try:
        there.s3.delete_object(Bucket=there.bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            return ""
        raise
    return "What was put there could be deleted."
