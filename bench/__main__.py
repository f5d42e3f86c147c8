"""`python -m bench`: starts a product of its own, measures it and leaves nothing behind. `--json FILE` keeps the rows.

Bars are those of a quiet two-core machine. On a shared one read the ratios: each floor is measured in the same run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import platform, product, provisioning, taking_back
from bench.rows import Row, table, timed
from portal.embedded.stack import Stack


def main() -> None:
    reader = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    reader.add_argument("--json", type=Path, metavar="FILE", help="also write the rows here")
    reader.add_argument("--tour", action="store_true", help="also time the first-start tour's six tenants")
    options = reader.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bailiwick-bench-") as folder:
        rows = measure(Path(folder) / "home", with_tour=options.tour)
    sys.stdout.write(f"{table(rows)}\n")
    sys.stdout.write(f"{time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores. ")
    sys.stdout.write("Where a second figure stands it is the p95 (of few: the longest).\n")
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")


def measure(home: Path, *, with_tour: bool) -> list[Row]:
    """First start, provisioning, the platform; then a second start on what was kept, and 5,000 tenants."""
    say("starting a new home")
    first = Stack(home, only=product.PARTS, durable=True)
    try:
        opened = product.first_page(first)
        first.start()
        say("provisioning, alone and ten at once")
        provisioned, request = provisioning.measure(first)
        say("the platform")
        asked = platform.measure(first, request)
        say("a tenant taken back, and another after ten thousand writes")
        taken_back = taking_back.measure(first, drills=1)
    finally:
        first.stop()
    say("starting again on what was kept")
    second = Stack(home, only=() if with_tour else product.PARTS, durable=True)
    try:
        again = product.first_page(second)
        second.start()
        toured = tour(second) if with_tour else None
        say("5,000 tenants")
        rows = [*starts(opened, again, toured, second), *provisioned, *asked, *taken_back, *registry_rows(second)]
    finally:
        second.stop()
    say("the ledger: writes with and without it, a million entries")
    rows += in_a_process_of_its_own("bench.ledger")
    say("erasing a tenth of a million keys")
    rows += in_a_process_of_its_own("bench.cache")
    say("moving a tenant: a million rows, 200 switches under four writers")
    rows += in_a_process_of_its_own("bench.moving")
    say("erasing a tenant: a hundred thousand rows, a million, and a hold in the middle")
    rows += in_a_process_of_its_own("bench.erasing")
    say("small erasures through the whole machine")
    rows += in_a_process_of_its_own("bench.small_erasures")
    say("every Terraform module, offline")
    rows += in_a_process_of_its_own("bench.terraform_modules")
    say("the optimizer: 2,000 instances, 200 databases, 500 security groups")
    return rows + in_a_process_of_its_own("bench.optimizing")


def starts(opened: float, again: float, toured: float | None, stack: Stack) -> list[Row]:
    """The starts beside what each of the product's Python processes must do anyway."""
    setup = [sys.executable, "-c", "import django; django.setup()"]
    env = {**os.environ, **stack.env, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    least = min(timed(lambda: subprocess.run(setup, env=env, check=True)) for _ in range(3))
    floor = "one process loads Django"
    rows = [
        Row("first start to first page", opened, least, floor, bar=15.0),
        Row("second start to first page", again, least, floor, bar=10.0),
    ]
    return rows if toured is None else [*rows, Row("six demo tenants with documents", toured, least, floor, bar=60.0)]


def tour(stack: Stack) -> float:
    """Seconds from readiness until the tour has ended."""
    began = time.monotonic()
    while not (stack.home.run / "tour-done").exists():
        if not stack.running() or time.monotonic() - began > product.PATIENCE:
            raise SystemExit((stack.home.root / "supervisor.out").read_text())
        time.sleep(0.1)
    return time.monotonic() - began


def registry_rows(stack: Stack) -> list[Row]:
    """Django in this process, on the bench's own database."""
    os.environ.update(stack.env)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "BAILIWICK_LOG_LEVEL": "WARNING"}
    import django

    django.setup()
    from bench import certificates, hot, registry

    return [*registry.measure(stack), *hot.measure(stack), *certificates.measure(stack)]


def in_a_process_of_its_own(module: str) -> list[Row]:
    """With a home of its own: settings there look at another database."""
    theirs = ("BAILIWICK_", "DATABASE_URL", "REDIS_URL")
    env = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    done = subprocess.run([sys.executable, "-m", module], env=env, stdout=subprocess.PIPE, check=True)
    return [Row(**row) for row in json.loads(done.stdout)]


def say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    main()
