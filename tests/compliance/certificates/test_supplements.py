"""What follows a certificate: supplements once somebody who can know says that a debt is over, and refusals."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from bailiwick_proof.certifiable import objections
from bailiwick_proof.erasure import Obligation as Due
from bailiwick_verify import certificate as verifier

from compliance.certificates import actions as certificates
from compliance.certificates import store, trusted
from compliance.certificates.models import Certificate
from compliance.erasing import actions
from compliance.erasing.models import ErasureRequest, Obligation
from compliance.supplements import refusal, schedule
from lifecycle.stores import aws
from portal.audit.context import acting
from portal.jobs import runner
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.regions import Region
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.compliance.certificates.conftest import ENGINE, deliver, issued
from tests.compliance.certificates.made import Finished, finished, issued_row, with_system
from tests.erasing.conftest import notes
from tests.erasing.made import act, ask, put, row

__all__ = ["notes"]
pytestmark = pytest.mark.django_db
YESTERDAY = now().date() - timedelta(days=1)


def owing(outcome: str = "beyond_use") -> Finished:
    """A finished erasure whose backups owed something until yesterday."""
    done = finished()
    owed = with_system(done.erasure, "backups", outcome=outcome, until=YESTERDAY.isoformat())
    return replace(done, erasure=replace(owed, obligations=(Due("backups", YESTERDAY.isoformat(), "The last copy."),)))


def certified(of: Tenant, outcome: str = "beyond_use") -> Obligation:
    """A completed erasure with its certificate, and what it owes."""
    root = issued_row(of.pk, of.business_unit_id, f"erasure:{of.pk}", owing(outcome))
    request = put(row(of, "completed"), "completed", certificate_id=root.pk)
    with acting(ENGINE):
        return Obligation.objects.create(request=request, system="backups", due_on=YESTERDAY, owed="The last copy.")


def work(kind: str) -> None:
    """What dispatcher, worker and sealer do with the jobs of a kind, and with the certificates that come of them."""
    deliver()
    for job in Job.objects.unfinished().filter(kind=kind):
        runner.run(job.pk)
    deliver()
    for one in Certificate.objects.filter(state="intent"):
        issued(one)


def supplement() -> Certificate | None:
    return Certificate.objects.filter(type="supplement").first()


def test_a_key_that_the_service_has_destroyed_becomes_a_supplement_by_itself(notes: Tenant) -> None:
    owed = certified(notes)
    schedule.tick()
    work("certificate.supplement")
    made, root = supplement(), Certificate.objects.get(type="final")
    assert made and (made.state, made.follows) == ("issued", root)
    outcomes = {one.name: one.outcome for one in made.certified.erasure.systems}
    assert outcomes["backups"] == "crypto_erased" and made.certified.erasure.obligations == ()
    owed.refresh_from_db()
    assert owed.state == "lapsed" and "key service" in owed.settled_how
    proved = verifier.verify(store.fetch("pdf", made.pdf_digest), trusted.trust())
    assert proved.certificate.core.follows.id == root.known_as
    schedule.tick()
    work("certificate.supplement")
    assert Certificate.objects.filter(type="supplement").count() == 1


def test_a_key_that_still_exists_contradicts_whoever_says_otherwise(notes: Tenant, region: Region) -> None:
    owed, kms = certified(notes), aws.client(region, "kms")
    key = kms.create_key(Tags=[{"TagKey": "TenantID", "TagValue": str(notes.pk)}])["KeyMetadata"]["KeyId"]
    try:
        schedule.tick()
        assert not Job.objects.filter(kind="certificate.supplement").exists()
        actions.settle_obligation(owed.pk, actor=act("farah"), reason="I believe it is over.")
        work("certificate.supplement")
    finally:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert supplement() is None
    said = Notice.objects.filter(event="supplement.contradicted").first()
    assert said and said.severity == "critical" and "still exist" in said.body


def test_copies_that_end_by_a_day_are_certified_once_a_person_says_so(notes: Tenant) -> None:
    owed = certified(notes, "expires")
    schedule.tick()
    assert not Job.objects.filter(kind="certificate.supplement").exists()
    actions.settle_obligation(owed.pk, actor=act("farah"), reason="The log was recycled.")
    work("certificate.supplement")
    made = supplement()
    assert made and {one.outcome for one in made.certified.erasure.systems} >= {"expired", "erased"}


def test_what_is_revoked_takes_its_supplements_along_and_gets_none(notes: Tenant) -> None:
    certified(notes)
    schedule.tick()
    work("certificate.supplement")
    root = Certificate.objects.get(type="final")
    certificates.revoke(root.pk, actor=act("farah"), reason="Something was found.")
    assert set(Certificate.objects.values_list("state", flat=True)) == {"revoked"}
    schedule.tick()
    work("certificate.supplement")
    assert Certificate.objects.count() == 2


def test_only_what_follows_may_say_that_something_has_expired() -> None:
    facts = with_system(finished().erasure, "backups", outcome="expired", until=None)
    facts = replace(facts, obligations=())
    assert objections(facts, "final") and not objections(facts, "supplement")


# -- refusals -------------------------------------------------------------------------------------------------------
def refused(of: Tenant, **more: Any) -> ErasureRequest:
    asked = ask(of, **more)
    why = "Art. 17(3)(e): Asha Rao is a party to a claim."
    found = actions.refuse(asked.pk, actor=act("thomas"), reason=why)
    work("certificate.refuse")
    return found


def test_a_person_is_answered_with_a_certificate_that_names_nobody(notes: Tenant) -> None:
    request = refused(notes)
    made = Certificate.objects.get(type="refusal")
    assert made.state == "issued" and made.key == f"refusal:{request.pk}"
    core = made.certified
    assert {one.outcome for one in core.erasure.systems} == {"not_checked"}
    assert "Art. 17(3)(e)" in core.erasure.systems[0].method and "supervisory" in core.erasure.systems[0].limits
    archive = store.fetch("evidence", made.archive_digest)
    for text in (made.document.encode(), archive):
        assert b"Asha" not in text and str(request.requested_by_id).encode() not in text
    verifier.verify(store.fetch("pdf", made.pdf_digest), trusted.trust())


def test_a_party_of_a_contract_is_owed_none(notes: Tenant) -> None:
    refused(notes, kind="tenant", legal_basis="contract", identity="party")
    assert not Certificate.objects.exists()


def test_only_provisions_are_taken_out_of_a_reason() -> None:
    said = "Under Art. 12(5)(b) and section 12 (3): Mr. Rao at 98200 00000 asked for the fourth time, § 7022."
    assert refusal.cited(said) == ["Art. 12(5)(b)", "section 12 (3)", "§ 7022"]


def test_a_refusal_says_of_nothing_that_it_is_gone() -> None:
    assert "touches nothing" in objections(finished().erasure, "refusal")[0]
