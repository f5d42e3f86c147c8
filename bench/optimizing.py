"""A scan of a whole fleet on an emulated account, beside reading the same pages and doing nothing with them.

The account, the scan and the floor are processes of their own, so that the memory measured is the scan's alone.
The emulator needs 45 s to render this fleet. That is not the scan's: a first scan has it rendered, and both the scan
that is measured and the floor are answered with the bytes it has then.
Run as a module it prints its rows as JSON.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from bench.rows import Row, timed
from lifecycle.optimizer.engine import prices, report
from lifecycle.optimizer.engine.collecting import PAGE
from lifecycle.optimizer.engine.reading import Account
from lifecycle.optimizer.engine.scan import scan

FLEET = (2_000, 200, 500)
REGION = "us-east-1"
PAGES = (
    ("ec2", "describe_instances", PAGE), ("ec2", "describe_volumes", PAGE), ("ec2", "describe_security_groups", PAGE),
    ("ec2", "describe_network_interfaces", PAGE), ("rds", "describe_db_instances", 100),
)  # fmt: skip


def measure(*fleet: int) -> list[Row]:
    """The bar of provisioning.md: all found, none false, the same bytes twice, within 25 s and 150 MB."""
    size = fleet or FLEET
    with account(size) as planted:
        first = child("scan", planted["url"], planted["at"])
        floor = child("read", planted["url"])["seconds"]
        again = child("scan", planted["url"], planted["at"])
    wanted = sorted(map(tuple, planted["found"]))
    if sorted(map(tuple, first["found"])) != wanted or first["digest"] != again["digest"]:
        raise SystemExit("the bench's scan does not find what was planted, or says it twice differently")
    name = "scan of {:,} EC2, {:,} RDS, {:,} security groups".format(*size)
    return [
        Row(name, again["seconds"], floor, "the same pages read, nothing judged", bar=25.0),
        Row("memory of that scan", again["megabytes"], 150.0, "its limit", bar=150.0, unit="MB"),
    ]


@contextmanager
def account(size: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "bench.optimizing", "account", *map(str, size)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdin is not None and served.stdout is not None
        try:
            yield json.loads(served.stdout.readline())
        finally:
            served.stdin.close()


def child(*words: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "bench.optimizing", *words], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def serve(*size: str) -> None:
    """The account, until nobody holds the other end any more."""
    from tests.optimizer.account import Double
    from tests.optimizer.estate import plant

    with Double() as double:
        planted = plant(double, *map(int, size))
        double.kept = {}
        at = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        say({"url": double.url, "at": at, "found": sorted(planted.found)})
        sys.stdin.read()


def look(url: str, at: str) -> None:
    sheet = prices.load(rate=prices.Rate(Decimal("83.50"), date(2026, 6, 1), "bench"))
    made: list[Any] = []
    took = timed(lambda: made.append(scan(Account(url, "reader", "x"), [REGION], sheet, datetime.fromisoformat(at))))
    found = [(one.rule.id, one.resource) for one in made[0].findings]
    digest = sha256(report.as_json(made[0]).encode()).hexdigest()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say({"seconds": took, "megabytes": megabytes, "found": found, "digest": digest})


def read(url: str) -> None:
    def every() -> None:
        for service, operation, size in PAGES:
            client = Account(url, "reader", "x").client(service, REGION)
            for _ in client.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}):
                pass

    say({"seconds": timed(every)})


def say(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    words = {"account": serve, "scan": look, "read": read}
    if sys.argv[1:2] and sys.argv[1] in words:
        words[sys.argv[1]](*sys.argv[2:])
    else:
        sys.stdout.write(json.dumps([asdict(row) for row in measure(*map(int, sys.argv[1:]))]))
