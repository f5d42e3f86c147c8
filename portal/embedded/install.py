"""Makes .venv hold what a lock file names, and does nothing when it already does.

    python3 portal/embedded/install.py embedded|test

Runs on any Python from 3.6, to be able to say which one is needed. uv does the work where it can be had, pip
otherwise. `test` also sees to the system packages of the tests that need some.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
PYTHON = str(VENV / "bin" / "python")
PROGRAMS = {
    "chromium": "the browser tests",
    "pdfsig": "the independent check of certificates",
    "pgbouncer": "the tests behind a pooler",
    "prometheus": "the erasure of series",
}
SYSTEM_PACKAGES = ["chromium", "poppler-utils", "pgbouncer", "prometheus"]


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 (this file is run by whatever Python there is)
        running = ".".join(map(str, sys.version_info[:2]))
        give_up(f"needs Python 3.11 or newer, found {running}. Set PYTHON=/path/to/python3.11.")
    lock, stamp = PROJECT / "requirements" / f"{sys.argv[1]}.txt", VENV / f".installed-{sys.argv[1]}"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not (usable() and stamp.exists() and stamp.read_text() == wanted):
        print("Installing Python packages into .venv (once)", flush=True)
        if not usable():
            make_venv()
        install(str(lock))
        stamp.write_text(wanted)
    if sys.argv[1] == "test":
        system_packages()


def usable() -> bool:
    """True when .venv has a Python that starts and is new enough."""
    try:
        return subprocess.call([PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]) == 0
    except OSError:
        return False


def make_venv() -> None:
    uv = shutil.which("uv")
    if uv and quiet([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)]):
        return
    if not quiet([sys.executable, "-m", "venv", "--clear", str(VENV)]):
        give_up(f"cannot create {VENV}. On Debian: apt-get install python3-venv; else check the disk.")


def install(lock: str) -> None:
    """Install exactly the locked packages, hashes checked; uv takes seconds, pip a minute."""
    uv = shutil.which("uv") or bootstrapped_uv()
    if uv and quiet([uv, "pip", "install", "--quiet", "--require-hashes", "--python", PYTHON, "-r", lock]):
        return
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock]
    have_pip = quiet([PYTHON, "-m", "pip", "--version"]) or quiet([PYTHON, "-m", "ensurepip"])
    if not (have_pip and subprocess.call(pip) == 0):
        give_up(f"could not install {lock}. Check the network or the package index, then run it again.")


def bootstrapped_uv() -> "str | None":
    """uv from the package index, inside .venv; None when it cannot be had."""
    uv = VENV / "bin" / "uv"
    found = quiet([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"])
    return str(uv) if found and uv.exists() else None


def system_packages() -> None:
    """Install what some tests need where we may, else say in one line what is left out."""
    missing = absent()
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing " + " ".join(SYSTEM_PACKAGES), flush=True)
        quiet(["apt-get", "update", "-qq"])
        apt = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
        # at run level 1 Debian starts no service that it has just installed
        quiet(apt + SYSTEM_PACKAGES, DEBIAN_FRONTEND="noninteractive", RUNLEVEL="1")
        missing = absent()
    for program in missing:
        packages = " ".join(SYSTEM_PACKAGES)
        print(f"{program} is missing, which leaves out {PROGRAMS[program]} (Debian: {packages})")


def absent() -> "list[str]":
    """Debian keeps pgbouncer where a plain user's PATH does not look."""
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    return [program for program in PROGRAMS if not shutil.which(program, path=path)]


def quiet(command: "list[str]", **env: str) -> bool:
    """Run a command, show its errors only when it fails; True when it succeeded."""
    try:
        environ = dict(os.environ, **env)
        ran = subprocess.run(command, check=False, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except OSError:
        return False
    if ran.returncode:
        sys.stderr.write(ran.stderr.decode(errors="replace"))
    return ran.returncode == 0


def give_up(line: str) -> None:
    """The one line the user sees."""
    sys.stderr.write("bailiwick: " + line + "\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
