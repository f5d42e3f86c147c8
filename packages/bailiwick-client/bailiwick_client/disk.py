"""The copy on disk: configuration only. Whether a tenant may be served is never read from here."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .snapshot import Configuration, Malformed


def keep(path: Path, configurations: Iterable[Configuration]) -> None:
    """Replace the copy in one step. Raises OSError."""
    body = json.dumps([_told(one) for one in configurations], separators=(",", ":"))
    draft = path.with_suffix(".new")
    with draft.open("w") as file:
        file.write(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read(path: Path) -> list[Configuration]:
    """What was kept; nothing if there is no copy or it is not whole."""
    try:
        digest, _, body = path.read_text().partition("\n")
        if hashlib.sha256(body.encode()).hexdigest() != digest:
            return []
        return [Configuration.of(one) for one in json.loads(body)]
    except (OSError, ValueError, Malformed):
        return []


def _told(one: Configuration) -> dict[str, Any]:
    """The portal's own form, so that what is read is checked alike."""
    same = ("tenant_id", "name", "tier", "region", "routing_epoch", "vector_provider", "lease_seconds")
    return {name: getattr(one, name) for name in same} | {
        "limits": asdict(one.limits),
        "flags": dict(one.flags),
        "config": dict(one.document),
        "features": sorted(one.features),
        "service": one.service.told(),
        "config_version": one.version,
        "on_outage": "go_on" if one.goes_on else "refuse",
    }
