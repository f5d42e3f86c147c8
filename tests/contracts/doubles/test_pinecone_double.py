"""The unmodified `pinecone` SDK against the double: indexes, vectors, namespaces, log positions, restart."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pinecone
import pytest
from pinecone.models import enums

from portal.embedded.pinecone_double.schema import REGIONS

from .server import Server

DIMENSION = 8
PLACE = {"serverless": {"cloud": "aws", "region": "us-east-1"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("pinecone")
    key_file = root / "key"
    key_file.write_text("the-key\n")
    arguments = ["--root", str(root / "data"), "--api-key-file", str(key_file)]
    server = Server("portal.embedded.pinecone_double", arguments).start()
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def client(server: Server) -> pinecone.Pinecone:
    return pinecone.Pinecone(api_key="the-key", host=server.url)


@pytest.fixture
def index(client: pinecone.Pinecone, request: pytest.FixtureRequest) -> Iterator[Any]:
    name = f"i-{random.getrandbits(64):x}"
    client.create_index(name=name, dimension=DIMENSION, metric="cosine", spec=PLACE)
    yield client.index(name)
    client.delete_index(name)
    assert not client.has_index(name)


def _vector(seed: int) -> list[float]:
    source = random.Random(seed)
    return [source.uniform(-1, 1) for _ in range(DIMENSION)]


def _fill(index: Any, namespace: str, count: int) -> Any:
    metadata = [{"n": n, "even": n % 2 == 0, "tags": ["a", f"t{n % 3}"]} for n in range(count)]
    vectors = [{"id": f"d{n // 10}#{n:03}", "values": _vector(n), "metadata": metadata[n]} for n in range(count)]
    return index.upsert(vectors=vectors, namespace=namespace)


def test_an_index_is_made_described_protected_and_deleted(client: pinecone.Pinecone) -> None:
    client.create_index(name="life", dimension=4, metric="dotproduct", spec=PLACE, tags={"TenantID": "t"})
    with pytest.raises(pinecone.errors.ConflictError):
        client.create_index(name="life", dimension=4, metric="dotproduct", spec=PLACE)
    found = client.describe_index("life")
    assert (found.dimension, found.metric, found.status.ready) == (4, "dotproduct", True)
    assert (found.deployment.region, found.tags) == ("us-east-1", {"TenantID": "t"})
    client.configure_index("life", deletion_protection="enabled")
    with pytest.raises(pinecone.errors.ForbiddenError):
        client.delete_index("life")
    client.configure_index("life", deletion_protection="disabled")
    client.delete_index("life")
    assert "life" not in [item.name for item in client.list_indexes()]


def test_the_regions_are_the_sdks_and_none_is_in_india(client: pinecone.Pinecone) -> None:
    clouds = {"aws": enums.AwsRegion, "gcp": enums.GcpRegion, "azure": enums.AzureRegion}
    assert {cloud: {item.value for item in regions} for cloud, regions in clouds.items()} == {
        cloud: set(regions) for cloud, regions in REGIONS.items()
    }
    with pytest.raises(pinecone.errors.NotFoundError, match="ap-south-1"):
        spec = {"serverless": {"cloud": "aws", "region": "ap-south-1"}}
        client.create_index(name="india", dimension=4, metric="cosine", spec=spec)


def test_a_wrong_key_is_refused(server: Server) -> None:
    with pytest.raises(pinecone.errors.UnauthorizedError):
        pinecone.Pinecone(api_key="wrong", host=server.url).list_indexes()


def test_search_is_exact_and_stays_in_its_namespace(index: Any) -> None:
    _fill(index, "one", 50)
    _fill(index, "two", 5)
    found = index.query(vector=_vector(7), top_k=3, namespace="one", include_values=True, include_metadata=True)
    assert found.matches[0].id == "d0#007"
    assert found.matches[0].score == pytest.approx(1.0)
    assert found.matches[0].values == pytest.approx(_vector(7), abs=1e-6)
    assert found.matches[0].metadata["n"] == 7
    assert [match.score for match in found.matches] == sorted((m.score for m in found.matches), reverse=True)
    assert len(index.query(vector=_vector(7), top_k=100, namespace="two").matches) == 5
    assert index.query(vector=_vector(7), top_k=3, namespace="none").matches == []
    assert index.query(id="d0#007", top_k=1, namespace="one").matches[0].id == "d0#007"


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        ({"n": {"$gte": 10, "$lt": 20}}, 10),
        ({"even": True}, 15),
        ({"tags": "t1"}, 10),
        ({"tags": {"$in": ["t1", "t2"]}}, 20),
        ({"$or": [{"n": 1}, {"n": {"$in": [2, 3]}}]}, 3),
        ({"$and": [{"even": True}, {"n": {"$ne": 0}}]}, 14),
        ({"n": {"$nin": [0, 1]}}, 28),
        ({"missing": {"$exists": False}}, 30),
        ({"n": 1, "even": True}, 0),
    ],
)
def test_filters(index: Any, chosen: dict[str, Any], count: int) -> None:
    _fill(index, "f", 30)
    assert len(index.query(vector=_vector(0), top_k=100, namespace="f", filter=chosen).matches) == count
    index.delete(filter=chosen, namespace="f")
    assert index.describe_namespace(name="f").record_count == 30 - count


@pytest.mark.parametrize("chosen", [{"n": {"$like": 1}}, {"$not": []}, {"n": {"$gt": "x"}}, {"$and": []}])
def test_a_filter_that_makes_no_sense_is_refused(index: Any, chosen: dict[str, Any]) -> None:
    _fill(index, "f", 3)
    with pytest.raises(pinecone.errors.PineconeError):
        index.delete(filter=chosen, namespace="f")
    assert index.describe_namespace(name="f").record_count == 3


def test_a_write_says_where_it_landed_and_a_query_that_it_saw_it(index: Any) -> None:
    first, second = _fill(index, "n", 1), _fill(index, "n", 2)
    committed = [answer.response_info.lsn_committed for answer in (first, second)]
    assert committed[0] < committed[1]
    assert index.query(vector=_vector(0), top_k=1, namespace="n").response_info.is_reconciled(committed[1])
    assert index.fetch(ids=["d0#000"], namespace="n").response_info.lsn_reconciled is None


def test_ids_are_listed_by_prefix_in_pages_and_deleted(index: Any) -> None:
    for start in range(0, 250, 50):
        vectors = [{"id": f"x#{n:03}", "values": _vector(n)} for n in range(start, start + 50)]
        index.upsert(vectors=vectors, namespace="p")
    index.upsert(vectors=[{"id": "y#1", "values": _vector(1)}], namespace="p")
    page = index.list_paginated(prefix="x#", limit=100, namespace="p")
    assert (len(page.vectors), bool(page.pagination and page.pagination.next)) == (100, True)
    ids = [item.id if hasattr(item, "id") else item for page in index.list(prefix="x#", namespace="p") for item in page]
    assert ids == [f"x#{n:03}" for n in range(250)]
    index.delete(ids=ids[:100], namespace="p")
    assert index.describe_namespace(name="p").record_count == 151
    assert set(index.fetch(ids=["x#000", "x#100"], namespace="p").vectors) == {"x#100"}
    index.delete(delete_all=True, namespace="p")
    assert index.describe_namespace(name="p").record_count == 0


def test_namespaces_are_made_listed_counted_and_deleted(index: Any) -> None:
    index.create_namespace(name="empty")
    with pytest.raises(pinecone.errors.ConflictError):
        index.create_namespace(name="empty")
    _fill(index, "full", 3)
    index.upsert(vectors=[{"id": "a", "values": _vector(1)}])
    listed = {item.name: item.record_count for page in index.list_namespaces(limit=2) for item in page.namespaces}
    assert listed == {"__default__": 1, "empty": 0, "full": 3}
    stats = index.describe_index_stats()
    assert (stats.total_vector_count, stats.dimension, stats.namespaces["full"].vector_count) == (4, DIMENSION, 3)
    index.delete_namespace(name="full")
    for gone in (index.describe_namespace, index.delete_namespace):
        with pytest.raises(pinecone.errors.NotFoundError):
            gone(name="full")
    with pytest.raises(pinecone.errors.NotFoundError):
        index.delete(delete_all=True, namespace="full")


@pytest.mark.parametrize(
    "vector",
    [
        {"id": "a", "values": [0.0] * DIMENSION},
        {"id": "a", "values": [1.0] * (DIMENSION + 1)},
        {"id": "a", "values": [float("nan")] * DIMENSION},
        {"id": "ü", "values": [1.0] * DIMENSION},
        {"id": "a", "values": [1.0] * DIMENSION, "metadata": {"nested": {"x": 1}}},
        {"id": "a", "values": [1.0] * DIMENSION, "metadata": {"big": "x" * 50_000}},
    ],
)
def test_a_vector_that_does_not_fit_is_refused(index: Any, vector: dict[str, Any]) -> None:
    good = {"id": "good", "values": _vector(1)}
    with pytest.raises((pinecone.errors.PineconeError, ValueError)):
        index.upsert(vectors=[good, vector], namespace="n")
    assert index.describe_index_stats().total_vector_count == 0


def test_metadata_is_updated_in_place(index: Any) -> None:
    _fill(index, "u", 2)
    index.update(id="d0#001", set_metadata={"n": 99, "new": "x"}, namespace="u")
    metadata = index.fetch(ids=["d0#001"], namespace="u").vectors["d0#001"].metadata
    assert (metadata["n"], metadata["new"], metadata["even"]) == (99, "x", False)


def test_vectors_and_positions_survive_a_kill(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k")
    arguments = ["--root", str(tmp_path / "data"), "--api-key-file", str(tmp_path / "key")]
    server = Server("portal.embedded.pinecone_double", arguments).start()
    client = pinecone.Pinecone(api_key="k", host=server.url)
    client.create_index(name="rag", dimension=DIMENSION, metric="cosine", spec=PLACE)
    committed = _fill(client.index("rag"), "n", 20).response_info.lsn_committed
    server.kill()
    server.start()
    found = client.index("rag").query(vector=_vector(3), top_k=1, namespace="n")
    assert found.matches[0].id == "d0#003" and found.response_info.is_reconciled(committed)
    assert server.stop() == 0
