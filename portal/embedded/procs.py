"""What the kernel knows about a process, and stopping processes in order. Standard library only.

A process is named by (pid, start time): the pid alone may have been given to somebody else since.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
POLL = 0.01
# Seconds a stage gets before it is killed; what people use goes first, what keeps the data goes last.
DOORS, WORK, STORES = 0, 1, 2
GRACE = {DOORS: 1.0, WORK: 1.2, STORES: 2.3}


@dataclass(frozen=True)
class Process:
    """A process in a group of its own, and how it wants to be stopped."""

    name: str
    pid: int
    started: int
    stage: int
    stop_signal: int


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def started(pid: int) -> int:
    """Start time in clock ticks since boot, 0 when the process is gone."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def alive(pid: int, start: int) -> bool:
    """True while this very process runs; a zombie does not."""
    fields = _stat(pid)
    return bool(fields) and int(fields[19]) == start and fields[0] not in "ZX"


def uptime(pid: int) -> float:
    """Seconds since the process started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started(pid) / TICKS


def _all() -> dict[int, list[str]]:
    return {int(entry.name): _stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()}


def group_of(leader: int) -> set[int]:
    """Running members of the process group."""
    return {pid for pid, stat in _all().items() if stat and int(stat[2]) == leader and stat[0] not in "ZX"}


def family(leader: int) -> set[int]:
    """The process and its descendants."""
    everyone, found = _all(), {leader}
    while more := {pid for pid, stat in everyone.items() if stat and int(stat[1]) in found} - found:
        found |= more
    return found


def memory(leader: int) -> int:
    """Bytes the process and its descendants occupy; a page shared by n processes counts as 1/n in each (PSS)."""
    return sum(_occupied(pid) for pid in family(leader))


def _occupied(pid: int) -> int:
    try:
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
        return int(fields["Pss"].split()[0]) * 1024
    except OSError:  # another user's process, or gone
        return int((_stat(pid) or ["0"] * 24)[21]) * PAGE


def present(process: Process) -> bool:
    """True while the process, or what it left in its group, runs. A group whose leader's pid was given away is not."""
    if alive(process.pid, process.started):
        return True
    return started(process.pid) in (0, process.started) and bool(group_of(process.pid))


def signal_group(pid: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signum)


def stop_in_order(processes: Iterable[Process], grace: dict[int, float] = GRACE) -> list[str]:
    """Stop every process group, stage after stage; return the names of those that had to be killed."""
    remaining = [process for process in processes if present(process)]
    killed: list[str] = []
    for stage in sorted({process.stage for process in remaining}):
        killed += _stop([process for process in remaining if process.stage == stage], grace[stage])
    return killed


def _stop(processes: list[Process], grace: float) -> list[str]:
    for process in processes:
        if alive(process.pid, process.started):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, process.stop_signal)  # the leader stops its own children
    stubborn = _wait_gone(processes, grace)
    for process in stubborn:
        signal_group(process.pid, signal.SIGKILL)
    _wait_gone(stubborn, 2.0)
    return [process.name for process in stubborn]


def _wait_gone(processes: list[Process], seconds: float) -> list[Process]:
    deadline = time.monotonic() + seconds
    while processes := [process for process in processes if present(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(POLL)
    return processes
