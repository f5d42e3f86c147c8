"""A mover in a process of its own, which is killed, or falls asleep, at a chosen commit."""

import os
import select
import signal
from collections.abc import Callable
from typing import Any

from psycopg import Connection

END = 70  # the mover's exit status when it was overtaken


def fork(work: Callable[[], Any], at: int = 0, sign: int = signal.SIGKILL) -> int:
    """Run `work` in a child; at point `at` it sends itself the signal. Points are before and after every COMMIT.

    Returns the child's process id. Its exit status is 0 when it came to its end, END when it was overtaken.
    """
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        _count(at, sign)
        work()
        status = 0
    except BaseException as error:
        status = END if type(error).__name__ == "Overtaken" else 1
        if status == 1:
            import traceback

            traceback.print_exc()
    finally:
        os._exit(status)
    raise AssertionError


def wait(child: int, seconds: float = 240) -> int:
    """The exit status, or minus the signal; a child that does not end is killed, and the test fails."""
    if not _ended(child, seconds):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise AssertionError(f"the mover does not end within {seconds:g} s")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _ended(child: int, seconds: float) -> bool:
    with open(os.pidfd_open(child)) as ending:
        return bool(select.select([ending], [], [], seconds)[0])


def _count(at: int, sign: int) -> None:
    passed = 0
    execute = Connection._exec_command

    def counted(self: Connection[Any], command: Any, *rest: Any, **more: Any) -> Any:
        nonlocal passed
        is_commit = command == b"COMMIT"
        passed += is_commit
        if is_commit and passed == at:
            os.kill(os.getpid(), sign)
        result = yield from execute(self, command, *rest, **more)
        passed += is_commit
        if is_commit and passed == at:
            os.kill(os.getpid(), sign)
        return result

    Connection._exec_command = counted  # type: ignore[method-assign, assignment]
