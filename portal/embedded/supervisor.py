"""Keeps services running until told to stop; nothing it started outlives it, not even after SIGKILL.

Three nets, each enough alone on a good day: the kernel signals every child when the supervisor dies; a watchdog process
ends their process groups; the next start ends whatever runtime.json still names.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from portal.embedded import procs
from portal.embedded.home import PROJECT, Home
from portal.embedded.service import Command, Launch, Service

READY_SECONDS = 180.0
TRIES_BEFORE_READY = 3
SHORTEST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS = 0.1, 10.0, 30.0
LARGEST_LOG = 20 * 2**20
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class StartFailed(Exception):
    """A service or a set-up command did not come up; the message ends with what it wrote last."""


@dataclass(eq=False)
class Child:
    """A started process."""

    process: procs.Process
    popen: "subprocess.Popen[bytes]"
    exited: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False)
class Kept:
    """A service and its present life."""

    service: Service
    child: Child
    launch: Launch
    restarts: int = 0


class Supervisor:
    def __init__(self, home: Home, say: Callable[[str], None], changed: Callable[[], None], lock: int) -> None:
        self.kept: dict[str, Kept] = {}
        self._home, self._say, self._changed = home, say, changed
        self._children: set[Child] = set()
        self._keepers: set[asyncio.Task[None]] = set()
        self._log = (home.log / "supervisor.log").open("a", buffering=1)
        self._watchdog = subprocess.Popen(
            [sys.executable, "-m", "portal.embedded.watchdog"],
            stdin=subprocess.PIPE,
            cwd=PROJECT,
            start_new_session=True,
            pass_fds=[lock],
        )
        self._pipe = cast(IO[bytes], self._watchdog.stdin)
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    async def start(self, service: Service) -> None:
        """Start the service, keep it running, and return when it is ready."""
        begun = time.monotonic()
        child, launch = self._launch(service)
        kept = self.kept[service.name] = Kept(service, child, launch)
        keeper = asyncio.create_task(self._keep(kept))
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)
        while kept.child.exited.is_set() or not await service.ready(kept.launch):
            waited = time.monotonic() - begun
            if kept.restarts >= TRIES_BEFORE_READY or waited > READY_SECONDS:
                raise StartFailed(f"{service.name} does not start. {_tail(launch)}")
            await asyncio.sleep(min(max(procs.POLL, waited / 30), 0.1))  # ask often early, at most 3 % late

    async def run(self, command: Command, script: str = "") -> str:
        """Run a set-up command to its end, feeding it the script; return its last line. StartFailed when it fails."""
        with tempfile.TemporaryFile() as source, self._open_log(command.name) as log:
            source.write(script.encode())
            source.seek(0)
            launch = Launch(Path(log.name), os.fstat(log.fileno()).st_size)
            child = self._spawn(command, source.fileno(), log.fileno())
            await child.exited.wait()
        if child.popen.returncode != 0:
            raise StartFailed(f"{command.name} failed ({_ending(child.popen.returncode)}). {_tail(launch)}")
        return next(iter(reversed(_written(launch))), "")

    def stop(self) -> None:
        """End everything in order: doors, work, stores. The last call."""
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)
        for keeper in self._keepers:
            keeper.cancel()
        killed = procs.stop_in_order([child.process for child in self._children])
        for name in killed:
            self._note(f"{name} did not stop in time and was killed")
        for child in self._children:
            child.popen.wait()
        self._children.clear()
        self._tell("done")
        self._pipe.close()
        self._watchdog.wait()

    def processes(self) -> list[procs.Process]:
        return [child.process for child in self._children]

    async def _keep(self, kept: Kept) -> None:
        """Start the service again whenever it ends, at first at once, then more and more slowly."""
        pause = SHORTEST_PAUSE
        while True:
            begun = time.monotonic()
            await kept.child.exited.wait()
            kept.restarts += 1
            steady = time.monotonic() - begun > STEADY_SECONDS
            pause = SHORTEST_PAUSE if steady else min(pause * 2, LONGEST_PAUSE)
            self._note(
                f"{kept.service.name} ended ({_ending(kept.child.popen.returncode)}), starting it again", loud=True
            )
            await asyncio.sleep(pause)
            kept.child, kept.launch = self._launch(kept.service)

    def _launch(self, service: Service) -> tuple[Child, Launch]:
        for path in service.stale:
            path.unlink(missing_ok=True)
        with self._open_log(service.name) as log:
            launch = Launch(Path(log.name), os.fstat(log.fileno()).st_size)
            return self._spawn(service, subprocess.DEVNULL, log.fileno()), launch

    def _spawn(self, command: Command, stdin: int, output: int) -> Child:
        """Start a process in a session of its own that the kernel signals when this one dies."""
        account = command.account
        popen = subprocess.Popen(
            command.argv,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **command.env},
            cwd=command.cwd,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=_dying_with(os.getpid(), command.stop_signal),
        )
        pid, started = popen.pid, procs.started(popen.pid)
        child = Child(procs.Process(command.name, pid, started, command.stage, command.stop_signal), popen)
        self._children.add(child)
        self._tell(f"+ {_file(command.name)} {pid} {started} {command.stage} {int(command.stop_signal)}")
        self._changed()
        return child

    def _reap(self) -> None:
        """Collect ended children, first killing what is left of their groups while their pid is still theirs."""
        for child in list(self._children):
            pid = child.process.pid
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                procs.signal_group(pid, signal.SIGKILL)
                child.popen.wait()
                self._children.discard(child)
                self._tell(f"- {pid}")
                child.exited.set()
                self._changed()

    def _tell(self, line: str) -> None:
        try:
            self._pipe.write(f"{line}\n".encode())
            self._pipe.flush()
        except BrokenPipeError:
            self._note("the watchdog is gone; the other nets remain")

    def _open_log(self, name: str) -> IO[bytes]:
        path = self._home.log / f"{_file(name)}.log"
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")

    def _note(self, text: str, *, loud: bool = False) -> None:
        self._log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
        if loud:
            self._say(text)


def _dying_with(parent: int, signum: int) -> Callable[[], None]:
    def arm() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel could know that we care
            os.kill(os.getpid(), signal.SIGKILL)

    return arm


def _file(name: str) -> str:
    return name.replace(" ", "-")


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _tail(launch: Launch, lines: int = 8) -> str:
    said = "\n".join(f"  {line}" for line in _written(launch)[-lines:])
    return f"It wrote to {launch.log}:\n{said}" if said else f"It wrote nothing to {launch.log}."


def _written(launch: Launch) -> list[str]:
    """The last lines of this launch."""
    with launch.log.open("rb") as log:
        log.seek(launch.log_offset)
        return log.read()[-8000:].decode(errors="replace").strip().splitlines()
