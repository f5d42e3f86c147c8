"""A worker killed -9 in any step of provisioning: the end is the same as without the kill.

A kill point is a step, how long after its beginning, and what dies: the one process that has the job (`child`), the
Celery worker with all its children (`group`), and in `all` Terraform and its supervisor with them. `make test` samples
with a printed seed, `BAILIWICK_SWEEPS=all` runs every point.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from lifecycle.provisioning.terraform.processes import is_alive
from tests.journeys.product import Product, Request, until
from tests.sweeps import SEED, WHOLE

SAMPLE = 6
STEPS = {  # step: seconds it usually takes
    "plan": 1.5,
    "ask": 0.05,
    "confirm": 0.8,
    "apply": 2.0,
    "initialise": 0.3,
    "validate": 4.0,
    "activate": 0.05,
}
TERRAFORMING = ("plan", "apply")
Point = tuple[str, float, str]


def points() -> list[Point]:
    every = [(step, part, "child") for step in STEPS for part in (0.0, 0.3, 0.7)]
    every += [(step, part, "group") for step in STEPS for part in (0.1, 0.5)]
    every += [(step, part, "all") for step in TERRAFORMING for part in (0.2, 0.5, 0.8)]
    if WHOLE:
        return every
    seed = SEED
    print(f"{len(every)} kill points, BAILIWICK_SEED={seed}")
    chosen = random.Random(seed).sample(every, SAMPLE)
    return chosen if any(point[2] == "all" for point in chosen) else [*chosen[1:], ("apply", 0.5, "all")]


def holder_in(product: Product, request: Request, step: str, seconds: float = 90) -> int:
    """Wait until a worker is inside the step, and return its pid; 0 when the step was over before we saw it."""
    look = (
        "SELECT s.state, j.lease_holder FROM jobs_step s JOIN jobs_job j ON j.id = s.job_id"
        " WHERE j.subject_id = %s AND s.name = %s AND s.state NOT IN ('pending')"
    )
    deadline = time.monotonic() + seconds
    with psycopg.connect(**product.stack.superuser_kwargs("control"), autocommit=True) as db:
        while not (row := db.execute(look, [request.id, step]).fetchone()):
            assert time.monotonic() < deadline, f"{step} did not begin\n{request.story()}"
            time.sleep(0.005)
    return int(row[1].rsplit(":", 2)[1]) if row[0] == "running" else 0


def kill(product: Product, request: Request, point: Point) -> bool:
    """Kill at the point; False when the step had ended before."""
    step, part, what = point
    pid = holder_in(product, request, step)
    time.sleep(part * STEPS[step])  # where inside the step, not a wait for anything
    if what == "group":
        product.kill_worker_group()
        return True
    if what == "all":
        for who in ("pid", "terraform_pid"):
            beat = request.terraform()
            if beat.get(who) and is_alive({**beat, "pid": beat[who], "start_time": _start_of(beat, who)}):
                os.kill(int(beat[who]), signal.SIGKILL)
    if not pid:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _start_of(beat: dict[str, Any], who: str) -> Any:
    return beat["start_time" if who == "pid" else "terraform_start_time"]


def provisioned(product: Product, meanwhile: Callable[[Request], object] = lambda request: None) -> Request:
    """A silver tenant from asking to active, with something happening meanwhile."""
    request = product.ask(tier="silver", unit="RISK", annual_budget_inr="600000.00")
    with ThreadPoolExecutor(1) as pool:
        event = pool.submit(meanwhile, request)
        request.sign_all()
        request.reach("active")
        event.result()
    return request


@pytest.fixture(scope="module")
def usual(running: Product) -> dict[str, Any]:
    """What exists of a tenant that nothing happened to."""
    shape = provisioned(running).shape()
    assert shape["lock"] is None and shape["kms keys"] == shape["access keys"] == 1
    assert shape["reservation"] == "committed" and shape["registry"] == ["active"] and len(shape["state"]) > 8
    return shape


def test_killed_in_any_step_the_end_is_the_same(alone: Product, usual: dict[str, Any]) -> None:
    def one(point: Point) -> str:
        hit: list[bool] = []
        request = provisioned(alone, lambda asked: hit.append(kill(alone, asked, point)))
        assert request.shape() == usual, f"{point}\n{request.story()}"
        return f"{'hit ' if hit[0] else 'late'} {point}"

    chosen = points()
    begun = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        print("\n".join(pool.map(one, chosen)))
    print(f"{len(chosen)} kills: {time.monotonic() - begun:.1f} s")


@pytest.mark.parametrize("terraform_too", [False, True], ids=["worker", "worker-and-terraform"])
def test_killed_in_the_middle_of_an_apply(alone: Product, usual: dict[str, Any], terraform_too: bool) -> None:
    """The bucket is being made when everything dies; nothing is made twice and no lock stays."""
    request = product_mid_apply(alone)
    beat = request.terraform()
    if terraform_too:
        os.kill(int(beat["pid"]), signal.SIGKILL)
        os.kill(int(beat["terraform_pid"]), signal.SIGKILL)
    alone.kill_worker_group()
    alone.faults()
    request.reach("active")
    assert request.shape() == usual, request.story()
    attempts = alone.sql(
        "SELECT s.losses FROM jobs_step s JOIN jobs_job j ON j.id = s.job_id"
        " WHERE j.subject_id = %s AND s.name = 'apply'",
        request.id,
    )
    assert attempts[0]["losses"] == 1
    _answers(request)


def product_mid_apply(product: Product) -> Request:
    """A request whose Terraform stands in the making of its bucket for three seconds."""
    request = product.ask(tier="silver", unit="RISK", annual_budget_inr="600000.00")
    product.faults(**{"create:region_bucket": {"sleep": 3, "times": 1, "tenant_id": str(request.tenant_id)}})
    request.sign_all()
    until(
        "the apply reaching the bucket",
        lambda: request.terraform().get("command") == "apply" and _drill_struck(product),
    )
    return request


def _drill_struck(product: Product) -> bool:
    return '"times": 0' in (product.stack.home.root / "faults.json").read_text()


def _answers(request: Request) -> None:
    with request.connect() as platform:
        answer = platform.post("/v1/query", json={"q": "anything", "k": 1})
        assert answer.status_code == 200, answer.text


def test_killed_in_a_roll_back_it_is_finished(alone: Product) -> None:
    """Every step of the compensating job may die as well."""
    seed, whole = SEED, WHOLE
    steps = ["stop_writers", "confirm_data", "empty", "destroy", "purge", "sweep", "sweep_again", "finish"]
    chosen = steps if whole else random.Random(seed).sample(steps, 2)
    print(f"BAILIWICK_SEED={seed}: {chosen}")

    def one(step: str) -> None:
        request = alone.ask(tier="silver", unit="RISK", annual_budget_inr="600000.00", integrations=["snowflake"])
        request.sign_all()
        request.reach("pending_manual_setup")
        cancel = {"reason": "not wanted any more"}
        alone.person("kiran").post(f"/api/v1/jobs/{request.job()['id']}/cancellation/", cancel)
        pid = holder_in(alone, request, step)
        if pid:
            os.kill(pid, signal.SIGKILL)
        request.reach("rolled_back")
        assert request.residue().is_clean, request.residue()
        assert request.shape()["reservation"] == "released"

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, chosen))
