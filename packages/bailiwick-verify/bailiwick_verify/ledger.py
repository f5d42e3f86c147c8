"""Verify a whole exported ledger: one pass over the entries, then explanations for whatever does not hold."""

import gc
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter

from bailiwick_proof.errors import Malformed
from bailiwick_proof.merkle import Frontier
from bailiwick_proof.policy import Policy

from . import evidence, export, observed, times
from .evidence import Claim, Evidence, Map
from .export import Export, Unreadable
from .locate import locate
from .naming import Located
from .report import Finding, Report
from .scan import Scan, scan

LARGE = 20_000
PROCESSES = 2


def verify(path: str | Path, policy: Policy | None = None, processes: int = PROCESSES) -> Report:
    """Return what is wrong with the export in `path`; Unreadable when it cannot be judged.

    Without a policy the export's own is used, and the report says loudly that this is circular.
    """
    began = perf_counter()
    exported = export.read(Path(path))
    trusted = policy or own_policy(exported)
    with _workers(exported, processes) as each:
        known = evidence.gather(exported, trusted, each)
        scans, frontiers = _scan(exported, known.claims, each)
    report = Report(str(path), exported.size, sum(map(len, exported.retired)), circular=policy is None)
    report.keys = evidence.key_lines(trusted)
    _judge(report, exported, trusted, known, scans, frontiers)
    _describe(report, exported, known, scans)
    report.seconds = perf_counter() - began
    return report


def own_policy(exported: Export) -> Policy:
    """The policy the export itself carries."""
    return read_policy(exported.path / "policy.json")


def read_policy(path: Path) -> Policy:
    """Read policy.json; Unreadable when it is none."""
    try:
        return Policy.parse(path.read_bytes())
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except Malformed as error:
        raise Unreadable(f"{path}: {error}") from error


@contextmanager
def _workers(exported: Export, processes: int) -> Iterator[Map]:
    """A map over processes where that is worth their start."""
    if exported.size < LARGE or processes < 2 or (os.cpu_count() or 1) < 2:
        yield map
        return
    with ProcessPoolExecutor(processes, initializer=gc.disable) as pool:
        yield lambda task, items: pool.map(task, items, chunksize=max(1, len(items) // 64))


def _scan(exported: Export, claims: list[Claim], each: Map) -> tuple[list[Scan], dict[int, Frontier]]:
    """Every chunk's scan, and the database's tree at every checkpoint's size."""
    scans, frontier = [], Frontier()
    frontiers = {0: frontier.copy()}
    tasks = [_task(exported, chunk, claims) for chunk in exported.chunks]
    for found in each(_run, tasks):
        for span in found.spans:
            for level, subtree in span.subtrees:
                frontier.add(level, subtree)
            frontiers[span.end] = frontier.copy()
        scans.append(found)
    return scans, frontiers


def _task(exported: Export, chunk: export.Chunk, claims: list[Claim]) -> partial[Scan]:
    cuts = [claim.size for claim in claims if chunk.first < claim.size < chunk.end]
    batches = [batch for batch in exported.batches if batch.first < chunk.end and chunk.first < batch.end]
    return partial(scan, chunk, cuts, batches, exported.retired)


def _run(task: partial[Scan]) -> Scan:
    return task()


def _judge(
    report: Report,
    exported: Export,
    trusted: Policy,
    known: Evidence,
    scans: list[Scan],
    frontiers: dict[int, Frontier],
) -> None:
    good: list[Claim] = []
    bad: list[Claim] = []
    for claim in known.claims:
        tree = frontiers.get(claim.size)
        (good if tree and tree.root() == claim.root else bad).append(claim)
    report.findings += known.findings
    report.warnings += known.warnings
    located = locate(exported, frontiers, good, bad) if bad else Located()
    report.findings += located.findings
    report.findings += observed.findings(scans, located)
    bounds = times.Bounds(good)
    for found in [times.checkpoints(good), *(times.entries(one, bounds) for one in scans)]:
        report.findings += found[0]
        report.warnings += found[1]
    report.warnings += times.retired(exported.retired, bounds)
    _unsealed(report, good, exported.size)
    _newest(report, good, max(trusted.quorum, 1))


def _unsealed(report: Report, good: list[Claim], size: int) -> None:
    sealed = max((claim.size for claim in good), default=0)
    if sealed < size and not report.findings:
        message = f"no checkpoint covers the last {size - sealed} entries"
        report.warnings.append(Finding("not witnessed", "policy", message, sealed, size - 1))


def _newest(report: Report, good: list[Claim], quorum: int) -> None:
    report.newest = "none that holds"
    if good:
        at = times.sealed(good[-1])
        when = f", sealed {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
        report.newest = f"{good[-1]}{when}"
    witnessed = max((claim.size for claim in good if len(claim.seen) >= quorum), default=0)
    if 0 < witnessed < report.entries:
        report.notes.append(f"The last {report.entries - witnessed} entries are not witnessed yet.")


def _describe(report: Report, exported: Export, known: Evidence, scans: list[Scan]) -> None:
    """Say what was checked, and what no check of these files can prove."""
    report.checked = {
        "bodies hashed and compared with their leaves": exported.size - report.retired,
        "bodies lawfully retired, proved by their leaf only": report.retired,
        "database checkpoint(s)": known.counts.get("database checkpoint", 0),
        "anchored checkpoints": known.counts.get("anchor", 0),
        "witnessed checkpoints": known.counts.get("witness", 0),
        "entries compared with their anchored copies": sum(one.copied for one in scans),
    }
    report.keys += [f"signed   {signer}" for signer in sorted(known.signers)]
    report.notes += [
        "A change made with the triggers off left no entry here; replaying the ledger against the tables finds it.",
        "Whether what an entry says was true or lawful; only that it says the same as when it was sealed.",
        "Anything after the newest checkpoint. Ask the witness for its newest: a larger one means the end is gone.",
    ]
    if report.retired:
        ranges = ", ".join(f"{one.start}-{one.stop - 1}" for one in exported.retired if one)
        report.notes.append(
            f"That the retired bodies were retired lawfully: look up the approval of each range: {ranges}."
        )
    if not known.counts.get("anchor"):
        report.notes.append("NO ANCHORS were in the export: the object store's word is missing from every check.")
    if not any(claim.seen for claim in known.claims):
        report.notes.append(
            "NO WITNESS has signed: whoever holds the log's key and the object store could have replaced the history."
        )
    if not exported.batches:
        report.notes.append(
            "NO COPIES were in the export: an altered entry is found, but named only by its checkpoint."
        )
