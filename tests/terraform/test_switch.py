"""One word in the regions file moves tenants from the laptop to AWS: same inputs, same outputs, same runner."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lifecycle.provisioning.terraform import backend as state
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.plan import STATEFUL, refusals
from lifecycle.provisioning.terraform.run import Run, prepare, sources
from lifecycle.stores import sweep
from lifecycle.stores.names import TenantNames
from lifecycle.stores.secrets import FileSecrets
from portal.lib.regions import Region, load
from terraform.policies.rules import TAGS
from tests.terraform.conftest import INPUTS
from tests.terraform.doubles import TERRAFORM
from tests.terraform.test_plan import NAMES, OURS, document, resource, summary


@pytest.fixture
def on_aws(
    served: Path,
    doubles: dict[str, Any],
    region: Region,
    backend: state.Backend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """A prepared run of a tenant in a region of kind aws: its database is real, its AWS is the double."""
    both = tmp_path / "reattach.json"
    own = {name: one for name, one in doubles.items() if name.endswith("/aws")}
    both.write_text(json.dumps({**json.loads((served.parent / "reattach.json").read_text()), **own}))
    monkeypatch.setenv("BAILIWICK_TF_REATTACH_FILE", str(both))
    names = TenantNames(uuid4(), "retail-banking", region.name)
    run = prepare(tmp_path / "run", names=names, inputs=INPUTS, backend=backend, kind="aws")
    commands.init(run)
    yield run
    commands.stop(run.directory, timeout=30)
    sweep.purge(region, names, secrets=FileSecrets(tmp_path / "secrets"))


def test_a_tenant_on_aws_from_plan_to_destroy(on_aws: Run) -> None:
    plan = commands.plan(on_aws)
    types = {one.type for one in plan.changes}
    assert {"aws_s3_bucket", "aws_kms_key", "aws_iam_user", "aws_cloudwatch_log_group", "region_tenant_role"} <= types
    assert not {"region_bucket", "region_kms_key", "region_iam_user", "region_log_group"} & types
    assert refusals(plan, on_aws.names) == [] and plan.update == plan.delete == 0
    tagged = [one.after["tags_all"] for one in plan.changes if one.after and "tags_all" in one.after]
    assert len(tagged) >= 4 and all(tags.keys() >= TAGS for tags in tagged)
    assert {tags["TenantID"] for tags in tagged} == {str(on_aws.names.tenant_id)}

    assert commands.apply(on_aws).ok, commands.last_error(on_aws.directory)
    made = commands.output(on_aws)["tenant"]
    assert made["bucket"] == on_aws.names.bucket and made["db_role"] == on_aws.names.role
    assert commands.plan(on_aws).is_empty

    leaving = commands.plan(on_aws, destroy=True)
    assert len(refusals(leaving, on_aws.names)) == len([one for one in leaving.changes if one.type in STATEFUL]) >= 5
    assert commands.destroy(on_aws).ok and commands.state_list(on_aws) == []


def test_both_roots_have_the_same_inputs_overrides_and_outputs() -> None:
    """To the byte, in files of their own: a link would not come through every archive and every copy."""
    for name in ("variables.tf", "overrides.tf", "outputs.tf"):
        ours, other = (TERRAFORM / "stacks" / root / name for root in ("tenant", "tenant_aws"))
        assert not other.is_symlink() and other.read_bytes() == ours.read_bytes(), f"copy {ours} over {other}"
    outputs = [(TERRAFORM / "modules" / name / "outputs.tf").read_text() for name in ("tenant", "tenant_embedded")]
    assert len({tuple(line for line in text.splitlines() if line.startswith("output")) for text in outputs}) == 1


def test_a_variable_that_several_modules_of_a_tenant_take_is_said_alike() -> None:
    """Only whether a key of its own is a choice differs: on AWS it is none."""
    said: dict[str, set[str]] = {}
    for module in ("tenant", "tenant_embedded", "tenant_store"):
        text = (TERRAFORM / "modules" / module / "variables.tf").read_text()
        for block in text.removeprefix("variable ").split("\nvariable "):
            said.setdefault(block.split('"')[1], set()).add(block.strip())
    assert {name for name, texts in said.items() if len(texts) > 1} == {"encryption_cmk"}


def test_the_switch_is_a_word_in_the_regions_file(region: Region, tmp_path: Path) -> None:
    assert region.kind == "embedded"
    entry = {
        "name": "ap-south-1",
        "colour": "blue",
        "display": "Mumbai",
        "kind": "aws",
        "database": {"host": "db", "port": 5432, "dbname": "rag", "users": {"mover": "one"}},
        "cache": {"host": "cache", "port": 6379, "admin_password": ""},
        "aws": {"endpoint_url": "", "access_key_id": "", "secret_access_key": ""},
        "vectors": {"pgvector": {}},
        "platform": {"url": "https://rag.example"},
    }
    (tmp_path / "regions.json").write_text(json.dumps({"ap-south-1": entry}))
    found = load(tmp_path / "regions.json")["ap-south-1"]
    assert found.kind == "aws"
    told = found.database.connect_kwargs("mover")
    assert (told["sslmode"], told["sslrootcert"]) == ("verify-full", "system")  # nobody in between is believed
    reached = found.cache.address()
    assert reached["ssl"] and reached["ssl_check_hostname"] and reached["ssl_cert_reqs"] == "required"
    assert region.cache.address().keys() == {"host", "port"}
    assert "sslmode" not in region.database.connect_kwargs("mover")


def test_modules_without_such_a_root_are_refused(tmp_path: Path) -> None:
    """A tenant pinned to modules of before there was one cannot be told otherwise by the switch."""
    older = {path: text for path, text in sources().items() if "tenant_aws" not in path}
    backend = state.Backend("ap-south-1", None, "key", "secret")
    with pytest.raises(ValueError, match="no root for a region of kind aws"):
        prepare(tmp_path / "r", names=NAMES, inputs=INPUTS, backend=backend, modules=older, kind="aws")


def test_a_resource_with_another_tenants_tags_is_refused() -> None:
    ours, theirs = {"tags_all": {"TenantID": OURS}}, {"tags_all": {"TenantID": str(uuid4())}}
    plan = summary(
        document(
            resource("m.aws_iam_user.ours", ["update"], ours, ours),
            resource("m.aws_iam_user.theirs", ["update"], theirs, ours),
        )
    )
    assert plan.other_tenants == ("m.aws_iam_user.theirs",)
