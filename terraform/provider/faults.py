"""Fault drills: makes a call of the provider fail or wait as a file says. Off unless BAILIWICK_PROVIDER_FAULTS is set.

The file is read at every call. Its keys are `<operation>:<resource type>`, operations create, read, update, delete:

    {"create:region_log_group": "AccessDenied: not today",
     "delete:region_bucket": {"message": "503: later", "times": 2},
     "create:region_bucket": {"sleep": 5, "tenant_id": "…"}}

`times` counts down in the file; `tenant_id` limits a fault to one tenant; `after` strikes once the work is done;
`transient` says that the same call may succeed later.
"""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from lifecycle.stores.errors import Permanent, Transient

VARIABLE = "BAILIWICK_PROVIDER_FAULTS"


def strike(operation: str, type_name: str, tenant_id: str, *, after: bool = False) -> None:
    """Fail or wait where the drill's file says so."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    fault = _due(Path(path), f"{operation}:{type_name}", tenant_id, after)
    if fault is None:
        return
    time.sleep(float(fault.get("sleep", 0)))
    if "message" in fault:
        kind = Transient if fault.get("transient") else Permanent
        raise kind("drill", f"{operation} {type_name}", str(fault["message"]))


def _due(path: Path, key: str, tenant_id: str, after: bool) -> dict[str, Any] | None:
    if not path.exists():
        return None
    with open(path, "r+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        faults = json.load(handle)
        fault = faults.get(key)
        fault = {"message": fault} if isinstance(fault, str) else fault
        if not fault or fault.get("tenant_id", tenant_id) != tenant_id or bool(fault.get("after")) is not after:
            return None
        if "times" in fault:
            if fault["times"] <= 0:
                return None
            faults[key] = {**fault, "times": fault["times"] - 1}
            handle.seek(0)
            json.dump(faults, handle)
            handle.truncate()
        return dict(fault)
