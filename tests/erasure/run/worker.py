"""A worker process that forks one child per turn at a job, and can have the child kill or stop itself at a point.

Points are before and after every COMMIT, whatever the database, and every request to an object store, its kin or a
cache: what happens between two of them nobody else can see. Of each step the first COMMIT after its function has
returned is its boundary.

Reads JSON lines {"job", "deaths": {step: [point, when, signal]}, "batch", "late"}; answers {"pid"} at once, and
{"status", "at": [step, point]} when the child has ended; `at` is null where it did not reach a point named.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

ANSWERS = os.dup(1)
BOUNDARY = 0  # as a point: where the step's outcome is committed


class Death:
    """Counts points of the step that is at work, and raises the signal at the one that was named."""

    def __init__(self, deaths: dict[str, tuple[int, str, str]], writer: int) -> None:
        self.deaths, self.writer = deaths, writer
        self.step, self.passed, self.is_settling = "", 0, False

    def begin(self, step: str) -> None:
        self.step, self.passed, self.is_settling = step, 0, False

    def settle(self) -> None:
        self.is_settling = True

    @contextmanager
    def passing(self) -> Iterator[None]:
        """One point: it may be the last thing this process does before it, or after it."""
        self.passed += 1
        point, when, sign = self.deaths.get(self.step, (-1, "", ""))
        hit = self.is_settling if point == BOUNDARY or self.passed < point else self.passed == point
        if hit and when == "before":
            self.die(sign)
        yield
        if hit and when == "after":
            self.die(sign)
        self.is_settling = False

    def die(self, sign: str) -> None:
        self.deaths.pop(self.step)
        os.write(self.writer, json.dumps([self.step, BOUNDARY if self.is_settling else self.passed]).encode())
        os.kill(os.getpid(), getattr(signal, sign))


def main() -> None:
    os.dup2(2, 1)  # logs do not mix with answers
    import django

    django.setup()
    from django.db import connections

    # as deploy/roles.sql has it for the product's own role; tests connect as the owner
    connections["default"].settings_dict["OPTIONS"]["options"] = "-c idle_in_transaction_session_timeout=5s"
    from compliance.certificates import issuing  # noqa: F401 - warm before the first fork, connected to nothing
    from portal.jobs import kinds, runner  # noqa: F401

    kinds.find("erasure.run")
    say({"ready": os.getpid()})
    for line in sys.stdin:
        serve(**json.loads(line))


def serve(job: str, deaths: dict[str, Any], batch: int, late: int) -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        work(UUID(job), Death(deaths, writer), batch, late)
    os.close(writer)
    say({"pid": pid})
    said = b""
    while chunk := os.read(reader, 256):
        said += chunk
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    say({"status": status, "at": json.loads(said) if said else None})


def work(job_id: UUID, death: Death, size: int, late: int) -> None:
    from django.conf import settings

    from lifecycle.erasure.engine import batch
    from portal.jobs import runner

    batch.BATCH = size
    settings.ERASURE["resweep_after_seconds"] = late
    watch(runner, death)
    status = 1
    try:
        runner.run(job_id)
        status = 0
    finally:
        os._exit(status)


def watch(runner: Any, death: Death) -> None:
    from botocore.httpsession import URLLib3Session
    from psycopg import Connection
    from redis.connection import AbstractConnection

    attempt, settle, execute = runner.attempt, runner.settle, Connection._exec_command

    def attempted(turn: Any) -> Any:
        death.begin(turn.step.name)
        return attempt(turn)

    def settled(turn: Any, outcome: Any) -> Any:
        death.settle()
        return settle(turn, outcome)

    def executed(self: Any, command: Any, *rest: Any, **more: Any) -> Any:
        if command != b"COMMIT":
            return (yield from execute(self, command, *rest, **more))
        with death.passing():
            return (yield from execute(self, command, *rest, **more))

    def passing(call: Callable[..., Any]) -> Callable[..., Any]:
        def passed(*given: Any, **more: Any) -> Any:
            with death.passing():
                return call(*given, **more)

        return passed

    runner.attempt, runner.settle = attempted, settled
    Connection._exec_command = executed  # type: ignore[method-assign, assignment]
    URLLib3Session.send = passing(URLLib3Session.send)
    AbstractConnection.send_packed_command = passing(AbstractConnection.send_packed_command)


def say(answer: dict[str, Any]) -> None:
    os.write(ANSWERS, (json.dumps(answer) + "\n").encode())


if __name__ == "__main__":
    main()
