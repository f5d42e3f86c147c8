"""One contract for every vector provider: pgvector, Pinecone through its own SDK, Weaviate over REST."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pinecone
import pytest

from lifecycle.provisioning.terraform.run import PROJECT
from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import roles
from lifecycle.stores.vectors.pinecone import INDEX, Pinecone
from lifecycle.stores.vectors.residue import residue
from lifecycle.stores.vectors.store import VectorStore, store_of
from lifecycle.stores.vectors.weaviate import Weaviate, WeaviateAccount
from portal.lib.regions import Pinecone as Account
from portal.lib.regions import Region
from tests.contracts import tenants
from tests.contracts.weaviate_double import KEY, Double

Fill = Callable[[TenantNames], None]


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A Pinecone account on the protocol double."""
    folder = tmp_path_factory.mktemp("pinecone")
    (folder / "key").write_text("pinecone-key")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    call = ["portal.embedded.pinecone_double", "--root", str(folder), "--port", str(port)]
    double = subprocess.Popen([sys.executable, "-m", *call, "--api-key-file", str(folder / "key")], cwd=PROJECT)
    _answers(f"http://127.0.0.1:{port}/")
    yield Account(f"http://127.0.0.1:{port}", "pinecone-key")
    double.terminate()
    double.wait(10)


def _answers(url: str) -> None:
    transport = httpx.HTTPTransport(retries=40)  # connects with growing pauses until the server listens
    with httpx.Client(transport=transport) as client:
        client.get(url)


@pytest.fixture
def weaviate() -> Iterator[Double]:
    double = Double()
    threading.Thread(target=double.serve_forever, daemon=True).start()
    yield double
    double.shutdown()
    double.server_close()


@pytest.fixture(params=["pgvector", "pinecone", "weaviate"])
def store(
    request: pytest.FixtureRequest, region: Region, account: Account, weaviate: Double, names: TenantNames
) -> tuple[VectorStore, Fill]:
    """A provider and how to put vectors into its namespace."""
    if request.param == "pgvector":
        roles.ensure(region, role=names.role, tenant_id=names.tenant_id, tenant_name=names.name)
        return store_of(region, "pgvector"), lambda of: tenants.insert_rows(region, of, documents=1)
    if request.param == "weaviate":
        connector = Weaviate(WeaviateAccount(weaviate.url, KEY))
        return connector, lambda of: weaviate.tenants[connector.index].update({of.namespace: 3})
    overseas = replace(region, name="us-east-1", pinecone=account, has_pgvector=False)
    return store_of(overseas, "pinecone"), lambda of: _upsert(account, of)


def _upsert(account: Account, of: TenantNames) -> None:
    index = pinecone.Pinecone(api_key=account.api_key, host=account.host).index(INDEX)
    index.upsert(
        vectors=[{"id": f"d#{n}", "values": [0.1] * 256} for n in range(3)], namespace=of.namespace, show_progress=False
    )


def test_the_life_of_a_namespace(store: tuple[VectorStore, Fill], names: TenantNames) -> None:
    vectors, fill = store
    assert vectors.read(names) is None and not vectors.remove(names)
    made = vectors.ensure(names)
    assert made.vectors == 0 and made.deviation == "" and made.provider == vectors.provider
    assert vectors.ensure(names) == made
    fill(names)
    full = vectors.read(names)
    assert full and full.vectors == 3
    with pytest.raises(Permanent, match="still holds 3 vectors"):
        vectors.remove(names)
    vectors.empty(names)
    assert vectors.remove(names) and vectors.read(names) is None and not vectors.remove(names)


def test_two_tenants_do_not_share_a_namespace(
    store: tuple[VectorStore, Fill], names: TenantNames, region: Region
) -> None:
    vectors, fill = store
    other = tenants.names(region, "neighbour")
    vectors.ensure(names)
    vectors.ensure(other)
    fill(names)
    neighbour = vectors.read(other)
    assert neighbour and neighbour.vectors == 0
    assert vectors.remove(other)


def test_residue_knows_every_provider_of_the_region(region: Region, account: Account, names: TenantNames) -> None:
    both = replace(region, name="us-east-1", pinecone=account)
    Pinecone(both, account).ensure(names)
    _upsert(account, names)
    found = residue(both, names)
    assert [(one.resource.split()[0], int(one.quantity)) for one in found] == [("pinecone", 3)]


def test_a_region_without_the_provider_says_so(region: Region) -> None:
    with pytest.raises(Permanent, match=f"{region.name} has no pinecone"):
        store_of(region, "pinecone")


def test_wrong_keys_are_permanent_and_silence_is_transient(
    region: Region, account: Account, names: TenantNames
) -> None:
    with pytest.raises(Permanent):
        Pinecone(region, replace(account, api_key="wrong")).read(names)
    with pytest.raises(Permanent, match="401"):
        double = Double()
        threading.Thread(target=double.serve_forever, daemon=True).start()
        Weaviate(WeaviateAccount(double.url, "wrong")).ensure(names)
    double.shutdown()
    with pytest.raises(Transient):
        Weaviate(WeaviateAccount("http://127.0.0.1:9", KEY)).read(names)


def test_retry_after_is_honoured(weaviate: Double, names: TenantNames) -> None:
    weaviate.refuse.append((429, {"Retry-After": "0.4"}))
    connector = Weaviate(WeaviateAccount(weaviate.url, KEY))
    with pytest.raises(Transient) as refused:
        connector.read(names)
    assert refused.value.retry_after == 0.4
    assert connector.read(names) is None  # waits for the provider's time, then asks
