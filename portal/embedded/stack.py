"""A home of its own for tests and benches: started fast, shared between processes, gone when its owner is.

with Stack(tmp_path / "home", regions=("ap-south-1",), only={"stores"}) as stack:
    psycopg.connect(stack.env["DATABASE_URL"])
    region = stack.region("ap-south-1")
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from portal.embedded import procs, runtime
from portal.embedded.home import PROJECT, Home
from portal.lib.regions import Region, load

START_SECONDS = 240.0


class NotStarted(Exception):
    """The stack did not come up; the message is what the supervisor said."""


class Stack:
    """A supervised home. `start` may be called from many processes at once: the first starts it, all share it."""

    def __init__(
        self,
        home: Path | str,
        regions: Iterable[str] = ("ap-south-1", "eu-west-1"),
        only: Iterable[str] = ("stores",),
        *,
        durable: bool = False,
        owner: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """`only` as in `run --only`, empty for everything. It stops when process `owner`, by default this one, ends.

        `env` is added to the environment of every process, for fault drills.
        """
        self.home = Home(Path(home).resolve())
        self._regions, self._only, self._durable = ",".join(regions), ",".join(sorted(only)), durable
        self._owner = owner or os.getpid()
        self._extra = dict(env or {})
        self._supervisor: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return with everything ready, having started it unless it already runs."""
        self.launch()
        self._await(lambda: runtime.is_ready(self.home))

    def launch(self) -> None:
        """Return as soon as ports and passwords are known, so `env` and `regions` hold; `start` waits for the rest."""
        self.home.root.mkdir(parents=True, exist_ok=True)
        with (self.home.root / "start.lock").open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            if not self.running():
                self._launch()
            self._await(lambda: runtime.is_written(self.home))

    def stop(self) -> None:
        """Stop it, whoever started it, and return when nothing of it is left."""
        pid = runtime.supervisor_pid(self.home)
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
        if self._supervisor is not None:
            self._supervisor.wait()
        while not runtime.unlocked(self.home):
            time.sleep(procs.POLL)

    def running(self) -> bool:
        return runtime.supervisor_pid(self.home) is not None

    @property
    def runtime(self) -> dict[str, Any]:
        """The present runtime.json."""
        return runtime.read(self.home)

    @property
    def env(self) -> dict[str, str]:
        """The environment a process beside this stack needs."""
        found: dict[str, str] = self.runtime["env"]
        return found

    @property
    def url(self) -> str:
        """The portal's address, when `web` is among the parts."""
        return str(self.runtime["url"])

    def regions(self) -> dict[str, Region]:
        return load(self.home.regions_file)

    def region(self, name: str) -> Region:
        return self.regions()[name]

    def superuser_kwargs(self, cluster: str, dbname: str = "") -> dict[str, Any]:
        """Arguments for psycopg.connect as superuser of `control` or a region, for fixtures and fault injection."""
        passwords = json.loads((self.home.secrets / "embedded.json").read_text())
        return {
            "host": "127.0.0.1",
            "port": self.runtime["ports"][f"postgres {cluster}"],
            "dbname": dbname or ("bailiwick" if cluster == "control" else "rag"),
            "user": "postgres",
            "password": passwords[f"postgres {cluster} superuser"],
        }

    def log(self, name: str) -> str:
        """What a process has written, for messages of failed tests."""
        return (self.home.log / f"{name.replace(' ', '-')}.log").read_text(errors="replace")

    def _launch(self) -> None:
        arguments = ["--until-exit-of", str(self._owner)]
        arguments += ["--only", self._only] if self._only else []
        arguments += [] if self._durable else ["--volatile"]
        with (self.home.root / "supervisor.out").open("wb") as output:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "portal.embedded", "run", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=PROJECT,
                start_new_session=True,
                env={
                    **_without_another_stack(),
                    **self._extra,
                    "BAILIWICK_HOME": str(self.home.root),
                    "BAILIWICK_EMBEDDED_REGIONS": self._regions,
                    "PORT": "0",
                },
            )

    def _await(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            ended = not self.running() if self._supervisor is None else self._supervisor.poll() is not None
            if ended or time.monotonic() > deadline:
                raise NotStarted((self.home.root / "supervisor.out").read_text())
            time.sleep(procs.POLL)


def _without_another_stack() -> dict[str, str]:
    """Our environment without what another stack, such as that of the test run, has exported into it."""
    theirs = ("BAILIWICK_", "DATABASE_URL", "REDIS_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
