import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.embedded import procs
from portal.embedded.home import PROJECT
from portal.embedded.stack import Stack

Verb = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = ("postgres", "redis")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Stack]:
    """One region's stores in a home whose path has a space; not started."""
    stack = Stack(tmp_path / "my home", regions=("ap-south-1",), only=SMALL)
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The same, started, for tests that leave it as it was."""
    with Stack(tmp_path_factory.mktemp("shared") / "my home", regions=("ap-south-1",), only=SMALL) as stack:
        yield stack


def embedded(stack: Stack | Path, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m portal.embedded …` on the stack's home, or on a path that is to be one."""
    home = stack.home.root if isinstance(stack, Stack) else stack
    return subprocess.run(
        [sys.executable, "-m", "portal.embedded", *words],
        cwd=PROJECT,
        check=False,
        env={**os.environ, "BAILIWICK_EMBEDDED_REGIONS": "ap-south-1", **env, "BAILIWICK_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def everyone(stack: Stack) -> dict[int, int]:
    """Pid and start time of each process of the stack: supervisor, watchdog, children and theirs."""
    supervisor = int(stack.runtime["supervisor"]["pid"])
    return {pid: procs.started(pid) for pid in procs.family(supervisor)}


def survivors(processes: dict[int, int]) -> list[str]:
    """Command lines of those that still run."""
    return [f"{pid} {command(pid)}" for pid, started in processes.items() if procs.alive(pid, started)]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:  # it ended while we looked
        return ""
