"""The road of MIGRATION.md: the estate before comes under the new root, its state into S3, and nothing is destroyed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lifecycle.provisioning.terraform import backend as state
from terraform.policies.root import Root
from terraform.policies.rules import broken
from tests.terraform.doubles import HERE, TERRAFORM, copied, planned, terraform
from tests.terraform.test_rules import variables

CIDRS = {"dev": "10.0.0.0/16", "staging": "10.1.0.0/16", "prod": "10.2.0.0/16"}


def actions(plan: dict[str, Any]) -> set[str]:
    return {action for one in plan["resource_changes"] for action in one["change"]["actions"]}


def adoption(kept: dict[str, Any], environment: str) -> dict[str, Any]:
    """What step 2 writes down, from the old state."""
    known = {f"{one['type']}.{one['name']}": one["instances"][0]["attributes"] for one in kept["resources"]}
    subnets = {name: one for name, one in known.items() if name.startswith(f"aws_subnet.{environment}_")}
    database = known[f"aws_db_instance.{environment}_postgres"]
    rule = known[f"aws_vpc_security_group_ingress_rule.{environment}_postgres"]
    return {
        "cidrs": CIDRS,
        "adopt": {
            "vpc": {"this": known[f"aws_vpc.{environment}_vpc"]["id"]},
            "database_subnets": {one["availability_zone"]: one["id"] for one in subnets.values()},
            "subnet_group": {"this": f"{environment}-subnets"},
            "database": {"this": database["identifier"]},
            "database_group": {"this": known[f"aws_security_group.{environment}_db_sg"]["id"]},
            "database_rules": {f"postgres/{rule['cidr_ipv4']}": rule["id"]},
        },
        "adopted_database": {
            "subnet_group": f"{environment}-subnets",
            "database": database["db_name"],
            "username": database["username"],
            "kms_key_arn": database["kms_key_id"],
            "engine_version": database["engine_version"],
        },
        "adopted_clients": [rule["cidr_ipv4"]],
        "overrides": {database["identifier"]: {"allocated_storage": str(database["allocated_storage"])}},  # as it is
        "adopted_names": {
            "database": database["identifier"],
            "database_group": f"{environment}-db-sg",
            "database_group_description": "database",
        },
    }


@pytest.mark.usefixtures("double")
def test_the_estate_moves_without_a_destroy(backend: state.Backend, tmp_path: Path) -> None:
    here = backend.environment()
    old = tmp_path / "old"
    old.mkdir()
    (old / "main.tf").write_text((HERE / "before" / "estate" / "main.tf").read_text())
    planned(old, **here)
    terraform("apply", "plan.bin", cwd=old, data=old / ".data", **here)
    kept = json.loads((old / "terraform.tfstate").read_text())

    # 1. the state to S3, as it is
    key = f"migration/{tmp_path.name}.tfstate"
    (old / "backend.json").write_text(json.dumps(backend.configuration(key)))
    (old / "backend.tf").write_text('terraform {\n  backend "s3" {}\n}\n')
    terraform(
        "init", "-migrate-state", "-force-copy", "-backend-config=backend.json", cwd=old, data=old / ".data", **here
    )
    (old / "terraform.tfstate").unlink()
    assert (state.read_state(backend, key) or {})["resources"] == kept["resources"]
    terraform("plan", "-out=plan.bin", cwd=old, data=old / ".data", **here)
    assert actions(json.loads(terraform("show", "-json", "plan.bin", cwd=old, data=old / ".data", **here))) == {"no-op"}

    # 2 and 3. each environment takes over its own
    for environment in CIDRS:
        new = copied(TERRAFORM / "stacks" / "platform", tmp_path / environment)
        (new / "adopt.auto.tfvars.json").write_text(json.dumps(adoption(kept, environment)))
        where = {**here, "TF_WORKSPACE": environment}
        plan = planned(new, variables(environment), **where)
        taken = [one for one in plan["resource_changes"] if "importing" in one["change"]]
        assert actions(plan) <= {"create", "update", "no-op", "read"} and len(taken) == len(kept_of(kept, environment))
        settings = TERRAFORM / "environments" / "backend.hcl"
        left = broken(Root.read(TERRAFORM / "stacks" / "platform", plan, settings))
        assert left.keys() == (set() if environment == "prod" else {"right-sizes"}), left  # storage cannot shrink
        said = terraform("apply", "-no-color", "plan.bin", cwd=new, data=new / ".data", **where)
        assert re.search(rf"{len(taken)} imported, \d+ added, \d+ changed, 0 destroyed", said)

        # 5. with the imports done and taken away, nothing is left to do
        after = adoption(kept, environment)
        (new / "adopt.auto.tfvars.json").write_text(json.dumps({**after, "adopt": {}}))
        assert actions(planned(new, variables(environment), **where)) <= {"no-op", "read"}

    # 4. the old root lets go
    head = (old / "main.tf").read_text().split("\nresource ")[0]
    gone = "".join(
        f"removed {{\n  from = {one['type']}.{one['name']}\n  lifecycle {{\n    destroy = false\n  }}\n}}\n"
        for one in kept["resources"]
    )
    (old / "main.tf").write_text(head + gone)
    said = terraform("apply", "-auto-approve", "-no-color", cwd=old, data=old / ".data", **here)
    assert "0 added, 0 changed, 0 destroyed" in said
    assert (state.read_state(backend, key) or {})["resources"] == []
    state.delete_state(backend, key)


def kept_of(kept: dict[str, Any], environment: str) -> list[dict[str, Any]]:
    return [one for one in kept["resources"] if one["name"].split("_")[0] == environment]
