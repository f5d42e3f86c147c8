"""What stays of a deleted tenant because a law keeps it is known as that wherever stores are searched."""

from datetime import timedelta

import pytest

from compliance.erasing.models import Obligation
from compliance.inventory.discovery import discover
from compliance.scans.accounts import OURS, places
from compliance.scans.known import is_known
from compliance.scans.looks import Store
from lifecycle.estate import actions as estate
from lifecycle.estate.jobs import SEARCH
from portal.jobs import actions as jobs
from portal.lib.clock import now
from portal.lib.errors import Blocked, Invalid
from tests.estate.made import SYSTEM, finding, kiran, open_findings, run_all

from .conftest import REGION, World
from .test_holds import work
from .test_kept_logs import logged, whole
from .test_kept_objects import PART
from .test_kept_objects import kept as invoices

__all__ = ["invoices", "logged"]
pytestmark = pytest.mark.django_db(transaction=True)

NEXT_WEEK = now().date() + timedelta(days=7)


def searched() -> dict[str, list[str]]:
    job = jobs.start_job(SEARCH.name, actor=SYSTEM, subject=None, params={"region": REGION})
    found: dict[str, list[str]] = run_all(job)["search"]
    return found


def test_it_is_neither_drift_nor_an_orphan_and_nobody_has_it_destroyed(
    world: World, logged: None, invoices: list[str]
) -> None:
    request, tenant, names = whole(world), world.tenant, world.settled.names
    work(world)
    request.refresh_from_db()
    tenant.refresh_from_db()
    assert (request.state, tenant.status) == ("completed", "deleted"), (request.reasons, world.jobs()[-1].error)
    there = [Store("bucket", names.bucket), Store("log_group", f"{names.log_group}/audit")]
    [place] = [one for one in places() if (one.account, one.region) == (OURS, REGION)]
    assert discover(world.region) == [] and all(map(is_known(place), there))
    found = searched()
    assert found["kept"] == [str(tenant.pk)] and str(tenant.pk) not in found["strangers"]
    shown = open_findings(tenant)
    assert {names.bucket, names.log_group} <= shown.keys() and {one.kind for one in shown.values()} == {"kept"}
    day = Obligation.objects.get(request=request, part=PART).due_on
    assert f"{PART} of objects-{REGION} until {day}" in shown[names.bucket].words
    with pytest.raises(Invalid) as refused:
        estate.decide([shown[names.bucket].pk], "ignore", actor=kiran(), reason="Left over.", until=NEXT_WEEK)
    assert "a law keeps it until its day" in refused.value.fields["remedy"]
    stray = finding(tenant, kind="orphan", address="", resource="seen-before")
    for one in (shown[names.bucket], stray):
        with pytest.raises(Blocked, match="kept by law"):
            estate.decide([one.pk], "destroy", actor=kiran(), reason="Left over.")

    Obligation.objects.filter(request=request).update(state="lapsed", settled_at=now())
    assert names.bucket in {one.what for one in discover(world.region)} and not any(map(is_known(place), there))
    assert str(tenant.pk) in searched()["strangers"]
    assert {one.kind for one in open_findings(tenant).values()} == {"orphan"}
