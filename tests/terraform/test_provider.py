"""The provider by itself: other ways to reach it, other tenants' things, many calls at once."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lifecycle.provisioning.terraform import commands, reattach
from lifecycle.provisioning.terraform.binary import TerraformMissing, find
from lifecycle.provisioning.terraform.files import read_json
from lifecycle.provisioning.terraform.run import PROJECT, Run, prepare
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets
from portal.lib.regions import Region
from tests.contracts import tenants
from tests.terraform.conftest import INPUTS


def test_through_a_filesystem_mirror(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the long-lived process: Terraform starts the provider from the mirror by itself."""
    mirror = tmp_path / "a mirror"
    subprocess.run(
        [sys.executable, "-m", "terraform.provider", "install", "--mirror", str(mirror)], check=True, cwd=PROJECT
    )
    monkeypatch.delenv("BAILIWICK_TF_REATTACH_FILE")
    monkeypatch.setenv("BAILIWICK_PROVIDER_MIRROR", str(mirror))
    mirrored = prepare(run.directory, names=run.names, inputs=INPUTS, backend=run.backend)
    commands.init(mirrored)
    plan = commands.plan(mirrored)
    assert plan.create == 22 and commands.apply(mirrored).ok


def test_with_the_wheels_terraform(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a terraform on PATH runs the one of the wheel, with the same results."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    find.cache_clear()
    try:
        assert find().argv[0] == sys.executable
        plan = commands.plan(run)
        assert plan.create == 22 and commands.apply(run).ok and commands.plan(run).is_empty and commands.destroy(run).ok
    finally:
        find.cache_clear()


def test_no_terraform_at_all_is_one_clear_line() -> None:
    with pytest.raises(TerraformMissing, match="does not answer"):
        find("/nonexistent/terraform")


def test_names_of_another_tenant_are_refused_in_the_plan(run: Run, region: Region) -> None:
    """A module with a mistake in a name cannot reach another tenant's bucket."""
    main = run.directory / "src" / "modules" / "tenant_embedded" / "main.tf"
    other = TenantNames(run.names.tenant_id, "other-name", region.name).bucket
    main.write_text(re.sub(r"name +(=) var.names.bucket", f'name = "{other}"', main.read_text()))
    with pytest.raises(commands.TerraformFailed, match="Not this tenant's name"):
        commands.plan(run)


def test_a_second_set_bears_its_region_in_every_name_or_in_none(run: Run) -> None:
    names = replace(run.names, bears_region=True)
    second = prepare(run.directory, names=names, inputs=INPUTS, backend=run.backend)
    commands.init(second)
    planned = {one.type: one.after or {} for one in commands.plan(second).changes}
    user, bucket = planned["region_iam_user"], planned["region_bucket"]
    assert (user["name"], user["bucket"], bucket["name"]) == (names.iam_user, names.bucket, names.bucket)
    main = run.directory / "src" / "modules" / "tenant_embedded" / "main.tf"
    main.write_text(main.read_text().replace("= region_iam_user.this.name", f'= "{run.names.iam_user}"'))
    with pytest.raises(commands.TerraformFailed, match="Not this tenant's user"):
        commands.plan(second)


def test_another_tenants_resource_is_not_adopted(run: Run, region: Region) -> None:
    thief = tenants.names(region, "thief")
    spec = buckets.spec_of(run.names, tenants.labels(thief))
    buckets.ensure(region, replace(spec, tenant_id=thief.tenant_id))
    commands.plan(run)
    assert not commands.apply(run).ok
    assert f"carries TenantID={thief.tenant_id}" in commands.last_error(run.directory)
    assert buckets.tags(region, run.names.bucket) == tenants.labels(thief)
    assert buckets.remove(region, run.names.bucket, thief.tenant_id)


def test_an_unknown_region_is_named(run: Run) -> None:
    names = TenantNames(run.names.tenant_id, run.names.name, "eu-north-1")
    far = prepare(run.directory, names=names, inputs=INPUTS, backend=run.backend)
    commands.init(far)
    commands.plan(far)
    assert not commands.apply(far).ok
    assert "this installation has no region eu-north-1" in commands.last_error(far.directory)


def test_the_pid_terraform_may_kill_is_never_a_real_ones(served: Path) -> None:
    environment = dict(os.environ)
    real = reattach.configuration(environment)["registry.terraform.io/bailiwick/region"]["Pid"]
    with reattach.decoy(environment) as descriptors:
        said = json.loads(environment["TF_REATTACH_PROVIDERS"])
        pid = said["registry.terraform.io/bailiwick/region"]["Pid"]
        assert pid not in (real, os.getpid()) and len(descriptors) == 1
        assert said.keys() == {"registry.terraform.io/bailiwick/region", "registry.opentofu.org/bailiwick/region"}
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()


def test_a_provider_lost_in_the_middle_fails_the_run_and_kills_nobody(
    run: Run, region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reattach_file, faults = tmp_path / "own" / "reattach.json", tmp_path / "faults.json"
    reattach_file.parent.mkdir()
    faults.write_text(json.dumps({"create:region_bucket": {"sleep": 30}}))
    call = [sys.executable, "-m", "terraform.provider", "serve", "--reattach-file", str(reattach_file)]
    environment = {**os.environ, "BAILIWICK_PROVIDER_FAULTS": str(faults)}
    monkeypatch.setenv("BAILIWICK_TF_REATTACH_FILE", str(reattach_file))
    with subprocess.Popen(call, cwd=PROJECT, env=environment, stdout=subprocess.PIPE) as provider:
        assert provider.stdout and provider.stdout.readline()
        approved = commands.plan(run)
        commands.start(run, "apply")
        log = run.directory / "log.jsonl"
        while b"region_bucket.this: Creating" not in log.read_bytes():
            assert commands.status(run.directory).state == "running"
        provider.kill()
    assert not commands.wait(run.directory, timeout=60).ok
    faults.write_text("{}")
    with subprocess.Popen(call, cwd=PROJECT, env=environment, stdout=subprocess.PIPE) as provider:
        assert provider.stdout and provider.stdout.readline()  # the stale socket is replaced
        now = commands.plan(run)
        assert 0 < len(now.changes) < len(approved.changes) and commands.apply(run).ok and commands.destroy(run).ok
        provider.terminate()
    assert read_json(reattach_file) is None


def test_a_second_provider_on_the_same_socket_is_refused(served: Path, new_run: Callable[..., Run]) -> None:
    again = subprocess.run(
        [sys.executable, "-m", "terraform.provider", "serve", "--reattach-file", str(served.parent / "reattach.json")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert again.returncode == 1 and "another provider already answers" in again.stderr
