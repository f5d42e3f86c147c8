"""Takes over from a run whose holder died: proves the death, stops what is left, clears its lock."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lifecycle.provisioning.terraform import backend as state
from lifecycle.provisioning.terraform.commands import await_exit, force_unlock, push_unsaved, status, stop
from lifecycle.provisioning.terraform.files import read_json
from lifecycle.provisioning.terraform.processes import is_alive
from lifecycle.provisioning.terraform.run import Run

LEASE_SECONDS = 30.0
GRACE_SECONDS = 60.0
CLOCK_SLACK = 2.0


@dataclass(frozen=True)
class Recovery:
    """What a successor found. When `verdict` is `clear`, nobody else writes this tenant's state.

    `running`: the command is alive: adopt it and wait for it. `too_early`: ask again at `ask_again_at` (epoch).
    `locked`: somebody else, named in `holder`, holds the state's lock, and it is not ours to clear.
    `suspect` orders a sweep by tag: resources may exist which the state does not know.
    """

    verdict: Literal["clear", "running", "too_early", "locked"]
    suspect: bool
    unlocked: str = ""
    holder: str = ""
    ask_again_at: float = 0.0


def recover(run: Run, *, lease: float = LEASE_SECONDS, grace: float = GRACE_SECONDS) -> Recovery:
    """Make sure no earlier command of this run is alive, then clear the lock it left. Needs an initialised run."""
    now = status(run.directory)
    if now.state == "running" and _supervisor_lives(run.directory):
        return Recovery("running", suspect=False)
    if now.state == "running":
        _stop_orphan(run.directory)
    elif now.state == "unknown" and time.time() < now.beat_at + lease + grace:
        return Recovery("too_early", suspect=True, ask_again_at=now.beat_at + lease + grace)
    suspect = now.state != "absent" and (now.result is None or now.result.state_suspect)
    lock = state.read_lock(run.backend, run.names.state_key)
    if lock is not None and not (suspect and state.created_at(lock).timestamp() >= _started_at(run.directory)):
        return Recovery("locked", suspect=suspect, holder=f"{lock.who}, {lock.operation} since {lock.created}")
    if lock is not None:
        force_unlock(run, lock.id)
    push_unsaved(run)
    return Recovery("clear", suspect=suspect, unlocked=lock.id if lock else "")


def running(work_dir: Path) -> list[Path]:
    """Return the run directories under `work_dir` whose command is alive on this host."""
    return [beat.parent for beat in work_dir.glob("**/heartbeat.json") if status(beat.parent).state == "running"]


def stop_all(work_dir: Path, *, timeout: float = 240) -> None:
    """Stop every command under `work_dir`, gently and all at once; for the end of the embedded stack."""
    alive = running(work_dir)
    for directory in alive:
        os.kill(int(read_json(directory / "heartbeat.json")["pid"]), signal.SIGTERM)
    for directory in alive:
        stop(directory, timeout=timeout)


def _supervisor_lives(run_dir: Path) -> bool:
    return bool(is_alive(read_json(run_dir / "heartbeat.json") or {}))


def _started_at(run_dir: Path) -> float:
    """Return when the latest command began: a lock taken before that is not its."""
    beat = read_json(run_dir / "heartbeat.json")
    return float(beat.get("started_at", beat["at"])) - CLOCK_SLACK


def _stop_orphan(run_dir: Path, wait: float = 120.0) -> None:
    """End a Terraform whose supervisor was killed: it has had its SIGINT, so wait for it, then kill its group."""
    pid = int(read_json(run_dir / "heartbeat.json")["terraform_pid"])
    try:
        await_exit(pid, time.monotonic() + wait)
    except TimeoutError:
        os.killpg(pid, signal.SIGKILL)
        await_exit(pid, time.monotonic() + 10)
