"""A tenant in a region of AWS: Terraform meets a double of `hashicorp/aws`, all others the AWS of the test region."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lifecycle.estate import actions, stacks
from lifecycle.estate.comparing import is_suspension, of_tenant
from lifecycle.estate.known import KNOWN, MODULES, OURS, TENANT, asker
from lifecycle.estate.modules import keep, pin
from lifecycle.models import TenantRequest
from lifecycle.provisioning.subject import backend
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.backend import ensure_bucket, read_state
from lifecycle.provisioning.terraform.plan import Change, PlanSummary
from lifecycle.provisioning.terraform.run import TERRAFORM, prepare
from lifecycle.stores import aws, sweep
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, users
from lifecycle.stores.secrets import FileSecrets
from lifecycle.stores.tags import Tagged
from portal.jobs.errors import Permanent
from portal.lib.errors import Invalid
from portal.lib.regions import Region
from tenants.models import Tenant
from terraform.testing.schema import USED
from tests.admin.world import tenant
from tests.lifecycle.asking import asked
from tests.lifecycle.test_states import put
from tests.terraform.doubles import serving
from tests.terraform.test_plan import NAMES, document, resource, summary

from .conftest import names
from .made import SYSTEM, carried_out, compared, kiran, open_findings

Meddle = Callable[..., None]
IN = "module.tenant."
BUCKET, VERSIONS = f"{IN}module.documents.aws_s3_bucket.this", f"{IN}module.documents.aws_s3_bucket_versioning.this"
USER, POLICY = f"{IN}aws_iam_user.this", f"{IN}aws_iam_user_policy.this"


@pytest.fixture(scope="module")
def aws_double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("aws")
    with serving(folder) as reached:
        (folder / "both.json").write_text(json.dumps(reached))
        yield folder


@pytest.fixture
def others(aws_double: Path) -> Meddle:
    """Say what others do to the resources that the double holds: None for what they delete."""

    def do(**change: Any) -> None:
        (aws_double / "outside.json").write_text(json.dumps(change))

    return do


@pytest.fixture
def on_aws(
    shipped: None, stack: Any, aws_double: Path, region: Region, settings: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Tenant]:  # fmt: skip
    """Applied and pinned by the double; the same things stand in the region, as if one had made the other."""
    monkeypatch.setenv("BAILIWICK_TF_REATTACH_FILE", str(aws_double / "both.json"))
    entries = json.loads(Path(settings.REGIONS_FILE).read_text())
    entries[region.name]["kind"] = "aws"
    entries[region.name]["database"]["sslmode"] = "disable"  # the database that stands in for RDS is on this machine
    entries[region.name]["cache"]["tls"] = False
    (tmp_path / "regions.json").write_text(json.dumps(entries))
    settings.REGIONS_FILE, settings.WORK_DIR = tmp_path / "regions.json", tmp_path / "work"
    settings.SECRETS_DIR = tmp_path / "secrets"
    request = asked(name=f"aws-{tmp_path.name[-12:].strip('_').replace('_', '-')}"[:30].rstrip("-"))
    put(request, "active")
    request = TenantRequest.objects.get(pk=request.pk)
    found = tenant(request.name, "FIN", "meera", id=request.tenant_id, tier_id=request.tier_id)
    own = stacks.stack_of(found)
    store = ensure_bucket(backend())
    run = prepare(own.directory, names=own.names, inputs=own.inputs, backend=store, kind="aws")
    commands.init(run)
    commands.plan(run)
    assert commands.apply(run).ok, commands.last_error(run.directory)
    _mirror(region, own.names)
    keep()
    pin(found.pk, run.module_hash, read_state(store, own.names.state_key), actor=SYSTEM)
    yield found
    commands.stop(run.directory, timeout=30)
    sweep.purge(region, own.names, secrets=FileSecrets(tmp_path / "secrets"))


def _mirror(region: Region, own: TenantNames) -> None:
    tags = {"TenantID": str(own.tenant_id)}
    users.ensure(region, users.UserSpec(own.tenant_id, own.iam_user, own.bucket, own.log_group, tags))
    buckets.ensure(region, buckets.BucketSpec(own.tenant_id, own.bucket, own.iam_user, tags))
    groups.ensure(region, groups.LogGroupSpec(own.tenant_id, own.log_group, 30, tags))


@pytest.mark.django_db
def test_what_others_change_or_delete_is_found_and_put_right(on_aws: Tenant, others: Meddle) -> None:
    assert compared(on_aws)["new"] == 0 and not open_findings(on_aws)
    own = names(on_aws)
    others(
        aws_s3_bucket_versioning={
            own.bucket: {"versioning_configuration": [{"status": "Suspended", "mfa_delete": ""}]}
        },
        aws_iam_user_policy={f"{own.iam_user}:tenant": None},
        aws_s3_bucket={own.bucket: {"policy": "{}", "acl": "private"}},
        aws_iam_user={own.iam_user: {"permissions_boundary": None, "path": "/others/"}},
    )
    assert compared(on_aws)["new"] == 3, "what a resource of its own says is no drift of the bucket"
    found = open_findings(on_aws)
    assert {where: one.kind for where, one in found.items()} == {
        VERSIONS: "drift", POLICY: "missing", USER: "drift",
    }  # fmt: skip
    assert found[VERSIONS].words == "changed outside in versioning_configuration"
    every = [one.pk for one in found.values()]
    done = carried_out(actions.decide(every, "repair", actor=kiran(), reason="Nobody asked for it."))
    assert done.state == "done" and not open_findings(on_aws)


@pytest.mark.django_db
def test_a_change_of_which_the_modules_say_nothing_is_taken_as_it_is(on_aws: Tenant, others: Meddle) -> None:
    own = names(on_aws)
    others(aws_cloudwatch_log_group={own.log_group: {"log_group_class": "INFREQUENT_ACCESS"}})
    compared(on_aws)
    (found,) = open_findings(on_aws).values()
    assert found.words == "changed outside in log_group_class, of which the modules say nothing"
    with pytest.raises(Invalid, match="adopt it"):
        actions.decide([found.pk], "repair", actor=kiran(), reason="No plan does that.")
    others(aws_kms_key={key_of(on_aws): {"multi_region": True}})
    asked = actions.decide([found.pk], "adopt", actor=kiran(), reason="Cheaper, and read seldom.")
    with pytest.raises(Permanent, match=r"not a part of what was signed: .*aws_kms_key.this"):
        carried_out(asked)
    actions.end(asked, "failed", "as the job's failure says")
    compared(on_aws)
    both = [one.pk for one in open_findings(on_aws).values()]
    assert carried_out(actions.decide(both, "adopt", actor=kiran(), reason="Both.")).state == "done"
    assert compared(on_aws)["drift"] == 0


def key_of(of: Tenant) -> str:
    state: Any = read_state(backend(), names(of).state_key)
    (key,) = [one["instances"][0]["attributes"]["id"] for one in state["resources"] if one["type"] == "aws_kms_key"]
    return str(key)


@pytest.mark.django_db
def test_a_lost_state_is_found_by_names_tags_and_questions_and_adopted(region: Region, on_aws: Tenant) -> None:
    store, own = backend(), names(on_aws)
    store.client().delete_object(Bucket=store.bucket, Key=own.state_key)
    aws.client(region, "s3").delete_bucket_lifecycle(Bucket=own.bucket)
    compared(on_aws)
    found = open_findings(on_aws)
    kinds = {where.removeprefix(IN): (one.kind, one.detail.get("import_id")) for where, one in found.items()}
    assert kinds["module.documents.aws_s3_bucket.this"] == ("orphan", own.bucket)
    assert kinds["module.documents.aws_s3_bucket_versioning.this"] == ("orphan", own.bucket)
    assert kinds["module.documents.aws_s3_bucket_lifecycle_configuration.this"][0] == "missing"
    assert kinds["aws_iam_user.this"] == ("orphan", own.iam_user)
    assert kinds["aws_iam_user_policy.this"] == ("orphan", f"{own.iam_user}:tenant")
    assert kinds[f'module.logs.aws_cloudwatch_log_group.this["{own.log_group}"]'] == ("orphan", own.log_group)
    assert kinds["module.key.aws_kms_key.this"][0] == "missing", "the region has none"

    wanted = [found[one].pk for one in (BUCKET, VERSIONS, USER, POLICY, "terraform.tfstate")]
    done = carried_out(actions.decide(wanted, "adopt", actor=kiran(), reason="Ours."))
    assert done.state == "done", done.state_reason
    state = read_state(store, own.state_key)
    assert state and {"aws_s3_bucket", "aws_iam_user_policy"} <= {one["type"] for one in state["resources"]}


def test_every_type_of_the_modules_is_known() -> None:
    texts = [path.read_text() for path in (TERRAFORM / "modules").rglob("*.tf") if "tests" not in path.parts]
    used = {name for text in texts for kind, name in USED.findall(text) if kind == "resource"}
    assert len(used) > 30 and used - KNOWN.keys() == set()
    assert not set(OURS) & set(TENANT) and not set(TENANT) & set(MODULES)


def test_what_a_suspension_does_is_no_drift_and_the_least_more_is() -> None:
    """Its denial lies in the bucket's policy: put right, the bucket would be open."""

    def policy(*sids: str) -> str:
        return json.dumps({"Statement": [{"Sid": one} for one in sids]})

    def change(kind: str, before: dict[str, Any], after: dict[str, Any]) -> Change:
        return summary(document(resource(f"m.{kind}.this", ["update"], before, after))).changes[0]

    bucket, log = "aws_s3_bucket_policy", "aws_cloudwatch_log_group"
    assert is_suspension(change(bucket, {"policy": policy("A", "Shut")}, {"policy": policy("A")}))
    assert not is_suspension(change(bucket, {"policy": policy("B", "Shut")}, {"policy": policy("A")}))
    assert not is_suspension(change(bucket, {"policy": "no"}, {"policy": policy("A")}))
    assert is_suspension(change(log, {"tags": {"A": "b", "TenantStatus": "x"}}, {"tags": {"A": "b"}}))
    assert not is_suspension(change(log, {"tags": {"A": "b", "By": "x"}}, {"tags": {"A": "b"}}))


def created(kind: str, **after: Any) -> PlanSummary:
    return summary(document(resource(f"m.{kind}.this", ["create"], None, after)))


@pytest.mark.parametrize(
    ("kind", "after", "arn", "tags", "known_as"),
    [
        ("aws_db_instance", {"identifier": "bw-prod"}, "rds:ap-south-1:1:db:bw-prod", {}, "bw-prod"),
        ("aws_vpc", {"tags_all": {"Name": "bw"}}, "ec2:ap-south-1:1:vpc/vpc-1", {"Name": "bw"}, "vpc-1"),
        ("aws_sns_topic", {"name": "bw"}, "sns:ap-south-1:1:bw", {}, "arn:aws:sns:ap-south-1:1:bw"),
        ("aws_vpc", {"tags_all": {"Name": "bw"}}, "ec2:ap-south-1:1:vpc/vpc-1", {"Name": "other"}, None),
        ("aws_vpc", {}, "ec2:ap-south-1:1:vpc/vpc-1", {}, None),
        ("aws_db_instance", {"identifier": "bw"}, "rds:ap-south-1:1:db:bw-prod", {}, None),
    ],
)
def test_what_the_tagging_api_lists_is_recognised(
    kind: str, after: dict[str, Any], arn: str, tags: dict[str, str], known_as: str | None
) -> None:
    tagged = [Tagged(f"arn:aws:{arn}", tags)]
    found = [one for one in of_tenant(created(kind, **after), [], tagged, None, NAMES) if one.address]
    assert [(one.kind, one.detail.get("import_id")) for one in found] == [
        ("orphan", known_as) if known_as else ("missing", None)
    ]


def test_a_question_about_what_is_not_known_yet_is_not_asked(region: Region) -> None:
    is_there = asker(region)
    assert not is_there("aws_s3_bucket_policy", {"bucket": "(known after apply)"})
    assert not is_there("aws_route", {}) and not is_there("nobody_knows", {})
