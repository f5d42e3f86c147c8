"""Both sides of an erasure meet in the manifest alone: what an eraser lists, the verifier finds, until it is gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from compliance.verifiers import verifier_of
from lifecycle.erasure.engine import items
from lifecycle.erasure.engine.cache import Cache
from lifecycle.erasure.engine.logs import Logs
from lifecycle.erasure.engine.objects import Objects
from lifecycle.erasure.engine.rows import Rows, VectorRows
from lifecycle.erasure.engine.target import Eraser, Target
from lifecycle.stores.postgres import fences
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from tests.contracts import tenants

from .conftest import FILL, World

KINDS: tuple[Any, ...] = ("document", "person", "tenant")


@pytest.fixture
def world(stack: Stack, region: Region, tmp_path: Path) -> Iterator[World]:
    """A tenant of its own: at the end nothing is left of it."""
    made = World(stack, region, tenants.names(region, "to-be-erased"), uuid4(), uuid4())
    tenants.make(region, made.names)
    yield made
    tenants.unmake(region, made.names, tmp_path)


def filled(world: World) -> World:
    """Something of the person in every store, and something else beside it."""
    ids = {"tenant": world.names.tenant_id, "user": world.user, "document": world.document}
    with world.as_platform() as db:
        for statement in FILL:
            db.execute(statement, ids)
    key, bucket = f"users/{world.user}/documents/{world.document}/1 ä?", world.names.bucket
    for body in (b"one", b"two"):
        world.s3.put_object(Bucket=bucket, Key=key, Body=body)
    world.s3.delete_object(Bucket=bucket, Key=key)
    world.s3.create_multipart_upload(Bucket=bucket, Key=key)
    world.s3.put_object(Bucket=bucket, Key="shared/documents/other/1", Body=b"x")
    prefix = world.names.cache_prefix
    world.redis.set(f"{prefix}1:session:a b%?ü", str(world.user))
    world.redis.hset(f"{prefix}1:seen", mapping={str(world.user): "1", str(world.document): "2", "else": "3"})
    world.redis.xadd(f"{prefix}1:events", {"document": world.document.hex, "user": str(world.user)})
    world.redis.set(f"{prefix}1:generation", "4")
    world.logs.create_log_stream(logGroupName=world.names.log_group, logStreamName="platform/x/1")
    return world


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_listed_is_found_until_it_is_gone(world: World, kind: Any) -> None:
    question = filled(world).ask(kind)
    target = Target(question.request_id, world.names, kind, 1, user_id=question.user_id, documents=question.documents)
    assert fences.raise_job_epoch(world.region, world.names.tenant_id, target.resource, 1) == 1
    erasers: list[Eraser] = [one(world.region) for one in (VectorRows, Rows, Objects, Cache, Logs)]  # type: ignore[abstract]
    listed = {one.system: items.put(world.region, target, one.system, one.ids(target)) for one in erasers}
    before = {one.system: verifier_of(one.system).look(question) for one in erasers}
    assert {system: answer.listed for system, answer in before.items()} == listed, before
    assert all(answer.found for system, answer in before.items() if listed[system]), before
    assert all(listed[system] for system in ("postgres", "vectors", "objects", "cache"))
    for one in erasers:
        one.erase(target, lambda done: None)
        one.settle(target)
    after = {one.system: verifier_of(one.system).look(question) for one in erasers}
    assert {system: (answer.found, answer.listed) for system, answer in after.items()} == dict.fromkeys(listed, (0, 0))
    if kind != "tenant":
        others = {one.system: verifier_of(one.system).look(world.ask()).found for one in erasers}
        assert all(others.values()), others
