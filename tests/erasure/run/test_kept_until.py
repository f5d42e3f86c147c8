"""The day of what a law kept comes: nothing goes by itself; asked for and signed by two, that part alone goes."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bailiwick_verify.__main__ import main
from django.db import IntegrityError
from django.test import Client

from compliance.certificates.models import Certificate
from compliance.erasing import actions as erasing
from compliance.erasing import rules, schedule
from compliance.erasing.models import ErasureLedger, ErasureRequest, Obligation
from compliance.rechecks.asking import ask as recheck
from compliance.rechecks.asking import connected
from compliance.supplements import schedule as supplements
from portal.approvals.models import Case
from portal.embedded.stack import Stack
from portal.lib.clock import now
from portal.lib.errors import Blocked, Conflict, NotAllowed
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.admin.world import person
from tests.erasing.made import act, ask, scheduled
from tests.suspension.conftest import deliver

from .conftest import World
from .test_holds import place, release, work
from .test_kept import ASKED, LATE, LOGS, ROWS, RULE, by_hand, kept, left
from .test_kept_objects import OBJECTS, PART, there
from .test_kept_objects import RULE as INVOICES
from .test_kept_objects import kept as invoices
from .test_proved import files

__all__ = ["invoices", "kept"]
pytestmark = pytest.mark.django_db(transaction=True)


def is_over(code: str = "RET-ASKED") -> None:
    """The law says that it need not be kept any longer."""
    rules.edit_rule(code, actor=act("farah"), reason="It was repealed.", is_active=False)


def owed(request: ErasureRequest, system: str = ROWS, *, days: int = 0, **which: str) -> Obligation:
    """What it owes of the part, on its day; the certificate that says so is that much older, too."""
    found = Obligation.objects.get(request=request, system=system, state="open", **(which or {"part__gt": ""}))
    Obligation.objects.filter(pk=found.pk).update(due_on=now().date() - timedelta(days=days))
    found.refresh_from_db()
    return found


def asked_for(found: Obligation) -> ErasureRequest:
    made = erasing.erase_part(found.pk, actor=act("farah"), reason="Its day has come.")
    return scheduled(made)


def settled(world: World, request: ErasureRequest) -> Certificate:
    """Worked off: one supplement more, which the request and what was owed both rest on."""
    work(world)
    request.refresh_from_db()
    assert request.state == "completed", (request.reasons, world.jobs()[-1].error)
    certificate = Certificate.objects.latest("serial")
    assert (certificate.type, certificate.state, certificate.pk) == ("supplement", "issued", request.certificate_id)
    request.settles.refresh_from_db()  # type: ignore[union-attr]
    assert request.settles.state == "lapsed" and str(request) in request.settles.settled_how  # type: ignore[union-attr]
    return certificate


def verifies(certificate: Certificate, client: Client, at: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(files(certificate, client, at)[:-2]) == 0, capsys.readouterr()
    return capsys.readouterr().out


def test_of_a_person_its_day_tells_people_and_two_have_it_erased(
    world: World, kept: list[Any], client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, made = world.due(), world.settled
    work(world)
    root, beside = Certificate.objects.get(), world.seen()
    found = Obligation.objects.get(request=first, system=ROWS, part="query_history")
    with pytest.raises(Blocked, match="A law keeps it until"):
        erasing.erase_part(found.pk, actor=act("farah"), reason="It is in the way.")
    found = owed(first)
    schedule.tick()
    deliver()
    told = Notice.objects.filter(key__startswith=f"erasure.obligation:{found.pk}:0", title__contains="two others")
    assert told.exists() and left(world)[0] == kept, "people are told, and nothing goes by that"
    with pytest.raises(Blocked, match="RET-ASKED keeps query_history"):
        erasing.erase_part(found.pk, actor=act("farah"), reason="Its day has come.")
    is_over()
    with pytest.raises(NotAllowed):
        erasing.erase_part(found.pk, actor=act("meera"), reason="Its day has come.")

    client.force_login(person("farah"))
    assert "Have it erased" in client.get(f"/obligations/{found.pk}/").content.decode()
    request = asked_for(found)
    case = Case.objects.get(pk=request.case_id)
    assert "what a law kept of one person" in case.title and [one["found"] for one in case.snapshot["systems"]] == [4]
    with pytest.raises(Conflict, match="asks for the same"):
        erasing.erase_part(found.pk, actor=act("farah"), reason="Once more.")
    supplement = settled(world, request)

    assert left(world) == ([], [made.bob]) and world.seen() == beside
    assert made.counts()["query_history"] == 3, "the other person's"
    core = supplement.certified
    systems = {one.name: one for one in core.erasure.systems}
    rows, logs = systems[ROWS], systems[LOGS]
    assert (rows.outcome, rows.targeted, rows.absent_after, rows.residual) == (
        "erased",
        len(kept) + 1,
        len(kept) + 1,
        0,
    )
    assert rows.manifest and rows.manifest.leaves == len(kept) + 1 and rows.method.startswith("Of query_history alone")
    assert (logs.outcome, logs.until) == ("anonymised", None), "what its ids led to is gone"
    assert supplement.follows == root and not [one for one in core.erasure.exemptions if one.system in (ROWS, LOGS)]
    due = {(one.system, one.owed) for one in core.erasure.obligations}
    assert due == set(first.obligations.exclude(state="lapsed").values_list("system", "owed"))
    assert not any(said.startswith("query_history is kept") for _, said in due)
    entry = ErasureLedger.objects.get(request=request, word="concluded")
    assert [(one["name"], one["outcome"]) for one in entry.systems] == [(ROWS, "erased")]
    assert entry.subject == ErasureLedger.objects.filter(request=first).latest("id").subject
    assert not hasattr(ErasureRequest.objects.get(pk=request.pk), "key"), "whom it was about is forgotten once more"
    assert "query_history" in verifies(supplement, client, tmp_path, capsys)
    row = next(one for one in connected() if one.name == ROWS)
    again = recheck(row, core, first)
    assert (again.found, again.is_asked) == (0, True), "from now on all of it is asked again, by hash"
    supplements.tick()
    assert Certificate.objects.filter(type="supplement").count() == 1
    with pytest.raises(Conflict, match="It is settled"):
        erasing.erase_part(found.pk, actor=act("farah"), reason="Once more.")


def test_of_a_tenant_that_is_deleted_by_then(
    world: World, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules.add_rule("RET-ASKED", actor=act("farah"), reason="The rule asks for it.", **RULE)
    beside, made = world.seen(), world.settled
    first = scheduled(ask(world.tenant, "farah", kind="tenant", legal_basis="contract", identity="party"))
    work(world)
    assert made.counts() == {"query_history": 6, "users": 2}
    is_over()
    request = asked_for(owed(first, days=3))
    hold = place(world)
    request.refresh_from_db()
    assert request.state == "legal_hold_blocked" and made.counts() == {"query_history": 6, "users": 2}
    for job in world.jobs()[1:]:  # Terraform's part: this tenant was not provisioned
        job.steps.filter(name="take_down").update(state="succeeded", evidence={})
    release(world, hold)
    supplement = settled(world, request)
    assert sum(made.counts().values()) == 0 and world.seen() == beside
    assert Tenant.objects.get(pk=world.tenant.pk).status == "deleted"
    systems = {one.name: one for one in supplement.certified.erasure.systems}
    assert (systems[ROWS].outcome, systems[ROWS].targeted) == ("erased", 8)
    assert systems["backups"].outcome == "beyond_use", "the key may go now, and is owed until it has"
    owing = first.obligations.exclude(state="lapsed").filter(system="backups")
    assert [str(one.due_on) for one in owing] == [systems["backups"].until]
    client.force_login(person("farah"))
    verifies(supplement, client, tmp_path, capsys)


def test_of_two_parts_one_goes_and_the_other_stays(
    world: World, invoices: list[str], kept: list[Any], api: Any
) -> None:
    first = world.due()
    work(world)
    is_over("RET-TAX")
    found, why = owed(first, OBJECTS), {"reason": "Its day has come."}
    said = api("farah").post(f"/api/v1/obligations/{found.pk}/erasure/", why)
    assert (said.status_code, said.json().get("settles")) == (201, str(found.pk)), said.json()
    request = scheduled(ErasureRequest.objects.get(pk=said.json()["id"]))
    supplement = settled(world, request)
    assert left(world)[0] == kept and there(world) == [f"users/{world.settled.bob}/documents/kept/1"]
    systems = {one.name: one for one in supplement.certified.erasure.systems}
    assert (systems[OBJECTS].outcome, systems[OBJECTS].targeted) == ("erased", len(invoices))
    assert (systems[ROWS].outcome, systems[LOGS].outcome) == ("retained", "retained"), "ids lead to what is kept still"
    assert Obligation.objects.get(request=first, part="query_history").state == "open"
    assert not Obligation.objects.filter(request=first, part=PART).exclude(state="lapsed").exists()
    assert not [one for one in supplement.certified.erasure.exemptions if INVOICES["ground"] in one.ground]


def test_what_came_beside_it_is_not_erased_and_is_found(
    world: World, kept: list[Any], own: tuple[Stack, object]
) -> None:
    first = world.due()
    work(world)
    is_over()
    request = asked_for(owed(first))
    by_hand(own, LATE, world.settled.id, world.settled.ann)
    work(world)
    request.refresh_from_db()
    assert (request.state, request.reasons[0]) == ("not_certifiable", f"{ROWS}: 2 are still there"), request.reasons
    assert world.settled.ask(ASKED, world.settled.id, world.settled.ann) == []
    assert not Certificate.objects.filter(type="supplement").exists()
    assert Obligation.objects.get(request=first, part="query_history").state == "open"
    by_hand(own, "DELETE FROM rag.sessions WHERE user_id = %s", world.settled.ann)
    erasing.retry(request.pk, actor=act("farah"), reason="It is gone.")
    settled(world, request)
    assert left(world) == ([], [world.settled.bob])


def test_the_database_lets_nothing_go_before_its_day(world: World, kept: list[Any]) -> None:
    first = world.due()
    work(world)
    found = Obligation.objects.get(request=first, part="query_history")
    columns = ("tenant_id", "kind", "legal_basis", "justification", "subject", "identifiers", "identity", "authority")
    same = {name: getattr(first, name) for name in (*columns, "requested_by_id", "due_on")}
    with pytest.raises(IntegrityError, match="once its day has come"):
        ErasureRequest.objects.create(number=9999, settles=found, **same)
