"""What an auditor takes away over REST proves itself without the portal: receipts, checkpoints, consistency, export."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from bailiwick_proof.checkpoint import open_checkpoint
from bailiwick_proof.merkle import leaf_hash, root, verify_consistency
from bailiwick_proof.policy import Policy
from bailiwick_proof.receipt import Receipt
from bailiwick_verify import ledger
from django.core.management import call_command
from django.db import connection

from portal.access.actor import Actor
from portal.access.models import Grant, User
from portal.audit import schedule
from portal.audit.actions import record
from portal.audit.health import RECENT, SEALERS, Health
from portal.audit.models import Checkpoint, Entry, LedgerFinding
from portal.audit.sealing.export import members
from portal.jobs.outbox import deliver_due
from portal.notify.models import Delivery, Notice
from tests.audit.conftest import Ledger
from tests.sealing import account, seal_here

pytestmark = pytest.mark.django_db
URL = "/api/v1/audit/"
NOTE = "INSERT INTO ledger.finding (kind, ok, checked, details) VALUES (%s, %s, 0, %s)"


def act(reason: str = "because") -> int:
    return record("test.act", User.objects.first(), actor=Actor.system("test"), reason=reason)


def note(kind: str, ok: bool, details: str = "{}") -> None:
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [kind, ok, details])


@pytest.fixture
def auditor(api: Any) -> Any:
    return api("oliver")


def trust(auditor: Any) -> Policy:
    return Policy.parse(auditor.get(f"{URL}policy/").content)


def test_a_receipt_verifies_under_the_policy_that_was_downloaded(auditor: Any) -> None:
    entry = act()
    assert auditor.get(f"{URL}entries/{entry}/receipt/").status_code == 409
    seal_here()
    Receipt.parse(auditor.get(f"{URL}entries/{entry}/receipt/").content).verify(trust(auditor))


def test_a_later_ledger_begins_with_the_earlier_one(auditor: Any) -> None:
    assert auditor.get(f"{URL}checkpoints/latest/").status_code == 404
    act()
    seal_here()
    note = auditor.get(f"{URL}checkpoints/latest/", headers={"accept": "text/plain"}).content
    new = open_checkpoint(note, trust(auditor)).checkpoint
    begun = root(leaf_hash(body.encode()) for body in Entry.objects.order_by("id").values_list("body", flat=True)[:3])
    told = auditor.get(f"{URL}consistency/", {"from": 3, "to": new.size}).json()
    verify_consistency(3, new.size, [bytes.fromhex(one) for one in told["proof"]], begun, new.root)
    assert auditor.get(f"{URL}consistency/").json()["to_root"] == new.root.hex()
    refused = {(4, 3): 422, (0, new.size + 1): 404, ("x", 3): 422, (-1, 3): 422}
    for (old, end), status in refused.items():
        assert auditor.get(f"{URL}consistency/", {"from": old, "to": end}).status_code == status, (old, end)
    assert auditor.get(f"{URL}checkpoints/{new.size}/").json()["root"] == new.root.hex()


def test_the_export_is_verified_by_somebody_without_the_portal(auditor: Any, tmp_path: Path, settings: Any) -> None:
    for _ in range(3):
        act()
    seal_here()
    trusted = tmp_path / "policy.json"
    trusted.write_bytes(auditor.get(f"{URL}policy/").content)
    settings.LEDGER = settings.LEDGER | {"policy": str(trusted)}
    newest = Checkpoint.objects.order_by("-size").first()
    bucket = newest.place.removeprefix("s3://").partition("/")[0]
    settings.LEDGER |= {"bucket": bucket, "witness": settings.LEDGER["witness"] / bucket, **account()}
    answer = auditor.get(f"{URL}export/")
    with tarfile.open(fileobj=io.BytesIO(b"".join(answer.streaming_content))) as packed:
        packed.extractall(tmp_path)
    report = ledger.verify(tmp_path / "ledger", ledger.read_policy(tmp_path / "policy.json"))
    assert report.ok, report.text()
    body = (tmp_path / "ledger" / "entries" / f"{0:012d}.jsonl").read_bytes()
    (tmp_path / "ledger" / "entries" / f"{0:012d}.jsonl").write_bytes(body.replace(b"because", b"otherwise", 1))
    assert not ledger.verify(tmp_path / "ledger", ledger.read_policy(tmp_path / "policy.json")).ok


def test_filters_and_walking_on(auditor: Any) -> None:
    entries = [act(str(number)) for number in range(3)]
    asked = {"family": "test", "since": "2020-01-01T00:00:00Z", "op": "A"}
    rows = auditor.get(f"{URL}entries/", asked).json()["results"]
    assert [row["id"] for row in rows] == entries[::-1]
    older = auditor.get(f"{URL}entries/", asked | {"before": entries[1]}).json()["results"]
    assert [row["id"] for row in older] == entries[:1]
    assert auditor.get(f"{URL}entries/", {"before": "x"}).status_code == 422


def test_the_whole_is_for_who_may_read_the_whole(api: Any, auditor: Any) -> None:
    for path in ("entries", "checkpoints", "checkpoints/latest", "consistency", "policy", "findings", "export"):
        assert api("nadia").get(f"{URL}{path}/").status_code == 403, path
    Grant.objects.filter(user__username="oliver").delete()
    oliver = User.objects.get(username="oliver")
    Grant.objects.create(user=oliver, role="auditor", scope_type="business_unit", scope_id="FIN", granted_by="x")
    assert [api("oliver").get(f"{URL}{path}/").status_code for path in ("findings", "export")] == [403, 403]


def test_a_fault_is_told_once_in_two_ways_and_so_is_its_end(auditor: Any) -> None:
    well = Health(3, 0, 0.0, 0.0, 1, [])
    late = Health(3, 5, 42.0, 0.0, 1, [LedgerFinding(kind="copies", ok=False, details={"wrong": []})])
    for state in (well, late, late, well, well):
        schedule.tell(state)
    assert list(Entry.objects.filter(verb__startswith="ledger.").order_by("id").values_list("verb", flat=True)) == [
        "ledger.alarm",
        "ledger.all_clear",
    ]
    deliver_due()
    for event, severity in (("ledger.alarm", "critical"), ("ledger.all_clear", "info")):
        told = Notice.objects.filter(event=event)
        names = {one.user.username for one in told.select_related("user")}
        assert {"oliver", "farah", "priya"} == names and {one.severity for one in told} == {severity}
    assert Delivery.objects.filter(event="ledger.alarm").exists(), "the inbox is one way, this is the other"


def test_a_sealer_that_restarts_is_no_news(auditor: Any) -> None:
    schedule.tick()
    assert schedule.told() == set(), "it may be back at the next look"
    schedule.tick()
    assert schedule.told() == {"sealer"}


def test_what_is_wrong_is_said_in_words_and_found_in_the_metrics(auditor: Any, client: Any) -> None:
    note(
        "replay",
        False,
        '{"differences": [{"table": "tenants_tier", "object": "gold", "kind": "a change without an entry"}]}',
    )
    note("copies", True)
    shown = auditor.get("/integrity/").content.decode()
    assert "tenants_tier gold, a change without an entry" in shown and 'role="alert"' in shown
    assert "The ledger needs a look" in auditor.get("/").content.decode()
    scraped = client.get("/metrics").content.decode()
    assert 'ledger_last_check_ok{kind="replay"} 0.0' in scraped and 'ledger_last_check_ok{kind="copies"} 1.0' in scraped
    assert auditor.get(f"{URL}findings/", {"ok": "false"}).json()["results"][0]["kind"] == "replay"


def test_troubles_name_who_is_late(db: None) -> None:
    kinds = [one.kind for one in Health(1, 1, 11.0, 12.0, 0, []).troubles()]
    assert kinds == ["sealer", "seal_lag", "anchor_lag"]
    assert Health(1, 1, 9.0, 9.0, 1, []).troubles() == []


def test_a_month_is_not_retired_without_a_guard_for_holds(api: Any, auditor: Any) -> None:
    page = auditor.get("/retention/").content.decode()
    assert "2,557" in page and "entry_rest" in page
    month = page.partition("entry_20")[2][:5]
    asked = {"month": f"entry_20{month}", "reason": "seven years have passed"}
    blocked = api("priya").post("/retention/retire/", asked, format="multipart")
    assert blocked.status_code == 423 and "No rule says" in blocked.content.decode()
    assert auditor.post("/retention/retire/", asked, format="multipart").status_code == 403
    assert not Entry.objects.filter(verb="ledger.retire").exists()


def test_the_policy_is_printed(auditor: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ledger", "policy")
    assert Policy.parse(capsys.readouterr().out) == trust(auditor)


def test_the_application_may_see_how_the_ledger_is(ledger: Ledger) -> None:
    """As its own role, not as the migrator that tests connect as."""
    app, sealer = ledger.connect("app"), ledger.connect("sealer")
    assert app.execute(SEALERS).fetchone() == (0,)
    sealer.execute("SET application_name = 'bailiwick-sealer'")
    assert app.execute(SEALERS).fetchone() == (1,)
    ledger.write(3)
    ledger.seal()
    ledger.write(3)
    ledger.seal()
    [(sealed, anchored)] = app.execute(RECENT, [2]).fetchall()
    assert 0 <= sealed <= anchored
    names = [name for (name,) in app.execute("SELECT name FROM audit.partition WHERE until IS NOT NULL").fetchall()]
    assert len(names) == 4 and all(name.startswith("entry_2") for name in names)
    files = dict(members(lambda query, values: app.execute(query, values).fetchall(), ledger.to, ledger.witness))
    assert files["checkpoint"] and files["entries/000000000000.jsonl"].count(b"\n") == ledger.one(
        "SELECT size FROM ledger.horizon"
    )
