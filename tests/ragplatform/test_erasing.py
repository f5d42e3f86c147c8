"""A person who is being erased, at the platform's doors: nothing of theirs comes in, and everybody else works on."""

from uuid import UUID

from lifecycle.erasure.engine import subject
from lifecycle.erasure.engine.target import Target
from lifecycle.stores.postgres import fences
from tests.ragplatform.conftest import Tenant, ingest, problem
from tests.ragplatform.test_documents import objects_of, rows_of


def test_nothing_of_the_person_comes_in(fresh: Tenant) -> None:
    region = fresh.platform.region
    with fresh.client() as client:
        ann, bob = (client.post("/v1/users", json={"email": f"{name}@example.org"}).json()["id"] for name in "ab")
        session = client.post("/v1/sessions", json={"user_id": ann}).json()["token"]
        assert client.post("/v1/query", json={"q": "tides"}, headers={"X-Session": session}).status_code == 200
        target = Target(fresh.id, fresh.names, "person", 1, user_id=UUID(ann))
        assert fences.raise_job_epoch(region, fresh.id, target.resource, 1) == 1
        subject.fence(region, target)
        paper = {"title": "Late", "text": "The tide tables of the harbour.", "owner_user_id": ann}
        for path, body in (("sessions", {"user_id": ann}), ("documents", paper)):
            problem(client.post(f"/v1/{path}", json=body), 423, "erasing")
        problem(client.post("/v1/query", json={"q": "tide"}, headers={"X-Session": session}), 423, "erasing")
        problem(client.delete(f"/v1/users/{ann}"), 423, "erasing")  # it would leave her questions without a name
        assert "documents" not in rows_of(fresh) and not objects_of(fresh), "its object is gone again"
        ingest(client, "Bob's", "The harbour master logs every vessel.", owner_user_id=bob)
        assert client.post("/v1/sessions", json={"user_id": bob}).status_code == 201
        assert subject.lift(region, target)
        assert client.delete(f"/v1/users/{ann}").status_code == 204
