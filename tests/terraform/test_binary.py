"""Which binary runs: by path or by name, Terraform or OpenTofu, and what is said of one that will not do.

No OpenTofu is run here: a script answers `version` and `state list` in the words of OpenTofu's own sources.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from lifecycle.provisioning.terraform import binary, commands
from lifecycle.provisioning.terraform.backend import Backend
from lifecycle.provisioning.terraform.binary import TerraformMissing, find
from lifecycle.provisioning.terraform.run import PROJECT, Run
from lifecycle.stores.names import TenantNames
from tests.terraform.test_plan import BUCKET, ROLE, document, summary

PROVIDERS = "+ provider registry.opentofu.org/bailiwick/region v1.0.0"
NO_STATE = "No state file was found!\n\nState management commands require a state file."
NO_STATE_BOXED = "╷\n│ Error: No state file was found\n│ \n│ State management commands require a state file.\n╵"


@pytest.fixture(autouse=True)
def _found_anew() -> Any:
    find.cache_clear()
    yield
    find.cache_clear()


def program(path: Path, says: str, complains: str = "") -> Path:
    """An executable that answers `version` with `says`, and everything else with a complaint."""
    path.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && exec cat <<"@"\n{says}\n@\ncat >&2 <<"@"\n{complains}\n@\nexit 1\n'
    )
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("says", "version", "is_tofu"),
    [
        ("OpenTofu v1.10.6\non linux_amd64", "1.10.6", True),
        (f"OpenTofu v1.11.0-rc1\non linux_arm64\nrunning in FIPS 140-3 mode\n{PROVIDERS}", "1.11.0-rc1", True),
        ("Terraform v1.11.4\non linux_amd64", "1.11.4", False),
    ],
)
def test_what_a_binary_says_it_is(tmp_path: Path, says: str, version: str, is_tofu: bool) -> None:
    found = find(str(program(tmp_path / "any", says)))
    assert (found.version, found.is_tofu) == (version, is_tofu)


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        ("OpenTofu v1.9.4\non linux_amd64", r"is 1\.9\.4; 1\.10 or newer"),
        ("Terraform v1.10.5\non linux_amd64", r"is 1\.10\.5; 1\.11 or newer"),
        ("Terragrunt v9.9.9", "does not answer `version` as Terraform does"),
    ],
)
def test_one_that_cannot_lock_a_state_in_s3_is_refused(tmp_path: Path, says: str, complaint: str) -> None:
    with pytest.raises(TerraformMissing, match=complaint):
        find(str(program(tmp_path / "any", says)))


def test_the_setting_names_one_on_path_and_wins_over_terraform(tmp_path: Path, monkeypatch: Any) -> None:
    program(tmp_path / "terraform", "Terraform v1.12.0\non linux_amd64")
    tofu = program(tmp_path / "tofu", "OpenTofu v1.10.6\non linux_amd64")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("BAILIWICK_TERRAFORM", raising=False)
    assert not binary.configured().is_tofu
    monkeypatch.setenv("BAILIWICK_TERRAFORM", "tofu")
    assert binary.configured() == binary.Binary((str(tofu),), "1.10.6", True)


def test_a_setting_that_leads_nowhere_is_not_replaced_by_another(monkeypatch: Any) -> None:
    monkeypatch.setenv("BAILIWICK_TERRAFORM", "tofu-that-is-not-here")
    with pytest.raises(TerraformMissing, match="tofu-that-is-not-here"):
        binary.configured()


@pytest.mark.parametrize("words", [NO_STATE, NO_STATE_BOXED])
def test_no_state_yet_in_both_wordings(tmp_path: Path, monkeypatch: Any, words: str) -> None:
    program(tmp_path / "tofu", "OpenTofu v1.10.6\non linux_amd64", words)
    monkeypatch.setenv("BAILIWICK_TERRAFORM", str(tmp_path / "tofu"))
    for name in ("BAILIWICK_TF_REATTACH_FILE", "TF_REATTACH_PROVIDERS"):
        monkeypatch.delenv(name, raising=False)
    names = TenantNames(UUID("0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"), "retail", "ap-south-1")
    run = Run(tmp_path, names, Backend("ap-south-1", None, "key", "secret"), "m")
    run.root.mkdir(parents=True)
    assert commands.state_list(run) == []


def test_a_plan_means_the_same_whoever_made_it() -> None:
    """The approval binds to the digest: neither the version nor the registry the provider is named after is in it."""

    def made_by(version: str, host: str) -> str:
        named = [{**one, "provider_name": f"{host}/bailiwick/region"} for one in (BUCKET, ROLE)]
        return summary(document(*named, terraform_version=version)).digest

    assert made_by("1.11.4", "registry.terraform.io") == made_by("1.10.6", "registry.opentofu.org")


def test_the_mirror_serves_both(tmp_path: Path) -> None:
    install = [sys.executable, "-m", "terraform.provider", "install", "--mirror", str(tmp_path)]
    subprocess.run(install, check=True, cwd=PROJECT)
    hosts = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("terraform-provider-region_v*")}
    assert hosts == {"registry.terraform.io", "registry.opentofu.org"}
