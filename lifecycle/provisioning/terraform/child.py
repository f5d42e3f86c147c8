"""Runs one Terraform command to its end, whoever started it, and leaves behind what happened.

    python -m lifecycle.provisioning.terraform.child --run-dir DIR [--timeout S] [--die-with-parent PID] -- apply ...

In DIR: `log.jsonl` (Terraform's own `-json` stream, appended), `stderr.log`, `heartbeat.json` once a second,
`result.json` at the end. SIGINT or SIGTERM to this process, or its time limit, asks Terraform to stop (SIGINT), then
tells it (SIGTERM, at which it exits without saving), then kills its process group; the last two leave the state
suspect.
"""

import argparse
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from lifecycle.provisioning.terraform import binary, reattach
from lifecycle.provisioning.terraform.files import ROOT, UNSAVED, write_json
from lifecycle.provisioning.terraform.processes import identity, start_time

PR_SET_PDEATHSIG = 1
BEAT_SECONDS = 1.0
BLOCK = 1024 * 1024


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code (128 + signal when it was killed)."""
    options = _options(argv)
    terraform = json.loads(options.terraform) if options.terraform else list(binary.configured().argv)
    command = Command(options.run_dir, [*terraform, *options.command], options.timeout, tuple(options.grace))
    command.name, command.parent = options.command[0], options.die_with_parent
    return command.run()


class Command:
    """One Terraform command under supervision."""

    name = ""
    parent = 0

    def __init__(self, directory: Path, argv: list[str], timeout: float, grace: tuple[float, float]) -> None:
        self.directory, self.argv = directory, argv
        self.started = time.time()
        self.ladder = [
            (self.started + timeout, signal.SIGINT),
            (self.started + timeout + grace[0], signal.SIGTERM),
            (self.started + timeout + sum(grace), signal.SIGKILL),
        ]
        self.grace = grace
        self.sent: list[str] = []
        self.log_read = self.log_offset = 0
        self.last_event = ""

    def run(self) -> int:
        """Supervise the command to its end."""
        wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(woken)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._stop_now())
        if self.parent:
            _signal_when_parent_dies()
            if os.getppid() != self.parent:  # it died before the kernel was asked
                self._stop_now()
        environment = dict(os.environ)
        with reattach.decoy(environment) as keep_open:
            process = self._spawn(environment, keep_open)
            exited = os.pidfd_open(process.pid)
            waiting = select.poll()
            waiting.register(exited, select.POLLIN)
            waiting.register(wake, select.POLLIN)
            while process.poll() is None:
                self._beat(process.pid)
                for ready, _ in waiting.poll(BEAT_SECONDS * 1000):
                    if ready == wake:
                        os.read(wake, 512)
                self._climb(process)
            return self._finish(process)

    def _spawn(self, environment: dict[str, str], keep_open: tuple[int, ...]) -> subprocess.Popen[bytes]:
        """Start Terraform in its own group: a Ctrl-C meant for somebody else never reaches it twice."""
        with (
            open(self.directory / "log.jsonl", "ab") as log,
            open(self.directory / "stderr.log", "ab") as errors,
        ):
            self.log_read = self.log_offset = log.tell()
            return subprocess.Popen(
                self.argv,
                cwd=self.directory / ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=errors,
                process_group=0,
                pass_fds=keep_open,
                preexec_fn=_signal_when_parent_dies,
            )

    def _stop_now(self) -> None:
        """Move the ladder to begin now; a second request changes nothing."""
        now = time.time()
        if not self.sent and self.ladder[0][0] > now:
            steps = (now, now + self.grace[0], now + sum(self.grace))
            self.ladder = [(at, number) for at, (_, number) in zip(steps, self.ladder, strict=True)]

    def _climb(self, process: subprocess.Popen[bytes]) -> None:
        while self.ladder and time.time() >= self.ladder[0][0] and process.poll() is None:
            _, number = self.ladder.pop(0)
            self.sent.append(number.name)
            if number == signal.SIGKILL:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)

    def _beat(self, terraform_pid: int) -> None:
        self._read_log()
        write_json(
            self.directory / "heartbeat.json",
            {
                **identity(os.getpid()),
                "terraform_pid": terraform_pid,
                "terraform_start_time": start_time(terraform_pid),
                "command": self.name,
                "started_at": self.started,
                "at": time.time(),
                "last_event": self.last_event,
                "log_offset": self.log_offset,
            },
        )

    def _read_log(self) -> None:
        """Note the last whole line, a block at a time: a log of any length costs one block of memory."""
        with open(self.directory / "log.jsonl", "rb") as log:
            log.seek(self.log_read)
            while block := log.read(BLOCK):
                whole, newline, _ = block.rpartition(b"\n")
                if newline:
                    self.last_event = _message(whole.rpartition(b"\n")[2])
                elif len(block) < BLOCK:
                    return  # a line still being written
                self.log_read += len(whole) + 1 if newline else len(block)
                log.seek(self.log_read)

    def _finish(self, process: subprocess.Popen[bytes]) -> int:
        code = process.returncode
        self._read_log()
        write_json(
            self.directory / "result.json",
            {
                "command": self.name,
                "exit_code": code if code >= 0 else 128 - code,
                "signals_sent": self.sent,
                "state_suspect": self._is_suspect(code),
                "started_at": self.started,
                "finished_at": time.time(),
                "last_event": self.last_event,
            },
        )
        return code if code >= 0 else 128 - code

    def _is_suspect(self, code: int) -> bool:
        """Say whether the state may not tell the truth: killed, told twice to stop, or saved beside the backend."""
        return code < 0 or len(self.sent) > 1 or (self.directory / ROOT / UNSAVED).exists()


def _message(line: bytes) -> str:
    try:
        return str(json.loads(line).get("@message", ""))
    except (ValueError, AttributeError):
        return ""


def _signal_when_parent_dies() -> None:
    """Ask the kernel for a SIGINT at the parent's death, so that Terraform still saves its state."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--timeout", type=float, default=1800.0)
    parser.add_argument("--grace", type=float, nargs=2, default=(120.0, 60.0), metavar=("INT", "TERM"))
    parser.add_argument("--terraform", help="how to call Terraform, as a JSON list; looked for when absent")
    parser.add_argument("--die-with-parent", type=int, default=0, metavar="PID", help="stop when this parent ends")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
