"""Objects come with their histories, before the rows that name them; the comparison reads every byte."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from bailiwick_proof import merkle

from lifecycle.migration.engine import compare, copy, left, objects, rounds
from lifecycle.migration.engine.move import OBJECTS, Move
from lifecycle.stores import aws
from lifecycle.stores.objects import emptying
from portal.lib.regions import Region

from .conftest import World, copied, drained

DOCUMENT = "INSERT INTO rag.documents (tenant_id, id, title, object_key) VALUES (%s, %s, 'd', %s)"


@pytest.fixture
def taken(world: World) -> Iterator[Move]:
    """A move of a tenant with a bucket on either side."""
    bucket = f"rag-mover-{world.id.hex[-8:]}"
    for region in (world.blue, world.green):
        s3 = aws.client(region, "s3")
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region.name})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    yield replace(world.take(1)[0], bucket=bucket)
    for region in (world.blue, world.green):
        emptying.empty(region, bucket)
        aws.client(region, "s3").delete_bucket(Bucket=bucket)


def put(region: Region, bucket: str, key: str, body: bytes = b"text", **more: Any) -> None:
    aws.client(region, "s3").put_object(Bucket=bucket, Key=key, Body=body, **more)


def body(region: Region, bucket: str, key: str) -> bytes:
    return bytes(aws.client(region, "s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def write(world: World, taken: Move, key: str) -> None:
    put(world.blue, taken.bucket, key, key.encode(), ContentType="text/plain")
    with world.writer(world.blue) as db:
        db.execute(DOCUMENT, [world.id, uuid4(), key])


def test_a_row_that_is_there_has_its_object(world: World, taken: Move) -> None:
    write(world, taken, "first")
    copied(taken)
    assert body(world.green, taken.bucket, "first") == b"first"
    write(world, taken, "second")
    assert rounds.round(taken).upserted == 1
    assert body(world.green, taken.bucket, "second") == b"second"
    with world.writer(world.blue) as db:
        db.execute("DELETE FROM rag.documents WHERE object_key = 'first'")
    aws.client(world.blue, "s3").delete_object(Bucket=taken.bucket, Key="first")
    drained(taken)
    assert [one.is_marker for one in objects.history(world.green, taken.bucket, "first")] == [False, True]
    assert compare.compare(taken).ok


def test_histories_tags_and_empty_objects_come_over(world: World, taken: Move) -> None:
    s3 = aws.client(world.blue, "s3")
    put(world.blue, taken.bucket, "a", b"one", Tagging="class=pii&owner=x%20y")
    s3.delete_object(Bucket=taken.bucket, Key="a")
    put(world.blue, taken.bucket, "a", b"two")
    put(world.blue, taken.bucket, "ab", b"", ContentType="application/pdf", Metadata={"who": "me"})
    assert objects.bring_some(taken, 0) == "ab" and objects.bring_some(taken, 0, "ab") is None
    assert objects.bring(taken, objects.keys(world.blue, taken.bucket)) == 0
    found = compare.compare(taken)
    assert found.ok and found.keys == 2 and not found.mismatches
    head = aws.client(world.green, "s3").head_object(Bucket=taken.bucket, Key="ab")
    assert head["ContentType"] == "application/pdf" and head["Metadata"]["who"] == "me"


def test_one_byte_of_equal_length_is_found_and_mended(world: World, taken: Move) -> None:
    write(world, taken, "same")
    copied(taken)
    objects.remove(world.green, taken.bucket, "same")
    put(world.green, taken.bucket, "same", b"sane")
    found = compare.compare(taken)
    assert not found.ok and found.mismatches == ["same"]
    objects.remove(world.green, taken.bucket, "same")
    objects.bring(taken, found.mismatches)
    mended = found.mended(compare.compare(taken, found.mismatches))
    assert mended == compare.compare(taken) and mended.ok
    assert mended.root_source == mended.root_target == found.root_source


def test_what_is_said_of_an_object_is_compared_as_well(world: World, taken: Move) -> None:
    said = {
        "kind": ({"ContentType": "text/plain"}, {"ContentType": "text/html"}),
        "note": ({"Metadata": {"who": "me"}}, {"Metadata": {"who": "you"}}),
        "language": ({"ContentLanguage": "en"}, {}),
    }
    for key, (here, there) in said.items():
        put(world.blue, taken.bucket, key, **here)
        put(world.green, taken.bucket, key, **there)
    found = compare.compare(taken)
    assert found.mismatches == sorted(said)
    for key in found.mismatches:
        objects.remove(world.green, taken.bucket, key)
    objects.bring(taken, found.mismatches)
    assert compare.compare(taken).ok


def test_locks_come_over_and_are_compared(world: World, taken: Move) -> None:
    locked = replace(taken, bucket=f"{taken.bucket}-locked")
    for region in (world.blue, world.green):
        place = {"LocationConstraint": region.name}
        aws.client(region, "s3").create_bucket(
            Bucket=locked.bucket, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True
        )
    put(world.blue, locked.bucket, "kept", b"in evidence", ObjectLockLegalHoldStatus="ON")
    objects.bring_some(locked, 0)
    s3 = aws.client(world.green, "s3")
    assert s3.head_object(Bucket=locked.bucket, Key="kept")["ObjectLockLegalHoldStatus"] == "ON"
    assert compare.compare(locked).ok
    s3.put_object_legal_hold(Bucket=locked.bucket, Key="kept", LegalHold={"Status": "OFF"})
    assert compare.compare(locked).mismatches == ["kept"]
    aws.client(world.blue, "s3").put_object_legal_hold(Bucket=locked.bucket, Key="kept", LegalHold={"Status": "OFF"})
    for region in (world.blue, world.green):
        emptying.empty(region, locked.bucket)
        aws.client(region, "s3").delete_bucket(Bucket=locked.bucket)


def test_pieces_say_what_all_of_it_says(world: World, taken: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        for key in (f"k{number}", f"k{number}/x"):
            put(world.blue, taken.bucket, key, key.encode())
    aws.client(world.blue, "s3").delete_object(Bucket=taken.bucket, Key="k3")
    objects.bring_some(taken, 60)
    put(world.green, taken.bucket, "k2/only-here")
    put(world.green, taken.bucket, "z")
    whole = compare.compare(taken)
    assert whole.mismatches == ["k2/only-here", "z"] and whole.keys == 14
    monkeypatch.setattr(compare, "PIECE", 3)
    seen, last, mismatches, after = merkle.Frontier(), "", [], [""]
    while after[-1] is not None:
        found, last = next(compare.pieces(taken, after[-1]), (None, None))  # each time from the start, as after a death
        after.append(last)
        if found:
            seen.extend(found.leaves)
            mismatches += found.mismatches
    assert seen.root().hex() == whole.root_source and mismatches == whole.mismatches
    assert len(after) == 8 and after[1:-1] == sorted(after[1:-1])


def test_a_multipart_upload_differs_in_its_etag_alone(world: World, taken: Move) -> None:
    s3, whole = aws.client(world.blue, "s3"), b"x" * (5 << 20) + b"y"
    place = {"Bucket": taken.bucket, "Key": "large"}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**place, UploadId=upload, PartNumber=number, Body=part)["ETag"]}
        for number, part in enumerate((whole[: 5 << 20], whole[5 << 20 :]), start=1)
    ]
    s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
    objects.bring(taken, ["large"])
    etags = {aws.client(region, "s3").head_object(**place)["ETag"] for region in (world.blue, world.green)}
    assert len(etags) == 2 and compare.compare(taken).ok


def test_a_copy_begins_anew_without_harm(world: World, taken: Move) -> None:
    write(world, taken, "again")
    for _ in range(2):
        copied(taken)
        with world.writer(world.blue) as db:
            db.execute("SELECT 1")
    copy.plan(taken)
    assert len(objects.history(world.green, taken.bucket, "again")) == 1


def test_a_history_that_its_source_has_shortened_is_brought_anew(world: World, taken: Move) -> None:
    for text in (b"one", b"two"):
        put(world.blue, taken.bucket, "a", text)
    objects.bring(taken, ["a"])
    oldest = objects.history(world.blue, taken.bucket, "a")[0]
    aws.client(world.blue, "s3").delete_object(Bucket=taken.bucket, Key="a", VersionId=oldest.id)
    aws.client(world.blue, "s3").delete_object(Bucket=taken.bucket, Key="a")
    objects.bring(taken, ["a"])
    assert [one.is_marker for one in objects.history(world.green, taken.bucket, "a")] == [False, True]
    assert compare.compare(taken).ok


def test_what_a_silent_store_could_not_hand_over_comes_once_it_answers(world: World, taken: Move) -> None:
    """Its rows came alone. What is owed is told apart from what changed, and weighs on no round without the store."""
    write(world, taken, "first")
    copied(taken)
    write(world, taken, "second")
    with world.writer(world.blue) as db:
        db.execute("DELETE FROM rag.documents WHERE object_key = 'first'")
    silent = replace(taken, without=frozenset({OBJECTS}))
    assert left.counted(taken, silent.without) == {OBJECTS: 1}
    assert rounds.round(silent).upserted == 1 and rounds.round(silent).keys == 0
    assert not objects.history(world.green, taken.bucket, "second")
    assert [one.is_marker for one in objects.history(world.green, taken.bucket, "first")] == [False, True]
    assert left.counted(taken, silent.without) == {OBJECTS: 1}, "it is still not there"
    rounds.round(taken)
    assert body(world.green, taken.bucket, "second") == b"second"
    assert left.counted(taken, silent.without) == {OBJECTS: 0}
