"""The whole product under the supervisor: web, workers and platforms with their own children."""

import os
import signal
import time
from pathlib import Path

import httpx

from portal.embedded import procs
from portal.embedded.stack import Stack
from tests.embedded.conftest import everyone, survivors
from tests.embedded.test_life import wait_for

PARTS = ("stores", "migrate", "provider", "platform", "web", "worker", "dispatcher", "sealer", "holder")


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_it_comes_up_heals_and_goes_down_without_a_trace(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "my home", regions=("ap-south-1",), only=PARTS)
    try:
        stack.start()
        pages = [f"{stack.url}/health/ready", f"{stack.region('ap-south-1').platform_url}/health/live"]
        assert all(map(answers, pages))
        for name in ("web", "worker", "platform ap-south-1"):
            _kill_and_wait_for_the_next(stack, name)
        wait_for(lambda: all(map(answers, pages)), seconds=60)

        before = everyone(stack)
        os.kill(stack.runtime["supervisor"]["pid"], signal.SIGKILL)
        wait_for(lambda: not survivors(before))

        stack.start()
        assert all(map(answers, pages))
        before, begun = everyone(stack), time.monotonic()
        stack.stop()
        assert survivors(before) == []
        assert time.monotonic() - begun < 5
    finally:
        stack.stop()


def _kill_and_wait_for_the_next(stack: Stack, name: str) -> None:
    """Kill the head of a process group; its body must go too, or it would keep the port or the queue."""
    pid = stack.runtime["pids"][name]
    group = {member: procs.started(member) for member in procs.group_of(pid)}
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not survivors(group))
    wait_for(lambda: stack.runtime["pids"].get(name, pid) != pid)
