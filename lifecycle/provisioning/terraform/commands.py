"""The Terraform commands of a run, typed. Only `start` leaves something running; the others return when done."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lifecycle.provisioning.terraform import binary, reattach
from lifecycle.provisioning.terraform.files import UNSAVED, read_json, write_json
from lifecycle.provisioning.terraform.plan import PlanSummary, summarise
from lifecycle.provisioning.terraform.processes import command_alive, identity, is_alive
from lifecycle.provisioning.terraform.run import PROJECT, Run

Supervised = Literal["plan", "plan-destroy", "apply", "destroy", "import", "refresh"]
State = Literal["absent", "running", "finished", "dead", "unknown"]
LEFT = "left"  # in a run's directory: its worker went while the latest command ran
LOCK_TIMEOUT = "60s"
PARALLELISM = "4"


class TerraformFailed(Exception):
    """A command ended in an error; the message is Terraform's own. `suspect` says the state may not tell the truth."""

    def __init__(self, command: str, message: str, *, exit_code: int, suspect: bool = False) -> None:
        super().__init__(f"terraform {command}: {message}")
        self.command, self.message, self.exit_code, self.suspect = command, message, exit_code, suspect


@dataclass(frozen=True)
class Result:
    """How a supervised command ended."""

    command: str
    exit_code: int
    seconds: float
    signals_sent: tuple[str, ...]
    state_suspect: bool
    last_event: str

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


@dataclass(frozen=True)
class Status:
    """What is known of a run's supervised command from its files alone.

    `dead` is proven (same host and boot, no such process); `unknown` means another host wrote the last heartbeat.
    `log_offset` is where this command's news begin in the log, for `events`.
    """

    state: State
    command: str = ""
    last_event: str = ""
    beat_at: float = 0.0
    log_offset: int = 0
    result: Result | None = None


def init(run: Run, *, timeout: float = 60) -> None:
    """Connect the run to its state. Takes no lock, changes nothing."""
    _call(
        run, "init", ["init", "-input=false", "-no-color", f"-backend-config={run.directory / 'backend.json'}"], timeout
    )


def plan(run: Run, *, destroy: bool = False, timeout: float = 300) -> PlanSummary:
    """Make and keep a plan, and return what it would do; TerraformFailed when it cannot."""
    start(run, "plan-destroy" if destroy else "plan", timeout=timeout)
    _succeeded(run, wait(run.directory, timeout=timeout + 240))
    return show(run)


def show(run: Run, *, timeout: float = 60) -> PlanSummary:
    """Return the kept plan's summary, masked, and store it as plan.json."""
    said = _call(run, "show", ["show", "-json", "-no-color", str(run.plan_file)], timeout)
    summary = summarise(json.loads(said), names=run.names, module_hash=run.module_hash)
    write_json(run.directory / "plan.json", summary.as_json())
    return summary


def kept_plan(run_dir: Path) -> PlanSummary | None:
    """Return the summary of the plan kept in a run directory, or None."""
    said = read_json(run_dir / "plan.json")
    return None if said is None else PlanSummary.from_json(said)


def apply(run: Run, *, timeout: float = 1800) -> Result:
    """Apply the kept plan and nothing else; return how it ended, well or not."""
    start(run, "apply", timeout=timeout)
    return wait(run.directory, timeout=timeout + 240)


def destroy(run: Run, *, timeout: float = 1800) -> Result:
    """Destroy everything in the tenant's state; return how it ended, well or not."""
    start(run, "destroy", timeout=timeout)
    return wait(run.directory, timeout=timeout + 240)


def adopt(run: Run, address: str, known_as: str, *, timeout: float = 120) -> Result:
    """Take what exists under `known_as` into the state at `address`, changing nothing; return how it ended."""
    start(run, "import", operands=(address, known_as), timeout=timeout)
    return wait(run.directory, timeout=timeout + 240)


def start(
    run: Run,
    command: Supervised,
    *,
    operands: tuple[str, ...] = (),
    timeout: float = 1800,
    grace: tuple[float, float] = (120, 60),
    die_with_parent: bool = False,
) -> int:
    """Start a supervised command and return the supervisor's pid; `status` and `wait` tell the rest.

    `operands` are an import's address and id. Refuses while an earlier command of this run may still be running.
    """
    now = status(run.directory)
    if now.state in ("running", "unknown"):
        raise TerraformFailed(command, f"an earlier {now.command} of this run is {now.state}", exit_code=1)
    environment = run.environment()
    reattach.check(environment)
    for name in ("result.json", LEFT):
        (run.directory / name).unlink(missing_ok=True)
    offset = _log_size(run.directory)
    call = [sys.executable, "-m", "lifecycle.provisioning.terraform.child", "--run-dir", str(run.directory)]
    terraform = ["--terraform", json.dumps(binary.configured().argv)]
    limits = ["--timeout", str(timeout), "--grace", str(grace[0]), str(grace[1])]
    parent = ["--die-with-parent", str(os.getpid())] if die_with_parent else []
    with open(run.directory / "stderr.log", "ab") as errors:
        child = subprocess.Popen(
            [*call, *terraform, *limits, *parent, "--", *_arguments(run, command, operands)],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    first = {**identity(child.pid), "command": command, "at": time.time(), "last_event": "", "log_offset": offset}
    if (read_json(run.directory / "heartbeat.json") or {}).get("pid") != child.pid:  # it may have been faster
        write_json(run.directory / "heartbeat.json", first)
    return child.pid


def wait(run_dir: Path, *, timeout: float) -> Result:
    """Return the result of the running command as soon as it ends; TimeoutError when it does not.

    Where the supervisor was killed, this waits for the Terraform it left, and the result is suspect.
    """
    deadline = time.monotonic() + timeout
    beat = read_json(run_dir / "heartbeat.json") or {}
    if is_alive(beat):
        await_exit(int(beat["pid"]), deadline)
    result = _result(run_dir)
    if result is not None:
        return result
    beat = read_json(run_dir / "heartbeat.json") or {}
    if command_alive(beat):
        await_exit(int(beat["terraform_pid"]), deadline)
    died = "its supervisor was killed"
    return Result(str(beat.get("command", "")), 137, time.time() - float(beat.get("at", 0)), (), True, died)


def status(run_dir: Path) -> Status:
    """Return what this run's latest supervised command is doing."""
    beat = read_json(run_dir / "heartbeat.json")
    result = _result(run_dir)
    if beat is None:
        return Status("absent")
    told = {
        "command": beat["command"],
        "last_event": beat["last_event"],
        "beat_at": beat["at"],
        "log_offset": beat.get("log_offset", 0),
    }
    if result is not None:
        return Status("finished", result=result, **{**told, "last_event": result.last_event})
    alive = command_alive(beat)
    return Status("unknown" if alive is None else "running" if alive else "dead", **told)


def stop(run_dir: Path, *, timeout: float = 240) -> Result | None:
    """Stop the running command gently and return its result; None when it left none (its state is suspect then)."""
    beat = read_json(run_dir / "heartbeat.json") or {}
    if is_alive(beat):
        os.kill(int(beat["pid"]), signal.SIGTERM)
        await_exit(int(beat["pid"]), time.monotonic() + timeout)
    return _result(run_dir)


def was_left(run_dir: Path) -> bool:
    """Say whether the latest command was stopped because its worker went, and for nothing it did."""
    return (run_dir / LEFT).exists()


def state_list(run: Run, *, timeout: float = 60) -> list[str]:
    """Return the addresses in the tenant's state; empty where it has none."""
    try:
        return _call(run, "state list", ["state", "list"], timeout).split()
    except TerraformFailed as failure:
        if "No state file was found" in failure.message:
            return []
        raise


def output(run: Run, *, timeout: float = 60) -> dict[str, Any]:
    """Return the stack's outputs: names and ids."""
    said = json.loads(_call(run, "output", ["output", "-json", "-no-color"], timeout))
    return {name: one["value"] for name, one in said.items() if not one["sensitive"]}


def force_unlock(run: Run, lock_id: str, *, timeout: float = 60) -> None:
    """Remove the state's lock with this id. Only for a run whose holder is proven dead (recovery.py)."""
    _call(run, "force-unlock", ["force-unlock", "-force", lock_id], timeout)


def push_unsaved(run: Run, *, timeout: float = 60) -> bool:
    """Save the state Terraform had to leave beside the backend, if it did; true when there was one."""
    unsaved = run.root / UNSAVED
    if not unsaved.exists():
        return False
    _call(run, "state push", ["state", "push", unsaved.name], timeout)
    unsaved.unlink()
    return True


def _arguments(run: Run, command: Supervised, operands: tuple[str, ...]) -> list[str]:
    plain = ["-input=false", "-no-color", f"-lock-timeout={LOCK_TIMEOUT}", f"-parallelism={PARALLELISM}"]
    common = [*plain, "-json"]
    kept = str(run.plan_file)
    return {
        "plan": ["plan", *common, f"-out={kept}"],
        "plan-destroy": ["plan", "-destroy", *common, f"-out={kept}"],
        "apply": ["apply", *common, kept],
        "destroy": ["destroy", "-auto-approve", *common],
        "import": ["import", *plain, *operands],  # has no -json
        "refresh": ["apply", "-refresh-only", "-auto-approve", *common],
    }[command]


def _call(run: Run, name: str, argv: list[str], timeout: float) -> str:
    """Run a short command that takes no part in supervision; its whole group dies at the time limit."""
    environment = run.environment()
    terraform = binary.configured()
    with (
        reattach.decoy(environment) as keep_open,
        subprocess.Popen(
            [*terraform.argv, *argv],
            cwd=run.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
            pass_fds=keep_open,
        ) as process,
    ):
        try:
            said, complaint = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise TerraformFailed(name, f"no answer in {timeout:g} s", exit_code=1) from None
    if process.returncode:
        raise TerraformFailed(name, _plain(complaint or said), exit_code=process.returncode)
    return said


def _succeeded(run: Run, result: Result) -> None:
    if not result.ok:
        message = last_error(run.directory) or result.last_event or "it gave no reason; see stderr.log"
        raise TerraformFailed(result.command, message, exit_code=result.exit_code, suspect=result.state_suspect)


def last_error(run_dir: Path) -> str:
    """Return the last error of the latest command, in the provider's own words, or an empty text."""
    found = ""
    if not (run_dir / "log.jsonl").exists():
        return found
    with open(run_dir / "log.jsonl", "rb") as log:
        log.seek(status(run_dir).log_offset)
        for line in log:
            if b'"type":"diagnostic"' in line and b'"severity":"error"' in line:
                about = json.loads(line)["diagnostic"]
                found = ": ".join(filter(None, (about.get("address"), about["summary"], about.get("detail"))))
    return found


def _log_size(run_dir: Path) -> int:
    try:
        return (run_dir / "log.jsonl").stat().st_size
    except FileNotFoundError:
        return 0


def _plain(text: str) -> str:
    """Return Terraform's message without its box of lines."""
    return " ".join(line.strip(" │╷╵") for line in text.splitlines() if line.strip(" │╷╵"))


def await_exit(pid: int, deadline: float) -> None:
    """Return when the process has ended; TimeoutError at the deadline."""
    try:
        exited = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        left = max(0.0, deadline - time.monotonic())
        if not select.select([exited], [], [], left)[0]:
            raise TimeoutError(f"process {pid} is still running")
    finally:
        os.close(exited)


def _result(run_dir: Path) -> Result | None:
    said = read_json(run_dir / "result.json")
    if said is None:
        return None
    return Result(
        command=said["command"],
        exit_code=said["exit_code"],
        seconds=said["finished_at"] - said["started_at"],
        signals_sent=tuple(said["signals_sent"]),
        state_suspect=said["state_suspect"],
        last_event=said["last_event"],
    )
