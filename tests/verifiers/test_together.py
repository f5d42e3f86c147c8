"""One look for several: each is answered as if it had been asked alone."""

from typing import Any
from uuid import uuid4

import pytest

from compliance.verifiers import VERIFIERS, verifier_of
from compliance.verifiers.looking import Question
from lifecycle.stores import aws

from .conftest import World
from .test_postgres import ITEM
from .test_stores import beside, kept, say, upsert  # noqa: F401 - a fixture

NAMED = {"postgres", "vectors", "objects", "cache", "logs"}  # in series nobody can be planted; an export is a tenant's


def several(world: World, *more: Question) -> list[Question]:
    """Somebody, nobody, somebody's document, and others whom nobody knows: more than one pattern of logs takes."""
    strangers = [world.ask("person", user_id=uuid4(), documents=(uuid4(),)) for _ in range(14)]
    return [world.ask("person"), *strangers, *more]


def everywhere(world: World) -> None:
    """The person of the world is named in each kind of store."""
    folder = f"users/{world.user}/documents/{world.document}/1"
    aws.client(world.region, "s3").put_object(Bucket=world.names.bucket, Key=folder, Body=b"one")
    world.logs.create_log_stream(logGroupName=world.names.log_group, logStreamName="platform/together")
    say(world.logs, world.names.log_group, "platform/together", f'{{"user": "{world.user}"}}')


@pytest.fixture(scope="module")
def filled(world: World) -> World:
    everywhere(world)
    return world


@pytest.mark.parametrize("system", sorted(VERIFIERS))
def test_each_is_answered_as_if_alone(filled: World, system: str) -> None:
    verifier, own = verifier_of(system), f"{filled.names.cache_prefix}1:together"
    with kept(filled, **{own: str(filled.user), "nobody:together": str(filled.user)}):
        for asked in (several(filled), several(filled, filled.ask("document"), filled.ask())):
            found = verifier.look_together(asked)
            assert found == [verifier.look(one) for one in asked]
            if system in NAMED:
                assert found[0].found, f"what is there of one is not overlooked: {system}"
            assert not any(one.found for one in found[1:15]), "what is another's is nobody else's"


def test_folders_of_a_bucket_that_is_anothers(filled: World) -> None:
    """They are listed at once; a document's id in a stranger's folder there is that stranger's, asked alone or not."""
    s3, bucket = filled.s3, f"anothers-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": filled.region.name})
    asked = several(filled)
    keys = [f"users/{filled.user}/left", f"users/{asked[3].user_id}/documents/{filled.document}/1"]
    try:
        for key in keys:
            s3.put_object(Bucket=bucket, Key=key, Body=b"one")
        found = verifier_of("objects").look_together(asked)
        assert found == [verifier_of("objects").look(one) for one in asked]
        assert [one.by.get(bucket, 0) for one in found[:4]] == [1, 0, 0, 1]
    finally:
        for key in keys:
            s3.delete_object(Bucket=bucket, Key=key)
        s3.delete_bucket(Bucket=bucket)


def test_what_was_listed_is_looked_for_by_whose_it_is(filled: World) -> None:
    """Two requests name the same row, one of them another that is gone: each has its own number."""
    one, other, none = (filled.ask("person") for _ in range(3))
    with filled.as_superuser() as db:
        for request, number, key in ((one, 1, filled.user), (other, 1, filled.user), (other, 2, uuid4())):
            db.execute(ITEM, [request.request_id, "postgres", number, "users", [str(key)]])
    assert [found.listed for found in verifier_of("postgres").look_together([one, other, none])] == [1, 1, None]


def test_vectors_beside_the_database(beside: World) -> None:  # noqa: F811
    document = beside.document.hex
    upsert(beside, beside.names.namespace, f"{document}#0")
    upsert(beside, beside.names.namespace, "a-summary#1", user_id=str(beside.user))
    asked, vectors = several(beside), verifier_of("vectors")
    found = vectors.look_together(asked)
    assert found == [vectors.look(one) for one in asked]
    assert found[0].by[f"rag/{beside.names.namespace}"] == 2 and found[1].found == 0


def test_one_that_cannot_be_answered_leaves_the_others_theirs(filled: World) -> None:
    """A list that names a table that is gone is this request's fault alone."""
    wrong, right = filled.ask("person"), filled.ask("person")
    with filled.as_superuser() as db:
        db.execute(ITEM, [wrong.request_id, "postgres", 1, "gone", ["a"]])
    answers: list[Any] = verifier_of("postgres").look_together([wrong, right])
    assert answers[0].found is None and "gone is in the manifest" in answers[0].why and answers[1].found
