"""Workers killed -9 in the middle of a look at the estate, of a decision and of an upgrade: each ends once, and right.

Terraform stands in the bucket for some seconds when everything dies; the supervisor brings the worker back, and nobody
helps. Where Terraform is killed too, its lock stays behind in the state.
"""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from lifecycle.provisioning.terraform.files import read_json
from lifecycle.provisioning.terraform.processes import is_alive
from lifecycle.stores import aws
from lifecycle.stores.logs import groups
from lifecycle.stores.objects import buckets
from tests.journeys.product import Product, Request, until
from tests.journeys.test_kills import _drill_struck as struck
from tests.journeys.test_upgrades import TAGS, asked, modules, only, reached, role_of, signed

BUCKET, LOGS = "module.tenant.region_bucket.this", "module.tenant.region_log_group.this"


@pytest.fixture
def standing(alone: Product) -> Request:
    made = alone.ask()
    made.sign_all()
    made.reach("active")
    return made


def heartbeat(one: Request) -> dict[str, Any]:
    """Of the Terraform command that looks at the tenant, puts it right or upgrades it."""
    work = one.product.stack.home.root / "work" / "terraform" / "estate" / str(one.tenant_id)
    return read_json(Path(work) / "heartbeat.json") or {}


def drill(one: Request, operation: str) -> None:
    """Let Terraform stand in the tenant's bucket for three seconds, once."""
    one.product.faults(**{f"{operation}:region_bucket": {"sleep": 3, "times": 1, "tenant_id": str(one.tenant_id)}})


def killed_amid(one: Request, *, terraform_too: bool) -> None:
    """Wait until Terraform stands there, and kill."""
    until("the drill", lambda: struck(one.product), every=0.02)
    beat = heartbeat(one)
    assert is_alive(beat), "the command is at work"
    with one.product.workers_stopped():  # none sees Terraform's end before its own
        if terraform_too:
            os.kill(int(beat["pid"]), signal.SIGKILL)
            os.killpg(int(beat["terraform_pid"]), signal.SIGKILL)
        one.product.kill_worker_group()


def ended(product: Product, job_id: str) -> dict[str, int]:
    """The job when it has succeeded: how often each step lost its worker."""

    def look() -> Any:
        job = product.person("kiran").get(f"/api/v1/jobs/{job_id}/")
        assert job["state"] not in ("failed", "cancelled"), job["error"]
        return job["state"] == "succeeded"

    until(f"job {job_id}", look)
    rows = product.sql("SELECT name, losses FROM jobs_step WHERE job_id = %s", job_id)
    return {row["name"]: row["losses"] for row in rows}


def findings(one: Request, **which: str) -> list[dict[str, Any]]:
    found = one.product.person("kiran").get("/api/v1/estate-findings/", tenant_id=str(one.tenant_id), **which)
    return list(found["results"])


def heard(one: Request) -> int:
    """How often the news of findings went out."""
    about = "SELECT payload FROM jobs_outboxevent WHERE event = 'estate.found' AND payload ->> 'tenant_id' = %s"
    return len(one.product.sql(about, str(one.tenant_id)))


@pytest.mark.parametrize("terraform_too", [False, True], ids=["worker", "worker-and-terraform"])
def test_killed_amid_a_look_and_amid_what_is_decided(standing: Request, terraform_too: bool) -> None:
    """What differs is one finding each and heard of once; it is put right once, and then stands as it did before."""
    product, region, usual = standing.product, standing.product.region(), standing.shape()
    aws.client(region, "s3").put_bucket_versioning(
        Bucket=standing.names.bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    aws.client(region, "logs").delete_log_group(logGroupName=standing.names.log_group)

    drill(standing, "read")
    job = product.start_job("estate.compare", tenant_id=str(standing.tenant_id), region=region.name)
    killed_amid(standing, terraform_too=terraform_too)
    assert ended(product, job) == {"compare": 1}
    found = findings(standing)
    assert {(one["address"], one["kind"], one["state"]) for one in found} == {
        (BUCKET, "drift", "open"), (LOGS, "missing", "open"),
    }  # fmt: skip
    assert len(found) == 2 and heard(standing) == 1
    assert standing.shape()["lock"] is None, "no lock stays behind"

    drill(standing, "update")
    body = {"findings": [one["id"] for one in found], "remedy": "repair", "reason": "Nobody asked for it."}
    decision = product.person("kiran").post("/api/v1/estate-decisions/", body)
    signed(product, decision["case_id"])
    killed_amid(standing, terraform_too=terraform_too)
    path = f"/api/v1/estate-decisions/{decision['id']}/"
    job = until("its job", lambda: product.person("kiran").get(path)["job_id"])
    assert ended(product, job) == {"confirm": 0, "act": 1, "look": 0, "finish": 0}
    assert product.person("kiran").get(path)["state"] == "done"
    assert {one["state"] for one in findings(standing)} == {"gone"} and len(findings(standing)) == 2
    bucket = buckets.read(region, standing.names.bucket)
    assert bucket and bucket.versioning == "Enabled" and groups.read(region, standing.names.log_group)
    assert standing.shape() == usual and heard(standing) == 1


def test_killed_amid_the_waves_of_an_upgrade(alone: Product, standing: Request) -> None:
    """The first tenant's dies in its apply and the second's in its validation; both are upgraded once, in turn."""
    second = alone.ask()
    second.sign_all()
    second.reach("active")
    pair = {one.tenant_id: one for one in (standing, second)}
    usual = {tenant_id: one.shape() for tenant_id, one in pair.items()}
    newer = modules(alone, TAGS.replace('"documents"', '"papers"'))
    alone.faults(**{"update:region_bucket": {"sleep": 3, "times": 1}})  # whoever is first
    with only(alone, list(pair.values()), newer):
        path = asked(alone, newer)
        until("the first apply", lambda: struck(alone), every=0.02)
        members = alone.person("kiran").get(path)["members"]
        assert [one["state"] for one in members] == ["running", "waiting"]
        first = pair[_of(alone, path, 1)["tenant_id"]]
        killed_amid(first, terraform_too=True)
        until("the second's validation", lambda: _validating(_of(alone, path, 2), alone), every=0.01)
        alone.kill_worker_group()
        done = reached(alone, path, "done")
    assert [one["state"] for one in done["members"]] == ["done", "done"]
    losses = [ended(alone, _of(alone, path, wave)["job_id"]) for wave in (1, 2)]
    assert losses[0] == {"plan": 0, "apply": 1, "validate": 0, "finish": 0}
    assert losses[1] == {"plan": 0, "apply": 0, "validate": 1, "finish": 0}
    jobs = alone.sql(
        "SELECT params ->> 'tenant_id' AS who FROM jobs_job WHERE kind = 'upgrade.tenant' AND tenant_id = ANY (%s)",
        list(pair),
    )
    assert sorted(one["who"] for one in jobs) == sorted(map(str, pair)), "one job each, no second"
    for tenant_id, one in pair.items():
        assert role_of(one) == "papers" and one.shape() == usual[tenant_id], one.names.name
        pins = alone.sql("SELECT version_id FROM estate_pin WHERE tenant_id = %s", tenant_id)
        assert [pin["version_id"] for pin in pins] == [newer]


def _of(product: Product, path: str, wave: int) -> dict[str, Any]:
    upgrade = path.rstrip("/").rpartition("/")[2]
    look = "SELECT tenant_id, job_id FROM upgrades_member WHERE upgrade_id = %s AND wave = %s"
    return product.sql(look, upgrade, wave)[0]


def _validating(member: dict[str, Any], product: Product) -> bool:
    look = "SELECT 1 FROM jobs_step WHERE job_id = %s AND name = 'validate' AND state = 'running'"
    return bool(member["job_id"] and product.sql(look, member["job_id"]))
