"""Documents go in whole, are found by what they say, and leave every store."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import boto3
import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from demo.corpus import collect
from portal.lib.regions import Region
from tests.ragplatform.conftest import Platform, Tenant, in_process, ingest, problem
from tests.routed import routed


def s3_of(tenant: Tenant) -> Any:
    region = tenant.platform.region
    return boto3.client(
        "s3",
        region_name=region.name,
        endpoint_url=region.aws.endpoint_url,
        aws_access_key_id=tenant.binding.aws_access_key_id,
        aws_secret_access_key=tenant.binding.aws_secret_access_key,
    )


def objects_of(tenant: Tenant) -> list[str]:
    listed = s3_of(tenant).list_objects_v2(Bucket=tenant.binding.bucket)
    return [item["Key"] for item in listed.get("Contents", [])]


def rows_of(tenant: Tenant) -> dict[str, int]:
    with psycopg.connect(**tenant.platform.region.database.connect_kwargs("observer")) as connection:
        counted = connection.execute("SELECT * FROM bw.tenant_row_counts(%s)", (tenant.id,)).fetchall()
    return {table: rows for table, rows in counted if rows and table != "usage_counters"}


def test_real_texts_are_found_by_questions_about_them(fresh: Tenant) -> None:
    texts = collect(120)
    with fresh.client() as client:
        for text in texts:
            ingest(client, text.title, text.body, source=text.source)
        for question, title in {
            "How are passwords hashed with Argon2?": "argon2-cffi",
            "AWS software development kit for S3 and EC2": "boto3",
            "distributed task queue": "celery",
            "what does the assert statement do": "assert",
        }.items():
            passages = client.post("/v1/query", json={"q": question, "k": 3}).json()["passages"]
            assert any(title in passage["title"] for passage in passages), (question, passages)
            scores = [passage["score"] for passage in passages]
            assert scores == sorted(scores, reverse=True)
        held = client.get("/v1/usage").json()
    assert held["documents"] == 120
    assert held["bytes"] == sum(len(text.body.encode()) for text in texts)
    assert held["queries_today"] == 4


def test_a_document_is_in_every_store_and_leaves_every_store(fresh: Tenant) -> None:
    text = "The vault is opened by two keys.\n\n" * 200
    with fresh.client() as client:
        made = ingest(client, "Vault", text, source="manual", media_type="text/markdown")
        assert made["sha256"] == hashlib.sha256(text.encode()).hexdigest()
        assert made["searchable"] is True
        rows = rows_of(fresh)
        assert rows == {"documents": 1, "chunks": rows["chunks"], "chunk_vectors": rows["chunks"], "access_controls": 1}
        assert rows["chunks"] == made["chunks"] > 5
        (key,) = objects_of(fresh)
        head = s3_of(fresh).head_object(Bucket=fresh.binding.bucket, Key=key)
        assert head["ServerSideEncryption"] == "aws:kms"
        assert head["SSEKMSKeyId"].endswith(fresh.binding.kms_key_id)
        assert client.get(f"/v1/documents/{made['id']}").json()["title"] == "Vault"
        content = client.get(f"/v1/documents/{made['id']}/content")
        assert content.text == text
        assert content.headers["Content-Type"].startswith("text/markdown")
        assert client.delete(f"/v1/documents/{made['id']}").status_code == 204
        assert rows_of(fresh) == {}
        assert objects_of(fresh) == []
        assert client.get("/v1/usage").json()["bytes"] == 0
        problem(client.get(f"/v1/documents/{made['id']}"), 404, "not-found")
        problem(client.delete(f"/v1/documents/{made['id']}"), 404, "not-found")


def test_a_deleted_document_is_not_in_a_cached_answer(fresh: Tenant) -> None:
    with fresh.client() as client:
        made = ingest(client, "Badge", "The badge office is on the ground floor.")
        question = {"q": "where is the badge office"}
        assert client.post("/v1/query", json=question).json()["from_cache"] is False
        answer = client.post("/v1/query", json=question).json()
        assert answer["from_cache"] is True
        assert answer["passages"][0]["document_id"] == made["id"]
        client.delete(f"/v1/documents/{made['id']}")
        assert client.post("/v1/query", json=question).json()["passages"] == []


def test_other_tenants_documents_are_as_absent_ones(acme: Tenant, globex: Tenant) -> None:
    with acme.client() as ours, globex.client() as theirs:
        made = ingest(ours, "Plan", "The acquisition of the lighthouse is planned for spring.")
        for identifier in (made["id"], str(uuid4()), "nonsense", "1", "%00"):
            answers = [
                theirs.get(f"/v1/documents/{identifier}"),
                theirs.get(f"/v1/documents/{identifier}/content"),
                theirs.delete(f"/v1/documents/{identifier}"),
            ]
            details = {problem(answer, 404, "not-found")["detail"] for answer in answers}
            assert details == {"There is no such document."}
        assert theirs.post("/v1/query", json={"q": "acquisition of the lighthouse"}).json()["passages"] == []
        assert made["id"] not in {found["id"] for found in theirs.get("/v1/documents").json()["documents"]}
        assert ours.get(f"/v1/documents/{made['id']}").status_code == 200


def test_the_same_id_again_is_the_same_document_or_a_conflict(acme: Tenant, globex: Tenant) -> None:
    body = {"id": str(uuid4()), "title": "Once", "text": "Said once."}
    with acme.client() as client, globex.client() as other:
        assert client.post("/v1/documents", json=body).status_code == 201
        again = client.post("/v1/documents", json=body)
        assert (again.status_code, again.json()["id"]) == (200, body["id"])
        problem(client.post("/v1/documents", json={**body, "text": "Said twice."}), 409, "id-taken")
        assert other.post("/v1/documents", json=body).status_code == 201, "another tenant's id is free"


def test_many_at_once_under_one_id_leave_one(fresh: Tenant) -> None:
    body = {"id": str(uuid4()), "title": "Race", "text": "Only one can win."}
    with fresh.client() as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/documents", json=body).status_code, range(8)))
        assert set(answers) <= {200, 201, 409}
        assert answers.count(201) == 1
        assert client.get("/v1/usage").json()["documents"] == 1
    assert len(objects_of(fresh)) == 1
    assert rows_of(fresh)["documents"] == 1


def test_pages_hold_every_document_once(fresh: Tenant) -> None:
    with fresh.client() as client:
        made = [ingest(client, f"Page {number}", f"Text {number}.")["id"] for number in range(7)]
        seen: list[str] = []
        after: str | None = ""
        while after is not None:
            page = client.get("/v1/documents", params={"limit": 3, "after": after}).json()
            seen += [found["id"] for found in page["documents"]]
            after = page["next"]
        assert seen == sorted(made)
        for parameters in ({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"limit": "१"}, {"after": "x"}):
            problem(client.get("/v1/documents", params=parameters), 422, "invalid")


def test_document_and_storage_limits(fresh: Tenant) -> None:
    fresh.publish(limits={"max_documents": 3, "max_storage_gb": 0.000001})
    with fresh.client() as client:
        refused = problem(client.post("/v1/documents", json={"title": "Big", "text": "x " * 600}), 429, "storage-limit")
        assert (refused["limit"], refused["used"], refused["left"]) == (1000, 0, 1000)
        with ThreadPoolExecutor(8) as pool:
            small = {"title": "Small", "text": "few words"}
            answers = list(pool.map(lambda _: client.post("/v1/documents", json=small), range(8)))
        assert [answer.status_code for answer in answers].count(201) == 3
        refused = problem(next(answer for answer in answers if answer.status_code != 201), 429, "document-limit")
        assert (refused["limit"], refused["used"], refused["left"], refused["resets_at"]) == (3, 3, 0, None)
        assert client.get("/v1/usage").json()["documents"] == 3
    assert len(objects_of(fresh)) == 3, "a refused upload leaves no object"


def test_a_store_that_fails_leaves_nothing(fresh: Tenant) -> None:
    s3 = s3_of(fresh)
    with fresh.client() as client:
        with psycopg.connect(**fresh.platform.region.database.connect_kwargs("provisioner"), autocommit=True) as db:
            partition = sql.Identifier(fresh.names.partition)
            db.execute(sql.SQL("ALTER TABLE rag.chunk_vectors DETACH PARTITION rag.{}").format(partition))
            answer = client.post("/v1/documents", json={"title": "Lost", "text": "Nowhere to put the vectors."})
            assert "partition" in problem(answer, 503, "unavailable")["detail"]
            db.execute("SELECT bw.create_vector_partition(%s)", (fresh.id,))
        assert rows_of(fresh) == {}
        assert "Contents" not in s3.list_objects_v2(Bucket=fresh.binding.bucket)
        ingest(client, "Found", "Now there is room again.")


def test_access_controls_decide_what_a_person_sees(fresh: Tenant) -> None:
    with fresh.client() as admin:
        asha, bela = (
            admin.post("/v1/users", json={"email": f"{name}@example.org"}).json()["id"] for name in ("asha", "bela")
        )
        secret = ingest(admin, "Salaries", "The salary bands of the treasury desk.", access=[asha])
        shared = ingest(admin, "Canteen", "The canteen menu of the treasury desk.")
        question = {"q": "treasury desk"}
        for viewer, expected in (
            ({"sub": asha, "scope": "read"}, {secret["id"], shared["id"]}),
            ({"sub": bela, "scope": "read"}, {shared["id"]}),
            ({"sub": "service:reporting", "scope": "read"}, {shared["id"]}),
            ({"scope": "admin"}, {secret["id"], shared["id"]}),
        ):
            with fresh.client(**viewer) as client:
                for _ in ("searched", "cached"):
                    found = client.post("/v1/query", json=question).json()["passages"]
                    assert {passage["document_id"] for passage in found} == expected, viewer
                assert {found["id"] for found in client.get("/v1/documents").json()["documents"]} == expected
        with fresh.client(sub=bela, scope="read write") as client:
            problem(client.get(f"/v1/documents/{secret['id']}"), 404, "not-found")
            problem(client.delete(f"/v1/documents/{secret['id']}"), 404, "not-found")
        stranger = {"title": "T", "text": "t", "access": [str(uuid4())]}
        problem(admin.post("/v1/documents", json=stranger), 422, "invalid")
        problem(
            admin.post("/v1/documents", json={**stranger, "access": [], "owner_user_id": asha[::-1]}), 422, "invalid"
        )
        owned = ingest(admin, "Own", "Asha's own notes.", owner_user_id=asha)
        assert any(key.startswith(f"users/{asha}/") for key in objects_of(fresh))
        problem(admin.delete(f"/v1/users/{asha}"), 409, "owns-documents")
        admin.delete(f"/v1/documents/{owned['id']}")
        assert admin.delete(f"/v1/users/{asha}").status_code == 204


@pytest.mark.parametrize("kills", [0, 3, 5])
def test_a_kill_in_the_middle_leaves_no_half_of_a_document(
    platform: Platform, region: Region, fresh: Tenant, kills: int
) -> None:
    """kill -9 while eight documents go in: afterwards each is whole or absent, and what is left over is noted."""
    text = "\n\n".join(f"Paragraph {number} of a long contract about the harbour." * 8 for number in range(120))
    identifiers = [str(uuid4()) for _ in range(8)]

    def send(identifier: str) -> bool:
        try:
            with fresh.client() as client:
                body = {"id": identifier, "title": identifier, "text": text}
                return client.post("/v1/documents", json=body).status_code == 201
        except httpx.HTTPError:
            return False

    with fresh.client() as warm, ThreadPoolExecutor(8) as pool:
        warm.get("/v1/usage")
        sent = [pool.submit(send, identifier) for identifier in identifiers]
        wait_for_work(fresh, kills)
        platform.kill()
        acknowledged = {name for name, answer in zip(identifiers, sent, strict=True) if answer.result()}
    platform.start()
    with fresh.client() as client:
        whole = {found["id"] for found in client.get("/v1/documents").json()["documents"]}
        assert acknowledged <= whole, "what was acknowledged is there"
        for identifier in whole:
            assert client.get(f"/v1/documents/{identifier}/content").text == text
        held = client.get("/v1/usage").json()
        assert (held["documents"], held["bytes"]) == (len(whole), len(whole) * len(text.encode()))
        rows = rows_of(fresh)
        assert rows.get("chunks", 0) == rows.get("chunk_vectors", 0)
        assert rows.get("chunks", 0) == len(whole) * (rows["chunks"] // len(whole) if whole else 0)
        orphans = len(objects_of(fresh)) - len(whole)
        assert orphans <= rows.get("document_outbox", 0), "every object nobody sees is noted for deletion"
        for identifier in identifiers:
            assert client.post("/v1/documents", json={"id": identifier, "title": identifier, "text": text}).is_success
        assert client.get("/v1/usage").json()["documents"] == 8


def test_the_sweep_removes_what_a_killed_upload_left(platform: Platform, fresh: Tenant) -> None:
    with fresh.client() as client:
        kept = ingest(client, "Kept", "This one is referred to.")
    (used,) = objects_of(fresh)
    s3_of(fresh).put_object(Bucket=fresh.binding.bucket, Key="shared/documents/left/over", Body=b"half a document")
    note_deletion(fresh, str(uuid4()), "shared/documents/left/over", minutes_ago=5)
    note_deletion(fresh, kept["id"], used, minutes_ago=5)
    note_deletion(fresh, str(uuid4()), "shared/documents/still/coming", minutes_ago=0)
    services = in_process(platform)
    try:
        assert services.outbox.sweep(services.bindings) >= 2
    finally:
        services.stop()
    assert objects_of(fresh) == [used], "an object that a document refers to stays whatever a note says"
    assert rows_of(fresh)["document_outbox"] == 1, "an upload that may still be running is left alone"


def note_deletion(tenant: Tenant, document_id: str, key: str, minutes_ago: int) -> None:
    with psycopg.connect(**routed(tenant.platform.region)) as connection:
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(tenant.binding.db_role)))
        connection.execute("SELECT set_config('bw.epoch', '1', true)")
        connection.execute(
            "INSERT INTO rag.document_outbox (tenant_id, id, document_id, action, detail, created_at)"
            " VALUES (%s, %s, %s, 'delete_object', %s, now() - make_interval(mins => %s))",
            (tenant.id, uuid4(), document_id, Jsonb({"object_key": key}), minutes_ago),
        )


def wait_for_work(tenant: Tenant, step: int) -> None:
    """Until the ingest has come about so far: notes, objects or rows."""
    want = ("document_outbox", "document_outbox", "documents", "documents", "chunks", "chunks")[step]
    while rows_of(tenant).get(want, 0) <= step % 2 * 3:
        if rows_of(tenant).get("documents", 0) >= 8:
            return
