"""The Terraform code itself: formatted, documented, tested natively, and agreeing with Python on names."""

import json
import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from lifecycle.provisioning.terraform.run import TERRAFORM
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects.buckets import CARRIER
from lifecycle.stores.postgres import row_security
from portal.embedded.aws.account import READS
from portal.lib.regions import Region
from tests.terraform.doubles import terraform

FOLDERS = sorted(path.parent for path in TERRAFORM.glob("*/*/main.tf") if path.parts[-3] in ("modules", "stacks"))
FOLDERS += [TERRAFORM / "bootstrap"] if (TERRAFORM / "bootstrap").exists() else []
HANDED_ON = re.compile(r"^module .*?^}", re.MULTILINE | re.DOTALL)


def test_everything_is_formatted(tmp_path: Path) -> None:
    assert terraform("fmt", "-check", "-recursive", "-diff", cwd=TERRAFORM, data=tmp_path) == ""
    assert terraform("fmt", "-check", "-recursive", "-diff", cwd=Path(__file__).parent, data=tmp_path) == ""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_is_valid_and_its_native_tests_pass(folder: Path, tmp_path: Path, double: None) -> None:
    terraform("init", "-input=false", "-backend=false", cwd=folder, data=tmp_path)
    terraform("validate", "-no-color", cwd=folder, data=tmp_path)
    if (folder / "tests").exists():
        assert "0 failed" in terraform("test", "-no-color", cwd=folder, data=tmp_path)
    else:
        assert folder.parent.name == "stacks"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_variable_and_output_is_described_and_typed(folder: Path) -> None:
    assert (folder / "README.md").exists()
    for name in ("variables.tf", "outputs.tf"):
        for block in re.split(r"\n(?=variable|output)", (folder / name).read_text()):
            assert "description" in block, f"{folder.name}/{name}: {block.splitlines()[0]}"
            assert name == "outputs.tf" or re.search(r"^  type ", block, re.MULTILINE), block.splitlines()[0]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_variable_is_validated_here_or_in_the_module_that_takes_it(folder: Path) -> None:
    """Once, where it is used, even if an override was chosen before it: a second copy of a rule would drift from the
    first. A bool is right by its type.
    """
    source = "\n".join(path.read_text() for path in folder.glob("*.tf") if path.name != "variables.tf")
    handed_on = "\n".join(HANDED_ON.findall(source))
    for block in re.split(r"\n(?=variable)", (folder / "variables.tf").read_text()):
        name = block.split('"')[1]
        is_handed_on = re.search(rf"^  {name} +=", handed_on, re.MULTILINE) and re.search(rf"\bvar\.{name}\b", source)
        is_bool = re.search(r"^  type += bool$", block, re.MULTILINE)
        assert "validation {" in block or is_bool or is_handed_on, f"{folder.name}: {name}"


def test_every_module_shows_how_it_is_used_and_its_tests_try_it() -> None:
    for folder in (one for one in FOLDERS if one.parent.name == "modules"):
        tests = "".join(path.read_text() for path in folder.glob("tests/*.tftest.hcl"))
        assert (folder / "examples" / "basic" / "main.tf").is_file(), folder.name
        assert 'source = "./examples/basic"' in tests, folder.name


def test_terraform_and_python_derive_the_same_names(tmp_path: Path) -> None:
    folder = TERRAFORM / "modules" / "naming"
    terraform("init", "-input=false", cwd=folder, data=tmp_path)
    for tenant_id, name, bears in ((uuid4(), "retail", False), (UUID(int=1), "a" * 32, True)):
        names = TenantNames(tenant_id, name, "eu-west-1", bears_region=bears)
        asked = [f"-var=tenant_id={tenant_id}", f"-var=name={name}", "-var=region=eu-west-1"]
        asked += ["-var=bears_region=true"] if bears else []
        plan = tmp_path / "plan.bin"
        terraform(
            "plan", "-input=false", f"-out={plan}", f"-state={tmp_path / 'none'}", *asked, cwd=folder, data=tmp_path
        )
        shown = json.loads(terraform("show", "-json", str(plan), cwd=folder, data=tmp_path))
        derived = shown["planned_values"]["outputs"]["names"]["value"]
        assert derived == {key: getattr(names, key) for key in derived} and len(derived) == 9


def test_the_verifiers_may_do_on_aws_what_they_may_in_a_region_of_the_laptop() -> None:
    listed = (TERRAFORM / "modules" / "readers" / "main.tf").read_text()
    assert [one for one in READS["Statement"][0]["Action"] if f'"{one}",' not in listed] == []


def test_tenants_buckets_let_in_the_same_carrier_on_aws_as_in_a_region_of_the_laptop() -> None:
    made = (TERRAFORM / "modules" / "datasync" / "variables.tf").read_text()
    named = (TERRAFORM / "modules" / "tenant" / "main.tf").read_text()
    assert f'default     = "{CARRIER}"' in made and f'role/{CARRIER}"' in named


def test_the_optimizer_may_ask_on_aws_what_its_guide_says_it_asks() -> None:
    listed = (TERRAFORM / "modules" / "readers" / "main.tf").read_text().split("optimizer = [")[1].split("]")[0]
    guide = (TERRAFORM.parent / "docs" / "optimizer.md").read_text()
    said = guide.split("The credentials need no more than ")[1].split(";")[0]
    asked = {one.split(":")[-1] for one in re.findall(r"`([A-Za-z0-9:]+)`", said)}
    assert {one.split(":")[1] for one in re.findall(r'"([A-Za-z0-9:]+)"', listed)} == asked and len(asked) == 8


def test_the_module_protects_every_table_of_the_schema(region: Region) -> None:
    listed = re.search(r"protected_tables.*?default = \[(.*?)\]", _variables(), re.DOTALL)
    assert listed
    assert sorted(re.findall(r'"(\w+)"', listed[1])) == [t for t in row_security.tables(region) if "_" * 2 not in t]


def _variables() -> str:
    return (TERRAFORM / "modules" / "tenant_store" / "variables.tf").read_text()
