"""Where the embedded runtime keeps its things, and whether this machine can carry them."""

import contextlib
import os
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
OLDEST_PYTHON = (3, 11)
FRESH_MB, KEPT_MB = 600, 100
PRIVATE = ("run", "secrets", "log", "redis", "objects", "pinecone", "work", "mail", "static", "registry")


class Unfit(Exception):
    """The environment cannot carry the runtime; the message is the one line its user sees."""


@dataclass(frozen=True)
class Home:
    """The data directory (BAILIWICK_HOME) and the places in it."""

    root: Path

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def pg(self) -> Path:
        return self.root / "pg"

    @property
    def runtime_file(self) -> Path:
        return self.run / "runtime.json"

    @property
    def regions_file(self) -> Path:
        return self.run / "regions.json"

    @property
    def reattach_file(self) -> Path:
        return self.run / "reattach.json"

    @property
    def lock_file(self) -> Path:
        return self.run / "supervisor.lock"

    def shown(self) -> str:
        """The path as a person would type it."""
        relative = os.path.relpath(self.root)
        return str(self.root) if relative.startswith("..") else relative


def home_from_environment() -> Home:
    """BAILIWICK_HOME, else ./var of the project."""
    return Home(Path(os.environ.get("BAILIWICK_HOME") or PROJECT / "var").resolve())


def prepare(home: Home) -> None:
    """Create the directories, or raise Unfit with what is missing and how to get it."""
    check_machine()
    try:
        home.pg.mkdir(parents=True, exist_ok=True)  # the one place a server under another account must enter
        for name in PRIVATE:
            (home.root / name).mkdir(mode=0o700, exist_ok=True)
        probe = home.run / f".probe-{secrets.token_hex(4)}"
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as problem:
        raise Unfit(
            f"Cannot write to {home.root}: {problem.strerror}. Set BAILIWICK_HOME to a directory of yours."
        ) from problem
    check_disk(home, KEPT_MB if any(home.pg.iterdir()) else FRESH_MB)


def delete_contents(home: Home) -> None:
    """Delete what `prepare` and the services made; what else lies in the directory stays."""
    for directory in (*(home.root / name for name in PRIVATE), home.pg, home.root / "bin"):
        if directory.exists():
            shutil.rmtree(directory)
    with contextlib.suppress(OSError):  # not empty: something of the user's is in there
        home.root.rmdir()


def check_machine() -> None:
    """Refuse a Python or a system the runtime cannot work on."""
    if sys.version_info < OLDEST_PYTHON:
        running = ".".join(map(str, sys.version_info[:2]))
        raise Unfit(f"Bailiwick needs Python 3.11 or newer, this is {running}. Set PYTHON to a newer one.")
    if not Path("/proc/self/stat").exists():
        raise Unfit("The embedded runtime needs Linux with /proc. Elsewhere use the container image in deploy/.")


def check_disk(home: Home, needed_mb: int) -> None:
    """Refuse a disk that would fill up during the first minutes."""
    free_mb = shutil.disk_usage(home.root).free // 2**20
    if free_mb < needed_mb:
        raise Unfit(
            f"Only {free_mb} MB free at {home.root}, {needed_mb} MB needed. Free some, or set BAILIWICK_HOME elsewhere."
        )


def write_private(path: Path, text: str, *, durable: bool = False) -> None:
    """Replace the file in one step; only its owner may read it."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        if durable:
            handle.flush()
            os.fsync(handle.fileno())
    draft.replace(path)
