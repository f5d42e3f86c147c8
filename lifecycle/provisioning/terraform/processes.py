"""Tells one process from a later one with the same number (Linux: pid, start time, boot, host)."""

import os
import platform
from pathlib import Path
from typing import Any


def start_time(pid: int) -> int | None:
    """Return the process's start in clock ticks since boot, or None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def boot() -> str:
    """Return the id of this boot and process namespace: numbers from another one mean nothing here."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot_id}/{os.readlink('/proc/self/ns/pid')}"


def host() -> str:
    return platform.node()


def identity(pid: int) -> dict[str, object]:
    """Return what a successor needs to prove this process dead."""
    return {"host": host(), "boot": boot(), "pid": pid, "start_time": start_time(pid)}


def is_alive(who: dict[str, object]) -> bool | None:
    """Return whether that very process still runs; None when this host cannot know."""
    if who.get("host") != host() or str(who.get("boot", "")).partition("/")[0] != boot().partition("/")[0]:
        return False if who.get("host") == host() else None
    if who.get("boot") != boot():
        return None
    pid, started = who.get("pid"), who.get("start_time")
    return isinstance(pid, int) and started is not None and start_time(pid) == started


def descends_from(pid: int, ancestor: int) -> bool:
    """Say whether `ancestor` started the process, or what started it, as far as all of them still live."""
    while pid > 1 and pid != ancestor:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return False
    return pid == ancestor


def command_alive(beat: dict[str, Any]) -> bool | None:
    """Say whether a heartbeat's supervisor or, where that was killed alone, its Terraform still runs."""
    supervisor = is_alive(beat)
    if supervisor is not False or "terraform_pid" not in beat:
        return supervisor
    return is_alive({**beat, "pid": beat["terraform_pid"], "start_time": beat["terraform_start_time"]})
