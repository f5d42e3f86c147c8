"""The stores every test run stands on: one embedded stack, started once, shared by all xdist workers.

Load it with `-p tests.stack`: Django reads its settings before any conftest, and by then this has exported the
environment. Servers come up while pytest collects; the fixtures wait for them.

    stack        the stores: PostgreSQL, Redis, AWS double of two regions, the Pinecone double
    region       the home region's endpoints and credentials (portal.lib.regions.Region)
    full_stack   the whole product with web, worker and platforms, in a home of its own, started on first use
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.embedded.stack import Stack
from portal.lib.regions import Region

HOME, OWNER = "BAILIWICK_TEST_HOME", "BAILIWICK_TEST_OWNER"
PREFIX = f"bailiwick-test-{os.getuid()}-"
HOME_REGION = "ap-south-1"


def begin() -> Stack:
    """Launch the stores unless a parent process has, and export what settings and connectors read."""
    if HOME not in os.environ:
        _forget_the_dead()
        os.environ[OWNER] = str(os.getpid())
        os.environ[HOME] = str(Path(tempfile.gettempdir()) / f"{PREFIX}{os.getpid()}")
    stack = stores()
    stack.launch()
    os.environ.update({name: value for name, value in stack.env.items() if name != "PYTHONPATH"})
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:  # each worker has a Redis database of its own, as it has a PostgreSQL one
        for name in ("REDIS_URL", "BAILIWICK_VERIFIER_REDIS_URL"):
            os.environ[name] = os.environ[name].removesuffix("0") + str(1 + int(worker.removeprefix("gw")))
    return stack


def stores() -> Stack:
    """The stores of this test run."""
    return Stack(Path(os.environ[HOME]) / "stores", owner=int(os.environ[OWNER]))


def product() -> Stack:
    """The whole product of this test run, demo tenants left out."""
    parts = ("stores", "migrate", "provider", "platform", "web", "worker", "dispatcher", "sealer", "holder")
    home = Path(os.environ[HOME]) / "product"
    drills = {
        "BAILIWICK_PROVIDER_FAULTS": str(home / "faults.json"),  # no file, no fault
        "BAILIWICK_ERASURE_UNDO_SECONDS": "0",
        "BAILIWICK_ERASURE_GRACE_SECONDS": "1",
        "BAILIWICK_ERASURE_RESWEEP_AFTER_SECONDS": "1",
        "BAILIWICK_MIGRATION_BUDGET_MS": "2000",  # the machine of a test run is busy
    }
    return Stack(home, only=parts, owner=int(os.environ[OWNER]), env=drills)


def end() -> None:
    """Stop what this test run started and delete its data; only the process that began it does."""
    if os.environ.get(OWNER) == str(os.getpid()):
        for stack in (product(), stores()):
            stack.stop()
        shutil.rmtree(os.environ[HOME], ignore_errors=True)


def _forget_the_dead() -> None:
    """Delete the homes of test runs that were killed; their servers have ended with them."""
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if not Path("/proc", home.name.removeprefix(PREFIX)).exists():
            shutil.rmtree(home, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    begin()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    end()


@pytest.fixture(scope="session")
def stack() -> Stack:
    running = stores()
    running.start()
    return running


@pytest.fixture(scope="session")
def region(stack: Stack) -> Region:
    return stack.region(HOME_REGION)


@pytest.fixture(scope="session")
def full_stack() -> Iterator[Stack]:
    running = product()
    running.start()
    yield running
