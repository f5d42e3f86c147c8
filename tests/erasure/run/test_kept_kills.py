"""The job killed with SIGKILL while a law keeps parts: one certificate, exact counts, and what is kept untouched.

At each step right before its outcome is committed, right after, and at points inside; what is kept is compared to the
byte, with the transaction that wrote each row and the id of each version. `make test` draws one point of each step by
a printed seed, BAILIWICK_SWEEPS=all takes them all. The same of the erasure of such a part, once its day has come.
"""

import random
from typing import Any

import pytest

from compliance.certificates.models import Certificate
from compliance.erasing.models import ErasureRequest
from lifecycle.stores import aws
from portal.jobs.models import Job
from tests.sweeps import SEED, WHOLE

from .conftest import World
from .test_holds import work
from .test_kept import ROWS, kept, left, sound
from .test_kept_objects import OBJECTS
from .test_kept_objects import kept as invoices
from .test_kept_until import asked_for, is_over, owed
from .test_kills import CHUNK, LAST, begun, drawn, drift, names_nobody, through

__all__ = ["invoices", "kept"]
pytestmark = pytest.mark.django_db(transaction=True)
WRITTEN = "SELECT t.xmin::text || t::text FROM rag.{} t WHERE tenant_id = %s AND {} = %s ORDER BY id"


def stays(world: World, keys: list[str]) -> list[Any]:
    """All that is kept: each row with who wrote it last, each version with its bytes."""
    made, s3 = world.settled, aws.client(world.region, "s3")
    found = [made.ask(WRITTEN.format(*of), made.id, made.ann) for of in (("query_history", "user_id"), ("users", "id"))]
    for key in sorted(set(keys)):
        for one in s3.list_object_versions(Bucket=made.names.bucket, Prefix=key)["Versions"]:
            if one["Key"] == key:
                held = s3.get_object(Bucket=made.names.bucket, Key=key, VersionId=one["VersionId"])
                found.append([key, one["VersionId"], one["ETag"], held["Body"].read()])
    return found


class Kept:
    """What there was of it before, and everything that has to be so in the end."""

    def __init__(self, world: World, kept: list[Any], invoices: list[str]) -> None:
        self.world, self.kept, self.invoices = world, kept, invoices
        self.before, self.beside, self.counts = stays(world, invoices), world.seen(), world.settled.counts()
        self.all_there = len(self.versions())

    def versions(self) -> list[str]:
        s3 = aws.client(self.world.region, "s3")
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=self.world.settled.names.bucket)
        return [one["Key"] for page in pages for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]]

    def holds(self, request: ErasureRequest) -> None:
        certificate = sound(self.world, request, self.kept)
        assert stays(self.world, self.invoices) == self.before and self.world.seen() == self.beside
        systems = {one.name: one for one in certificate.certified.erasure.systems}
        rows, objects, after = systems[ROWS], systems[OBJECTS], self.world.settled.counts()
        apart = ("chunk_vectors", "usage_counters")
        assert rows.targeted == sum(n - after.get(name, 0) for name, n in self.counts.items() if name not in apart)
        assert objects.targeted == self.all_there - len(self.versions()) > 10
        assert objects.outcome == "retained" and request.systems.get(system="objects").kept == len(self.invoices)
        for one in systems.values():
            assert (one.acknowledged, one.absent_after, one.residual) == (one.targeted, one.targeted, 0), one
            assert (one.manifest.leaves if one.manifest else 0) == one.targeted
        names_nobody(self.world, certificate, job_id=request.job_id)


@pytest.fixture
def there(world: World, kept: list[Any], invoices: list[str]) -> Kept:
    return Kept(world, kept, invoices)


def test_killed_at_every_boundary_and_inside_each_step(world: World, there: Kept) -> None:
    print(f"seed {SEED}")
    request, job = begun(world)
    steps = list(job.steps.values_list("name", flat=True))
    died = through(world, job, drawn(steps, random.Random(SEED)))
    assert {step for step, _ in died} == set(steps), (request.reasons, job.error, drift())
    there.holds(request)


@pytest.mark.skipif(not WHOLE, reason="the sample above is of these")
@pytest.mark.parametrize("first", range(1, LAST + 1, CHUNK))
def test_killed_at_every_point(world: World, there: Kept, first: int) -> None:
    request, job = begun(world)
    points = [(first + n, "after", "SIGKILL") for n in range(CHUNK)]
    died = through(world, job, {step.name: list(points) for step in job.steps.all()})
    there.holds(request)
    print(f"{len(died)} deaths")


def test_killed_while_the_part_itself_is_erased_on_its_day(world: World, kept: list[Any]) -> None:
    print(f"seed {SEED}")
    first, beside = world.due(), world.seen()
    work(world)
    is_over()
    request = asked_for(owed(first))
    world.news()
    job = Job.objects.get(kind="erasure.run", subject_id=str(request.pk))
    steps = list(job.steps.values_list("name", flat=True))
    died = through(world, job, drawn(steps, random.Random(SEED + 1)))
    request.refresh_from_db()
    assert {step for step, _ in died} == set(steps), (request.reasons, job.error, drift())
    assert request.state == "completed" and left(world) == ([], [world.settled.bob]) and world.seen() == beside
    [supplement] = Certificate.objects.filter(type="supplement")
    rows = next(one for one in supplement.certified.erasure.systems if one.name == ROWS)
    assert (rows.targeted, rows.acknowledged, rows.absent_after, rows.residual) == (*[len(kept) + 1] * 3, 0)
    assert rows.manifest and rows.manifest.leaves == len(kept) + 1 and supplement.pk == request.certificate_id
    names_nobody(world, supplement, job_id=request.job_id)
