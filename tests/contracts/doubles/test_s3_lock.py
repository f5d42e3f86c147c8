"""Object Lock: what is locked cannot go, and a lock cannot be shortened, by root either."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .aws import Aws, allow, on_bucket, refusal

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def bucket(aws: Aws) -> str:
    return aws.new_bucket(locked=True)


def _in(period: timedelta) -> datetime:
    return (datetime.now(UTC) + period).replace(microsecond=0)


def _put(s3: Any, bucket: str, mode: str, until: datetime) -> dict[str, str]:
    put = s3.put_object(
        Bucket=bucket, Key="k", Body=b"x", ObjectLockMode=mode, ObjectLockRetainUntilDate=until
    )  # fmt: skip
    return {"Bucket": bucket, "Key": "k", "VersionId": put["VersionId"]}


def test_compliance_cannot_be_shortened_lifted_or_bypassed(s3: Any, bucket: str) -> None:
    place = _put(s3, bucket, "COMPLIANCE", _in(DAY))
    for mode, until in (("COMPLIANCE", _in(HOUR)), ("GOVERNANCE", _in(2 * DAY)), ("GOVERNANCE", _in(HOUR))):
        wanted = {"Mode": mode, "RetainUntilDate": until}
        for bypass in (False, True):
            refused = refusal(s3.put_object_retention, **place, Retention=wanted, BypassGovernanceRetention=bypass)
            assert refused == ("AccessDenied", 403)
    for bypass in (False, True):
        assert refusal(s3.delete_object, **place, BypassGovernanceRetention=bypass) == ("AccessDenied", 403)
    named = {"Objects": [{"Key": "k", "VersionId": place["VersionId"]}]}
    answer = s3.delete_objects(Bucket=bucket, Delete=named, BypassGovernanceRetention=True)
    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]
    longer = _in(3 * DAY)
    s3.put_object_retention(**place, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": longer})
    kept = s3.get_object_retention(**place)["Retention"]
    assert (kept["Mode"], kept["RetainUntilDate"]) == ("COMPLIANCE", longer)


def test_a_marker_hides_a_locked_version_but_does_not_remove_it(s3: Any, bucket: str) -> None:
    place = _put(s3, bucket, "COMPLIANCE", _in(DAY))
    s3.delete_object(Bucket=bucket, Key="k")
    assert s3.get_object(**place)["Body"].read() == b"x"


def test_governance_yields_to_the_bypass_only(aws: Aws, s3: Any, bucket: str) -> None:
    place = _put(s3, bucket, "GOVERNANCE", _in(DAY))
    assert refusal(s3.delete_object, **place) == ("AccessDenied", 403)
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": _in(HOUR)}
    assert refusal(s3.put_object_retention, **place, Retention=shorter) == ("AccessDenied", 403)
    actions = ["s3:DeleteObject*", "s3:GetObject*"]
    user = aws.new_user(allow(actions, *on_bucket(bucket))).client("s3")
    assert refusal(user.delete_object, **place, BypassGovernanceRetention=True) == ("AccessDenied", 403)
    s3.put_object_retention(**place, Retention=shorter, BypassGovernanceRetention=True)
    s3.delete_object(**place, BypassGovernanceRetention=True)


def test_a_legal_hold_holds_until_it_is_lifted(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ObjectLockLegalHoldStatus="ON")
    place = {"Bucket": bucket, "Key": "k", "VersionId": put["VersionId"]}
    assert refusal(s3.delete_object, **place, BypassGovernanceRetention=True) == ("AccessDenied", 403)
    assert s3.head_object(**place)["ObjectLockLegalHoldStatus"] == "ON"
    s3.put_object_legal_hold(**place, LegalHold={"Status": "OFF"})
    s3.delete_object(**place)


def test_default_retention_applies_to_new_versions(s3: Any, bucket: str) -> None:
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    kept = s3.get_object_retention(Bucket=bucket, Key="k")["Retention"]
    assert kept["Mode"] == "COMPLIANCE" and abs(kept["RetainUntilDate"] - _in(DAY)) < timedelta(minutes=1)
    refused = refusal(s3.delete_object, Bucket=bucket, Key="k", VersionId=put["VersionId"])
    assert refused == ("AccessDenied", 403)


def test_a_lock_needs_a_bucket_that_was_made_for_it(aws: Aws, s3: Any, bucket: str) -> None:
    plain = aws.new_bucket(versioned=True)
    options = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": _in(DAY)}
    assert refusal(s3.put_object, Bucket=plain, Key="k", Body=b"x", **options)[0] == "InvalidRequest"
    refused = refusal(s3.get_object_lock_configuration, Bucket=plain)
    assert refused == ("ObjectLockConfigurationNotFoundError", 404)
    suspended = {"Status": "Suspended"}
    refused = refusal(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=suspended)
    assert refused == ("InvalidBucketState", 409)
    past = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": _in(-DAY)}
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **past)[0] == "InvalidArgument"
