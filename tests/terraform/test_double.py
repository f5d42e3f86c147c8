"""The double of AWS knows the provider's names and types, and does what the provider would."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from terraform.testing.extract import read
from tests.terraform.doubles import planned, terraform

HEAD = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 6.0" }
  }
}
provider "aws" {
  region = "ap-south-1"
  default_tags {
    tags = { CostCenter = "CC-1" }
  }
}
provider "aws" {
  alias  = "dr"
  region = "ap-south-2"
}
"""
VPC = 'resource "aws_vpc" "this" {\n cidr_block = "10.0.0.0/16"\n tags = { Name = "one" }\n}\n'
pytestmark = pytest.mark.usefixtures("double")


@pytest.fixture
def root(tmp_path: Path) -> Callable[[str], Path]:
    def made(text: str) -> Path:
        (tmp_path / "main.tf").write_text(HEAD + text)
        return tmp_path

    return made


def run(root: Path, *arguments: str, check: bool = True) -> str:
    terraform("init", cwd=root, data=root / ".data")
    return terraform(*arguments, "-no-color", cwd=root, data=root / ".data", check=check)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('resource "aws_vpc" "this" {\n cidr = "10.0.0.0/16"\n}', 'argument named "cidr" is not expected'),
        ('resource "aws_vpc" "this" {\n enable_dns_support = "often"\n}', "a bool is required"),
        ('resource "aws_subnet" "this" {\n cidr_block = "10.0.0.0/16"\n}', '"vpc_id" is required'),
        ('resource "aws_vpcs" "this" {\n}', 'does not support resource type "aws_vpcs"'),
        ('resource "aws_vpc" "this" {\n arn = "arn:aws:x"\n}', "will be decided automatically"),
        ('resource "aws_vpc" "this" {\n tag {\n }\n}', 'Blocks of type "tag" are not expected'),
        (
            'resource "aws_s3_bucket_server_side_encryption_configuration" "this" {\n bucket = "b"\n}',
            "Insufficient rule blocks",
        ),
        (VPC + 'output "x" {\n value = aws_vpc.this.cidr\n}', 'exported attribute named "cidr"'),
        (VPC.replace('"10', "[10]\n#"), "string required"),
    ],
)
def test_a_wrong_name_or_type_is_caught(root: Callable[[str], Path], text: str, complaint: str) -> None:
    said = run(root(text), "validate", check=False)
    assert complaint in " ".join(said.split())


def test_tags_of_the_provider_reach_every_resource_in_the_plan(root: Callable[[str], Path]) -> None:
    far = VPC.replace('"this" {', '"far" {\n provider = aws.dr')
    plan = planned(root(VPC + far))
    after = {one["name"]: one["change"]["after"] for one in plan["resource_changes"]}
    assert after["this"]["tags_all"] == {"CostCenter": "CC-1", "Name": "one"}
    assert after["far"]["tags_all"] == {"Name": "one"} and after["far"]["region"] == "ap-south-2"


def test_what_was_applied_is_there_and_what_cannot_change_is_replaced(root: Callable[[str], Path]) -> None:
    where = root(VPC)
    run(where, "apply", "-auto-approve")
    assert "No changes" in run(where, "plan")
    renamed = planned(root(VPC.replace('"one"', '"two"')))
    moved = planned(root(VPC.replace("10.0", "10.1")))
    assert [one["change"]["actions"] for one in renamed["resource_changes"]] == [["update"]]
    assert [one["change"]["actions"] for one in moved["resource_changes"]] == [["delete", "create"]]
    assert "1 destroyed" in run(where, "destroy", "-auto-approve")


def test_write_only_is_sent_and_not_kept(root: Callable[[str], Path]) -> None:
    """And a plain password is kept in clear whatever is said of it: that is what the canary looks for."""
    text = """
    variable "canary" { sensitive = true }
    resource "aws_db_instance" "this" {
      identifier          = "one"
      instance_class      = "db.t4g.small"
      PASSWORD            = var.canary
    }
    """
    for argument, kept in (("password_wo_version = 1\npassword_wo", False), ("password", True)):
        where = root(text.replace("PASSWORD", argument))
        run(where, "apply", "-auto-approve", "-var=canary=s3cr3t-canary")
        assert ("s3cr3t-canary" in (where / "terraform.tfstate").read_text()) is kept


def test_an_import_finds_what_exists_and_nothing_else(root: Callable[[str], Path], tmp_path: Path) -> None:
    where = root(VPC)
    run(where, "apply", "-auto-approve")
    state = json.loads((where / "terraform.tfstate").read_text())
    vpc = state["resources"][0]["instances"][0]["attributes"]["id"]
    (where / "terraform.tfstate").unlink()
    root(VPC + f'import {{\n to = aws_vpc.this\n id = "{vpc}"\n}}')
    assert "1 imported, 0 added, 0 changed, 0 destroyed" in run(where, "apply", "-auto-approve")
    (where / "terraform.tfstate").unlink()
    root(VPC + 'import {\n to = aws_vpc.this\n id = "vpc-nothing"\n}')
    assert "non-existent remote object" in run(where, "plan", check=False)


USER = """
resource "aws_elasticache_user" "%s" {
  user_id       = "%s"
  user_name     = "%s"
  engine        = "%s"
  access_string = "off -@all"
  authentication_mode {
    type = "%s"
  }
}
"""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (USER % ("one", "one", "default", "valkey", "no-password-required"), "engine valkey has a password or"),
        (USER % ("one", "one", "two", "valkey", "iam"), "user_id and user_name are alike"),
        (
            USER
            % ("one", "one", "default", "redis", "no-password-required")
            + 'resource "aws_elasticache_user_group" "this" {\n user_group_id = "g"\n engine = "valkey"\n'
            " user_ids = [aws_elasticache_user.one.user_id]\n}",
            "one has no password",
        ),
        (
            'resource "aws_security_group" "this" {\n count = 2\n name = "twice"\n vpc_id = "vpc-twice"\n}',
            "InvalidGroup.Duplicate: twice exists in vpc-twice",
        ),
        (
            'resource "aws_db_instance" "this" {\n instance_class = "db.t4g.small"\n'
            " allocated_storage = 100\n max_allocated_storage = 100\n}",
            "100 leaves 100 no room to grow",
        ),
    ],
)
def test_what_aws_refuses_is_refused(root: Callable[[str], Path], text: str, complaint: str) -> None:
    said = run(root(text), "apply", "-auto-approve", check=False)
    assert complaint in " ".join(said.replace("│", " ").split())


BINDING = """
function exampleRuleToHclTerraform(struct) {
    const attrs = {
        ports: {
            value: cdktf.listMapperHcl(cdktf.numberToHclTerraform, false)(struct.ports),
            isBlock: false,
            type: "set",
            storageClassType: "numberList",
        },
    };
}
class ExampleRuleOutputReference extends cdktf.ComplexObject {
    resetPorts() {
        this._ports = undefined;
    }
}
class Example extends cdktf.TerraformResource {
    // arn - computed: true, optional: false, required: false
    get arn() {
        return this.getStringAttribute('arn');
    }
    resetTags() {
        this._tags = undefined;
    }
    synthesizeHclAttributes() {
        const attrs = {
            name: {
                value: cdktf.stringToHclTerraform(this._name),
                isBlock: false,
                type: "simple",
                storageClassType: "string",
            },
            tags: {
                value: cdktf.hashMapperHcl(cdktf.stringToHclTerraform)(this._tags),
                isBlock: false,
                type: "map",
                storageClassType: "stringMap",
            },
            rule: {
                value: cdktf.listMapperHcl(exampleRuleToHclTerraform, true)(this._rule.internalValue),
                isBlock: true,
                type: "list",
                storageClassType: "ExampleRuleList",
            },
        };
    }
}
"""


def test_the_extractor_reads_a_binding() -> None:
    def attribute(kind: Any, required: bool = False, optional: bool = True, computed: bool = False) -> dict[str, Any]:
        return {"type": kind, "required": required, "optional": optional, "computed": computed}

    assert read(BINDING) == {
        "attributes": {
            "name": attribute("string", required=True, optional=False),
            "tags": attribute(["map", "string"]),
            "arn": attribute("string", optional=False, computed=True),
        },
        "blocks": {
            "rule": {
                "nesting": "list",
                "required": True,
                "attributes": {"ports": attribute(["set", "number"])},
                "blocks": {},
            }
        },
    }
