"""What a set of resources is called is decided once, before it is made, and what stands keeps its names."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from lifecycle.estate.looking import names_of
from lifecycle.estate.modules import keep, pin
from lifecycle.migration import actions as moves
from lifecycle.migration.copies.places import why_not
from lifecycle.migration.planning import regions
from lifecycle.migration.steps.green import stack_of
from lifecycle.models import TenantRequest
from lifecycle.naming.actions import name_set
from lifecycle.naming.models import RegionalSet
from lifecycle.naming.queries import clash, names_in, names_to_be
from lifecycle.provisioning.subject import backend
from lifecycle.provisioning.terraform.backend import ensure_bucket
from lifecycle.provisioning.terraform.run import sources
from lifecycle.stores.postgres import fences, roles
from portal.access.actor import Actor
from tenants.models import Tenant
from tenants.placement.models import EpochCounter
from tests.admin.world import person, tenant
from tests.lifecycle.asking import asked
from tests.lifecycle.test_states import put

HOME, AWAY = "ap-south-1", "eu-west-1"
ACTOR = Actor.system("test")


@pytest.fixture
def made(shipped: None) -> Tenant:
    """A tenant that was asked for and made at home."""
    request = asked(geography="GLOBAL")
    put(request, "active")
    request = TenantRequest.objects.get(pk=request.pk)
    more: dict[str, Any] = {"environment": "staging", "geography": "GLOBAL"}
    return tenant(request.name, "FIN", "meera", id=request.tenant_id, tier_id=request.tier_id, **more)


@pytest.fixture
def one_aws(settings: Any, tmp_path: Path) -> None:
    """Both regions behind one endpoint."""
    known = json.loads(Path(settings.REGIONS_FILE).read_text())
    known[AWAY]["aws"] = known[HOME]["aws"]
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps(known))


def lives_in(of: Tenant, region: str) -> None:
    EpochCounter.objects.create(tenant_id=of.pk, value=2)
    Tenant.objects.filter(pk=of.pk).update(region=region, routing_epoch=2)
    of.refresh_from_db()


def named(of: Tenant, region: str) -> str:
    name_set(of, region, actor=ACTOR, reason="test")
    return names_in(of, region).bucket


def test_every_set_but_the_first_bears_its_region(made: Tenant) -> None:
    plain = f"rag-{made.name}-{made.pk.hex[-8:]}"
    assert named(made, HOME) == plain and named(made, AWAY) == f"{plain}-{AWAY}" == named(made, AWAY)
    assert not RegionalSet.objects.filter(region=HOME).exists()
    lives_in(made, AWAY)
    assert named(made, HOME) == plain, "back in its first region it has the names it had there"
    stack = stack_of(made, AWAY, "pgvector")
    assert stack.inputs.variables(stack.names)["bears_region"] and AWAY in stack.names.state_key
    home = stack_of(made, HOME, "pgvector")
    assert "bears_region" not in home.inputs.variables(home.names), "nothing new is said of what stands"


def test_what_stands_keeps_its_names(made: Tenant) -> None:
    """A set that was made before names bore a region is in a state of its own."""
    key, store = names_to_be(made, AWAY).state_key, backend()
    ensure_bucket(store)
    state = json.dumps({"resources": [{"type": "region_bucket"}]})
    store.client().put_object(Bucket=store.bucket, Key=key, Body=state.encode())
    assert not named(made, AWAY).endswith(AWAY)
    store.client().delete_object(Bucket=store.bucket, Key=key)
    assert named(made, AWAY).endswith(AWAY)


def test_modules_of_before_give_the_names_they_know(made: Tenant, one_aws: None) -> None:
    older = {path: text.replace("bears_region", "other") for path, text in sources().items()}
    pin(made.pk, keep(older).pk, None, actor=ACTOR)
    assert named(made, AWAY) == names_in(made, HOME).bucket
    assert "one AWS" in clash(names_in(made, AWAY), made, regions()) and "one AWS" in why_not(made, AWAY)
    plan = moves.plan_migration(made.pk, AWAY, actor=Actor.of_user(person("kiran")))
    assert [one.code for one in plan.refused if one.code.startswith("MIG-N")] == ["MIG-NAMES"]
    pin(made.pk, keep().pk, None, actor=ACTOR)
    assert named(made, AWAY).endswith(AWAY) and clash(names_in(made, AWAY), made, regions()) == ""


def test_two_regions_of_one_aws_are_no_obstacle(made: Tenant, one_aws: None) -> None:
    assert regions()[HOME].same_aws == {AWAY}
    plan = moves.plan_migration(made.pk, AWAY, actor=Actor.of_user(person("kiran")))
    assert "MIG-NAMES" not in {one.code for one in plan.findings} and why_not(made, AWAY) == ""


def test_a_set_elsewhere_in_the_same_aws_is_not_taken_from(made: Tenant, settings: Any, tmp_path: Path) -> None:
    """The tenant lives in another AWS by now, and left a set beside the target that has the target's names."""
    known = json.loads(Path(settings.REGIONS_FILE).read_text())
    known["us-east-1"] = {**known[HOME], "name": "us-east-1"}
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps(known))
    wanted = replace(names_to_be(made, "us-east-1"), bears_region=False)
    lives_in(made, AWAY)
    assert clash(wanted, made, regions()) == ""
    home = regions()[HOME]
    roles.ensure(home, role=wanted.role, tenant_id=made.pk, tenant_name=made.name)
    fences.ensure(home, tenant_id=made.pk, state="closed")
    assert "one AWS" in clash(wanted, made, regions())
    assert clash(names_to_be(made, "us-east-1"), made, regions()) == ""
    fences.remove(home, made.pk)


def test_a_name_never_changes(made: Tenant) -> None:
    named(made, AWAY)
    for change in (lambda rows: rows.update(region=HOME), lambda rows: rows.delete()):
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            change(RegionalSet.objects.all())


@pytest.mark.parametrize("bears", [False, True])
def test_a_strangers_bucket_says_what_it_is_called(db: None, bears: bool) -> None:
    stranger = UUID("0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b")
    ends = f"-{AWAY}" if bears else ""
    held = {f"arn:aws:s3:::rag-gone-2-3e4f5a6b{ends}", "bw.fence", f"arn:aws:iam::1:user/rag-{stranger.hex}{ends}"}
    found = names_of(stranger, AWAY, {one.replace("3e4f5a6b", stranger.hex[-8:]) for one in held})
    assert (found.name, found.bears_region) == ("gone-2", bears)
