"""The checkpoints: which of them the policy believes, and where two of them contradict each other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from bailiwick_proof.checkpoint import Opened, open_checkpoint, read_checkpoint
from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.keys import VerifierKey
from bailiwick_proof.policy import Policy

from .export import Export, Unreadable
from .report import Attack, Detector, Finding

Map = Callable[..., Iterable[Any]]
# Where checkpoints come from, the least credible first.
SOURCES: dict[Detector, str] = {"database checkpoint": "", "anchor": "anchors/checkpoints", "witness": "witness"}
RANK = {source: rank for rank, source in enumerate(SOURCES)}


@dataclass(slots=True)
class Claim:
    """What believed checkpoints say together: the tree of `size` leaves has this root."""

    size: int
    root: bytes
    at: datetime | None
    sources: set[Detector] = field(default_factory=set)
    seen: dict[VerifierKey, datetime] = field(default_factory=dict)

    @property
    def detector(self) -> Detector:
        """Its most credible source."""
        return max(self.sources, key=RANK.__getitem__)

    @property
    def rank(self) -> int:
        """How credible it is; a witness's signature counts wherever it was found."""
        return RANK["witness"] if self.seen else RANK[self.detector]

    def __str__(self) -> str:
        if self.seen:
            return (
                f"the checkpoint of {self.size} entries witnessed by {', '.join(sorted(key.name for key in self.seen))}"
            )
        return f"the {'anchored' if 'anchor' in self.sources else 'database'} checkpoint of {self.size} entries"


@dataclass(slots=True)
class Evidence:
    """Everything believed, one claim for each size: the most credible one. `others` contradict those."""

    claims: list[Claim] = field(default_factory=list)
    others: list[Claim] = field(default_factory=list)
    counts: dict[Detector, int] = field(default_factory=dict)
    signers: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


def gather(export: Export, policy: Policy, each: Map) -> Evidence:
    """Open every checkpoint of the export under the policy; `each` is a map, perhaps over processes."""
    found = Evidence()
    merged: dict[tuple[int, bytes], Claim] = {}
    for source, place in SOURCES.items():
        files = export.checkpoints(place) if place else [export.path / "checkpoint"]
        for path, opened in zip(files, each(partial(_open, policy), files), strict=True):
            trouble = opened if isinstance(opened, str) else _misplaced(path, source, opened)
            if trouble:
                found.findings.append(_untrusted(source, path, trouble))
            else:
                found.counts[source] = found.counts.get(source, 0) + 1
                found.signers |= {f"{one.key.name} {one.key.id.hex()}" for one in opened.signers}
                _merge(merged, source, opened)
    _choose(found, merged)
    _judge(found, export, policy)
    return found


def _open(policy: Policy, path: Path) -> Opened | str:
    """The opened checkpoint, or why it is not believed."""
    try:
        opened = open_checkpoint(path.read_bytes(), policy, quorum=0)
        _ = opened.checkpoint.at  # a time that cannot be read is Malformed too
        return opened
    except (Malformed, Unproven) as error:
        return str(error)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error


def _misplaced(path: Path, source: Detector, opened: Opened) -> str:
    if SOURCES[source] and path.name != f"{opened.checkpoint.size:020}":
        return f"it is of {opened.checkpoint.size} entries"
    if source == "witness" and not opened.witnessed:
        return "it lacks the signature of a trusted witness"
    return ""


def _untrusted(source: Detector, path: Path, why: str) -> Finding:
    try:
        size = f"the checkpoint of {read_checkpoint(path.read_bytes()).size} entries"
    except Malformed:
        size = "what should be a checkpoint"
    where = SOURCES[source] + "/" if SOURCES[source] else ""
    attack: Attack = "anchor overwritten" if source == "anchor" else "unknown key"
    return Finding(attack, "policy", f"{size} in {where}{path.name} is not believed: {why}")


def _merge(merged: dict[tuple[int, bytes], Claim], source: Detector, opened: Opened) -> None:
    checkpoint = opened.checkpoint
    claim = merged.setdefault((checkpoint.size, checkpoint.root), Claim(checkpoint.size, checkpoint.root, None))
    claim.sources.add(source)
    if checkpoint.at:
        claim.at = min(claim.at or checkpoint.at, checkpoint.at)
    for key, seen in opened.witnessed.items():
        claim.seen[key] = min(claim.seen.get(key, seen), seen)


def _choose(found: Evidence, merged: dict[tuple[int, bytes], Claim]) -> None:
    """Keep the most credible claim of each size."""
    best: dict[int, Claim] = {}
    for claim in sorted(merged.values(), key=lambda claim: (claim.size, -claim.rank)):
        if best.setdefault(claim.size, claim) is not claim:
            found.others.append(claim)
    found.claims = list(best.values())
    for claim in found.others:
        kept = best[claim.size]
        attack: Attack = "anchor overwritten" if "anchor" in claim.sources else "re-signed"
        message = f"{claim} contradicts {kept}: the log's key signed two histories"
        found.findings.append(Finding(attack, kept.detector, message))


def _judge(found: Evidence, export: Export, policy: Policy) -> None:
    """Say what the evidence lacks."""
    if policy.quorum and all(len(claim.seen) < policy.quorum for claim in found.claims):
        message = f"no checkpoint carries the {policy.quorum} witness signature(s) the policy asks for"
        found.findings.append(Finding("not witnessed", "policy", message))
    anchored = {path.name for path in export.checkpoints(SOURCES["anchor"])}
    lacking = [claim for claim in found.claims if f"{claim.size:020}" not in anchored and "witness" in claim.sources]
    if anchored and lacking:
        message = f"{len(lacking)} checkpoint(s) the witness kept are not in the object store, first {lacking[0]}"
        found.warnings.append(Finding("anchor missing", "witness", message))


def key_lines(policy: Policy) -> list[str]:
    """The policy's keys as the report prints them."""
    logs = [f"log      {log.key}" for log in policy.log_keys]
    return logs + [f"witness  {key}" for key in policy.witness_keys]
