"""Terraform takes nothing away under a hold: neither when it is asked to, nor when the hold comes after the plan."""

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from lifecycle.models import TerraformCommand
from lifecycle.provisioning import terraforming
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.run import Run
from lifecycle.stores.errors import Held
from lifecycle.stores.objects import buckets
from lifecycle.stores.postgres import fences
from portal.lib.regions import Region
from tests.terraform.conftest import backend, faults, new_run, run, served  # noqa: F401 - fixtures
from tests.terraform.test_faults import until

pytestmark = pytest.mark.django_db


class Turn:
    """As much of a step's context as following a command needs."""

    cancel_requested = False

    def __init__(self) -> None:
        self.job = SimpleNamespace(pk=uuid4())
        self.step = SimpleNamespace(evidence={})

    def fenced(self) -> Any:
        return nullcontext()

    def note(self, **_: Any) -> None: ...
    def heartbeat(self, *_: Any) -> None: ...
    def log(self, *_: Any) -> None: ...
    def log_many(self, *_: Any) -> None: ...


@pytest.fixture
def applied(run: Run, region: Region) -> Iterator[Run]:  # noqa: F811 - the fixture of that name
    """A tenant that Terraform has made; its hold ends with the test."""
    commands.plan(run)
    assert terraforming.execute(Turn(), run, "apply").ok  # type: ignore[arg-type]
    yield run
    version = fences.hold_of(region, run.names.tenant_id)[1]
    fences.set_hold(region, run.names.tenant_id, False, version + 1)


def hold(region: Region, of: Run) -> None:
    assert fences.set_hold(region, of.names.tenant_id, True, 1)


def test_a_destroy_is_refused_also_of_a_plan_from_before_the_hold(applied: Run, region: Region) -> None:
    leaving = commands.plan(applied, destroy=True)
    assert leaving.delete > 0
    known, begun = commands.state_list(applied), TerraformCommand.objects.count()
    hold(region, applied)
    for command in ("destroy", "apply"):
        with pytest.raises(Held):
            terraforming.execute(Turn(), applied, command)  # type: ignore[arg-type]
    assert commands.state_list(applied) == known
    assert buckets.read(region, applied.names.bucket) is not None
    assert commands.status(applied.directory).command == "plan", "Terraform was not started"
    assert TerraformCommand.objects.count() == begun + 2


def test_what_removes_nothing_is_let_through(applied: Run, region: Region) -> None:
    hold(region, applied)
    assert commands.plan(applied).delete == 0
    assert terraforming.execute(Turn(), applied, "apply").ok  # type: ignore[arg-type]


def test_one_that_runs_when_the_hold_comes_is_stopped(
    applied: Run,
    region: Region,
    faults: Callable[..., None],  # noqa: F811 - the fixture of that name
) -> None:
    """The bucket's removal is slow; the hold comes meanwhile, from elsewhere: what had not begun stays."""
    faults(**{"delete:region_bucket": {"sleep": 10}})

    def place() -> None:
        until(lambda: commands.status(applied.directory).state == "running")
        until(lambda: commands.status(applied.directory).command == "destroy")
        hold(region, applied)

    placing = threading.Thread(target=place)
    placing.start()
    with pytest.raises(Held):
        terraforming.execute(Turn(), applied, "destroy")  # type: ignore[arg-type]
    placing.join()
    assert commands.status(applied.directory).state == "finished", "it was stopped, and has said how it ended"
    assert any("region_iam_user" in one for one in commands.state_list(applied)), "it goes after its bucket"
