"""Who asks, who takes away, who confirms; when it goes; and that no tenant is erased before it has its export."""

import hashlib
import io
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from django.db import IntegrityError, connection, transaction

from compliance.erasing import actions as erasing
from compliance.erasing import running
from compliance.erasing.models import ErasureRequest
from compliance.verifiers.exports import Exports
from compliance.verifiers.looking import Question
from lifecycle.exports import actions, schedule
from lifecycle.exports.engine import checking, removing
from lifecycle.exports.guards import none_lies_around
from lifecycle.exports.models import Export
from lifecycle.exports.steps import key_in
from lifecycle.exports.subscribers import job_ended
from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres import fences
from portal.access.accounts import SEED
from portal.audit.models import Entry
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.errors import Blocked, Conflict, NotAllowed
from tests.erasing.made import ask as to_erase
from tests.erasing.made import deliver, put
from tests.erasing.test_holds import place as hold

from .conftest import Settled, act, asked, deletion, work

URL = "/api/v1/exports/"
WHOLE: dict[str, Any] = {"kind": "tenant", "legal_basis": "contract", "identity": "party", "reason": "It ends."}


def due(of: Settled) -> ErasureRequest:
    """All of the tenant is to go: its time has come."""
    return put(to_erase(of.tenant, **WHOLE), "scheduled", scheduled_for="2026-01-01T00:00:00+00:00")


def acts(of: Export) -> list[str]:
    rows = Entry.objects.filter(object_id=str(of.pk), op="A", verb__startswith="export.").order_by("id")
    return list(rows.values_list("verb", flat=True))


def test_from_the_request_to_the_receipt_over_http(notes: Settled, api: Any) -> None:
    meera, farah = api("meera"), api("farah")
    request = due(notes)
    with pytest.raises(Conflict, match="has not received its export"):
        running.started(request.pk, uuid4(), actor=SEED)
    body = {"tenant_id": str(notes.tenant.pk), "reason": "The contract ends."}
    sent = farah.post(URL, body)
    assert (sent.status_code, sent.json()["state"]) == (201, "making")
    assert farah.post(URL, body).status_code == 409, "one at a time"
    made = Export.objects.get(pk=sent.json()["id"])
    path = f"{URL}{made.pk}/"
    assert meera.get(f"{path}archive/").status_code == 409, "it is not made yet"
    assert work(made.job_id).state == "succeeded"
    made.refresh_from_db()
    receipt = {"digest": made.digest, "reason": "It is in our hands."}
    assert meera.post(f"{path}receipt/", receipt).status_code == 409, "nobody has it yet"
    assert farah.get(f"{path}archive/").status_code == 403, "who had it copied does not leave with it alone"
    assert api("kiran").get(f"{path}archive/").status_code == 403
    assert api("arjun").get(path).status_code == 404, "of another unit"
    taken = meera.get(f"{path}archive/")
    assert (taken.status_code, taken["Content-Type"]) == (200, "application/zip")
    with ZipFile(io.BytesIO(b"".join(taken.streaming_content))) as archive:
        digest = hashlib.sha256(archive.read("manifest.json")).hexdigest()
    assert meera.post(f"{path}receipt/", {**receipt, "digest": "0" * 64}).status_code == 422
    assert meera.post(f"{path}receipt/", {**receipt, "digest": digest}).status_code == 200
    made.refresh_from_db()
    request.refresh_from_db()
    assert made.state == "deleting" and request.export_settled == "received" and digest in request.export_settled_how
    assert meera.get(f"{path}archive/").status_code == 409
    assert work(deletion(made).pk).state == "succeeded"
    made.refresh_from_db()
    assert made.state == "deleted" and removing.left(notes.place(made)) == 0
    wanted = ["asked", "verified", "downloaded", "received", "ended", "deleted"]
    assert acts(made) == [f"export.{one}" for one in wanted]
    assert running.started(request.pk, uuid4(), actor=SEED).state == "executing"


BAD: list[tuple[dict[str, Any], int]] = [
    ({"tenant_id": "no"}, 422),
    ({"tenant_id": str(uuid4())}, 404),
    ({"reason": ""}, 422),
    ({"reason": None}, 422),
    ({"priority": 1}, 422),
]


def test_bad_input_changes_nothing(notes: Settled, api: Any) -> None:
    farah = api("farah")
    for more, status in BAD:
        answer = farah.post(URL, {"tenant_id": str(notes.tenant.pk), "reason": "It ends.", **more})
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    for path in ("?state=nosuch", "?who=me", f"{uuid4()}/", "EX-0001/"):
        assert 400 <= farah.get(URL + path).status_code < 500, path
    body = {"tenant_id": str(notes.tenant.pk), "reason": "It ends."}
    assert [api(who).post(URL, body).status_code for who in ("kiran", "priya", "arjun")] == [403, 403, 404]
    assert not Export.objects.exists()


def test_a_waiver_by_who_is_entitled_stands_for_it(notes: Settled, api: Any) -> None:
    request = due(notes)
    path, why = f"/api/v1/erasure-requests/{request.pk}/export-waiver/", {"reason": "They keep their own copy."}
    assert [api(who).post(path, why).status_code for who in ("farah", "kiran")] == [403, 403]
    with pytest.raises(IntegrityError, match="erasure_export_first"), transaction.atomic():
        ErasureRequest.objects.filter(pk=request.pk).update(state="executing", started_at=now())
    with pytest.raises(IntegrityError, match="no export of this tenant was received"), transaction.atomic():
        said = {"export_settled": "received", "export_settled_how": "x", "export_settled_at": now()}
        ErasureRequest.objects.filter(pk=request.pk).update(**said)
    assert api("thomas").post(path, {"reason": ""}).status_code == 422
    assert api("thomas").post(path, why).json()["export_settled"] == "waived"
    assert api("thomas").post(path, why).status_code == 409
    assert running.started(request.pk, uuid4(), actor=SEED).state == "executing"
    with pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic():
        ErasureRequest.objects.filter(pk=request.pk).update(export_settled_how="something else")
    person = put(to_erase(notes.tenant, user_id=uuid4()), "scheduled", scheduled_for="2026-01-01T00:00:00+00:00")
    assert running.started(person.pk, uuid4(), actor=SEED).state == "executing", "a person has nothing to wait for"


def test_what_was_asked_for_before_exports_existed_keeps_working(notes: Settled) -> None:
    request = due(notes)
    with connection.cursor() as cursor:
        cursor.execute(import_module("compliance.erasing.migrations.0003_export_first").BEFORE)
    request.refresh_from_db()
    assert request.export_settled == "before" and not request.awaits_export
    assert running.started(request.pk, uuid4(), actor=SEED).state == "executing"


def test_what_lies_around_blocks_a_certificate_and_is_seen_by_other_eyes(notes: Settled) -> None:
    made = notes.made("meera")
    question = Question(notes.region, notes.tenant.pk, notes.tenant.name, "person", uuid4(), user_id=uuid4())
    seen = Exports().look(question)
    assert seen.is_checked and seen.found == len(notes.zip(made).namelist())
    beside = Question(notes.region, uuid4(), "nobody-here", "tenant", uuid4())
    assert Exports().look(beside).found == 0
    request = put(to_erase(notes.tenant, user_id=uuid4()), "verifying", certificate_id=uuid4())
    with pytest.raises(Blocked, match="lies around"):
        none_lies_around("certificate.issue", request)
    with pytest.raises(IntegrityError, match="lies around"), transaction.atomic():
        ErasureRequest.objects.filter(pk=request.pk).update(state="completed", is_final=True)
    assert actions.end_all(notes.tenant.pk, "ER-0001 begins", actor=SEED) == [made]
    assert work(deletion(made).pk).state == "succeeded"
    assert actions.end_all(notes.tenant.pk, "ER-0001 begins", actor=SEED) == []
    none_lies_around("certificate.issue", request)
    assert Exports().look(question).found == 0


def test_under_a_hold_it_is_made_and_nothing_of_it_goes(notes: Settled) -> None:
    hold(notes.tenant)
    fences.set_hold(notes.region, notes.tenant.pk, True, 1)
    made = notes.made("meera")
    assert made.state == "ready"
    with pytest.raises(Blocked):
        actions.withdraw(made.pk, actor=act("farah"), reason="Not needed.")
    Export.objects.filter(pk=made.pk).update(expires_at=now() - timedelta(days=1))
    schedule.tick()
    made.refresh_from_db()
    assert made.state == "ready" and not Job.objects.filter(kind="export.delete").exists()
    with pytest.raises(IntegrityError, match="retained under law"), transaction.atomic():
        Export.objects.filter(pk=made.pk).update(state="deleting")
    with pytest.raises(Exception, match="legal hold"):
        removing.remove(notes.place(made), lambda key: False, lambda: None)
    assert removing.left(notes.place(made)) == len(notes.zip(made).namelist()) + 1, (
        "the list of originals stays as well"
    )


def test_it_goes_when_its_time_is_over_or_it_has_failed(notes: Settled) -> None:
    made = notes.made("meera")
    Export.objects.filter(pk=made.pk).update(expires_at=now() - timedelta(days=1))
    with pytest.raises(Conflict, match="Its time is over"):
        actions.hand_out(made.pk, actor=act("meera"))
    failed = asked(notes.tenant)
    jobs.cancel_job(failed.job_id, actor=SEED, reason="not now")
    job_ended({"job_id": str(failed.job_id)})
    schedule.tick()
    for one in (made, failed):
        one.refresh_from_db()
        assert one.state == "deleting"
        assert work(deletion(one).pk).state == "succeeded"
        one.refresh_from_db()
        assert one.state == "deleted" and removing.left(notes.place(one)) == 0
    assert made.gone_because == "it expired" and "It was cancelled" in failed.gone_because
    with pytest.raises(IntegrityError, match="never removed"), transaction.atomic():
        failed.delete()


def test_a_byte_that_changed_in_the_store_is_found_before_it_is_called_ready(notes: Settled) -> None:
    made = notes.made("meera")
    place, manifest = notes.place(made), made.found
    key_of = key_in(place, made.places)
    wanted = notes.zip(made).read("manifest.json")
    told = checking.check(place.s3, place.bucket, key_of, wanted, lambda: None)
    checking.compare(told, manifest, manifest["rows"])
    with pytest.raises(Permanent, match="rows where 7 were counted"):
        checking.compare(told, manifest, {**manifest["rows"], "documents": 7})
    for path in ("rows/documents.jsonl", "objects/index.jsonl", "README.txt", "files.jsonl"):
        whole = b"".join(place.s3.get_object(Bucket=place.bucket, Key=key_of(path))["Body"].iter_chunks())
        changed = whole[:-4] + bytes([whole[-4] ^ 1]) + whole[-3:]
        place.s3.put_object(Bucket=place.bucket, Key=key_of(path), Body=changed)
        with pytest.raises(Permanent, match="is not what"):
            checking.check(place.s3, place.bucket, key_of, wanted, lambda: None)
        place.s3.put_object(Bucket=place.bucket, Key=key_of(path), Body=whole)


def test_an_export_received_shortly_before_counts_and_an_old_one_does_not(notes: Settled) -> None:
    made = notes.made("meera")
    actions.hand_out(made.pk, actor=act("meera"))
    with pytest.raises(NotAllowed):
        actions.confirm(made.pk, made.digest, actor=act("kiran"), reason="It is here.")
    actions.confirm(made.pk, made.digest, actor=act("meera"), reason="It is here.")
    deliver()
    request = to_erase(notes.tenant, **WHOLE)
    deliver()
    request.refresh_from_db()
    assert request.export_settled == "received"
    erasing.cancel(request.pk, actor=act("farah"), reason="Not yet.")
    Export.objects.filter(pk=made.pk).update(as_of=now() - timedelta(days=31))
    later = to_erase(notes.tenant, **WHOLE)
    deliver()
    later.refresh_from_db()
    assert later.awaits_export
