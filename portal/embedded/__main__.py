"""python -m portal.embedded run | status | env | wait-ready | add-region NAME | stop | clean"""

import argparse
import asyncio
import contextlib
import os
import shlex
import signal
import sys
import time

from portal.embedded import procs, runtime
from portal.embedded.environment import REGIONS, clear_foreign_variables
from portal.embedded.foreground import leaves, supervise
from portal.embedded.home import Home, Unfit, delete_contents, home_from_environment, prepare
from portal.embedded.startup import PARTS, STORES, Options
from portal.embedded.supervisor import StartFailed

UNFIT, FAILED = 2, 1


def main() -> int:
    arguments = _parser().parse_args()
    home = home_from_environment()
    try:
        return int(arguments.verb(home, arguments))
    except Unfit as problem:
        print(f"bailiwick: {problem}", file=sys.stderr)
        return UNFIT
    except runtime.AlreadyRuns as news:
        print(news)
        return 0


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Start everything and stay in the foreground."""
    clear_foreign_variables()
    prepare(home)
    lock = runtime.take_lock(home)
    _say(f"Bailiwick in {home.shown()}")
    if left := runtime.end_leftovers(home):
        _say(f"  ended what an earlier run left behind: {', '.join(left)}")
    options = Options(_parts(arguments.only), not arguments.volatile, _port())
    try:
        return asyncio.run(supervise(home, options, lock, _say, arguments.until_exit_of))
    except* Unfit as unfit:
        raise leaves(unfit)[0] from None
    except* StartFailed as failed:
        print(f"bailiwick: {leaves(failed)[0]}", file=sys.stderr)
    return FAILED


def status(home: Home, arguments: argparse.Namespace) -> int:
    """Print the table of processes; exit code 1 when nothing runs."""
    found = runtime.read(home)
    pid = runtime.supervisor_pid(home)
    if pid is None:
        print(f"Nothing runs on {home.shown()}.")
        return FAILED
    state = "ready" if runtime.is_ready(home) else "starting"
    print(f"{found.get('url') or home.shown()}  {state}, supervisor {pid}")
    print(f"{'process':<22} {'pid':>7} {'port':>6} {'MB':>6} {'uptime':>9} {'restarts':>8}")
    for entry in sorted(found.get("children", []), key=lambda child: (child["stage"], child["name"])):
        if procs.alive(entry["pid"], entry["started"]):
            print(_row(entry, found))
    return 0


def env(home: Home, arguments: argparse.Namespace) -> int:
    """Print the environment of the portal's processes as shell exports."""
    found = runtime.read(home).get("env")
    if not found:
        raise Unfit(f"{home.shown()} has not been started yet: run `make run` first.")
    for name, value in found.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def wait_ready(home: Home, arguments: argparse.Namespace) -> int:
    """Return when everything is ready; exit code 1 when that does not happen in time, or the supervisor ends."""
    deadline, seen = time.monotonic() + arguments.timeout, False
    while not runtime.is_ready(home):
        running = runtime.supervisor_pid(home) is not None
        if time.monotonic() > deadline or (seen and not running):
            print(f"{home.shown()} {'did not come up in time' if running else 'does not run'}.", file=sys.stderr)
            return FAILED
        seen = running
        time.sleep(0.05)
    return 0


def stop(home: Home, arguments: argparse.Namespace) -> int:
    """Stop the running supervisor and wait until nothing of it is left."""
    pid = runtime.supervisor_pid(home)
    if pid is None:
        print(f"Nothing runs on {home.shown()}.")
        return 0
    os.kill(pid, signal.SIGTERM)
    while not runtime.unlocked(home):
        time.sleep(0.02)
    print(f"Stopped. Data is kept in {home.shown()}.")
    return 0


def clean(home: Home, arguments: argparse.Namespace) -> int:
    """Stop, then delete what the runtime has put into the home, and nothing else."""
    if not home.runtime_file.exists():
        raise Unfit(f"{home.shown()} has never been started: nothing to delete.")
    stop(home, arguments)
    try:
        delete_contents(home)
    except OSError as problem:
        raise Unfit(f"Cannot delete {problem.filename}: {problem.strerror}.") from problem
    print(f"Deleted the data in {home.shown()}.")
    return 0


def add_region(home: Home, arguments: argparse.Namespace) -> int:
    """Add a region now if the stack runs, else at its next start."""
    prepare(home)
    with (home.run / "added-regions").open("a") as added:
        added.write(f"{arguments.name}\n")
    pid = runtime.supervisor_pid(home)
    if pid is None:
        print(f"{arguments.name} comes up with the next `make run`.")
        return 0
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + arguments.timeout
    while arguments.name not in runtime.read(home).get("regions", []):
        if time.monotonic() > deadline or not runtime.supervisor_pid(home):
            print(f"{arguments.name} did not come up; see {home.log}/supervisor.log.", file=sys.stderr)
            return FAILED
        time.sleep(0.05)
    print(f"{arguments.name} is ready.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m portal.embedded", description=__doc__)
    verbs = parser.add_subparsers(required=True)
    running = verbs.add_parser("run", help=run.__doc__)
    running.add_argument(
        "--only", default="", help="parts, comma separated; `stores` means " + ",".join(sorted(STORES))
    )
    running.add_argument("--volatile", action="store_true", help="for tests: data need not survive a power cut")
    running.add_argument("--until-exit-of", type=int, metavar="PID", help="stop when this process ends")
    running.set_defaults(verb=run)
    for verb in (status, env, stop, clean):
        verbs.add_parser(verb.__name__, help=verb.__doc__).set_defaults(verb=verb)
    waiting = verbs.add_parser("wait-ready", help=wait_ready.__doc__)
    waiting.add_argument("--timeout", type=float, default=120)
    waiting.set_defaults(verb=wait_ready)
    adding = verbs.add_parser("add-region", help=add_region.__doc__)
    adding.add_argument("name", choices=sorted(REGIONS))
    adding.add_argument("--timeout", type=float, default=60)
    adding.set_defaults(verb=add_region)
    return parser


def _parts(only: str) -> frozenset[str]:
    parts = set(filter(None, only.split(",")))
    if "stores" in parts:
        parts = (parts - {"stores"}) | STORES
    if unknown := parts - PARTS:
        raise Unfit(f"Unknown part {', '.join(sorted(unknown))}. Known: {', '.join(sorted(PARTS))}.")
    return frozenset(parts) or PARTS


def _port() -> int | None:
    given = os.environ.get("PORT", "")
    if given and not given.isdecimal():
        raise Unfit(f"PORT={given} is not a port. Set PORT to a number from 1024 to 65535.")
    return int(given) if given else None


def _row(entry: dict[str, object], found: dict[str, dict[str, int]]) -> str:
    name, pid = str(entry["name"]), int(str(entry["pid"]))
    megabytes, seconds = procs.memory(pid) / 2**20, int(procs.uptime(pid))
    uptime = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    port = found["ports"].get(name, "")
    return f"{name:<22} {pid:>7} {port:>6} {megabytes:>6.0f} {uptime:>9} {found['restarts'].get(name, 0):>8}"


def _say(line: str) -> None:
    """Print for a person who may have closed the terminal meanwhile."""
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
