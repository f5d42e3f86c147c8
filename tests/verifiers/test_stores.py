"""Objects, cache, logs, Pinecone: what is hidden is found, and the credentials that look change nothing."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest
import redis
from botocore.exceptions import ClientError

from compliance.verifiers import aws, containers, verifier_of
from compliance.verifiers.cache import client as cache_client
from lifecycle.stores.vectors.pinecone import opened
from portal.lib.regions import Pinecone
from tests.contracts.doubles.server import Server

from .conftest import World

OBJECTS, CACHE, LOGS, VECTORS = (verifier_of(one) for one in ("objects", "cache", "logs", "vectors"))


@contextmanager
def kept(world: World, *keys: str, **values: Any) -> Iterator[None]:
    """Keys of the region's Redis that are gone afterwards."""
    for key, value in values.items():
        world.redis.set(key, value)
    try:
        yield
    finally:
        world.redis.delete(*keys, *values)


def listed(world: World, system: str, *ids: str, kind: Any = "tenant") -> Any:
    question = world.ask(kind)
    with world.as_superuser() as db:
        for number, one in enumerate(ids, 1):
            db.execute(
                "INSERT INTO bw.erasure_item (request_id, system, seq, id) VALUES (%s, %s, %s, %s)",
                [question.request_id, system, number, one],
            )
    return question


# -- objects ----------------------------------------------------------------------------------------------------------
def test_versions_markers_and_uploads(world: World) -> None:
    bucket, s3 = world.names.bucket, world.s3
    assert OBJECTS.look(world.ask()).found == 0
    key = f"users/{world.user}/documents/{world.document}/1"
    first = s3.put_object(Bucket=bucket, Key=key, Body=b"one")["VersionId"]
    s3.put_object(Bucket=bucket, Key="shared/documents/x/1", Body=b"another's")
    marker = s3.delete_object(Bucket=bucket, Key=key)["VersionId"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    ids = [f"{bucket}/{key}?version={first}", f"{bucket}/{key}?version={marker}", f"{bucket}/{key}?upload={upload}"]
    answer = OBJECTS.look(listed(world, "objects", *ids, f"{bucket}/{key}?version=gone"))
    assert (answer.found, answer.listed, answer.by) == (4, 3, {bucket: 4})
    assert OBJECTS.look(world.ask("person")).found == OBJECTS.look(world.ask("document")).found == 3
    assert OBJECTS.look(world.ask("person", user_id=uuid4(), documents=())).found == 0
    assert OBJECTS.look(replace(world.ask(), tenant_id=uuid4())).found == 0
    for one in ((key, first), (key, marker)):
        s3.delete_object(Bucket=bucket, Key=one[0], VersionId=one[1])
    s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    assert OBJECTS.look(world.ask("person")).found == 0 and OBJECTS.look(world.ask()).found == 1


def test_a_bucket_of_nobody_that_holds_the_tenants(world: World) -> None:
    s3, bucket = world.s3, f"elsewhere-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": world.region.name})
    try:
        s3.put_object(Bucket=bucket, Key=f"{world.names.tenant_id}/export.zip", Body=b"all of it")
        assert OBJECTS.look(world.ask()).by[bucket] == 1
        assert ("bucket", bucket, None) in {
            (one.kind, one.name, one.tenant) for one in containers.of_objects(world.region)
        }
    finally:
        s3.delete_object(Bucket=bucket, Key=f"{world.names.tenant_id}/export.zip")
        s3.delete_bucket(Bucket=bucket)


def test_the_key_reads_names_and_nothing_else(world: World) -> None:
    bucket, mine = world.names.bucket, aws.client(world.region, "s3")
    world.s3.put_object(Bucket=bucket, Key="kept", Body=b"x")
    logs, iam = aws.client(world.region, "logs"), world_client(world, "iam")
    tries = {
        "PutObject": lambda: mine.put_object(Bucket=bucket, Key="k", Body=b"x"),
        "GetObject": lambda: mine.get_object(Bucket=bucket, Key="kept"),
        "DeleteObject": lambda: mine.delete_object(Bucket=bucket, Key="kept"),
        "DeleteBucket": lambda: mine.delete_bucket(Bucket=bucket),
        "CreateBucket": lambda: mine.create_bucket(Bucket="mine-alone"),
        "PutBucketPolicy": lambda: mine.put_bucket_policy(Bucket=bucket, Policy="{}"),
        "PutBucketTagging": lambda: mine.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": []}),
        "CreateMultipartUpload": lambda: mine.create_multipart_upload(Bucket=bucket, Key="k"),
        "DeleteLogGroup": lambda: logs.delete_log_group(logGroupName=world.names.log_group),
        "CreateLogStream": lambda: logs.create_log_stream(logGroupName=world.names.log_group, logStreamName="s"),
        "PutUserPolicy": lambda: iam.put_user_policy(UserName="bw-verifier", PolicyName="p", PolicyDocument="{}"),
        "CreateAccessKey": lambda: iam.create_access_key(UserName="bw-verifier"),
    }
    for name, attempt in tries.items():
        with pytest.raises(ClientError) as refused:
            attempt()
        assert "AccessDenied" in refused.value.response["Error"]["Code"], name
    [deleted] = mine.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "kept"}]})["Errors"]
    assert deleted["Code"] == "AccessDenied"
    world.s3.delete_object(Bucket=bucket, Key="kept")


def world_client(world: World, service: str) -> Any:
    login = world.region.verifier
    return boto3.client(
        service,
        region_name=world.region.name,
        endpoint_url=world.region.aws.endpoint_url,
        aws_access_key_id=login.access_key_id,
        aws_secret_access_key=login.secret_access_key,
    )


# -- cache ------------------------------------------------------------------------------------------------------------
def test_keys_by_their_whole_segments(world: World) -> None:
    prefix = world.names.cache_prefix
    near = f"t:{world.names.tenant_id.hex}0:x"
    other = f"t:{uuid4().hex}:{world.names.tenant_id.hex[:8]}"
    mine = [f"{prefix}1:generation", f"{prefix}rate"]
    with kept(world, **dict.fromkeys([*mine, near, other], "1")):
        question = listed(world, "cache", *mine, f"{prefix}gone")
        answer = CACHE.look(question)
        assert (answer.found, answer.listed, answer.credential) == (2, 2, "bw-verifier")
        assert CACHE.look(world.ask("person")).found == 0
    assert CACHE.look(question).listed == 0


def test_what_a_shared_key_says_of_the_tenant(world: World) -> None:
    tenant = world.names.tenant_id
    with kept(world, "shared:h", "shared:s", "shared:x", "shared:z", "shared:l"):
        world.redis.hset("shared:h", str(uuid4()), "1")
        assert CACHE.look(world.ask()).found == 0
        world.redis.hset("shared:h", str(tenant), "1")
        world.redis.sadd("shared:s", tenant.hex)
        world.redis.xadd("shared:x", {"tenant": str(tenant)})
        world.redis.zadd("shared:z", {f"a:{tenant}": 1.0})
        world.redis.rpush("shared:l", "x", f"x {tenant}")
        assert CACHE.look(world.ask()).found == 5


def test_a_person_in_a_field_an_entry_and_a_value(world: World) -> None:
    prefix, user = world.names.cache_prefix, str(world.user)
    hashed, stream, session = f"{prefix}1:seen", f"{prefix}1:events", f"{prefix}1:session:abc"
    with kept(world, hashed, stream, **{session: user}):
        world.redis.hset(hashed, user, "1")
        entry = world.redis.xadd(stream, {"user": world.user.hex})
        ids = (session, f"{hashed}?field={user}", f"{stream}?entry={entry}")
        answer = CACHE.look(listed(world, "cache", *ids, kind="person"))
        assert (answer.found, answer.listed) == (3, 3)
        world.redis.hdel(hashed, user)
        assert CACHE.look(world.ask("person")).found == 2
        assert CACHE.look(world.ask("person", user_id=uuid4(), documents=())).found == 0


def test_other_databases_are_searched_too(world: World) -> None:
    aside = redis.Redis(
        host="127.0.0.1", port=world.region.cache.port, db=7, password=world.region.cache.admin_password
    )
    key = f"{world.names.cache_prefix}aside"
    aside.set(key, "1")
    try:
        assert CACHE.look(world.ask()).by == {"database 7": 1}
    finally:
        aside.delete(key)


def test_the_cache_user_changes_nothing(world: World) -> None:
    with cache_client(world.region, 5.0) as mine:
        commands = [
            "SET k v", "DEL k", "UNLINK k", "HSET h f v", "EXPIRE k 1", "FLUSHALL", "FLUSHDB", "EVAL return(1) 0",
            "CONFIG GET *", "ACL LIST", "ACL SETUSER x on", "KEYS *", "SHUTDOWN", "RENAME k j", "SWAPDB 0 1",
            "CLIENT LIST", "SORT k STORE j", "GETDEL k", "PUBLISH c m", "XADD s * f v", "DEBUG SLEEP 0", "COPY k j",
            "RESTORE k 0 x", "SAVE", "REPLICAOF NO ONE", "GEORADIUS g 0 0 1 m STORE j",
        ]  # fmt: skip
        for command in commands:
            with pytest.raises(redis.exceptions.NoPermissionError):
                mine.execute_command(*command.split())


# -- logs -------------------------------------------------------------------------------------------------------------
def test_groups_streams_and_lines(world: World) -> None:
    group, logs = world.names.log_group, world.logs
    assert LOGS.look(world.ask()).by == {group: 1}  # it stands, with nothing in it
    for stream in ("platform/a", "platform/b"):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    say(logs, group, "platform/a", f'{{"event": "x", "user": "{world.user}"}}', '{"event": "y"}')
    answer = LOGS.look(listed(world, "logs", group, f"{group}:platform/a", f"{group}:gone"))
    assert (answer.found, answer.listed) == (2, 2)
    assert LOGS.look(world.ask("person")).by == {group: 1}
    assert LOGS.look(world.ask("person", user_id=uuid4())).found == 0
    assert LOGS.look(replace(world.ask(), tenant_id=uuid4())).found == 0


def test_a_shared_group_that_names_the_tenant(world: World) -> None:
    group, logs = f"/shared/{uuid4().hex[:8]}", world.logs
    logs.create_log_group(logGroupName=group)
    try:
        logs.create_log_stream(logGroupName=group, logStreamName="s")
        say(logs, group, "s", f"tenant={world.names.tenant_id}", "tenant=somebody-else")
        assert LOGS.look(world.ask()).by[group] == 1
        assert group in {one.name for one in containers.of_logs(world.region) if one.tenant is None}
    finally:
        logs.delete_log_group(logGroupName=group)


def say(logs: Any, group: str, stream: str, *lines: str) -> None:
    from time import time

    at = int(time() * 1000)
    logs.put_log_events(
        logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": at, "message": line} for line in lines]
    )


# -- Pinecone ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def beside(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same tenant in a region that has Pinecone as well: its double, with a key that only reads."""
    home: Path = tmp_path_factory.mktemp("pinecone")
    for name in ("writer", "reader"):
        (home / name).write_text(f"{name}-key")
    keys = ["--api-key-file", str(home / "writer"), "--reader-key-file", str(home / "reader")]
    server = Server("portal.embedded.pinecone_double", ["--root", str(home / "root"), *keys], {}).start()
    region = replace(
        world.region,
        pinecone=Pinecone(server.url, "writer-key"),
        verifier=replace(world.region.verifier, pinecone_api_key="reader-key"),
    )
    made = replace(world, region=region)
    field = {"type": "dense_vector", "dimension": 2, "metric": "cosine"}
    body = {"name": "rag", "schema": {"fields": {"values": field}}}
    httpx.post(f"{server.url}/indexes", json=body, headers={"Api-Key": "writer-key"}).raise_for_status()
    yield made
    server.stop()


def upsert(beside: World, namespace: str, vector: str, **metadata: Any) -> None:
    assert beside.region.pinecone is not None
    values = {"id": vector, "values": [1.0, 0.5], **({"metadata": metadata} if metadata else {})}
    opened(beside.region.pinecone, "rag").upsert(vectors=[values], namespace=namespace, show_progress=False)


def test_vectors_wherever_they_are(beside: World) -> None:
    own, stray, document = beside.names.namespace, f"left-{uuid4().hex[:6]}", beside.document.hex
    rows = VECTORS.look(beside.ask()).by["rag.chunk_vectors"]
    assert rows == 2 and VECTORS.look(beside.ask()).found == 2
    upsert(beside, own, f"{document}#0")
    upsert(beside, own, f"{uuid4().hex}#0")
    upsert(beside, own, "summary#1", document_id=str(beside.document))
    upsert(beside, stray, f"{document}#9")
    answer = VECTORS.look(listed(beside, "vectors", f"pinecone:{own}/{document}#0", f"pinecone:{own}/gone#0"))
    assert (answer.by[f"rag/{own}"], answer.listed) == (3, 1)
    assert VECTORS.look(beside.ask("document")).by == {"rag.chunk_vectors": 1, f"rag/{own}": 2, f"rag/{stray}": 1}
    other = uuid4().hex
    upsert(beside, other, f"{document}#0")  # in the namespace of a tenant that has no such document
    assert VECTORS.look(beside.ask("document")).by[f"rag/{other}"] == 1
    question = beside.ask()
    with beside.as_superuser() as db:  # of a whole tenant the manifest says which documents were its
        db.execute(
            "INSERT INTO bw.erasure_item (request_id, system, seq, id, table_name, key)"
            " VALUES (%s, 'postgres', 1, 'x', 'documents', %s)",
            [question.request_id, [str(beside.document)]],
        )
    assert VECTORS.look(question).by[f"rag/{stray}"] == 1
    found = {(one.kind, one.name, one.tenant) for one in containers.of_pinecone(beside.region)}
    assert {("index", "rag", None), ("namespace", f"rag/{stray}", None)} <= found
    assert ("namespace", f"rag/{own}", beside.names.tenant_id) in found


def test_the_key_of_pinecone_changes_nothing(beside: World) -> None:
    assert beside.region.pinecone is not None
    url, headers = beside.region.pinecone.host, {"Api-Key": "reader-key"}
    tries = [
        ("POST", "/indexes", {"name": "mine"}),
        ("DELETE", "/indexes/rag", None),
        ("PATCH", "/indexes/rag", {"tags": {}}),
        ("POST", "/data/rag/vectors/upsert", {"vectors": [{"id": "x", "values": [1, 2]}]}),
        ("POST", "/data/rag/vectors/delete", {"deleteAll": True}),
        ("POST", "/data/rag/vectors/update", {"id": "x"}),
        ("POST", "/data/rag/namespaces", {"name": "mine"}),
        ("DELETE", f"/data/rag/namespaces/{beside.names.namespace}", None),
    ]
    for method, path, body in tries:
        assert httpx.request(method, url + path, json=body, headers=headers).status_code == 403, path
    assert httpx.get(f"{url}/indexes", headers=headers).status_code == 200
    assert httpx.get(f"{url}/indexes", headers={"Api-Key": ""}).status_code == 401


def test_what_exists(world: World) -> None:
    with kept(world, **{f"{world.names.cache_prefix}1:x": "1", "stray:1": "1"}):
        spaces = {(one.name, one.tenant) for one in containers.of_cache(world.region)}
    assert {(f"{world.names.cache_prefix}*", world.names.tenant_id), ("stray:*", None)} <= spaces
    tables = {one.name for one in containers.of_database(world.region)}
    assert {"rag.users", "rag.chunk_vectors"} <= tables and not {"bw.fence", "bw.dirty"} & tables
    assert world.names.tenant_id in containers.tenants(world.region)
    of_tenant = {one.name for one in containers.of_objects(world.region) if one.tenant == world.names.tenant_id}
    assert of_tenant == {world.names.bucket}


def test_buckets_that_come_and_go_beside_are_nothing_to_it(world: World) -> None:
    """Another erasure's canary, or a tenant that leaves: gone between the list and the look."""
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            name = f"rag-passing-{uuid4().hex[:8]}"
            world.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": world.region.name})
            stop.wait(random.random() / 20)
            world.s3.delete_bucket(Bucket=name)

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        said = [OBJECTS.look(world.ask()).why for _ in range(40)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(said) == {""}
