"""The Terraform code itself: formatted, documented, tested natively, and agreeing with Python on names."""

import json
import os
import re
import subprocess
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from lifecycle.provisioning.terraform.binary import configured
from lifecycle.provisioning.terraform.run import TERRAFORM
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import row_security
from portal.lib.regions import Region

FOLDERS = sorted(path.parent for path in [*TERRAFORM.glob("modules/*/main.tf"), *TERRAFORM.glob("stacks/*/main.tf")])
NATIVE = [folder for folder in FOLDERS if (folder / "tests").exists()]


def terraform(*arguments: str, cwd: Path, data: Path, check: bool = True) -> str:
    environment = {**os.environ, "TF_DATA_DIR": str(data), "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(
        [*configured().argv, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_everything_is_formatted(tmp_path: Path) -> None:
    for folder in ("modules", "stacks"):
        assert terraform("fmt", "-check", "-recursive", "-diff", cwd=TERRAFORM / folder, data=tmp_path) == ""


@pytest.mark.parametrize("folder", NATIVE, ids=lambda folder: folder.name)
def test_native_tests_pass(folder: Path, tmp_path: Path) -> None:
    terraform("init", "-input=false", cwd=folder, data=tmp_path)
    assert "0 failed" in terraform("test", "-no-color", cwd=folder, data=tmp_path)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_variable_and_output_is_described_and_typed(folder: Path) -> None:
    assert (folder / "README.md").exists()
    for name in ("variables.tf", "outputs.tf"):
        for block in re.split(r"\n(?=variable|output)", (folder / name).read_text()):
            assert "description" in block, f"{folder.name}/{name}: {block.splitlines()[0]}"
            assert name == "outputs.tf" or re.search(r"^  type ", block, re.MULTILINE), block.splitlines()[0]


def test_terraform_and_python_derive_the_same_names(tmp_path: Path) -> None:
    folder = TERRAFORM / "modules" / "naming"
    terraform("init", "-input=false", cwd=folder, data=tmp_path)
    for tenant_id, name in ((uuid4(), "retail"), (UUID(int=1), "a" * 32)):
        names = TenantNames(tenant_id, name, "eu-west-1")
        asked = [f"-var=tenant_id={tenant_id}", f"-var=name={name}", "-var=region=eu-west-1"]
        plan = tmp_path / "plan.bin"
        terraform(
            "plan", "-input=false", f"-out={plan}", f"-state={tmp_path / 'none'}", *asked, cwd=folder, data=tmp_path
        )
        shown = json.loads(terraform("show", "-json", str(plan), cwd=folder, data=tmp_path))
        derived = shown["planned_values"]["outputs"]["names"]["value"]
        assert derived == {key: getattr(names, key) for key in derived} and len(derived) == 9


def test_the_module_protects_every_table_of_the_schema(region: Region) -> None:
    listed = re.search(r"protected_tables.*?default = \[(.*?)\]", _variables(), re.DOTALL)
    assert listed
    assert sorted(re.findall(r'"(\w+)"', listed[1])) == [t for t in row_security.tables(region) if "_" * 2 not in t]


def _variables() -> str:
    return (TERRAFORM / "modules" / "tenant_embedded" / "variables.tf").read_text()
