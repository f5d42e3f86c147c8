"""Log groups, streams and events; searching finds what it should and nothing else."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest

from .aws import Aws, allow, refusal


@pytest.fixture
def logs(double: Aws) -> Any:
    return double.client("logs")


@pytest.fixture
def group(logs: Any) -> str:
    name = f"/rag/ap-south-1/{uuid4()}"
    logs.create_log_group(logGroupName=name, tags={"TenantID": "t"})
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def _put(logs: Any, group: str, *messages: str, stream: str = "s", at: int = 0) -> Any:
    start = at or int(time.time() * 1000)
    events = [{"timestamp": start + index, "message": text} for index, text in enumerate(messages)]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def _found(logs: Any, group: str, pattern: str, **options: Any) -> list[str]:
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern=pattern, PaginationConfig={"PageSize": 2}, **options
    )
    return [event["message"] for page in pages for event in page["events"]]


def test_a_group_is_made_described_retained_and_deleted(logs: Any, group: str) -> None:
    refused = refusal(logs.create_log_group, logGroupName=group)
    assert refused[0] == "ResourceAlreadyExistsException"
    logs.put_retention_policy(logGroupName=group, retentionInDays=90)
    found = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [(item["logGroupName"], item["retentionInDays"]) for item in found] == [(group, 90)]
    assert refusal(logs.put_retention_policy, logGroupName=group, retentionInDays=91)[0] == "InvalidParameterException"
    logs.delete_log_group(logGroupName=group)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
    assert refusal(logs.filter_log_events, logGroupName=group)[0] == "ResourceNotFoundException"


def test_tags_by_either_form_of_the_arn(logs: Any, group: str) -> None:
    item = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    logs.tag_resource(resourceArn=item["logGroupArn"], tags={"Owner": "o"})
    assert logs.list_tags_for_resource(resourceArn=item["arn"])["tags"] == {"TenantID": "t", "Owner": "o"}
    logs.untag_resource(resourceArn=item["arn"], tagKeys=["TenantID"])
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"Owner": "o"}


def test_events_are_read_in_pages_both_ways(logs: Any, group: str) -> None:
    _put(logs, group, *[f"m{n}" for n in range(5)])
    place = {"logGroupName": group, "logStreamName": "s", "limit": 2}
    first = logs.get_log_events(**place, startFromHead=True)
    second = logs.get_log_events(**place, nextToken=first["nextForwardToken"])
    assert [event["message"] for event in first["events"] + second["events"]] == ["m0", "m1", "m2", "m3"]
    back = logs.get_log_events(**place, nextToken=second["nextBackwardToken"])
    assert [event["message"] for event in back["events"]] == ["m0", "m1"]
    latest = logs.get_log_events(**place)
    assert [event["message"] for event in latest["events"]] == ["m3", "m4"]
    end = logs.get_log_events(**place, nextToken=latest["nextForwardToken"])
    assert (end["events"], end["nextForwardToken"]) == ([], latest["nextForwardToken"])


MESSAGES = [
    json.dumps({"event": "query", "tenant": "t1", "ms": 12, "ok": True, "user": {"id": 7}, "tags": ["a", "b"]}),
    json.dumps({"event": "ingest", "tenant": "t2", "ms": 250.5, "ok": False, "error": None}),
    "plain ERROR: disk full",
    "plain warning: disk is fine",
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", [0, 1, 2, 3]),
        ("disk", [2, 3]),
        ("disk ERROR", [2]),
        ('"disk is"', [3]),
        ("plain -ERROR", [3]),
        ("?ERROR ?warning", [2, 3]),
        ("error", [1]),
        ("%d[i]sk f[a-z]+l%", [2]),
        ('{ $.tenant = "t1" }', [0]),
        ("{ $.tenant = t1 }", [0]),
        ('{ $.tenant != "t1" }', [1]),
        ('{ $.tenant = "t*" }', [0, 1]),
        ("{ $.ms > 12 }", [1]),
        ("{ $.ms >= 12 && $.ms < 100 }", [0]),
        ("{ $.user.id = 7 }", [0]),
        ('{ $.tags[1] = "b" }', [0]),
        ("{ $.ok IS TRUE }", [0]),
        ("{ $.error IS NULL }", [1]),
        ("{ $.user NOT EXISTS }", [1]),
        ('{ ($.event = "query") || ($.event = "ingest" && $.ok IS TRUE) }', [0]),
        ('{ $.nothing = "x" }', []),
    ],
)
def test_a_filter_finds_exactly_what_it_names(logs: Any, group: str, pattern: str, expected: list[int]) -> None:
    _put(logs, group, *MESSAGES)
    assert _found(logs, group, pattern) == [MESSAGES[index] for index in expected]


@pytest.mark.parametrize(
    "pattern", ["{ $.a = }", "{ $.a", "{ a = 1 }", '{ $.a = "x" } y', "[a, b]", '"open', "%(a+)+%"]
)
def test_a_pattern_that_makes_no_sense_is_refused(logs: Any, group: str, pattern: str) -> None:
    refused = refusal(logs.filter_log_events, logGroupName=group, filterPattern=pattern)
    assert refused[0] == "InvalidParameterException"


def test_a_search_covers_streams_and_times(logs: Any, group: str) -> None:
    now = int(time.time() * 1000)
    logs.create_log_stream(logGroupName=group, logStreamName="other")
    _put(logs, group, "a", "b", at=now - 60_000)
    _put(logs, group, "c", stream="other", at=now - 30_000)
    assert _found(logs, group, "") == ["a", "b", "c"]
    assert _found(logs, group, "", logStreamNames=["other"]) == ["c"]
    assert _found(logs, group, "", startTime=now - 59_999, endTime=now - 30_000) == ["b", "c"]
    streams = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)["logStreams"]
    assert [item["logStreamName"] for item in streams] == ["other", "s"]


def test_what_is_too_old_or_too_new_is_dropped_and_said(logs: Any, group: str) -> None:
    now, day = int(time.time() * 1000), 24 * 3600 * 1000
    answer = _put(logs, group, "ancient", at=now - 15 * day)
    assert answer["rejectedLogEventsInfo"]["tooOldLogEventEndIndex"] == 1
    answer = _put(logs, group, "tomorrow", at=now + day)
    assert answer["rejectedLogEventsInfo"]["tooNewLogEventStartIndex"] == 0
    assert _found(logs, group, "") == []
    backwards = [{"timestamp": now, "message": "1"}, {"timestamp": now - 1, "message": "2"}]
    refused = refusal(logs.put_log_events, logGroupName=group, logStreamName="s", logEvents=backwards)
    assert refused[0] == "InvalidParameterException"


def test_retention_hides_and_deletes_what_is_older(logs: Any, group: str) -> None:
    now, day = int(time.time() * 1000), 24 * 3600 * 1000
    _put(logs, group, "old", at=now - 5 * day)
    _put(logs, group, "new", at=now - day // 2)
    assert _found(logs, group, "") == ["old", "new"]
    logs.put_retention_policy(logGroupName=group, retentionInDays=3)
    assert _found(logs, group, "") == ["new"]
    logs.delete_retention_policy(logGroupName=group)
    assert _found(logs, group, "") == ["new"]


def test_a_groups_kms_key_is_needed_to_read(double: Aws, logs: Any, group: str) -> None:
    kms = double.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    logs.associate_kms_key(logGroupName=group, kmsKeyId=key)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["kmsKeyId"] == key
    _put(logs, group, "under the key")
    assert _found(logs, group, "under") == ["under the key"]
    kms.disable_key(KeyId=key)
    assert refusal(logs.filter_log_events, logGroupName=group)[0] == "AccessDeniedException"
    kms.enable_key(KeyId=key)
    assert _found(logs, group, "under") == ["under the key"]


def test_a_tenants_user_writes_only_to_its_own_group(double: Aws, logs: Any, group: str) -> None:
    other = f"{group}-other"
    logs.create_log_group(logGroupName=other)
    logs.create_log_stream(logGroupName=other, logStreamName="s")
    arn = f"arn:aws:logs:ap-south-1:000000000000:log-group:{group}:*"
    user = double.new_user(allow(["logs:PutLogEvents", "logs:CreateLogStream"], arn)).client("logs")
    user.create_log_stream(logGroupName=group, logStreamName="mine")
    _put(user, group, "x", stream="mine")
    event = {"logGroupName": other, "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "x"}]}
    assert refusal(user.put_log_events, **event)[0] == "AccessDeniedException"
    assert refusal(user.filter_log_events, logGroupName=group)[0] == "AccessDeniedException"
