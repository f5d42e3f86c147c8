"""A law keeps one table of a region's rows: it stays, counted apart, all else goes, and the certificate says so."""

import subprocess
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from bailiwick_verify.__main__ import main
from django.test import Client

from compliance.certificates import downloads
from compliance.certificates.models import Certificate
from compliance.erasing import rules
from compliance.erasing.models import ErasureRequest, Obligation, RetentionRule
from compliance.inventory.actions import next_version
from compliance.inventory.models import System
from compliance.rechecks import actions as rechecks
from compliance.rechecks.asking import ask as recheck
from compliance.rechecks.asking import connected
from compliance.supplements.checking import check
from portal.approvals.models import Case
from portal.embedded.stack import Stack
from portal.jobs import actions, runner
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.errors import Invalid
from tenants.models import Tenant
from tests.admin.world import person
from tests.erasing.made import act, ask, scheduled

from .conftest import REGION, World
from .test_holds import place, release, work
from .test_kills import begun
from .test_proved import files

pytestmark = pytest.mark.django_db(transaction=True)
ROWS, LOGS = f"postgres-{REGION}", f"logs-{REGION}"
RULE: dict[str, Any] = {
    "title": "Questions, one year", "statute": "DPDP Rules 2025, rule 8(3)", "category": "questions",
    "system": "postgres", "part": "query_history", "days": 365, "ground": "What was asked, kept one year",
    "review_on": date(2027, 5, 1),
}  # fmt: skip
ASKED = "SELECT id FROM rag.query_history WHERE tenant_id = %s AND user_id = %s ORDER BY id"
LATE = (
    "INSERT INTO rag.sessions (tenant_id, id, user_id, token_sha256, expires_at)"
    " VALUES (%s, gen_random_uuid(), %s, 'late', now())"
)
USERS = "SELECT id FROM rag.users WHERE tenant_id = %s ORDER BY id"


@pytest.fixture
def kept(world: World) -> list[Any]:
    """The questions of the person who is to go; a rule keeps them."""
    rules.add_rule("RET-ASKED", actor=act("farah"), reason="The rule asks for it.", **RULE)
    return world.settled.ask(ASKED, world.settled.id, world.settled.ann)


def left(world: World) -> tuple[list[Any], list[Any]]:
    made = world.settled
    return made.ask(ASKED, made.id, made.ann), made.ask(USERS, made.id)


def sound(world: World, request: ErasureRequest, kept: list[Any]) -> Certificate:
    """What is kept is there with the account that it names, what is not is gone, and the paper says both."""
    made = world.settled
    request.refresh_from_db()
    assert (request.state, request.is_final) == ("completed", False), request.reasons
    assert left(world) == (kept, sorted([made.ann, made.bob], key=str))
    counts = made.counts()
    assert counts["query_history"] == 6 and counts["documents"] == 10 and counts["sessions"] == 1
    [certificate] = Certificate.objects.all()
    core = certificate.certified
    rows = next(one for one in core.erasure.systems if one.name == ROWS)
    run = request.systems.get(system="postgres")
    assert (core.type, certificate.state, rows.outcome) == ("partial", "issued", "retained")
    assert run.kept == len(kept) + 1 and run.residual == 0
    assert f"rag.query_history {len(kept)}, rag.users 1" in rows.method and "query_history until" in rows.limits
    assert rows.residual == 0 and rows.targeted == rows.acknowledged == rows.absent_after == run.targeted > 0
    assert rows.manifest and rows.manifest.leaves == rows.targeted
    grounds = {one.system: (one.category, one.ground) for one in core.erasure.exemptions if one.system != "portal"}
    assert grounds[ROWS] == ("questions", f"query_history: {RULE['ground']}") and rows.until
    entries = {one.word: {said["name"]: said for said in one.systems} for one in request.entries.all()}
    assert [one["part"] for one in entries["begun"][ROWS]["kept_parts"]] == ["query_history"]
    assert (entries["concluded"][ROWS]["outcome"], entries["concluded"][ROWS]["kept"]) == ("retained", run.kept)
    return certificate


def test_the_rest_goes_and_what_is_kept_is_said(
    world: World, kept: list[Any], client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = world.seen()
    request = world.due()
    work(world)
    certificate = sound(world, request, kept)
    assert world.seen() == beside
    core = certificate.certified.erasure
    logs = next(one for one in core.systems if one.name == LOGS)
    assert logs.outcome == "retained", "its ids lead to the account that is kept: nobody may call it anonymised"
    until = next(one.until for one in core.systems if one.name == ROWS)
    owed = Obligation.objects.filter(request=request, system=ROWS, owed__startswith="query_history is kept by law")
    assert [one.due_on.isoformat() for one in owed] == [until]
    client.force_login(person("farah"))
    page = client.get(f"/erasures/{request.pk}/").content.decode()
    assert f"{len(kept) + 1} kept by law" in page and RULE["ground"] in page
    verified(certificate, client, tmp_path, capsys)


def verified(
    certificate: Certificate,
    client: Client,
    at: Path,
    capsys: pytest.CaptureFixture[str],
    system: str = ROWS,
    ground: str = f"query_history: {RULE['ground']}",
) -> None:
    """A stranger's verifier agrees, and both it and the paper say what is kept and why."""
    assert main(files(certificate, client, at)[:-2]) == 0, capsys.readouterr()
    (at / "certificate.pdf").write_bytes(downloads.answer(certificate, "pdf").content)
    out = capsys.readouterr().out
    assert f"{system}: {ground}" in out and f"{system}: {ground.partition(':')[0]} is kept by law" in out
    read = ["pdftotext", "-layout", str(at / "certificate.pdf"), "-"]
    paper = " ".join(subprocess.run(read, capture_output=True, text=True, check=True).stdout.split())
    assert ground[:24] in paper and "Kept because a law says so" in paper


def by_hand(own: tuple[Stack, object], statement: str, *about: Any) -> None:
    """Past every guard, as the superuser."""
    with psycopg.connect(**own[0].superuser_kwargs(REGION), autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        db.execute(statement, about)  # type: ignore[arg-type]


def test_of_a_person_it_is_asked_again_what_lies_beside_it(
    world: World, kept: list[Any], own: tuple[Stack, object]
) -> None:
    request, made = world.due(), world.settled
    work(world)
    certificate = sound(world, request, kept)
    row, core = next(one for one in connected() if one.name == ROWS), certificate.certified
    said = recheck(row, core, request)
    assert (said.found, said.is_asked, said.proven) == (0, True, True), "what is kept is not taken for what came back"

    more = "INSERT INTO rag.query_history (tenant_id, id, user_id, q, k) VALUES (%s, %s, %s, 'late', 1)"
    by_hand(own, more, made.id, (late := uuid4()), made.ann)
    assert recheck(row, core, request).found == 1, "more than what was kept is not kept by law"
    by_hand(own, "DELETE FROM rag.query_history WHERE id = %s", late)
    by_hand(own, "UPDATE rag.query_history SET tenant_id = %s WHERE id = %s", uuid4(), kept[0])
    blind = recheck(row, core, request)
    assert (blind.found, blind.is_asked) == (None, True)
    assert blind.why == f"A law keeps {len(kept)} in rag.query_history, and {len(kept) - 1} are left."
    by_hand(own, "UPDATE rag.query_history SET tenant_id = %s WHERE id = %s", made.id, kept[0])

    by_hand(own, LATE, made.id, made.ann)
    again = rechecks.begin(certificate.pk, actor=act("farah"), reason="I want to know.")
    runner.run(again.job_id)
    again.refresh_from_db()
    certificate.refresh_from_db()
    assert (again.state, certificate.state) == ("residual", "revoked")
    assert {one["name"]: one["found"] for one in again.systems if one["found"]} == {ROWS: 1}
    assert left(world)[0] == kept

    by_hand(own, "DELETE FROM rag.query_history WHERE user_id = %s", made.ann)
    by_hand(own, "DELETE FROM rag.sessions WHERE user_id = %s", made.ann)
    by_hand(own, "DELETE FROM rag.users WHERE id = %s", made.ann)
    unknown = recheck(row, core, request)
    assert unknown.found is None and "nothing there leads to whom it was about" in unknown.why


def test_of_a_whole_tenant_its_table_stays_and_all_else_goes(
    world: World, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str], own: tuple[Stack, object]
) -> None:
    rules.add_rule("RET-ASKED", actor=act("farah"), reason="The rule asks for it.", **RULE)
    beside, asked = world.seen(), "SELECT id FROM rag.query_history WHERE tenant_id = %s ORDER BY id"
    kept, made = world.settled.ask(asked, world.settled.id), world.settled
    request = scheduled(ask(world.tenant, "farah", kind="tenant", legal_basis="contract", identity="party"))
    [shown] = [one for one in Case.objects.get(pk=request.case_id).snapshot["exemptions"] if one["part"]]
    assert (shown["system"], shown["part"]) == (ROWS, "query_history"), "as the signers saw it"
    work(world)
    request.refresh_from_db()
    assert (request.state, request.is_final) == ("completed", False), (request.reasons, world.jobs()[-1].error)
    assert made.counts() == {"query_history": 6, "users": 2} and made.ask(asked, made.id) == kept
    assert Tenant.objects.get(pk=world.tenant.pk).status == "deleted" and world.seen() == beside
    certificate = Certificate.objects.get()
    systems = {one.name: one for one in certificate.certified.erasure.systems}
    assert certificate.certified.type == "partial" and systems[f"objects-{REGION}"].outcome == "erased"
    assert systems["backups"].outcome == "retained", "the key stays as long as what it may have to read"
    verified(certificate, client, tmp_path, capsys)

    row, core = next(one for one in connected() if one.name == ROWS), certificate.certified
    assert recheck(row, core, request).found == 0, "what is kept is not taken for what came back"
    with psycopg.connect(**own[0].superuser_kwargs(REGION), autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        db.execute(LATE, (made.id, made.ann))
        assert recheck(row, core, request).found == 1
        db.execute("DELETE FROM rag.sessions WHERE tenant_id = %s", [made.id])

    beneath = Obligation.objects.get(request=request, system=ROWS, part="")
    beneath.due_on = now().date() - timedelta(days=1)
    assert "Nobody has said" in check(beneath, systems[ROWS]).why
    beneath.state = "lapsed"
    found = check(beneath, systems[ROWS])
    assert (found.outcome, found.until) == ("retained", systems[ROWS].until), "what is kept above it is kept as before"

    owed = Obligation.objects.get(request=request, system=ROWS, owed__startswith="query_history")
    owed.due_on = now().date() - timedelta(days=1)
    assert "8 are still there" in check(owed, systems[ROWS]).why, "no supplement says that it is gone while it is there"
    with psycopg.connect(**own[0].superuser_kwargs(REGION), autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        for table in ("query_history", "users"):
            db.execute(f"DELETE FROM rag.{table} WHERE tenant_id = %s", [made.id])  # type: ignore[arg-type]
    assert check(owed, systems[ROWS]).outcome == "erased"


def test_a_hold_in_the_middle_changes_nothing_of_it(world: World, kept: list[Any]) -> None:
    request, job = begun(world)
    world.worker.run(job, {"delete": (4, "after", "SIGKILL")})
    hold = place(world)
    request.refresh_from_db()
    assert request.state == "legal_hold_blocked" and left(world)[0] == kept
    release(world, hold)
    work(world)
    sound(world, request, kept)


def deleted(world: World) -> ErasureRequest:
    """An erasure whose worker dies each time that all has gone and settled, until that is on record."""
    request, job = begun(world)
    until_settled(world, job)
    return request


def until_settled(world: World, job: Job) -> None:
    while not job.steps.filter(name="settle", state="succeeded").exists():
        world.worker.run(job, {"settle": (0, "after", "SIGKILL")})
        world.news()
        actions.wake(job.pk)


def test_what_was_to_be_kept_and_is_gone_is_never_certified(
    world: World, kept: list[Any], own: tuple[Stack, object]
) -> None:
    request = deleted(world)
    with psycopg.connect(**own[0].superuser_kwargs(REGION), autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        db.execute("DELETE FROM rag.query_history WHERE tenant_id = %s AND id = %s", (world.settled.id, kept[0]))
    work(world)
    request.refresh_from_db()
    said = f"{ROWS}: a law keeps {len(kept)} in rag.query_history, and {len(kept) - 1} are left"
    assert (request.state, request.reasons) == ("not_certifiable", [said]) and not Certificate.objects.exists()


def test_a_row_outside_of_what_is_kept_is_found(world: World, kept: list[Any], own: tuple[Stack, object]) -> None:
    """A session that is written past the fence once all is listed: kept rows beside it explain nothing."""
    request = deleted(world)
    with psycopg.connect(**own[0].superuser_kwargs(REGION), autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        db.execute(LATE, (world.settled.id, world.settled.ann))
    work(world)
    request.refresh_from_db()
    assert (request.state, request.reasons) == ("not_certifiable", [f"{ROWS}: 1 are still there"])
    assert left(world)[0] == kept and not Certificate.objects.exists()


def test_where_nothing_of_it_lies_the_certificate_is_final(world: World) -> None:
    rules.add_rule("RET-BUDGETS", actor=act("farah"), reason="Asked for.", **{**RULE, "part": "budgets"})
    request = world.due()
    work(world)
    request.refresh_from_db()
    assert (request.state, request.is_final) == ("completed", True), request.reasons
    assert not [one for one in Certificate.objects.get().certified.erasure.exemptions if one.system == ROWS]


def test_a_table_that_is_not_there_any_more_keeps_anything_from_going(world: World) -> None:
    """The inventory still lists it, and the store has it no more."""
    _list(world, "rag.ledgers")
    rules.add_rule("RET-NOWHERE", actor=act("farah"), reason="Asked for.", **{**RULE, "part": "ledgers"})
    before, request = world.settled.seen(), world.due()
    work(world)
    request.refresh_from_db()
    assert request.state == "not_certifiable" and "rag.ledgers, which a rule of retention keeps" in request.reasons[0]
    assert world.settled.seen() == before


def _list(world: World, table: str) -> None:
    rows = System.objects.get(name=ROWS)
    rows.containers = {**rows.containers, "table": [*rows.containers["table"], table]}
    rows.save()
    next_version()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"part": ""}, "system"),
        ({"part": "chunk_vectors"}, "part"),
        ({"part": "ledgers"}, "part"),
        ({"part": "users; DROP TABLE rag.users"}, "part"),
        ({"part": "a@b.example"}, "part"),
        ({"system": ""}, "system"),
        ({"system": "postgres-nowhere"}, "system"),
        ({"system": "cache", "part": "sessions"}, "part"),
        ({"system": "portal"}, "part"),
    ],
)
def test_what_cannot_be_kept_is_not_said_to_be(world: World, more: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.add_rule("RET-WHOLE", actor=act("farah"), reason="Asked for.", **{**RULE, **more})
    assert list(refused.value.fields) == [field]
    assert not RetentionRule.objects.filter(pk="RET-WHOLE").exists()
