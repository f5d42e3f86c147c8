"""Writers that are faster than the rounds: the move gives up, says why, and the tenant is served as before."""

from itertools import count
from typing import Any

import pytest

from lifecycle.migration.models import Round
from portal.embedded.stack import Stack
from portal.jobs import runner
from portal.jobs.outbox import deliver_due
from tests.jobs.support import eventually

from .running import NO_READS, Running, running
from .test_workers import BACK

pytestmark = pytest.mark.django_db(transaction=True)
ASCENDING = """
INSERT INTO rag.documents (tenant_id, id, title)
SELECT %(t)s, ('ffffffff' || lpad(to_hex(%(from)s + n), 24, '0'))::uuid, 'late' FROM generate_series(1, %(keys)s) n
"""


@pytest.fixture
def busy(shipped: None, stack: Stack, settings: Any, monkeypatch: Any) -> Running:
    """No round fits into a budget of nothing, and a worker is given back after each."""
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "budget_ms": 0}
    monkeypatch.setattr("lifecycle.migration.steps.sync.SLICE_SECONDS", -1)
    return running(stack.superuser_kwargs("control", "postgres"), documents=3)


def write(one: Running, after: int, keys: int) -> None:
    with one.stores.writer(one.stores.blue, one.stands[1]) as db:
        db.execute(ASCENDING, {"t": one.stores.id, "from": after, "keys": keys})


def work(one: Running) -> str:
    runner.run(one.job.pk)
    deliver_due()
    one.migration.refresh_from_db()
    return one.migration.state


def test_a_delta_that_grows_three_rounds_running_ends_the_move_with_the_reason(busy: Running) -> None:
    one = busy
    planned = eventually(lambda: work(one) and one.migration.rows_total, what="a plan")
    write(one, 0, 200)  # behind the frozen last key: the copy ends all the same
    eventually(lambda: work(one) == "incremental_sync", what="the first round")
    assert one.migration.rows_copied == one.migration.rows_total == planned
    steps = [8, 16, 12, 24, 48, 96]  # once it falls again, so that not the second and third growth end it
    for number, keys in enumerate(steps):
        assert one.migration.state == "incremental_sync", f"round {number} of {steps}"
        write(one, 1000 * (number + 1), keys)
        work(one)
    assert one.migration.state == "failed"
    assert "grew three rounds running, to 96 keys" in one.migration.state_reason
    assert list(Round.objects.values_list("keys", flat=True))[:4] == [96, 48, 24, 12]
    assert one.open() == [one.stands], "blue serves it all the time"
    write(one, 100_000, 1)
    one.roll_back()
    eventually(lambda: work(one) == BACK, what=BACK)
    write(one, 200_000, 1)


@pytest.mark.parametrize(
    ("limit", "said"),
    [({"rounds": 3}, "After 3 rounds none fits into 0 ms"), ({"hours": 0}, "After 0 hours no round fits into 0 ms")],
)
def test_rounds_that_never_fit_end_the_move_with_the_reason(
    busy: Running, settings: Any, limit: dict[str, int], said: str
) -> None:
    one, numbers = busy, count(1)
    settings.MIGRATION = {**settings.MIGRATION, **limit}

    def written_and_worked() -> str:
        write(one, 1000 * next(numbers), 5)
        return work(one)

    eventually(lambda: written_and_worked() == "failed", what="an end")
    assert said in one.migration.state_reason
    assert one.open() == [one.stands], "blue serves it all the time"
