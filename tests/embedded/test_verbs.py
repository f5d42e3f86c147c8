"""The commands beside a running stack."""

import subprocess

import psycopg

from portal.embedded.stack import Stack
from tests.embedded.conftest import embedded


def test_status_lists_every_process(shared: Stack) -> None:
    table = embedded(shared, "status")
    assert table.returncode == 0
    for name in ("postgres control", "postgres ap-south-1", "redis control", "redis ap-south-1"):
        (row,) = [line.split() for line in table.stdout.splitlines() if line.startswith(f"{name} ")]
        pid, port, megabytes, _, restarts = row[2:]
        assert int(pid) == shared.runtime["pids"][name]
        assert int(port) == shared.runtime["ports"][name]
        assert int(megabytes) > 0 and restarts == "0"


def test_env_can_be_evaluated_by_a_shell(shared: Stack) -> None:
    exports = embedded(shared, "env").stdout
    shown = subprocess.check_output(["sh", "-c", f'{exports}\nprintf %s "$BAILIWICK_HOME"'], text=True)
    assert shown == str(shared.home.root)


def test_a_region_is_added_while_everything_runs(small: Stack) -> None:
    small.start()
    assert embedded(small, "wait-ready").returncode == 0
    added = embedded(small, "add-region", "us-east-1")
    assert added.returncode == 0, added.stderr
    region = small.region("us-east-1")
    assert region.pinecone is not None and region.pinecone.host.startswith("http://127.0.0.1:")
    with psycopg.connect(**region.database.connect_kwargs("observer")) as connection:
        assert connection.execute("SELECT count(*) FROM bw.row_security WHERE forced").fetchone() == (13,)
    small.stop()
    small.start()
    assert set(small.regions()) == {"ap-south-1", "us-east-1"}
    assert embedded(small, "stop").returncode == 0
    assert not small.running()
