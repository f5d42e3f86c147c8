"""With Pinecone the vectors follow the rows: noted with them, settled after, gone with them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pinecone
import psycopg
import pytest

from lifecycle.stores.vectors.pinecone import DIMENSION, INDEX
from portal.embedded.stack import Stack
from portal.lib.regions import Pinecone as Account
from tests.ragplatform.conftest import Platform, Tenant, free_port, in_process, ingest, make_tenant
from tests.ragplatform.test_documents import rows_of
from tests.routed import routed


@pytest.fixture(scope="module")
def overseas(platform: Platform, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The same region with a Pinecone account beside pgvector; its index stands where Pinecone has a region."""
    host = f"http://127.0.0.1:{stack.runtime['ports']['pinecone']}"
    key = (stack.home.secrets / "pinecone_api_key").read_text().strip()
    account = pinecone.Pinecone(api_key=key, host=host)
    if not account.has_index(INDEX):
        place = pinecone.ServerlessSpec(cloud="aws", region="us-east-1")
        account.create_index(INDEX, dimension=DIMENSION, metric="cosine", spec=place)
    regions = json.loads(Path(platform.regions_file).read_text())
    regions[platform.region.name]["vectors"]["pinecone"] = {"host": host, "api_key": key}
    regions_file = tmp_path_factory.mktemp("regions") / "regions.json"
    regions_file.write_text(json.dumps(regions))
    region = replace(platform.region, pinecone=Account(host, key))
    running = replace(platform, region=region, regions_file=regions_file, port=free_port(), process=None)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def tenant(overseas: Platform) -> Tenant:
    return make_tenant(overseas, vectors="pinecone")


def vector_ids(tenant: Tenant) -> list[str]:
    account = tenant.platform.region.pinecone
    assert account is not None
    index = pinecone.Pinecone(api_key=account.api_key, host=account.host).index(tenant.binding.vector.index)
    return [str(found.id) for page in index.list(namespace=tenant.binding.vector.namespace) for found in page.vectors]


def test_a_document_is_found_and_leaves_pinecone_too(tenant: Tenant) -> None:
    with tenant.client() as client:
        made = ingest(client, "Ferry", "The ferry to the island leaves at dawn.\n\n" * 60)
        assert made["searchable"] is True
        assert len(vector_ids(tenant)) == made["chunks"]
        assert rows_of(tenant).get("document_outbox") is None
        assert "chunk_vectors" not in rows_of(tenant)
        passages = client.post("/v1/query", json={"q": "when does the ferry leave"}).json()["passages"]
        assert passages[0]["document_id"] == made["id"]
        client.delete(f"/v1/documents/{made['id']}")
        assert vector_ids(tenant) == []
        assert client.post("/v1/query", json={"q": "when does the ferry leave at dawn"}).json()["passages"] == []


def test_access_controls_hold_in_a_store_that_knows_none(tenant: Tenant) -> None:
    with tenant.client() as admin:
        user = admin.post("/v1/users", json={"email": "asha@example.org"}).json()["id"]
        for number in range(12):
            ingest(admin, f"Closed {number}", "The harbour budget, closed.", access=[user])
        opened = ingest(admin, "Open", "The harbour budget, open to all.")
    with tenant.client(scope="read", sub="service:reporting") as client:
        found = client.post("/v1/query", json={"q": "harbour budget", "k": 1}).json()["passages"]
        assert [passage["document_id"] for passage in found] == [opened["id"]]


def test_what_a_kill_left_undone_is_done_by_the_sweep(overseas: Platform, tenant: Tenant) -> None:
    with tenant.client() as client:
        made = ingest(client, "Lost", "Vectors that never arrived, of a lighthouse keeper.")
        account = overseas.region.pinecone
        assert account is not None
        index = pinecone.Pinecone(api_key=account.api_key, host=account.host).index(tenant.binding.vector.index)
        index.delete(ids=[f"{made['id'].replace('-', '')}#0"], namespace=tenant.binding.vector.namespace)
        with psycopg.connect(**routed(overseas.region)) as connection:
            connection.execute(f'SET LOCAL ROLE "{tenant.binding.db_role}"')
            connection.execute("SELECT set_config('bw.epoch', '1', true)")
            connection.execute(
                "INSERT INTO rag.document_outbox (tenant_id, id, document_id, action, created_at)"
                " VALUES (%s, gen_random_uuid(), %s, 'upsert_vectors', now() - interval '5 min')",
                (tenant.id, made["id"]),
            )
        services = in_process(overseas)
        try:
            services.outbox.sweep(services.bindings)
        finally:
            services.stop()
        found = client.post("/v1/query", json={"q": "lighthouse keeper"}).json()["passages"]
        assert found[0]["document_id"] == made["id"]
