"""The project's rules: the platform keeps them all in every environment, and each refuses what it is against."""

import json
from pathlib import Path
from typing import Any

import pytest

from lifecycle.provisioning.terraform.backend import Backend
from terraform.policies.root import Root, backend_of
from terraform.policies.rules import RULES, broken
from tests.terraform.conftest import INPUTS
from tests.terraform.doubles import HERE, TERRAFORM, copied, planned, terraform
from tests.terraform.test_plan import NAMES

BEFORE = {
    "copies": ("no-copies", ["aws_vpc is written 3 times: dev_vpc, prod_vpc, staging_vpc"]),
    "doors": (
        "open-doors",
        [
            "has rules inside it",
            "ingress 22 is open to the internet",
            "a remote shell comes in on 22",
            "96 ingress rules of IPv4",
        ],
    ),
    "secrets": ("no-secrets", ["password would be in the state in clear", "output db_password tells"]),
    "sizes": ("right-sizes", ["t3.medium is not Graviton", "too large for dev", "not gp3", "200 GB are too many"]),
    "state": ("kept-state", ["backend local"]),
    "providers": ("one-provider", ["provider aws.audit is aws once more"]),
    "tags": ("all-tags", ["aws_vpc.this has no Compliance, CostCenter", "aws_s3_bucket.web has no"]),
    "databases": (
        "sound-databases",
        ["backups 1 days, not 35", "one zone", "key of ours", "deletion", "final snapshot", "TLS", "IAM", "dev_vpc"],
    ),
}
ENVIRONMENTS = ("dev", "staging", "prod")
pytestmark = pytest.mark.usefixtures("double")


def before(name: str, tmp_path: Path) -> Root:
    source = HERE / "before" / name
    return Root.read(source, planned(copied(source, tmp_path)))


@pytest.mark.parametrize("name", BEFORE)
def test_what_failed_before_fails_its_rule(name: str, tmp_path: Path) -> None:
    rule, wanted = BEFORE[name]
    found = RULES[rule](before(name, tmp_path))
    assert [one for one in wanted if not any(one in words for words in found)] == [], found


def test_every_rule_has_a_failure_to_show() -> None:
    assert {rule for rule, _ in BEFORE.values()} == RULES.keys()
    assert {path.name for path in (HERE / "before").iterdir() if path.name != "estate"} == BEFORE.keys()


def test_the_rules_have_no_holes_and_refuse_nothing_that_is_allowed(tmp_path: Path) -> None:
    root = Root.read(HERE / "holes", planned(copied(HERE / "holes", tmp_path)))
    doors, secrets, databases = (RULES[rule](root) for rule in ("open-doors", "no-secrets", "sound-databases"))
    assert doors == [
        "aws_security_group_rule.shell: ingress 22 is open to the internet",
        "aws_security_group_rule.shell: a remote shell comes in on 22",
        "aws_vpc_security_group_ingress_rule.half: ingress 5432 is open to the internet",
        "aws_security_group.crowded has 61 ingress rules of IPv6",
    ]
    assert {one.split(":")[0] for one in secrets} == {"aws_iam_access_key.this", "aws_ssm_parameter.this"}
    assert len(databases) == 7 and all(".this: " in one for one in databases), databases


def test_twelve_providers_are_eleven_too_many(tmp_path: Path) -> None:
    assert len(RULES["one-provider"](before("providers", tmp_path))) == 11


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    return copied(TERRAFORM / "stacks" / "platform", tmp_path)


def variables(environment: str) -> str:
    return f"-var-file={TERRAFORM / 'environments' / f'{environment}.tfvars'}"


def plan_of(root: Path, environment: str) -> dict[str, Any]:
    return planned(root, variables(environment), TF_WORKSPACE=environment)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_platform_keeps_every_rule(environment: str, platform: Path) -> None:
    settings = TERRAFORM / "environments" / "backend.hcl"
    root = Root.read(TERRAFORM / "stacks" / "platform", plan_of(platform, environment), settings)
    assert len(root.resources) > 50 and len(list(root.of("aws_db_instance"))) == 1
    assert broken(root) == {}


@pytest.mark.parametrize("name", ["tenant", "tenant_aws"])
def test_a_tenant_keeps_every_rule(name: str, tmp_path: Path) -> None:
    """With the settings that the runner gives its backend."""
    given = json.dumps(INPUTS.variables(NAMES))
    root = copied(TERRAFORM / "stacks" / name, tmp_path)
    (root / "tenant.auto.tfvars.json").write_text(given)
    backend = Backend("ap-south-1", None, "", "", kms_key_id="arn:aws:kms:ap-south-1:123456789012:key/one")
    settings = {key: str(value).lower() for key, value in backend.configuration(NAMES.state_key).items()}
    plan = planned(root)
    kind, _ = backend_of((TERRAFORM / "stacks" / name / "versions.tf").read_text())
    assert len(Root(plan).resources) > 8 and broken(Root(plan, kind, settings)) == {}


def test_bootstrap_keeps_every_rule_but_the_one_about_what_it_makes(tmp_path: Path) -> None:
    given = ["account_id=123456789012", "region=ap-south-1", "cost_center=CC-1", "owner=platform-team"]
    root = copied(TERRAFORM / "bootstrap", tmp_path)
    plan = planned(root, *(f"-var={one}" for one in given))
    assert broken(Root.read(TERRAFORM / "bootstrap", plan)).keys() == {"kept-state"}


def test_the_default_workspace_and_anothers_variables_are_refused(platform: Path) -> None:
    data = platform / ".data"
    terraform("init", cwd=platform, data=data)
    for workspace, said in (("default", "Select a workspace first"), ("dev", "the workspace is dev")):
        answer = terraform("plan", variables("prod"), cwd=platform, data=data, check=False, TF_WORKSPACE=workspace)
        assert said in " ".join(answer.split())


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"bailiwick-staging": {"instance_class": "db.m7g.large"}}, "db.m7g.large"),
        ({"bailiwick-staging": {"multi_az": "false"}}, "and nothing else"),
        ({"i-1": {"instance_class": "db.m7g.large"}}, "and nothing else"),
        ({"bailiwick-staging": {"instance_class": "large"}}, "Sizes are Graviton classes"),
    ],
)
def test_an_override_is_taken_by_its_resource_or_refused(
    platform: Path, overrides: dict[str, dict[str, str]], said: str
) -> None:
    data = platform / ".data"
    terraform("init", cwd=platform, data=data)
    given = (variables("staging"), f"-var=overrides={json.dumps(overrides)}", "-no-color")
    answer = terraform("plan", *given, cwd=platform, data=data, check=False, TF_WORKSPACE="staging")
    assert said in " ".join(answer.replace("│", " ").split())


def test_environments_must_not_overlap(platform: Path) -> None:
    terraform("init", cwd=platform, data=platform / ".data")
    for cidr, is_apart in (("10.48.128.0/20", False), ("10.0.0.0/8", False), ("10.64.0.0/16", True)):
        given = json.dumps({"dev": cidr, "staging": "10.32.0.0/16", "prod": "10.48.0.0/16"})
        said = terraform(
            "plan",
            variables("prod"),
            f"-var=cidrs={given}",
            cwd=platform,
            data=platform / ".data",
            check=False,
            TF_WORKSPACE="prod",
        )
        assert ("must not overlap" not in " ".join(said.split())) is is_apart


def test_no_secret_is_in_state_plan_or_output(platform: Path, tmp_path: Path) -> None:
    """Whatever looks like a secret on its way in comes out nowhere; before, it came out in both."""
    canary = "c4n4ry-in-the-mine"
    here = {"TF_WORKSPACE": "prod", "TF_VAR_canary": canary, "TF_VAR_db_password": canary}
    for root, name, is_kept in (
        (copied(HERE / "before" / "secrets", tmp_path / "b"), "before", True),
        (platform, "now", False),
    ):
        given = [variables("prod")] if name == "now" else []
        planned(root, *given, **here)
        terraform("apply", "plan.bin", cwd=root, data=root / ".data", **here)
        said = terraform("output", "-json", cwd=root, data=root / ".data", **here)
        kept = said + "".join(path.read_text() for path in root.rglob("*.tfstate"))
        assert "aws_db_instance" in kept and (canary in kept) is is_kept
        assert name == "before" or "arn:aws:secretsmanager:" in kept


def test_no_module_asks_for_a_secret() -> None:
    """There is no way in: nothing is sensitive, and no argument that holds a secret is set."""
    for path in (one for folder in ("modules", "stacks", "bootstrap") for one in (TERRAFORM / folder).rglob("*.tf")):
        text = path.read_text()
        assert "sensitive" not in text and not any(f"  {name} " in text for name in ("password", "auth_token")), path
