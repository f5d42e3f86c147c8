"""A real PgBouncer in transaction mode before the test cluster, run as a plain account."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from portal.embedded import procs

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CONFIGURATION = """\
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
auth_type = scram-sha-256
auth_file = {home}/users
server_reset_query =
log_connections = 0
log_disconnections = 0
"""


class Pooler:
    """`size` server connections shared by any number of clients; `close` leaves nothing behind."""

    def __init__(self, server: dict[str, Any], size: int) -> None:
        self.size = size
        self.port = _free_port()
        self.home = Path(tempfile.mkdtemp(prefix="bailiwick-pooler-"))
        settings = CONFIGURATION.format(listen=self.port, size=size, home=self.home, **server)
        (self.home / "users").write_text(f'"{server["user"]}" "{server["password"]}"\n')
        (self.home / "ini").write_text(settings)
        account = _plain_account()
        for path in (self.home, *self.home.iterdir()):
            os.chown(path, *account)
        command = [str(PROGRAM), "-q", str(self.home / "ini")]
        who = {"user": account[0], "group": account[1], "extra_groups": []} if os.geteuid() == 0 else {}
        self.process = subprocess.Popen(command, cwd="/", stderr=subprocess.PIPE, text=True, **who)
        self._await()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.home)

    def _await(self) -> None:
        deadline = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PgBouncer did not start: {self.process.communicate()[1]}") from None
                time.sleep(procs.POLL)


def _plain_account() -> tuple[int, int]:
    if os.geteuid() != 0:
        return os.getuid(), os.getgid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
