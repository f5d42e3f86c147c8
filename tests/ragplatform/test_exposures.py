"""Questions are answered as the tenant's configuration and flags say, and what that did is told to the portal."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal.access.accounts import SEED
from portal.access.actions import issue_token
from portal.access.models import Grant, Role, User
from ragplatform import retrieval
from ragplatform.exposures import Exposures
from ragplatform.problems import Problem
from tenants.flags.models import Exposure
from tests.flags.made import flag
from tests.ragplatform.conftest import Tenant, ingest

ON = {"value": True, "variant": "on", "reason": "TARGETING_MATCH"}
FLAG = "wide-search"


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({}, retrieval.Retrieval()),
        ({"passages": 2, "min_score": 0.5, "rerank": False}, retrieval.Retrieval(2, 0.5, False)),
        ({"passages": 100}, retrieval.Retrieval(20)),
        ({"passages": "many", "min_score": True, "rerank": None}, retrieval.Retrieval()),
    ],
)
def test_what_the_document_says_and_what_it_cannot_say(said: dict[str, Any], wanted: retrieval.Retrieval) -> None:
    tenant: Any = SimpleNamespace(document={"retrieval": said}, flags={})
    assert retrieval.of(tenant) == wanted
    tenant.flags = {FLAG: ON}
    assert retrieval.of(tenant).candidates == 200 and retrieval.of(tenant).name != wanted.name


def test_answers_follow_the_tenants_configuration_at_once(fresh: Tenant) -> None:
    with fresh.client() as client:
        for number in range(4):
            ingest(client, f"Note {number}", f"The ledger is closed on the day {number}.")

        def asked(**more: Any) -> int:
            return len(client.post("/v1/query", json={"q": "ledger closed day", **more}).json()["passages"])

        assert asked() == 4
        fresh.publish(config={"retrieval": {"passages": 2}})
        assert asked() == 2
        assert asked(k=3) == 3, "whoever asks for a number gets it"
        fresh.publish(config={"retrieval": {"min_score": 1}})
        assert asked() == 0


@pytest.fixture
def exposures(transactional_db: Any, live_server: Any, shipped: None) -> Iterator[Exposures]:
    flag(FLAG)
    user = User.objects.create_user("meter", is_service=True)
    Grant.objects.create(user=user, role=Role.SERVICE, granted_by="test")
    life = timedelta(days=1)
    token = issue_token(actor=SEED, user=user, label="t", scopes=["flag.report"], life=life, reason="test")[1]
    made = Exposures(live_server.url, lambda: token)
    yield made
    made.close()


def answer(exposures: Exposures, error: Exception | None = None) -> None:
    with exposures.under(FLAG, ON):
        if error:
            raise error


@pytest.mark.django_db(transaction=True)
def test_each_variant_is_told_with_its_failures_and_a_refusal_is_none(exposures: Exposures) -> None:
    answer(exposures)
    for error in (Problem(503, "unavailable", "x"), ValueError(), Problem(429, "quota", "x")):
        with pytest.raises(type(error)):
            answer(exposures, error)
    with exposures.under(FLAG, None):
        """No such flag here: nothing to compare."""
    assert exposures.tell() == 1 and exposures.tell() == 0
    row = Exposure.objects.get(flag=FLAG, variant="on")
    assert (row.requests, row.errors) == (4, 2)


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_was_lost_counts_once(exposures: Exposures, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(exposures)
    real = Exposures._post
    monkeypatch.setattr(Exposures, "_post", lambda self, key, rows: real(self, key, rows) and 0)
    assert exposures.tell() == 0
    answer(exposures)  # meanwhile
    monkeypatch.setattr(Exposures, "_post", real)
    assert exposures.tell() == 1 and exposures.tell() == 1
    assert Exposure.objects.get(flag=FLAG, variant="on").requests == 2
