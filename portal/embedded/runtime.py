"""runtime.json: what runs, where, and the environment its processes share. The contract with everything outside."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from portal.embedded import procs
from portal.embedded.home import Home, write_private

HANDOVER_SECONDS = 15.0


class AlreadyRuns(Exception):
    """Another supervisor works on this home; the message says where."""


def read(home: Home) -> dict[str, Any]:
    """The last runtime.json, or an empty one."""
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
        found: dict[str, Any] = json.loads(home.runtime_file.read_text())
        return found
    return {}


def write(home: Home, runtime: dict[str, Any]) -> None:
    write_json(home.runtime_file, runtime)


def write_json(path: Path, content: dict[str, Any]) -> None:
    write_private(path, json.dumps(content, indent=1))


def supervisor_pid(home: Home) -> int | None:
    """The pid of the supervisor that works on this home, if one does."""
    with contextlib.suppress(OSError, ValueError):
        pid, started, *_ = home.lock_file.read_text().split()
        if procs.alive(int(pid), int(started)):
            return int(pid)
    return None


def is_written(home: Home) -> bool:
    """True when runtime.json is the word of the supervisor that runs now, not of an earlier one."""
    pid = supervisor_pid(home)
    return pid is not None and read(home).get("supervisor", {}).get("pid") == pid


def is_ready(home: Home) -> bool:
    """True when the supervisor that runs now has said that everything is up."""
    return is_written(home) and bool(read(home).get("ready"))


def take_lock(home: Home) -> int:
    """Become the only supervisor of this home; returns the descriptor that holds the lock.

    The lock may be held by the watchdog of a supervisor that was killed: it lets go when it has cleaned up.
    """
    descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + HANDOVER_SECONDS
    while not _locked(descriptor):
        if (pid := supervisor_pid(home)) or time.monotonic() > deadline:
            os.close(descriptor)
            where = (read(home).get("url") or "without web") if is_written(home) else "still starting"
            raise AlreadyRuns(f"Bailiwick already runs in {home.shown()} (pid {pid}): {where}")
        time.sleep(procs.POLL)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()} {procs.started(os.getpid())}\n".encode(), 0)
    return descriptor


def unlocked(home: Home) -> bool:
    """True when nobody, watchdog included, works on this home."""
    with contextlib.suppress(FileNotFoundError), home.lock_file.open("r+") as handle:
        return _locked(handle.fileno())
    return True


def end_leftovers(home: Home) -> list[str]:
    """Stop what an earlier supervisor left running; return its names. Call it with the lock held."""
    runtime = read(home)
    same_boot = runtime.get("boot") == boot_id()
    left = [procs.Process(**entry) for entry in runtime.get("children", []) if same_boot]
    left = [process for process in left if procs.present(process)]
    procs.stop_in_order(left)
    return [process.name for process in left]


def boot_id() -> str:
    """Start times count from boot, so they name a process only together with this."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def children(processes: Iterable[procs.Process]) -> dict[str, Any]:
    """The part of runtime.json that names the running processes."""
    running = [vars(process) for process in processes]
    return {"pids": {entry["name"]: entry["pid"] for entry in running}, "children": running}


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
