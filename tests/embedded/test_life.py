"""Start, stop, death and return of the embedded stores."""

import os
import signal
import stat
import time
from collections.abc import Callable

import psycopg
import pytest
import redis

from portal.embedded import procs
from portal.embedded.stack import Stack
from tests.embedded.conftest import command, embedded, everyone, survivors


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def watchdog_among(processes: dict[int, int]) -> int:
    (found,) = [pid for pid in processes if "portal.embedded.watchdog" in command(pid)]
    return found


def remember(stack: Stack, text: str) -> None:
    with psycopg.connect(stack.env["BAILIWICK_MIGRATE_DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (body text)")
        connection.execute("INSERT INTO note VALUES (%s)", [text])


def remembered(stack: Stack) -> list[str]:
    with psycopg.connect(stack.env["DATABASE_URL"]) as connection:
        return [row[0] for row in connection.execute("SELECT body FROM note ORDER BY body")]


def cache(stack: Stack) -> "redis.Redis":
    found = stack.region("ap-south-1").cache
    return redis.Redis(host=found.host, port=found.port, password=found.admin_password, decode_responses=True)


def test_data_ports_and_cache_users_survive_a_restart(small: Stack) -> None:
    small.start()
    ports = small.runtime["ports"]
    remember(small, "first")
    cache(small).execute_command("ACL", "SETUSER", "t-1", "on", ">secret", "~t:1:*", "+@all")
    cache(small).execute_command("ACL", "SAVE")
    cache(small).set("kept", "yes")
    before = everyone(small)
    begun = time.monotonic()
    small.stop()
    assert time.monotonic() - begun < 5
    assert survivors(before) == []
    small.start()
    assert small.runtime["ports"] == ports
    assert remembered(small) == ["first"]
    assert cache(small).get("kept") == "yes"
    assert "t-1" in cache(small).acl_users()


@pytest.mark.parametrize("with_watchdog", [False, True], ids=["supervisor", "supervisor-and-watchdog"])
def test_nothing_is_left_behind_when_the_supervisor_is_killed(small: Stack, with_watchdog: bool) -> None:
    small.start()
    remember(small, "before")
    before = everyone(small)
    supervisor = small.runtime["supervisor"]["pid"]
    assert len(before) > 10
    for pid in [*([watchdog_among(before)] if with_watchdog else []), supervisor]:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not survivors(before))
    small.start()
    assert remembered(small) == ["before"]


def test_a_start_ends_what_an_earlier_supervisor_left(small: Stack) -> None:
    """With parent and watchdog dead and the kernel's signal lost, runtime.json still knows who is left."""
    small.start()
    before = everyone(small)
    supervisor = small.runtime["supervisor"]["pid"]
    frozen = small.runtime["pids"]["redis control"]
    os.kill(frozen, signal.SIGSTOP)  # a stopped process acts on no signal but SIGKILL
    os.kill(watchdog_among(before), signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: len(survivors(before)) == 1)
    small.start()
    assert survivors(before) == []
    assert "redis control" in (small.home.root / "supervisor.out").read_text()


def test_a_first_start_killed_halfway_is_no_obstacle(small: Stack) -> None:
    """Killed inside initdb: the half cluster does not count, and the next start begins anew."""
    small.launch()
    draft = small.home.pg / "control.new"
    wait_for(lambda: (draft / "PG_VERSION").exists() or (small.home.pg / "control").exists())
    before = everyone(small)
    os.kill(small.runtime["supervisor"]["pid"], signal.SIGKILL)
    wait_for(lambda: not survivors(before))
    small.start()
    assert not draft.exists()
    remember(small, "after")
    assert remembered(small) == ["after"]


def test_a_killed_server_is_started_again(small: Stack) -> None:
    small.start()
    remember(small, "before")
    for name in ("postgres control", "redis ap-south-1"):
        pid = small.runtime["pids"][name]
        started = procs.started(pid)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda pid=pid, started=started: not procs.alive(pid, started))
        wait_for(lambda name=name, pid=pid: small.runtime["pids"].get(name, pid) != pid)
        wait_for(lambda name=name: small.runtime["restarts"][name] == 1)
    wait_for(lambda: _answers(small))
    assert remembered(small) == ["before"]
    assert "postgres control ended (signal 9)" in (small.home.log / "supervisor.log").read_text()


def _answers(stack: Stack) -> bool:
    try:
        return bool(remembered(stack)) and bool(cache(stack).ping())
    except (psycopg.OperationalError, redis.ConnectionError):
        return False


def test_it_ends_with_its_owner(small: Stack) -> None:
    """A test run that is killed takes its stack with it."""
    owner = os.fork()
    if owner == 0:
        signal.pause()
        os._exit(0)
    owned = Stack(small.home.root, regions=("ap-south-1",), only=("redis",), owner=owner)
    owned.start()
    before = everyone(owned)
    os.kill(owner, signal.SIGKILL)
    os.waitpid(owner, 0)
    wait_for(lambda: not survivors(before))


def test_a_second_run_says_where_the_first_one_is(shared: Stack) -> None:
    second = embedded(shared, "run")
    pid = shared.runtime["supervisor"]["pid"]
    assert second.returncode == 0
    assert second.stdout.splitlines() == [f"Bailiwick already runs in {shared.home.root} (pid {pid}): without web"]


def test_only_its_owner_reads_credentials(shared: Stack) -> None:
    private = [shared.home.runtime_file, shared.home.regions_file, *shared.home.secrets.iterdir()]
    assert len(private) >= 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert stat.S_IMODE(shared.home.secrets.stat().st_mode) == 0o700
