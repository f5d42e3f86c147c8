"""A tenant from plan to destroy, alone and ten at once; drift; secrets."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from lifecycle.provisioning.terraform import backend as state
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.events import events
from lifecycle.provisioning.terraform.plan import is_continuation, refusals
from lifecycle.provisioning.terraform.run import Run, prepare, reopen
from lifecycle.stores import aws, sweep
from lifecycle.stores.cache.connection import connection
from lifecycle.stores.credentials import issue
from lifecycle.stores.objects import buckets
from lifecycle.stores.secrets import FileSecrets
from portal.lib.regions import Region
from tests.terraform.conftest import INPUTS


def clean(region: Region, run: Run, tmp_path: Path) -> sweep.Sweep:
    return sweep.residue(
        region, run.names, secrets=FileSecrets(tmp_path / "secrets"), state_addresses=commands.state_list(run)
    )


def test_plan_apply_destroy(region: Region, run: Run, tmp_path: Path) -> None:
    plan = commands.plan(run)
    assert (plan.create, plan.update, plan.delete) == (22, 0, 0)
    assert refusals(plan, run.names) == [] and plan.other_tenants == ()
    assert len(plan.stateful) == 5
    assert commands.kept_plan(run.directory) == plan

    result = commands.apply(run)
    assert result.ok and not result.state_suspect
    page = events(run.directory, commands.status(run.directory).log_offset)
    assert all(row.state != "planned" for row in page.resources)
    assert len([row for row in page.resources if row.state == "done"]) == 22
    assert events(run.directory, page.offset).resources == ()
    assert commands.output(run)["tenant"]["bucket"] == run.names.bucket
    assert state.read_lock(run.backend, run.names.state_key) is None

    again = commands.plan(run)
    assert again.is_empty and not again.drift

    leaving = commands.plan(run, destroy=True)
    assert leaving.delete == 22
    assert len(refusals(leaving, run.names)) == 5 and refusals(leaving, run.names, destroying=True) == []
    assert commands.destroy(run).ok
    assert clean(region, run, tmp_path).is_clean
    state.delete_state(run.backend, run.names.state_key)
    assert state.read_state(run.backend, run.names.state_key) is None


def test_the_same_plan_has_the_same_digest_and_another_has_not(run: Run) -> None:
    first, second = commands.plan(run), commands.plan(run)
    assert first.digest == second.digest and is_continuation(first, second)
    changed = prepare(
        run.directory, names=run.names, inputs=replace(INPUTS, log_retention_days=30), backend=run.backend
    )
    commands.init(changed)
    third = commands.plan(changed)
    assert third.digest != first.digest and not is_continuation(first, third)


def test_ten_tenants_at_once(new_run: Callable[..., Run]) -> None:
    runs = [new_run(f"tenant-{number}") for number in range(10)]

    def up(run: Run) -> bool:
        commands.plan(run)
        return commands.apply(run).ok

    began = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        assert all(pool.map(up, runs))
        assert time.monotonic() - began < 30  # 15 s is the goal on two quiet cores
        results = list(pool.map(commands.destroy, runs))
        assert [commands.last_error(run.directory) for run, end in zip(runs, results, strict=True) if not end.ok] == []


def test_drift_is_told_in_words_and_put_right(region: Region, run: Run) -> None:
    commands.plan(run)
    assert commands.apply(run).ok
    aws.client(region, "s3").put_bucket_versioning(
        Bucket=run.names.bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    aws.client(region, "logs").delete_log_group(logGroupName=run.names.log_group)
    aws.client(region, "iam").tag_user(UserName=run.names.iam_user, Tags=[{"Key": "Owner", "Value": "somebody"}])
    connection(region).execute_command("ACL", "SETUSER", run.names.cache_user, "~*")

    plan = commands.plan(run)
    found = {one.type: one for one in plan.changes}
    assert {kind: one.action for kind, one in found.items()} == {
        "region_bucket": "update",
        "region_cache_acl": "update",
        "region_iam_user": "update",
        "region_log_group": "create",
    }
    assert found["region_bucket"].before and found["region_bucket"].before["deviation"] == "versioning is Suspended"
    assert found["region_iam_user"].changed == ("tags",)
    assert {one.type for one in plan.drift} == set(found)
    assert commands.apply(run).ok
    assert commands.plan(run).is_empty
    bucket = buckets.read(region, run.names.bucket)
    assert bucket and bucket.versioning == "Enabled"


def test_no_secret_in_state_plan_log_or_output(region: Region, run: Run, tmp_path: Path) -> None:
    commands.plan(run)
    assert commands.apply(run).ok
    binding = issue(region, run.names, FileSecrets(tmp_path / "secrets"))
    commands.plan(run)
    kept = state.read_state(run.backend, run.names.state_key)
    everything = json.dumps([kept, commands.output(run)]).encode()
    for path in run.directory.rglob("*"):
        everything += path.read_bytes() if path.is_file() else b""
    canaries = [binding.aws_secret_access_key, binding.cache_password, run.backend.secret_access_key]
    canaries += [region.aws.secret_access_key, region.cache.admin_password, *region.database.passwords.values()]
    assert run.names.bucket.encode() in everything
    assert [one for one in canaries if one.encode() in everything] == []


def test_a_run_can_be_opened_from_its_directory(run: Run) -> None:
    assert reopen(run.directory, backend=run.backend) == run
    with pytest.raises(FileNotFoundError):
        reopen(run.directory / "nothing", backend=run.backend)


def test_a_directory_serves_one_tenant(run: Run, new_run: Callable[..., Run]) -> None:
    with pytest.raises(ValueError, match="another tenant"):
        prepare(run.directory, names=new_run("other").names, inputs=INPUTS, backend=run.backend)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"environment": "production"}, "environment must be"),
        ({"owner": "someone@example.com"}, "no e-mail address"),
        ({"encryption_cmk": False}, "need encryption_cmk"),
        ({"log_retention_days": 31}, "log_retention_days must be"),
        ({"vector_provider": "weaviate"}, "vector_provider must be"),
        ({"data_class": "public"}, "cannot be of class public"),
    ],
)
def test_a_bad_variable_is_refused_before_anything_is_made(run: Run, change: dict[str, object], complaint: str) -> None:
    bad = prepare(run.directory, names=run.names, inputs=replace(INPUTS, **change), backend=run.backend)
    commands.init(bad)
    with pytest.raises(commands.TerraformFailed, match=complaint):
        commands.plan(bad)
    assert state.read_lock(run.backend, run.names.state_key) is None
