"""What was answered is there after kill -9: contents, version ids, dates, locks, uploads, keys, logs."""

import os
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from .aws import refusal, versions
from .conftest import account_of
from .server import Server


def test_everything_survives_a_kill(new_double: Server, tmp_path: Path) -> None:
    aws = account_of(new_double.start())
    s3, kms, logs = aws.client("s3"), aws.client("kms"), aws.client("logs")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    bucket, large = aws.new_bucket(versioned=True, locked=True), os.urandom(300_000)
    for body in (b"small", large):
        s3.put_object(Bucket=bucket, Key="k", Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    until = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    retained = s3.put_object(
        Bucket=bucket, Key="locked", Body=b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until
    )  # fmt: skip
    s3.delete_object(Bucket=bucket, Key="k")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="open")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="open", UploadId=upload, PartNumber=1, Body=b"part")
    logs.create_log_group(logGroupName="/g")
    logs.create_log_stream(logGroupName="/g", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": "kept"}
    logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=[event])
    user = aws.new_user({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    before = versions(s3, bucket)

    new_double.kill()
    new_double.start()
    assert versions(s3, bucket) == before
    bodies = [
        s3.get_object(Bucket=bucket, Key="k", VersionId=item["VersionId"])["Body"].read()
        for item in before
        if item["Key"] == "k" and "Size" in item
    ]
    assert bodies == [large, b"small"]
    place = {"Bucket": bucket, "Key": "locked", "VersionId": retained["VersionId"]}
    assert s3.get_object_retention(**place)["Retention"]["RetainUntilDate"] == until
    assert refusal(s3.delete_object, **place) == ("AccessDenied", 403)
    assert [part["Size"] for part in s3.list_parts(Bucket=bucket, Key="open", UploadId=upload)["Parts"]] == [4]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"secret"
    assert [item["message"] for item in logs.filter_log_events(logGroupName="/g")["events"]] == ["kept"]
    assert user.client("s3").list_buckets()["Buckets"]
    assert new_double.stop() == 0


def test_a_kill_among_writers_loses_no_acknowledged_object_and_leaves_no_stray_file(
    new_double: Server, tmp_path: Path
) -> None:
    aws = account_of(new_double.start())
    bucket, written = aws.new_bucket(), threading.Event()
    acknowledged: dict[str, bytes] = {}

    def write(name: str) -> None:
        client, number = aws.client("s3"), 0
        while True:
            key, body = f"{name}/{number}", os.urandom(100_000 if number % 2 else 100)
            try:
                client.put_object(Bucket=bucket, Key=key, Body=body)
            except BotoCoreError:
                return
            acknowledged[key] = body
            number += 1
            if len(acknowledged) > 60:
                written.set()

    threads = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    assert written.wait(30)
    new_double.kill()
    for thread in threads:
        thread.join(30)

    new_double.start()
    s3 = aws.client("s3")
    listed: dict[str, Any] = {item["Key"]: item for item in _all(s3, bucket)}
    assert acknowledged.keys() <= listed.keys()
    for key, body in acknowledged.items():
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    objects = tmp_path / "aws" / "objects"
    files = [path for path in objects.rglob("*") if path.is_file()]
    assert len(files) == sum(item["Size"] > 65_536 for item in listed.values())
    assert not [path for path in files if path.parent.name == "incoming"]


def test_a_key_whose_time_has_come_is_gone_with_all_it_wrapped(new_double: Server, tmp_path: Path) -> None:
    aws = account_of(new_double.start())
    s3, kms, bucket = aws.client("s3"), aws.client("kms"), aws.new_bucket()
    key = kms.create_key()["KeyMetadata"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key["KeyId"])
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    new_double.kill()
    index = sqlite3.connect(tmp_path / "aws" / "index.sqlite")
    index.execute("UPDATE kms_keys SET deletion_at = 1")  # the seven days, without waiting for them
    index.commit()
    index.close()
    new_double.start()
    assert refusal(kms.describe_key, KeyId=key["KeyId"])[0] == "NotFoundException"
    assert refusal(s3.get_object, Bucket=bucket, Key="k")[0] == "KMS.NotFoundException"
    assert not list((tmp_path / "aws" / "kms").glob(f"{key['KeyId']}*"))


def test_a_directory_serves_one_process(new_double: Server, capfd: Any) -> None:
    new_double.start()
    second = Server(new_double.module, new_double.arguments, new_double.env)
    with pytest.raises(AssertionError, match="ended with 1"):
        second.start()
    assert "in use by another process" in capfd.readouterr().err


def _all(s3: Any, bucket: str) -> list[dict[str, Any]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item for page in pages for item in page.get("Contents", [])]


def test_nothing_readable_lies_on_the_disk(new_double: Server, tmp_path: Path) -> None:
    aws = account_of(new_double.start())
    s3, logs, bucket = aws.client("s3"), aws.client("logs"), aws.new_bucket()
    canary = b"canary-that-must-not-be-seen"
    for size in (1, 20_000):
        s3.put_object(Bucket=bucket, Key=f"k{size}", Body=canary * size)
    logs.create_log_group(logGroupName="/g")
    logs.create_log_stream(logGroupName="/g", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": canary.decode()}
    logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=[event])
    new_double.stop()
    files = [path for path in (tmp_path / "aws").rglob("*") if path.is_file()]
    assert files and not [path for path in files if canary in path.read_bytes()]
    keys = [path for path in files if path.parent.name == "kms"]
    assert keys and all(path.stat().st_mode & 0o077 == 0 for path in keys)
