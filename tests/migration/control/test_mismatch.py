"""Somebody changes green behind everybody: the third time that the verification sees it, the move stops and calls."""

from typing import Any

import psycopg
import pytest

from lifecycle.migration.comparing import comparing
from portal.embedded.stack import Stack
from portal.jobs.models import Step
from portal.notify.models import Notice
from tests.admin.world import person
from tests.jobs.support import eventually

from .running import NO_READS, SIDES, running
from .test_undone import work

pytestmark = pytest.mark.django_db(transaction=True)
CHANGE = "UPDATE rag.documents SET title = title || '!' WHERE tenant_id = %s"


def test_three_mismatches_stop_the_move_and_call_somebody(
    shipped: None, stack: Stack, settings: Any, monkeypatch: Any
) -> None:
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "budget_ms": 5_000}
    one, look = running(stack.superuser_kwargs("control", "postgres")), comparing._open

    def sabotaged(*given: Any, **more: Any) -> Any:
        with psycopg.connect(**stack.superuser_kwargs(SIDES[1])) as db:
            db.execute("SET session_replication_role = replica")
            db.execute(CHANGE, [one.stores.id])
        return look(*given, **more)

    monkeypatch.setattr(comparing, "_open", sabotaged)
    eventually(lambda: work(one) == "failed", what="failed")
    assert Step.objects.get(job=one.migration.job_id, name="verify").evidence["mismatches"] == 3
    assert "Looked at 3 times, and the sides differ" in one.migration.state_reason
    told = Notice.objects.get(event="migration.stopped", user=person("kiran"))
    assert told.severity == "critical" and one.open() == [one.stands]
