"""A mover in a process of its own, which is killed, or falls asleep, at a chosen commit."""

import mmap
import os
import random
import select
import signal
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from psycopg import Connection

from tests.sweeps import SEED, WHOLE

END = 70  # the mover's exit status when it was overtaken
SURVIVED = 3  # so often in a row a sweep's mover has to reach its end: with writers beside it, rounds are more or fewer
_passed = mmap.mmap(-1, 8)  # shared with the children; one of them counts at a time


def passed() -> int:
    """How many points the last child came to, the one at which it died included."""
    return int.from_bytes(_passed[:8], "little")


def sweep(size: int, passed: Callable[[], int] = passed) -> Iterator[int]:
    """Every point, until movers that were to die there have reached their end instead; no number ends it but that.

    `passed` says how many points the last one came to.

    Without BAILIWICK_SWEEPS=all: 0 first, at which nobody dies and which tells how many there are, then `size` of them
    by the seed. Whoever iterates runs one mover for each.
    """
    if not WHOLE:
        yield 0
        there_are = passed()
        assert there_are > size, "a mover that nothing happens to has more of them"
        yield from sorted(random.Random(SEED).sample(range(1, there_are + 1), size))
        return
    survived = 0
    for at in count(1):
        yield at
        survived = survived + 1 if passed() < at else 0
        if survived == SURVIVED:
            return


def fork(work: Callable[[], Any], at: int = 0, sign: int = signal.SIGKILL) -> int:
    """Run `work` in a child; at point `at` it sends itself the signal. Points are before and after every COMMIT.

    Returns the child's process id. Its exit status is 0 when it came to its end, END when it was overtaken.
    """
    _passed[:8] = bytes(8)
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


def strike(child: int, after: float) -> int:
    """SIGKILL after so many seconds, unless it has ended by then; its exit status, or minus the signal."""
    if not _ended(child, after):
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _ended(child: int, seconds: float) -> bool:
    with open(os.pidfd_open(child)) as ending:
        return bool(select.select([ending], [], [], seconds)[0])


def _count(at: int, sign: int) -> None:
    execute = Connection._exec_command

    def point() -> None:
        number = passed() + 1
        _passed[:8] = number.to_bytes(8, "little")
        if number == at:
            os.kill(os.getpid(), sign)

    def counted(self: Connection[Any], command: Any, *rest: Any, **more: Any) -> Any:
        if command != b"COMMIT":
            return (yield from execute(self, command, *rest, **more))
        point()
        result = yield from execute(self, command, *rest, **more)
        point()
        return result

    Connection._exec_command = counted  # type: ignore[method-assign, assignment]
