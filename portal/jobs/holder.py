"""Who holds a lease, said so exactly that a successor on the same machine can prove the holder dead."""

import os
import socket
from functools import cache
from pathlib import Path


def me() -> str:
    """Return `<host and pid namespace>:<pid>:<start time>` of this process."""
    return f"{_place()}:{os.getpid()}:{_started(os.getpid())}"


def is_dead(holder: str) -> bool:
    """True only when `holder` was a process of this very place and is gone. False means: not known."""
    place, _, rest = holder.rpartition(":")
    place, _, pid = place.rpartition(":")
    if not (pid.isdigit() and rest.isdigit() and place == _place()) or "?" in place:
        return False
    return _started(int(pid)) != rest


@cache
def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:13]
        return f"{socket.gethostname()[:40]}/{boot}/{os.readlink('/proc/self/ns/pid')[5:-1]}"
    except OSError:
        return f"{socket.gethostname()[:40]}/?"


def _started(pid: int) -> str:
    """The start time of a live process in clock ticks since boot; "" when there is none (a zombie is none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
