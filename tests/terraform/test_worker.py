"""What a worker brings along for Terraform in production: its providers, its role, and time to stop."""

import hashlib
import os
import platform
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from celery.signals import worker_shutting_down

from lifecycle.provisioning import leaving
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.backend import Backend
from lifecycle.provisioning.terraform.run import Run, prepare, sources
from lifecycle.provisioning.terraforming import must_succeed
from portal.jobs.errors import Transient
from terraform.provider.install import ARCHITECTURES, add, install
from tests.terraform.conftest import INPUTS
from tests.terraform.doubles import terraform
from tests.terraform.test_faults import _running, until
from tests.terraform.test_plan import NAMES

TARGET = f"linux_{ARCHITECTURES.get(platform.machine(), platform.machine())}"
ROLE = {
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/bailiwick",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/token",
    "AWS_CA_BUNDLE": "/etc/ssl/bank.pem",
    "HTTPS_PROXY": "http://proxy.bank.example:3128",
    "NO_PROXY": "10.0.0.0/8",
    "SSL_CERT_FILE": "/etc/ssl/bank.pem",
}


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A package of the provider as HashiCorp names it; inside is a stand-in, because `init` starts none."""
    folder = tmp_path / "packages"
    folder.mkdir()
    package = folder / f"terraform-provider-aws_6.25.0_{TARGET}.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("terraform-provider-aws_v6.25.0_x5", "#!/bin/sh\nexit 1\n")
    listed = f"{hashlib.sha256(package.read_bytes()).hexdigest()}  {package.name}\n"
    (folder / "terraform-provider-aws_6.25.0_SHA256SUMS").write_text(listed)
    return folder


def on_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Path, **more: str) -> Run:
    """A prepared run of a tenant on AWS, with what is in the mirror and nothing that is served."""
    monkeypatch.setenv("BAILIWICK_PROVIDER_MIRROR", str(mirror))
    for name in ("TF_REATTACH_PROVIDERS", "BAILIWICK_TF_REATTACH_FILE"):
        monkeypatch.delenv(name, raising=False)
    backend = Backend("ap-south-1", None, "", "")
    modules = {**sources(), **more}
    return prepare(tmp_path / "run", names=NAMES, inputs=INPUTS, backend=backend, modules=modules, kind="aws")


def init(run: Run, check: bool = True) -> str:
    arguments = ("init", "-backend=false", "-no-color")
    return terraform(*arguments, cwd=run.root, data=run.directory / "data", check=check, **run.environment())


def test_a_tenant_on_aws_finds_its_providers_in_the_workers_mirror(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror"
    install(mirror)
    run = on_aws(tmp_path, monkeypatch, mirror)
    assert "hashicorp/aws" in init(run, check=False)  # is not found
    add(mirror, packages)
    assert "Installed hashicorp/aws v6.25.0" in init(run)


def test_a_lock_file_of_the_modules_is_kept(packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sums are part of what a tenant is pinned to: another package of the same version does not come in."""
    add(tmp_path / "mirror", packages)
    install(tmp_path / "mirror")
    lock = 'provider "registry.terraform.io/hashicorp/aws" {\n  version = "6.25.0"\n  hashes = ["zh:%s"]\n}\n'
    [package] = packages.glob("*.zip")
    for found, is_right in ((hashlib.sha256(package.read_bytes()).hexdigest(), True), ("0" * 64, False)):
        run = on_aws(
            tmp_path, monkeypatch, tmp_path / "mirror", **{"stacks/tenant_aws/.terraform.lock.hcl": lock % found}
        )
        assert ("Installed hashicorp/aws" in init(run, check=False)) is is_right
        shutil.rmtree(run.directory)


def test_a_package_that_is_not_what_was_published_is_refused(packages: Path, tmp_path: Path) -> None:
    [package] = packages.glob("*.zip")
    package.write_bytes(package.read_bytes() + b"more")
    with pytest.raises(SystemExit, match="is not what a SHA256SUMS file beside it says"):
        add(tmp_path / "mirror", packages)
    assert not (tmp_path / "mirror").exists()


def test_the_role_the_proxy_and_the_certificates_reach_terraform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**ROLE, "AWS_PROFILE": "somebody", "DATABASE_URL": "postgresql://secret"}.items():
        monkeypatch.setenv(name, value)
    told = on_aws(tmp_path, monkeypatch, tmp_path).environment()
    assert ROLE.items() <= told.items() and not told.keys() & {"AWS_PROFILE", "DATABASE_URL"}
    assert not told.keys() & {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}  # an empty key would hide the role


def test_a_worker_that_goes_stops_its_own_terraform_gently_and_the_job_goes_on(
    run: Run, faults: Callable[..., None]
) -> None:
    assert leaving._leave in [receiver for _, receiver in worker_shutting_down.receivers]
    commands.plan(run)
    faults(**{"create:region_bucket": {"sleep": 3}})
    commands.start(run, "apply")
    until(lambda: any("region_bucket" in row.address for row in _running(run)), 120)
    assert leaving.leave(run.directory.parent, worker=os.getpid() + 1) == []  # another worker's
    assert leaving.leave(run.directory.parent, worker=os.getpid()) == [run.directory]
    result = commands.wait(run.directory, timeout=120)
    assert result.signals_sent == ("SIGINT",) and not result.ok and not result.state_suspect
    with pytest.raises(Transient, match="its worker went"):
        must_succeed(run, result)
    faults()
    commands.plan(run)
    result = commands.apply(run)
    must_succeed(run, result)
    assert result.ok and commands.plan(run).is_empty
