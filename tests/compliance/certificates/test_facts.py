"""What may not be certified never becomes a core: making one is refused, with each reason."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bailiwick_proof.certificate import FORMAT, STATEMENT, Core, Evidence, NotCertifiable
from bailiwick_proof.erasure import Erasure, Exemption
from bailiwick_proof.errors import Malformed

from tests.compliance.certificates.made import ROWS, finished, with_system

DONE = finished().erasure
CHECKS = DONE.systems[0].checks
BLIND = tuple(replace(one, planted=False, found=0) for one in CHECKS)


def core(erasure: Erasure, **more: Any) -> Core:
    given = {
        "format": FORMAT, "id": "a" * 32, "serial": 1, "previous": None, "type": "final", "follows": None,
        "issuer": "test/certificates", "role": "processor", "certified": datetime.now(UTC).isoformat(),
        "erasure": erasure, "evidence": Evidence("b" * 64, 1, ()), "simulated": (), "statement": STATEMENT,
    }  # fmt: skip
    return Core(**given | more)


def test_it_reads_what_it_wrote() -> None:
    made = core(DONE)
    assert Core.parse(made.encode()) == made


@pytest.mark.parametrize(
    ("erasure", "why"),
    [
        (with_system(DONE, ROWS, outcome="not_checked", manifest=None), "not checked"),
        (with_system(DONE, ROWS, residual=2, absent_after=19), "2 of 21 are still there"),
        (with_system(DONE, ROWS, absent_after=20), "1 of 21 are still there"),
        (with_system(DONE, ROWS, manifest=None), "its manifest has 0 ids"),
        (with_system(DONE, ROWS, checks=CHECKS[:1]), "did not find nothing"),
        (with_system(DONE, ROWS, checks=(*CHECKS[:2], replace(CHECKS[2], found=1))), "did not find nothing"),
        (with_system(DONE, ROWS, checks=BLIND), "proves nothing"),
        (with_system(DONE, ROWS, outcome="not_held"), "not held what was not"),
        (with_system(DONE, "backups", until=None), "needs a date"),
        (with_system(DONE, "backups", until="2030-01-01"), "without an obligation on that day"),
        (with_system(DONE, "backups", outcome="retained"), "retained without a ground"),
        (with_system(DONE, ROWS, outcome="anonymised", residual=2), "2 that name whom it concerns"),
        (with_system(DONE, ROWS, outcome="crypto_erased", checks=CHECKS[:1]), "that name whom it concerns"),
        (with_system(DONE, ROWS, outcome="retained", acknowledged=20, residual=2), "2 are still there, and 1 of them"),
        (replace(DONE, exemptions=(Exemption(ROWS, "history", "Law", "2030-01-01"),)), "is said to be kept"),
        (with_system(DONE, "partner-crm", attestation=None), "do not go together"),
        (replace(DONE, systems=DONE.systems[:2]), "3 systems, and 2 are accounted for"),
        (replace(DONE, systems=(*DONE.systems[:2], DONE.systems[0])), "stands twice"),
        (replace(DONE, inventory=replace(DONE.inventory, drift=1)), "does not list"),
        (replace(DONE, holds=replace(DONE.holds, held=1)), "a legal hold applies"),
        (replace(DONE, roles=replace(DONE.roles, approvers=(DONE.roles.requester,))), "others than who asked"),
        (replace(DONE, roles=replace(DONE.roles, needed=4)), "3 different persons acted, and 4 are needed"),
        (replace(DONE, roles=replace(DONE.roles, approvers=DONE.roles.approvers[:1])), "2 different persons acted"),
        (replace(DONE, roles=replace(DONE.roles, verifier=DONE.roles.executor)), "two agents apart"),
        (replace(DONE, roles=replace(DONE.roles, verifier=DONE.roles.requester)), "two agents apart"),
        (replace(DONE, roles=replace(DONE.roles, executor=DONE.roles.approvers[0])), "two agents apart"),
        (replace(DONE, neighbours=(replace(DONE.neighbours[0], after="9" * 64),)), "a neighbour has changed"),
        (replace(DONE, timeline=replace(DONE.timeline, deleted=DONE.timeline.received)), "out of order"),
    ],
)  # fmt: skip
def test_not_certifiable(erasure: Erasure, why: str) -> None:
    with pytest.raises(NotCertifiable, match=why):
        core(erasure)


def test_an_interim_certificate_may_say_that_something_is_not_checked_yet() -> None:
    assert (
        core(with_system(DONE, "partner-crm", outcome="not_checked", attestation=None), type="interim").type
        == "interim"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "anita@example.test"},
        {"name": "two words"},
        {"targeted": -1},
        {"targeted": True},
        {"until": "2026-13-01"},
    ],
)
def test_a_member_of_another_form_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        with_system(DONE, ROWS, **changes)
