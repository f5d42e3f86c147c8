"""From the facts to the certificate: sealed before signed, once, resumable, and only while every guard allows it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from bailiwick_proof.canonical import canonical
from bailiwick_proof.trust import StatusList
from bailiwick_verify import certificate as verifier
from django.db import IntegrityError, connection, transaction

from compliance.certificates import actions, issuing, keys, probing, schedule, store, trusted
from compliance.certificates.models import Certificate, SigningKey
from portal.access.actor import Actor
from portal.audit.context import acting
from portal.jobs import actions as jobs
from portal.jobs import runner
from portal.jobs.models import Job, Step
from portal.lib.errors import Blocked, Conflict
from portal.notify.models import Notice
from tests.compliance.certificates.conftest import ENGINE, deliver, intended, issued
from tests.compliance.certificates.made import ROWS, Finished, finished, with_system
from tests.sealing import seal_here

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOBODY = "http://127.0.0.1:9/tsa"


def forbid(verb: str, obj: Any) -> None:
    raise Blocked("A legal hold was placed.", by="hold")


def due_now(job_id: Any) -> None:
    """What only time would do: a pause over, a dead worker's lease run out."""
    Job.objects.filter(pk=job_id).update(lease_until=LONG_AGO, wake_at=LONG_AGO)


# -- sealed before signed -------------------------------------------------------------------------------------------
def test_nothing_is_signed_before_the_core_is_anchored(done: Finished) -> None:
    row = intended(done)
    deliver()
    row.refresh_from_db()
    assert (row.state, row.job_id, row.signature) == ("intent", None, "")
    with pytest.raises(IntegrityError, match="before it is sealed"), transaction.atomic():
        Certificate.objects.filter(pk=row.pk).update(signature="forged")


def test_the_same_occasion_gives_the_same_certificate(done: Finished) -> None:
    first, again = intended(done), intended(finished())
    assert first.pk == again.pk and Certificate.objects.count() == 1


def test_serials_follow_each_other_and_name_the_one_before(done: Finished) -> None:
    first, second = intended(done), intended(done, key="request-2")
    assert (first.serial, second.serial) == (1, 2)
    assert second.certified.previous == first.core_digest


def test_what_is_not_certifiable_leaves_nothing(done: Finished) -> None:
    bad = replace(done, erasure=with_system(done.erasure, ROWS, residual=1))
    with pytest.raises(issuing.NotToBeCertified, match="still there") as refused:
        intended(bad)
    assert refused.value.extra["objections"] and not Certificate.objects.exists()


@pytest.mark.parametrize(
    "roles",
    [
        {"approvers": ["a" * 64]},  # two persons, and three are needed
        {"approvers": ["a" * 64, "a" * 64]},  # one who signed twice
        {"approvers": []},
        {"executor": "a" * 64, "approvers": ["a" * 64, "b" * 64]},  # software that signed
    ],
)
def test_the_database_counts_persons_and_no_software(done: Finished, roles: dict[str, Any]) -> None:
    """A core that was made by other code than ours, which does not ask who acted."""
    given = Certificate.objects.filter(pk=intended(done).pk).values().get()
    core = json.loads(given["core"])
    core["erasure"]["roles"] |= roles
    text = canonical(core)
    again = {"id": uuid4(), "serial": 2, "key": "forged", "intent": None, "core": text.decode()}
    again["core_digest"] = sha256(text).hexdigest()
    with pytest.raises(IntegrityError, match="fewer different persons"), transaction.atomic():
        Certificate.objects.create(**given | again)


def test_without_a_guard_nothing_is_issued(done: Finished, settings: Any) -> None:
    settings.GUARDS = {}
    found = issued(intended(done))
    assert found.state == "void" and "No rule says" in found.state_reason


def test_a_hold_placed_meanwhile_makes_it_void(done: Finished, settings: Any) -> None:
    row = intended(done)
    settings.GUARDS = {"certificate.issue": [f"{__name__}.forbid"]}
    found = issued(row)
    assert (found.state, found.signature, found.document) == ("void", "", "")


def test_a_verification_that_has_grown_old_is_not_certified() -> None:
    found = issued(intended(finished(datetime.now(UTC) - timedelta(minutes=11))))
    assert found.state == "void" and "older than ten minutes" in found.state_reason


# -- killed, repeated, failing --------------------------------------------------------------------------------------
def test_killed_after_each_step_and_delivered_twice(done: Finished) -> None:
    """Each step is done, its worker dies before anybody writes that down, and another does it again."""
    row = intended(done)
    seal_here()
    deliver()
    row.refresh_from_db()
    job, turn, signatures = row.job_id, runner.claim(row.job_id), set()
    while turn is not None:
        runner.attempt(turn)
        due_now(job)
        turn = runner.claim(job)
        assert turn is not None
        signatures.add(Certificate.objects.get().signature)
        turn = runner.settle(turn, runner.attempt(turn))
    found = Certificate.objects.get()
    assert found.state == "issued" and len(signatures) == 1
    verifier.verify(found.document.encode(), trusted.trust())
    assert Notice.objects.filter(event="certificate.issued").count() <= Notice.objects.values("user").distinct().count()


def test_stamping_is_tried_three_times_then_paged_then_resumed(done: Finished, settings: Any, shipped: None) -> None:
    settings.CERTIFICATES = {**settings.CERTIFICATES, "tsa_url": NOBODY}
    found = issued(intended(done))
    for _ in range(2):
        due_now(found.job_id)
        runner.run(found.job_id)
    deliver()
    assert Step.objects.get(job=found.job_id, name="stamp").failures == 3
    paged = Notice.objects.filter(event="certificate.stuck")
    assert {one.severity for one in paged} == {"critical"} and Certificate.objects.get().state == "issuing"
    settings.CERTIFICATES = {**settings.CERTIFICATES, "tsa_url": ""}
    jobs.resume_job(found.job_id, actor=Actor.system("test"), reason="It answers again.")
    runner.run(found.job_id)
    assert Certificate.objects.get().state == "issued"


def test_evidence_lies_in_the_write_once_store(certificate: Certificate, done: Finished) -> None:
    assert store.keep_evidence(done.files).digest == certificate.archive_digest
    assert store.fetch("certificates", store.keep("certificates", certificate.document.encode())).startswith(b'{"core"')


def test_nothing_that_strangers_are_given_names_the_tenant(certificate: Certificate) -> None:
    assert str(certificate.tenant_id) not in certificate.document
    assert certificate.tenant_id.hex not in certificate.document


def test_the_store_is_tried_and_a_bucket_without_a_lock_is_found_out(settings: Any, db: None, shipped: None) -> None:
    assert probing.probe() == ""
    open_one = f"open-{uuid4().hex[:12]}"
    s3 = store.bucket().s3
    s3.create_bucket(Bucket=open_one, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    settings.CERTIFICATES = {**settings.CERTIFICATES, "bucket": open_one}
    schedule.try_store()
    deliver()
    assert Notice.objects.filter(event="certificate_store.failed", severity="critical").exists()


def test_a_real_authority_by_setting(done: Finished, settings: Any, authority: tuple[str, str]) -> None:
    url, file = authority
    settings.CERTIFICATES = {**settings.CERTIFICATES, "tsa_url": url, "tsa_certificates": file}
    found = issued(intended(done))
    proved = verifier.verify(store.fetch("pdf", found.pdf_digest), trusted.trust())
    assert not proved.stamped.authority.simulated
    assert not [one for one in proved.certificate.core.simulated if "stamp" in one]


# -- keys -----------------------------------------------------------------------------------------------------------
def test_old_certificates_outlive_the_rotation_and_the_revocation_of_their_key(certificate: Certificate) -> None:
    first = keys.current()
    keys.rotate(actor=ENGINE, reason="Yearly.")
    keys.revoke(first.pk, actor=ENGINE, reason="Laptop lost.")
    assert keys.current().pk != first.pk
    trust = trusted.trust()
    proved = verifier.verify(certificate.document.encode(), trust)
    verifier.check_status(proved, trusted.status_list().encode(), trust)
    with pytest.raises(Conflict):
        keys.revoke(first.pk, actor=ENGINE, reason="Again.")


def test_what_a_key_signed_after_it_was_revoked_is_refused(certificate: Certificate) -> None:
    """Old trust, new list: the list alone says that the key was lost before it signed."""
    trust, listed = trusted.trust(), trusted.status_list()
    lost = SigningKey.objects.get()
    with acting(ENGINE, "test"):
        keys.rotate(actor=ENGINE, reason="Lost.")
        SigningKey.objects.filter(pk=lost.pk).update(
            revoked_at=certificate.issued_at - timedelta(hours=1), revoked_reason="x"
        )
    newer = trusted.trust()
    proved = verifier.verify(certificate.document.encode(), trust)
    verifier.check_status(proved, listed.encode(), trust)
    with pytest.raises(ValueError, match="after that was revoked"):
        verifier.check_status(proved, trusted.status_list().encode(), newer)


def test_the_end_of_a_key_is_told_sixty_days_ahead(shipped: None) -> None:
    key = keys.current()
    for days, told in ((61, 0), (59, 1), (58, 1), (50, 2)):
        with time_machine.travel(key.until - timedelta(days=days), tick=False):
            schedule.tick()
            deliver()
        found = Notice.objects.filter(event="certificate_key.ending", user__username="priya").count()
        assert found == told, days


# -- afterwards -----------------------------------------------------------------------------------------------------
def test_revoked_in_public(certificate: Certificate) -> None:
    actions.revoke(certificate.pk, actor=ENGINE, reason="Residual data was found.")
    trust, listed = trusted.trust(), trusted.status_list().encode()
    proved = verifier.verify(certificate.document.encode(), trust)
    with pytest.raises(verifier.Revoked, match="revoked since"):
        verifier.check_status(proved, listed, trust)
    assert b"Residual" not in listed  # why is for who may read it
    forged = StatusList.parse(listed)
    forged = replace(forged, standing=replace(forged.standing, withdrawn=()))
    with pytest.raises(ValueError, match="over something else"):
        verifier.check_status(proved, forged.encode(), trust)


CHANGES = (
    "core = core || ' '", "serial = 7", "document = 'x'", "state = 'intent'", "archive_digest = repeat('0', 64)",
    "state = 'void', state_reason = 'x', ended_at = now()", "signature = 'x'", "issued_at = '2020-01-01'",
)  # fmt: skip


def test_the_database_refuses_to_change_or_forget_one(certificate: Certificate) -> None:
    tables = ("certificates_certificate", "certificates_signingkey")
    for statement in (
        *(f"UPDATE {tables[0]} SET {change}" for change in CHANGES),
        *(f"DELETE FROM {one}" for one in tables),
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
