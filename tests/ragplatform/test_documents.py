"""Documents go in whole, are found by what they say, and leave every store."""

from demo.corpus import collect
from lifecycle.stores.objects import buckets
from tests.ragplatform.conftest import Platform, Tenant, ingest, problem


def test_real_texts_are_found_by_questions_about_them(acme: Tenant) -> None:
    texts = collect(120)
    with acme.client() as client:
        for text in texts:
            ingest(client, text.title, text.body, source=text.source)
        for question, title in {
            "How are passwords hashed with Argon2?": "argon2-cffi",
            "bindings to the CFFI library for argon2": "argon2-cffi",
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
        assert held["queries_today"] == 5
