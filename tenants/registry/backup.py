"""Copies of the published registry on disk, for the day on which neither database nor Redis can be asked.

One file an hour: gzip of JSON with a SHA-256 over its tenants. A copy tells what was; it admits nobody.
"""

import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings

from portal.lib.clock import now

from .mirror import Mirror

KEPT = 48


class Damaged(Exception):
    """The file is not a whole copy of the registry."""


def write(folder: Path | None = None) -> Path:
    """Write a copy, drop the oldest beyond 48, and return its path. Raises OSError."""
    into = folder or settings.REGISTRY_COPIES
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    state, at = Mirror().fresh(), now()
    tenants = [found for pk in sorted(state.configurations) if (found := state.snapshot(pk))]
    versions = {"status_version": state.status_version, "config_version": state.config_version}
    whole = {"at": at.isoformat(), **versions, "sha256": _digest(tenants), "tenants": tenants}
    path = into / f"registry-{at:%Y%m%dT%H%M%S%f}.json.gz"
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        file.write(gzip.compress(json.dumps(whole).encode()))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    for old in sorted(into.glob("registry-*.json.gz"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def read(path: Path) -> dict[str, Any]:
    """A copy, checked; raises Damaged."""
    try:
        whole: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
        is_whole = whole["sha256"] == _digest(whole["tenants"])
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path.name} cannot be read ({type(error).__name__})") from error
    if not is_whole:
        raise Damaged(f"{path.name} is not what was written")
    return whole


def _digest(tenants: Any) -> str:
    return hashlib.sha256(json.dumps(tenants, sort_keys=True).encode()).hexdigest()
