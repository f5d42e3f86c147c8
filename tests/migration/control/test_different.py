"""After the switch blue holds what green does, by digests as of one snapshot, or the tenant is taken back at once."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from lifecycle.migration.judging.models import Judgement
from lifecycle.migration.models import Migration
from portal.audit.models import Entry
from portal.embedded.stack import Stack
from portal.jobs.actions import wake
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from tests.jobs.support import eventually
from tests.migration.engine.conftest import both_ways
from tests.migration.holder import turn

from .running import SIDES, Running, unguarded
from .test_given_up import write
from .test_workers import BACK, SWITCHED

pytestmark = [pytest.mark.django_db(transaction=True), both_ways]
BLUE, GREEN = SIDES
SPOIL = """
CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN NEW.title := NEW.title || '!'; RETURN NEW; END $$;
CREATE TRIGGER spoil BEFORE INSERT ON rag.documents FOR EACH ROW
WHEN (NEW.tenant_id = '{tenant}') EXECUTE FUNCTION public.spoil();
ALTER TABLE rag.documents ENABLE ALWAYS TRIGGER spoil
"""
MEND = "DROP TRIGGER IF EXISTS spoil ON rag.documents; DROP FUNCTION IF EXISTS public.spoil()"
Blue = Callable[[str], None]


@pytest.fixture
def blue(stack: Stack) -> Iterator[Blue]:
    """Statements of somebody on blue who is past every guard."""

    def run(statement: str) -> None:
        past = "-c session_replication_role=replica"
        with psycopg.connect(**stack.superuser_kwargs(BLUE), autocommit=True, options=past) as db:
            db.execute(statement)

    yield run
    run(MEND)


def tick(one: Running) -> Migration:
    wake(one.job.pk)
    turn(one.job.pk)
    deliver_due()
    one.migration.refresh_from_db()
    return one.migration


def require_taken_back(one: Running, keys: int) -> None:
    """Asked for by the gates, with the reason where people and auditors look."""
    why = f"hashes that differ between blue and green: {keys}"
    judged = Judgement.objects.filter(migration=one.migration)[0]
    assert (judged.outcomes["hard triggers"], judged.reason) == ("fail", why)
    assert one.migration.rollback_job_id and why in one.migration.state_reason
    failed = Entry.objects.get(verb="migration.gates_failed", object_id=str(one.migration.pk))
    assert failed.actor == "system:migration.gates" and why in failed.body


def test_what_a_round_back_brought_and_blue_does_not_hold_takes_the_tenant_back_at_once(
    switched: Running, blue: Blue
) -> None:
    one = switched
    write(one, one.stores.green, one.stands[1], 2)
    tick(one)
    assert one.migration.rollback_job_id is None, "blue holds what was brought"
    blue(SPOIL.format(tenant=one.stores.id))
    write(one, one.stores.green, one.stands[1], 3)
    tick(one)
    require_taken_back(one, 3)
    going_back = one.job
    assert going_back.kind == "migration.roll_back"
    for _ in range(2):
        tick(one)
        assert one.stands[0] == GREEN and "does not hold what was brought there: documents" in one.job.wait_reason
    blue(MEND)
    eventually(lambda: tick(one).state == BACK, what=BACK)
    assert Job.objects.get(pk=going_back.pk).state == "succeeded" and one.open() == [one.stands]
    assert one.stands[0] == BLUE
    assert one.stores.everything(one.stores.blue) == one.stores.everything(one.stores.green)


def test_a_last_look_that_finds_other_content_takes_the_tenant_back_and_blue_stays(
    switched: Running, blue: Blue, settings: Any
) -> None:
    one = switched
    unguarded(settings)
    settings.MIGRATION = {**settings.MIGRATION, "tick_seconds": 0}
    Migration.objects.filter(pk=one.migration.pk).update(stable_at=now())
    blue(f"UPDATE rag.documents SET title = title || '!' WHERE tenant_id = '{one.stores.id}'")
    assert one.migration.state == SWITCHED
    eventually(lambda: tick(one).rollback_job_id, what="asked to go back")
    require_taken_back(one, 20)
    one.until(BACK)
    assert one.open() == [one.stands] and one.stands[0] == BLUE
    assert one.stores.everything(one.stores.blue) == one.stores.everything(one.stores.green)
