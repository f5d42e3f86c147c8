"""Tenants brought to other modules by real workers and a real Terraform, with a real validation in between.

Tenants of other journeys are said to have the modules already: whoever is upgraded here is this test's own.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lifecycle.provisioning.terraform.run import hash_of, sources
from lifecycle.stores.objects import buckets
from portal.access.demo import PASSWORD
from tests.journeys.product import SIGNERS, Product, Request, until

MODULE = "modules/tenant_embedded/main.tf"
TAGS = 'merge(var.tags, { Name = var.names.bucket, Role = "documents" })'


def modules(product: Product, tags: str) -> str:
    """Keep a version of the modules whose bucket has these tags; return its digest."""
    files = sources()
    assert TAGS in files[MODULE]
    files[MODULE] = files[MODULE].replace(TAGS, tags)
    digest = hash_of(files)
    kept = "INSERT INTO estate_moduleversion (digest, files, kept_at) VALUES (%s, %s, now()) ON CONFLICT DO NOTHING"
    product.sql(kept, digest, json.dumps(files))
    return digest


@contextmanager
def only(product: Product, mine: list[Request], version: str) -> Iterator[None]:
    """Inside the block nobody else is behind the version."""
    others = "tenant_id <> ALL (%s)"
    pins = product.sql(f"SELECT tenant_id, version_id FROM estate_pin WHERE {others}", [one.tenant_id for one in mine])
    product.sql(f"UPDATE estate_pin SET version_id = %s WHERE {others}", version, [one.tenant_id for one in mine])
    try:
        yield
    finally:
        for pin in pins:
            back = "UPDATE estate_pin SET version_id = %s WHERE tenant_id = %s"
            product.sql(back, pin["version_id"], pin["tenant_id"])


def signed(product: Product, case_id: str, role: str = "change_board") -> None:
    signer = product.person(SIGNERS[role])
    case = signer.get(f"/api/v1/approvals/{case_id}/")
    body = {"digest": case["digest"], "reason": "agreed", "password": PASSWORD}
    signer.post(f"/api/v1/approvals/{case_id}/signatures/", body)


def asked(product: Product, version: str) -> str:
    made = product.person("kiran").post("/api/v1/module-upgrades/", {"reason": "Other tags.", "version": version})
    assert [len(made["members"]), made["state"]] == [2, "pending_approval"]
    signed(product, made["case_id"])
    return f"/api/v1/module-upgrades/{made['id']}/"


def reached(product: Product, path: str, *states: str) -> dict[str, Any]:
    def look() -> Any:
        now = product.person("kiran").get(path)
        assert now["state"] in {*states, "pending_approval", "approved", "running"}, now
        return now if now["state"] in states else None

    found: dict[str, Any] = until(f"{path} reaching {states}", look)
    return found


@pytest.fixture
def two(alone: Product) -> list[Request]:
    made = [alone.ask(), alone.ask()]
    for one in made:
        one.sign_all()
        one.reach("active")
    return made


def role_of(one: Request) -> str:
    bucket = buckets.read(one.product.region(), one.names.bucket)
    assert bucket
    return bucket.tags.get("Role", "")


def test_a_tenant_that_fails_its_validation_stops_the_rest(alone: Product, two: list[Request]) -> None:
    _, second = two
    bad = modules(alone, f'{{ for key, value in {TAGS} : key => value if key != "CostCenter" }}')
    with only(alone, two, bad):
        path = asked(alone, bad)
        stopped = reached(alone, path, "stopped")
    assert [one["state"] for one in stopped["members"]] == ["failed", "waiting"], stopped
    assert "validation" in stopped["members"][0]["error"] and role_of(second) == "documents"
    alone.person("kiran").post(f"{path}cancellation/", {"reason": "They lose a tag."})
