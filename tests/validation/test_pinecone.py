"""Vectors in Pinecone, through its own SDK against the protocol double."""

from collections.abc import Iterator
from typing import Any

import pinecone
import pytest

from lifecycle.provisioning.validation import run_suite, verdict
from lifecycle.provisioning.validation.canary import canary_names
from portal.embedded.stack import Stack
from tests.validation.conftest import Stand, failing, judged, standing, words

REGION = "us-east-1"


@pytest.fixture(scope="module")
def american(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    home = tmp_path_factory.mktemp("american")
    (home / "secrets").mkdir()
    with Stack(home / "home", regions=(REGION,)) as stack, standing(stack, REGION, home / "secrets") as made:
        yield made


def index(stand: Stand) -> Any:
    account = stand.region.pinecone
    assert account is not None
    return pinecone.Pinecone(api_key=account.api_key, host=account.host).index("rag")


def count(stand: Stand, namespace: str) -> int:
    about = index(stand).describe_index_stats().namespaces.get(namespace)
    return int(about.vector_count) if about else 0


def test_healthy_and_clean(american: Stand) -> None:
    target = american.tenant(vectors="pinecone")
    results = run_suite(target, on_result=lambda result: None)
    assert {one.name: one.summary for one in results if one.outcome not in ("pass", "warn")} == {}
    assert verdict(results).outcome in ("pass", "warn")
    vectors = next(one for one in results if one.name == "vectors")
    assert vectors.evidence["provider"] == "pinecone" and "vectors path" in str(vectors.evidence)
    assert count(american, target.names.namespace) == count(american, canary_names(REGION).namespace) == 0


def test_default_namespace_in_use(american: Stand) -> None:
    target = american.tenant(vectors="pinecone")
    found = index(american)
    found.upsert(vectors=[{"id": "stray", "values": [1.0] * 256}], namespace="__default__", show_progress=False)
    try:
        results = judged(target, "vectors", "tenant_isolation")
    finally:
        found.delete(ids=["stray"], namespace="__default__")
    assert failing(results) == {"vectors"}, words(results)
    assert results["vectors"].summary == "there are vectors in the default namespace"


def test_leftovers_of_a_killed_run_are_removed(american: Stand) -> None:
    target = american.tenant(vectors="pinecone")
    values = [{"id": f"bw-validation#{n}", "values": [1.0] * 256} for n in range(3)]
    index(american).upsert(vectors=values, namespace=target.names.namespace, show_progress=False)
    assert failing(judged(target, "vectors")) == set()
    assert count(american, target.names.namespace) == 0


def test_two_tenants_in_one_namespace(american: Stand) -> None:
    """A binding that points at the neighbour's namespace is no isolation."""
    import dataclasses

    target = american.tenant(vectors="pinecone")
    vector = dataclasses.replace(target.binding.vector, namespace=canary_names(REGION).namespace)
    shared = dataclasses.replace(target, binding=dataclasses.replace(target.binding, vector=vector))
    result = judged(shared, "vectors")["vectors"]
    assert result.outcome == "fail" and "another tenant's vector" in result.summary
