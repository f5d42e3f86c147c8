"""A held tenant at the platform's doors: it works on, and nothing of it goes."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from lifecycle.stores.postgres import fences
from tests.ragplatform.conftest import Platform, Tenant, in_process, ingest, problem
from tests.ragplatform.test_documents import note_deletion, objects_of, rows_of, s3_of


@pytest.fixture
def held(fresh: Tenant) -> Iterator[Tenant]:
    assert fences.set_hold(fresh.platform.region, fresh.id, True, 1)
    yield fresh
    fences.set_hold(fresh.platform.region, fresh.id, False, 99)


def test_documents_come_are_found_and_stay(held: Tenant) -> None:
    with held.client() as client:
        kept = ingest(client, "Kept", "The harbour master logs every vessel.")
        answer = client.delete(f"/v1/documents/{kept['id']}")
        said = problem(answer, 423, "retained")
        assert "law" in said["detail"] and "hold" not in answer.text
        assert client.get(f"/v1/documents/{kept['id']}").status_code == 200
        assert client.post("/v1/query", json={"q": "harbour vessel"}).json()["passages"]


def test_what_was_noted_before_the_hold_waits_for_its_release(platform: Platform, held: Tenant) -> None:
    """An object whose row is gone leaves later, in a store without transactions: not while the hold stands."""
    s3_of(held).put_object(Bucket=held.binding.bucket, Key="shared/documents/left/over", Body=b"gone elsewhere")
    note_deletion(held, str(uuid4()), "shared/documents/left/over", minutes_ago=5)
    services = in_process(platform)
    try:
        services.outbox.sweep(services.bindings)
        assert objects_of(held) and rows_of(held)["document_outbox"] == 1
        assert fences.set_hold(platform.region, held.id, False, 2)
        services.outbox.sweep(services.bindings)
        assert not objects_of(held)
    finally:
        services.stop()
