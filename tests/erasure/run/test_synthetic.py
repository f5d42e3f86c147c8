"""A made-up person goes through the whole machine, to a certificate that says so and reaches people, or it is said."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from compliance.certificates.actions import reissue
from compliance.certificates.models import Certificate
from compliance.erasing.models import Basis, ErasureLedger, ErasureRequest, Obligation
from compliance.synthetic import actions, schedule
from compliance.synthetic.models import Sandbox, SyntheticErasure
from lifecycle.synthetic.planting import documents_of
from portal.access.accounts import SEED
from portal.access.models import Person
from portal.approvals.models import Case, Requirement, Signature
from portal.audit.context import acting
from portal.embedded.stack import Stack
from portal.jobs import actions as jobs
from portal.lib.clock import now
from portal.lib.errors import Conflict, Invalid, NotAllowed
from portal.notify import defaults
from portal.notify import schedule as messenger
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.admin.world import person
from tests.erasing.made import act, ask
from tests.suspension.conftest import deliver

from .conftest import REGION, World
from .test_holds import work

pytestmark = pytest.mark.django_db(transaction=True)

LEVELS = (
    "SELECT array_agg(metric || ' ' || amount) FROM (SELECT metric, sum(amount) AS amount FROM rag.usage_counters"
    " WHERE tenant_id = %s GROUP BY metric ORDER BY metric) AS levels"
)


@pytest.fixture
def mail(settings: Any, tmp_path: Any) -> Any:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    return tmp_path / "mail"


@pytest.fixture
def sandbox(world: World, mail: Any) -> Sandbox:
    """The tenant of the world, as one that was provisioned for this; mail is sent."""
    with acting(SEED):
        Tenant.objects.filter(pk=world.tenant.pk).update(environment="dev")
    defaults.install(SEED)
    return actions.designate(world.tenant.pk, actor=act("farah"), reason="Nobody's data lie there.")


def present(world: World) -> dict[str, int]:
    """The tenant's rows by table; counters get a line for each change, and their sums are looked at apart."""
    return {table: number for table, number in world.settled.counts().items() if table != "usage_counters"}


def through(world: World) -> SyntheticErasure:
    """Work until the run is over: its job is woken by its erasure, and by the clock once the mail is out."""
    for _round in range(6):
        work(world)
        messenger.deliver()
        for job in world.jobs("erasure.synthetic"):
            if not job.is_finished:
                jobs.wake(job.pk)
    return SyntheticErasure.objects.select_related("request").latest("started_at")


def test_a_made_up_person_is_erased_certified_and_brought_to_people(
    world: World, sandbox: Sandbox, client: Client
) -> None:
    before, levels = present(world), world.settled.ask(LEVELS, world.settled.id)
    schedule.tick()
    schedule.tick()
    run = SyntheticErasure.objects.get()
    run = through(world)
    assert (run.state, run.why) == ("passed", ""), run.why
    assert [one["what"] for one in run.checks] == ["JSON", "PDF", "Delivery", "Residue"] and run.seconds is not None
    assert run.checks[0]["seen"].startswith("VALID: synthetic erasure certificate")
    assert present(world) == before, "whoever was there before is still there"
    assert world.settled.ask(LEVELS, world.settled.id) == levels, "and nothing more or less is counted"

    request = run.request
    assert request is not None and str(request).endswith("(synthetic)") and request.state == "completed"
    assert request.requested_by.is_service and request.get_identity_display().startswith("nobody")
    case = Case.objects.get(pk=request.case_id)
    assert case.kind == "erasure.synthetic" and not Signature.objects.filter(case=case).exists()
    assert set(case.requirements.values_list("state", flat=True)) == {Requirement.State.WAIVED}
    [certificate] = Certificate.objects.all()
    core = certificate.certified
    assert (certificate.type, core.type, certificate.state) == ("synthetic", "synthetic", "issued")
    assert core.erasure.roles.approvers == () and any("made-up person" in one for one in core.simulated)
    rows = next(one for one in core.erasure.systems if one.name == f"postgres-{world.region.name}")
    assert rows.outcome == "erased" and rows.targeted >= 4 + len(documents_of(run.person))
    assert set(ErasureLedger.objects.values_list("is_synthetic", flat=True)) == {True}
    assert not Obligation.objects.exists(), "nobody is owed anything"
    with pytest.raises(Conflict, match="nothing of anybody"):
        reissue(certificate.pk, actor=act("farah"), reason="Again.")

    client.force_login(person("farah"))
    for url in (f"/synthetic-erasures/{run.pk}/", f"/erasures/{request.pk}/", f"/certificates/{certificate.pk}/"):
        assert "ynthetic" in client.get(url).content.decode(), url
    schedule.tick()
    assert SyntheticErasure.objects.count() == 1, "once a month"


def test_one_that_cannot_be_certified_is_an_alarm(
    world: World, sandbox: Sandbox, own: tuple[Stack, object], client: Client
) -> None:
    """A verifier whose eyes are bound: nothing is certified, and somebody hears of it."""
    actions.begin(sandbox.pk, actor=act("farah"), reason="Try it.")
    with psycopg.connect(**own[0].superuser_kwargs(REGION), autocommit=True) as db:
        db.execute("ALTER ROLE bw_verifier NOBYPASSRLS")
        try:
            run = through(world)
        finally:
            db.execute("ALTER ROLE bw_verifier BYPASSRLS")
    assert run.state == "failed" and "(synthetic) is failed" in run.why and "Row security would hide" in run.why, (
        run.why
    )
    told = Notice.objects.filter(event="synthetic.failed", severity="critical")
    assert {one.user.username for one in told} >= {"farah", "priya"}
    assert not Certificate.objects.exists()
    client.force_login(person("farah"))
    assert "Row security would hide" in client.get(f"/synthetic-erasures/{run.pk}/").content.decode()


def test_one_whose_certificate_reaches_nobody_by_mail_has_failed(world: World, sandbox: Sandbox) -> None:
    Person.objects.update(email="")
    actions.begin(sandbox.pk, actor=act("farah"), reason="Try it.")
    run = through(world)
    [certificate] = Certificate.objects.all()
    assert run.state == "failed" and "no mail arrived: The person has no mail address." in run.why
    assert certificate.state == "issued", "a delivery that fails changes nothing of what was issued"


def test_overdue_is_said_once_a_week(world: World, sandbox: Sandbox, time_machine: Any) -> None:
    """Nobody works on it: the job waits for a worker that never comes."""
    began = now()
    for days, told in ((0, 0), (34, 0), (36, 1), (37, 1), (44, 2)):
        time_machine.move_to(began + timedelta(days=days), tick=True)
        schedule.tick()
        deliver()
        assert Notice.objects.filter(event="synthetic.overdue", user__username="farah").count() == told, days


def test_a_region_with_tenants_and_no_sandbox_is_named_once_a_week(world: World, time_machine: Any) -> None:
    began = now()
    for days, told in ((0, 0), (34, 0), (36, 1), (36, 1), (43, 2)):
        time_machine.move_to(began + timedelta(days=days), tick=True)
        schedule.tick()
        deliver()
        found = Notice.objects.filter(event="synthetic.untried", user__username="farah", title__contains=REGION)
        assert found.count() == told, days
    with acting(SEED):
        Tenant.objects.filter(pk=world.tenant.pk).update(environment="dev")
    actions.designate(world.tenant.pk, actor=act("farah"), reason="Nobody's data lie there.")
    time_machine.move_to(began + timedelta(days=50), tick=True)
    schedule.tick()
    deliver()
    assert found.count() == 2, "somebody has named one"


def test_no_real_tenant_and_no_real_person(world: World, sandbox: Sandbox) -> None:
    """Production is no sandbox; and what is synthetic is asked for by software, of a sandbox, and by nobody else."""
    beside = Tenant.objects.get(name="beside-notes")
    with pytest.raises(Invalid, match="production"):
        actions.designate(beside.pk, actor=act("farah"), reason="Why not.")
    with pytest.raises(NotAllowed):
        actions.designate(beside.pk, actor=act("meera"), reason="Why not.")
    with pytest.raises(Invalid, match="does not give a right"):
        ask(world.tenant, legal_basis="synthetic", user_id=world.settled.ann)
    with pytest.raises(Invalid, match="how it was checked"):
        ask(world.tenant, identity="synthetic", user_id=world.settled.ann)
    real = ask(beside, user_id=world.settled.ann)
    for change in ("legal_basis = 'synthetic', identity = 'synthetic'", "identity = 'synthetic'"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE erasing_erasurerequest SET {change} WHERE id = %s", [real.pk])
    names = ("tenant", "kind", "justification", "subject", "identifiers", "authority", "requested_by", "due_on")
    made_up = {"number": real.number + 1, "legal_basis": Basis.SYNTHETIC, "identity": Basis.SYNTHETIC}
    with pytest.raises(IntegrityError, match="in a sandbox"), transaction.atomic(), acting(SEED):
        ErasureRequest.objects.create(**{name: getattr(real, name) for name in names}, **made_up)
