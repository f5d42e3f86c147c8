"""What comes back before the last look is never certified; a job that cannot conclude leaves its certificate alone."""

import pytest

from compliance.certificates.models import Certificate
from compliance.erasing import actions as erasing
from portal.embedded.stack import Stack
from portal.jobs import actions
from tests.erasing.made import act

from .conftest import World
from .test_holds import arrives, work
from .test_kills import begun

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_came_back_after_two_looks_is_found_by_the_third(
    world: World, own: tuple[Stack, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    request, job = begun(world)
    monkeypatch.setattr(world.worker, "late", 3600)
    while not job.steps.filter(name="late", state="waiting").exists():
        world.worker.run(job)
        world.news()
        actions.wake(job.pk)
    assert job.steps.get(name="resweep").state == "succeeded"
    assert not Certificate.objects.exists(), "nothing is certified before the last look"
    monkeypatch.undo()
    arrives(own[0], world)
    work(world)
    request.refresh_from_db()
    rows = f"postgres-{world.region.name}"
    assert (request.state, request.reasons) == ("not_certifiable", [f"{rows}: 1 are still there"])
    assert request.phase == "late" and not Certificate.objects.exists()
    erasing.retry(request.pk, actor=act("farah"), reason="Again.")
    work(world)
    request.refresh_from_db()
    assert request.state == "completed", request.reasons
    [certificate] = Certificate.objects.all()
    assert (certificate.pk, certificate.state) == (request.certificate_id, "issued")
    deleted = world.jobs()[-1].steps.get(name="late")
    assert certificate.certified.erasure.timeline.verified <= deleted.finished_at.isoformat()


def test_a_look_that_is_late_enough_is_the_last(world: World) -> None:
    request, job = begun(world)
    work(world)
    request.refresh_from_db()
    job.refresh_from_db()
    said = job.steps.get(name="resweep")
    assert (request.state, said.state) == ("completed", "skipped") and "one is enough" in said.evidence["skipped"]
    systems = Certificate.objects.get().certified.erasure.systems
    stages = {tuple(check.stage for check in one.checks) for one in systems if one.checks}
    assert ("before", "after", "resweep") in stages and all(one.count("resweep") == 1 for one in stages)


def test_a_job_that_cannot_conclude_is_followed_by_one_that_issues_no_second_certificate(world: World) -> None:
    request, job = begun(world)
    while not job.is_finished:
        world.worker.run(job, {"finish": (1, "before", "SIGKILL")})
        world.news()
        actions.wake(job.pk)
        job.refresh_from_db()
    request.refresh_from_db()
    assert (job.state, request.state) == ("failed", "failed") and "its worker died" in request.reasons[0]
    erasing.retry(request.pk, actor=act("farah"), reason="Again.")
    work(world)
    request.refresh_from_db()
    [certificate] = Certificate.objects.all()
    assert (request.state, request.certificate_id, certificate.state) == ("completed", certificate.pk, "issued")
    [rows] = [one for one in certificate.certified.erasure.systems if one.name == f"postgres-{world.region.name}"]
    assert rows.outcome == "erased" and rows.acknowledged == request.counts["systems"][rows.name]["gone"]
