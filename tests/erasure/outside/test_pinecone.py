"""Pinecone through its real protocol: what was listed goes by id, and is gone when the log's position says so."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from lifecycle.erasure.engine.pinecone import PineconeVectors
from lifecycle.stores.errors import Held, Permanent
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences
from lifecycle.stores.vectors import pinecone
from portal.lib.regions import Region
from tests.contracts import tenants
from tests.migration.engine.outside import account

from .engine import Killed, erased, killed_at, listed, person, target


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, list[float]]]:
    """An account, and by how many seconds its writes are seen late."""
    with account(tmp_path_factory.mktemp("pinecone") / "account") as found:
        yield found


@pytest.fixture
def abroad(region: Region, service: tuple[Any, list[float]]) -> Iterator[Region]:
    yield replace(region, name="us-east-1", pinecone=service[0])
    service[1][0] = 0.0


@pytest.fixture
def late(service: tuple[Any, list[float]], abroad: Region) -> list[float]:
    return service[1]


def index(region: Region) -> Any:
    assert region.pinecone
    return pinecone.opened(region.pinecone, pinecone.INDEX)


def put(region: Region, names: TenantNames, *ids: str, **metadata: Any) -> None:
    vectors = [{"id": one, "values": [0.1] * 256} | ({"metadata": metadata} if metadata else {}) for one in ids]
    index(region).upsert(vectors=vectors, namespace=names.namespace, show_progress=False)


def passages(document: UUID, number: int = 3) -> list[str]:
    return [f"{document.hex}#{ordinal}" for ordinal in range(number)]


def left(region: Region, names: TenantNames) -> list[str]:
    return sorted(one.id for page in index(region).list(namespace=names.namespace) for one in page.vectors)


def namespaces(region: Region) -> set[str]:
    return {one.name for page in index(region).list_namespaces() for one in page.namespaces}


def test_a_tenants_namespace_goes_with_its_vectors(abroad: Region, names: TenantNames, late: list[float]) -> None:
    other = tenants.names(abroad, "neighbour")
    put(abroad, names, *(f"v{n}" for n in range(1, 131)))
    put(abroad, other, "v1")
    late[0] = 0.1
    found, gone = erased(abroad, PineconeVectors(abroad), target(abroad, names))
    assert gone == len(found) == 130 and f"pinecone:{names.namespace}/v7" in found
    assert names.namespace not in namespaces(abroad) and left(abroad, other) == ["v1"]


def test_a_person_is_its_documents_and_what_metadata_name(abroad: Region, names: TenantNames) -> None:
    user, owned, other = uuid4(), uuid4(), uuid4()
    alike = f"{owned.hex}0#0"
    put(abroad, names, *passages(owned, 120), *passages(other), alike)
    put(abroad, names, "summary#1", document_id=str(owned))
    put(abroad, names, "profile#1", user_id=str(user), document_id=str(owned))
    put(abroad, names, "summary#2", document_id=str(other), user_id=str(uuid4()))
    found, gone = erased(abroad, PineconeVectors(abroad), person(abroad, names, user, owned))
    assert gone == len(found) == len(set(found)) == 122
    assert left(abroad, names) == sorted([*passages(other), alike, "summary#2"])


def test_settled_is_when_a_search_is_answered_from_there(abroad: Region, names: TenantNames, late: list[float]) -> None:
    document = uuid4()
    put(abroad, names, *passages(document), "kept")
    eraser, of = PineconeVectors(abroad), target(abroad, names, "document", documents=(document,))
    listed(abroad, eraser, of)
    late[0] = 0.5
    assert eraser.erase(of, lambda _: None) == 3
    assert len(left(abroad, names)) == 4, "the service has not applied it yet"
    PineconeVectors(abroad).settle(of)  # a process that took over knows no position
    assert left(abroad, names) == ["kept"]


def test_what_came_after_the_listing_keeps_the_namespace(abroad: Region, names: TenantNames) -> None:
    put(abroad, names, "listed")
    eraser, of = PineconeVectors(abroad), target(abroad, names)
    listed(abroad, eraser, of)
    put(abroad, names, "came later")
    assert eraser.erase(of, lambda _: None) == 1
    eraser.settle(of)
    assert left(abroad, names) == ["came later"]


def test_killed_half_way_and_called_again_it_ends_the_same(abroad: Region, names: TenantNames) -> None:
    for start in range(0, 1010, 101):
        put(abroad, names, *(f"v{n}" for n in range(start, start + 101)))
    eraser, of = PineconeVectors(abroad), target(abroad, names)
    listed(abroad, eraser, of)
    with pytest.raises(Killed):
        eraser.erase(of, killed_at(batch=2))
    assert len(left(abroad, names)) == 10
    assert [PineconeVectors(abroad).erase(of, lambda _: None) for _ in range(2)] == [1010, 1010]
    PineconeVectors(abroad).settle(of)
    assert names.namespace not in namespaces(abroad)


def test_a_held_tenant_and_an_overtaken_job_lose_nothing(abroad: Region, names: TenantNames) -> None:
    put(abroad, names, "kept")
    eraser, of = PineconeVectors(abroad), target(abroad, names)
    listed(abroad, eraser, of)
    fences.ensure(abroad, tenant_id=names.tenant_id, state="open")
    fences.set_hold(abroad, names.tenant_id, True, 1)
    with pytest.raises(Held):
        eraser.erase(of, lambda _: None)
    fences.set_hold(abroad, names.tenant_id, False, 2)
    fences.raise_job_epoch(abroad, names.tenant_id, "erasure", 2)
    with pytest.raises(Permanent, match="the store is at 2"):
        eraser.erase(of, lambda _: None)
    assert left(abroad, names) == ["kept"]


def test_where_there_is_none(abroad: Region, names: TenantNames, region: Region) -> None:
    assert erased(abroad, PineconeVectors(abroad), target(abroad, names)) == ([], 0)
    with pytest.raises(Permanent, match="has no pinecone"):
        PineconeVectors(replace(region, pinecone=None))
