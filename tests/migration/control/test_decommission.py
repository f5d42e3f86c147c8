"""Before blue goes: what led to it is taken away, and the registry and the rules are asked once more."""

from collections.abc import Callable
from typing import Any

import pytest

from compliance.models import ResidencyRule
from lifecycle.migration.models import Migration
from lifecycle.migration.routing import Route53
from lifecycle.migration.steps import stability
from lifecycle.retiring.models import Retirement
from portal.jobs.context import StepContext
from portal.jobs.errors import WaitUntil
from portal.jobs.kinds import StepDef
from portal.lib.clock import now
from tenants.registry.models import Published
from tests.estate.made import held
from tests.migration.holder import holder
from tests.migration.routing.test_split import route53 as route53  # a fixture

from .running import Running, unguarded

pytestmark = pytest.mark.django_db(transaction=True)


def let_go(ctx: StepContext) -> dict[str, Any]:
    """The step as often as it waits for a snapshot that is then held."""
    while True:
        try:
            return stability.decommission(ctx)
        except WaitUntil:
            if not holder().look():
                raise


@pytest.fixture
def letting_go(switched: Running, settings: Any, route53: Route53) -> StepContext:
    """The step, about to begin. DNS stands before the platforms, and everybody is led to green."""
    named = {"kind": "route53", "zone_id": route53.zone_id, "name": route53.name}
    settings.MIGRATION = {**settings.MIGRATION, "doors": [named]}
    unguarded(settings)
    route53.set(100)
    job = held(switched.job)
    return StepContext(job, job.steps.get(name="decommission"), StepDef("decommission", "", lambda ctx: {}))


def test_what_led_to_blue_goes_before_blue_does(switched: Running, letting_go: StepContext, route53: Route53) -> None:
    for _ in range(2):  # killed after everything, it does nothing again
        done = let_go(letting_go)
        assert done[f"route53 {route53.name}"] == "CNAME to blue.example.org" and route53.stands("blue") == ""
    assert route53.stands("green")
    switched.migration.refresh_from_db()
    assert switched.migration.state == "blue_decommissioned"
    assert Retirement.objects.get(tenant_id=switched.migration.tenant_id).region == "ap-south-1"


def test_while_something_leads_to_blue_it_stays(switched: Running, letting_go: StepContext, route53: Route53) -> None:
    route53.set(90)
    with pytest.raises(WaitUntil, match=r"until nothing leads to it.*weight 10"):
        let_go(letting_go)
    assert not Retirement.objects.exists() and switched.stands[0] == "eu-west-1"
    route53.set(100)
    let_go(letting_go)
    assert route53.stands("blue") == "" and Retirement.objects.count() == 1


def unpublished(one: Migration) -> Callable[[], Any]:
    row = Published.objects.get(pk=one.tenant_id)
    Published.objects.filter(pk=one.tenant_id).update(body=row.body.replace("eu-west-1", "ap-south-1"))
    return row.save


def forbidden(one: Migration) -> Callable[[], Any]:
    everybody: dict[str, Any] = {"geographies": [], "data_classes": [], "capabilities": []}
    rule = ResidencyRule(rule_id="RES-099", title="At home", allowed_regions=["ap-south-1"], **everybody)
    rule.save()
    return lambda: ResidencyRule.objects.filter(pk=rule.pk).update(effective_until=now())


@pytest.mark.parametrize(("fault", "words"), [(unpublished, "has not published"), (forbidden, "RES-099")])
def test_blue_stays_while_registry_or_rules_say_otherwise(
    switched: Running, letting_go: StepContext, route53: Route53, fault: Any, words: str
) -> None:
    mend = fault(switched.migration)
    with pytest.raises(WaitUntil, match=f"Blue stays.*{words}"):
        let_go(letting_go)
    switched.migration.refresh_from_db()
    assert switched.migration.state == "traffic_cutover_complete"
    assert route53.stands("blue") and not Retirement.objects.exists()
    mend()
    let_go(letting_go)
    assert Retirement.objects.count() == 1
