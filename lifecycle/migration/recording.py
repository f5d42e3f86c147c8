"""The record of a move: one entry of the ledger that says what was moved, and whose receipt is the proof of it.

`bailiwick-verify migration` reads what `signed_record` returns. There are no persons in it and no fractions: canonical
JSON has one form for neither.
"""

import hashlib
import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import bailiwick_client
from bailiwick_proof.canonical import canonical

from lifecycle.provisioning.terraform.run import module_hash
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.evidence import Seal, receipt_of, seal_of
from portal.audit.models import Entry
from portal.jobs.models import Step
from portal.lib.errors import Conflict
from tenants.placement.actions import placement_of

from . import engine
from .losses.queries import loss_of
from .models import Attempt, Capture, Direction, Migration, Round, State

FORMAT, VERB = "bailiwick.migration-record/1", "migration.recorded"


def keep_record(migration: Migration, outcome: str, *, actor: Actor, epoch: int) -> None:
    """Write the record of a switched move, once for each outcome. Inside the transaction of what it tells of."""
    if migration.switched_at is None or _entries(migration, VERB).filter(data__outcome=outcome).exists():
        return
    record(VERB, migration, actor=actor, reason=str(migration), data=_record(migration, outcome, epoch))


def signed_record(migration: Migration) -> bytes:
    """The newest record with its entry and its receipt, as a file; Conflict until there is one that is anchored."""
    entry = _entries(migration, VERB).first()
    if entry is None:
        raise Conflict(_why_not(migration), code="not-recorded")
    parts = {"record": json.loads(entry.body)["data"], "entry": entry.body, "receipt": receipt_of(entry).decode()}
    return canonical(parts)


def seal_of_record(migration: Migration) -> Seal | None:
    """The seal of the newest record; None while it has none."""
    entry = _entries(migration, VERB).first() if migration.is_switched else None
    return seal_of(entry.pk) if entry else None


def _entries(migration: Migration, verb: str) -> Any:
    about = {"object_type": "migration.migration", "object_id": str(migration.pk)}
    return Entry.objects.filter(verb=verb, **about).order_by("-id")


def _why_not(migration: Migration) -> str:
    if migration.state == State.ROLLED_BACK and not migration.is_switched:
        return "It ended before its switch: the tenant was never served from elsewhere, so there is nothing to record."
    return "A move is recorded once its switch is done."


def _record(migration: Migration, outcome: str, epoch: int) -> dict[str, Any]:
    verified = Step.objects.filter(job=migration.job_id, name="verify").first() if migration.job_id else None
    seen = verified.evidence if verified else {}
    epochs = _epochs(migration)
    loss = loss_of(migration)
    return {
        "format": FORMAT,
        "outcome": outcome,
        "move": str(migration),
        "migration": str(migration.pk),
        "tenant": str(migration.tenant_id),
        "is_rehearsal": migration.is_rehearsal,
        **({} if migration.capture == Capture.DIRTY_KEYS else {"capture": migration.capture}),
        "source": migration.source,
        "target": migration.target,
        "job_epoch": epoch,
        "routing": {
            "before": epochs.get("before"),
            "after": epochs.get("epoch"),
            "now": placement_of(migration.tenant_id).epoch,
        },
        "rows": {
            "snapshot": seen.get("snapshot"),
            "total": migration.verified_rows,
            "tables": seen.get("tables"),
            "root_source": migration.root_source,
            "root_target": migration.root_target,
        },
        "objects": seen.get("objects"),
        **({"datasync": _carried(migration.datasync)} if migration.datasync else {}),
        **({"inventory": _witnesses(seen["inventory"])} if seen.get("inventory") else {}),
        **({"vectors": seen["vectors"]} if "vectors" in seen else {}),
        "switch": _switch(migration, Direction.FORWARD),
        "way_back": _switch(migration, Direction.BACK),
        **({"loss": loss.as_json()} if loss and loss.epoch else {}),
        "rounds": _rounds(migration),
        "versions": versions(),
        "times": {
            "started": _time(migration.started_at),
            "verified": seen.get("at"),
            "switched": _time(migration.switched_at),
            "ended": _time(migration.ended_at),
        },
    }


def _carried(told: dict[str, Any]) -> dict[str, Any]:
    """What DataSync was to carry ahead, what it said, and what was found of it; null where nobody knows."""
    said = {name: told.get("said", {}).get(name) for name in ("execution", "status", "files", "bytes")}
    return {"listed": told["objects"], **said, "found": told.get("found")}


def _witnesses(seen: dict[str, Any]) -> dict[str, Any]:
    return {name: {"outcome": one["outcome"], "at": one.get("at")} for name, one in seen.items()}


def switched_at(migration: Migration) -> int | None:
    """The epoch at which green was placed, as its transaction wrote it down: an abort since then has taken another."""
    return _epochs(migration).get("epoch")


def _rounds(migration: Migration) -> int:
    """As green's own ledger counted them at the switch; of an older move, those that its log has."""
    switch = Step.objects.filter(job=migration.job_id, name="switch").first() if migration.job_id else None
    counted = switch.evidence.get("rounds") if switch else None
    return Round.objects.filter(migration=migration).count() if counted is None else int(counted)


def _epochs(migration: Migration) -> dict[str, Any]:
    entry = _entries(migration, "migration.complete_cutover").first()
    return entry.data if entry else {}


def _switch(migration: Migration, direction: Direction) -> dict[str, Any] | None:
    """How one way went; a pause whose worker died was not measured, and is null."""
    tries = Attempt.objects.filter(migration=migration, direction=direction)
    done = tries.filter(outcome="switched").first()
    if done is None:
        return None
    return {
        "attempts": tries.count(),
        "epoch": done.epoch,
        "pause_ms": f"{done.pause_ms:.1f}" if done.pause_ms else None,
        "budget_ms": f"{done.budget_ms:.1f}",
        "keys_inside": done.keys_inside,
    }


@cache
def versions() -> dict[str, str]:
    """What did it: digests of the sources, so that two that read alike are alike."""
    return {"engine": _digest(engine), "module": module_hash()[:12], "client": _digest(bailiwick_client)}


def _digest(package: Any) -> str:
    total = hashlib.sha256()
    for path in sorted(Path(package.__file__).parent.glob("*.py")):
        total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:12]


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
