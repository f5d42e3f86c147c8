"""Cancelled in the middle: no further batch goes, and what is said to be gone is what is gone."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from compliance.erasing import actions as erasing
from lifecycle.erasure.steps import deleting
from portal.jobs import actions
from portal.jobs.errors import Permanent
from tests.erasing.made import act
from tests.jobs.support import eventually

from .conftest import World
from .test_holds import into_it, went, work
from .test_kills import begun, standing_still

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_said_to_be_gone_is_gone(world: World) -> None:
    """Somebody cancels while a batch is under way: the worker stands still in the middle, then goes on."""
    before, beside = world.settled.counts(), world.seen()
    request, job = begun(world)
    world.worker.run(job)
    world.news()
    actions.wake(job.pk)
    into_it(world, job, before)
    pid = world.worker.begin(job, {"delete": (6, "after", "SIGSTOP")})
    eventually(lambda: standing_still(pid), what=f"process {pid} standing still")
    erasing.cancel(request.pk, actor=act("farah"), reason="Asked for by mistake.")
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(world.worker.heard)
        os.kill(pid, signal.SIGCONT)
        assert ended.result(120)["status"] == 0
    work(world)
    request.refresh_from_db()
    assert request.state == "cancelled" and request.certificate_id is None
    [cleared] = world.jobs("erasure.clear_up")
    assert cleared.state == "succeeded", cleared.error
    said = request.counts["systems"][f"postgres-{world.region.name}"]
    assert said["gone"] == went(before, world) > 0 and world.seen() == beside


class Endless:
    """An eraser that comes to no end."""

    system = "endless"

    def erase(self, target: Any, alive: Any) -> int:
        done = 0
        while True:
            done += 1
            alive(done)


class Turn:
    """As much of a step's context as removing needs."""

    def heartbeat(self, *_: int) -> None: ...


def test_who_is_told_that_it_is_over_removes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleting, "NOTE_SECONDS", 0)
    heard: list[int] = []

    def told(done: dict[str, int]) -> bool:
        heard.append(done.get("endless", 0))
        return len(heard) < 3

    work: Any = {"endless": (None, Endless(), None)}
    with pytest.raises(Permanent, match="cancelled"):
        deleting.remove_all(Turn(), work, 0, told)  # type: ignore[arg-type]
    assert len(heard) == 4 and heard == sorted(heard), "told once more when the last batch has ended"
