"""A worker process that forks one child per job, and can have the child kill itself at an exact SQL statement.

Reads JSON lines {"job", "die": "before"|"after"|"", "at"}; answers {"pid"} at once and {"status", "statements"} when
the child has ended.
"""

import json
import os
import signal
import sys
from typing import Any
from uuid import UUID

ANSWERS = os.dup(1)


def main() -> None:
    os.dup2(2, 1)  # logs do not mix with answers
    import django

    django.setup()
    from django.conf import settings

    from tests.jobs import KINDS

    settings.JOB_KINDS = KINDS
    settings.OUTBOX_SUBSCRIBERS = {}
    settings.JOB_LEASE_SECONDS = float(os.environ.get("JOB_LEASE_SECONDS", "15"))
    from portal.jobs import runner  # noqa: F401 - warm before the first fork

    say({"ready": os.getpid()})
    for line in sys.stdin:
        serve(**json.loads(line))


def serve(job: str, die: str = "", at: int = 0) -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        work(UUID(job), die, at, writer)
    os.close(writer)
    say({"pid": pid})
    counted = b""
    while chunk := os.read(reader, 64):
        counted += chunk
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    say({"status": status, "statements": int(counted or 0)})


def work(job_id: UUID, die: str, at: int, writer: int) -> None:
    from django.db import connection

    from portal.jobs import runner

    count = 0

    def counting(execute: Any, *given: Any) -> Any:
        nonlocal count
        count += 1
        if die == "before" and count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        result = execute(*given)
        if die == "after" and count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    status = 1
    try:
        with connection.execute_wrapper(counting):
            runner.run(job_id)
        os.write(writer, str(count).encode())
        status = 0
    finally:
        os._exit(status)


def say(answer: dict[str, Any]) -> None:
    os.write(ANSWERS, (json.dumps(answer) + "\n").encode())


if __name__ == "__main__":
    main()
