"""A query that was composed once gives what Django would give for it, with every value, in every thread."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.transaction import TransactionManagementError

from portal.jobs.models import Job, Step
from portal.lib.composed import composed

from .support import start
from .test_leases import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@composed
def locked(job_id: UUID, epoch: int) -> QuerySet[Job]:
    return Job.objects.select_for_update(no_key=True).filter(pk=job_id, job_epoch=epoch).order_by()


def steps(job_id: UUID, name: str) -> QuerySet[Step]:
    return Step.objects.filter(job_id=job_id).exclude(name=name).exclude(state="failed").order_by("seq")


FORMS: dict[str, Callable[[UUID, str], QuerySet[Any, Any]]] = {
    "rows": steps,
    "the first of them": lambda job_id, name: steps(job_id, name)[:1],
    "rows with their job": lambda job_id, name: steps(job_id, name).select_related("job").defer("error"),
    "pairs": lambda job_id, name: steps(job_id, name).values_list("name", "evidence"),
    "values": lambda job_id, name: steps(job_id, name).values("name", "state"),
    "one value": lambda job_id, name: steps(job_id, name).values_list("job__title", flat=True),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_it_answers_as_the_query_itself(form: Callable[[UUID, str], QuerySet[Any, Any]], tmp_path: Path) -> None:
    ask = composed(form)
    one, other = start("three", tmp_path), start("three", tmp_path)
    Step.objects.filter(job=other).update(evidence={"of": "the other"})
    for job_id in (one.pk, other.pk, uuid4(), one.pk):
        for name in ("first", "second", "'; --"):
            plain = list(form(job_id, name))
            assert ask(job_id, name) == plain
    assert ask(one.pk, "none"), "there was something to find"
    if isinstance(found := ask(other.pk, "none")[0], Step):
        assert found.evidence == {"of": "the other"} and found.job.pk == other.pk


def test_a_row_that_was_read_before_is_read_anew(tmp_path: Path) -> None:
    ask = composed(steps)
    job = start("three", tmp_path)
    before = ask(job.pk, "")[0]
    Step.objects.filter(pk=before.pk).update(attempts=7)
    assert ask(job.pk, "")[0].attempts == 7 and before.attempts == 0


def test_it_locks_in_a_transaction_and_nowhere_else(tmp_path: Path) -> None:
    job = start("three", tmp_path)
    with pytest.raises(TransactionManagementError):
        locked(job.pk, 0)
    with transaction.atomic():
        assert locked(job.pk, 0) == [job] and locked(job.pk, 1) == []
    with pytest.raises(TransactionManagementError):
        locked(job.pk, 0)


def test_each_thread_asks_over_its_own_connection(tmp_path: Path) -> None:
    job = start("three", tmp_path)

    def lock_in_turn(_: int) -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            assert locked(job.pk, 0) == [job]
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    assert len(set(at_once(4, lock_in_turn))) == 4
