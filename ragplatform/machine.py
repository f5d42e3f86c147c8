"""How much processor and memory this process may use: what a share of them is a share of."""

import os
from contextlib import suppress
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
UNLIMITED = 2**60


def cpus() -> float:
    """Processors, or the part of them that the control group allows."""
    here = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    with suppress(OSError, ValueError):
        quota, period = (CGROUP / "cpu.max").read_text().split()
        return min(here, int(quota) / int(period))
    return here


def memory() -> float:
    """Bytes of the machine, or what the control group allows of them."""
    here = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError):
        limit = int((CGROUP / "memory.max").read_text())
        return min(here, limit) if limit < UNLIMITED else here
    return here
