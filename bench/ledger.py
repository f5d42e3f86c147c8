"""The ledger: what it costs a write, how long an effect waits for its seal, how fast a million entries are verified.

A control database of its own, with everything on disk. Run as a module it prints its rows as JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg

from bench.rows import Row, timed
from portal.embedded.postgres import wheel_binaries
from portal.embedded.stack import Stack

PARTS = ("postgres", "redis", "aws", "migrate")
TENANTS, CLIENTS, SECONDS, TURNS = 500, 8, 3, 5
ENTRIES, AT_ONCE = 1_000_000, 20_000
WAITS = 60
MARK = "'a name that pgbench chooses'"
OURS = ("audit.record(", "set_config(")
RECORD = """
SELECT count(audit.record('bench.entry', 'bench.thing', n::text, NULL, 'system:bench', 'system', 'measured', '',
                          jsonb_build_object('n', n, 'digest', encode(sha256(int8send(n)), 'hex'))))
FROM generate_series(%s::bigint, %s::bigint) AS n
"""


def measure() -> list[Row]:
    """All rows, from a home of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="bailiwick-ledger-") as folder,
        Stack(Path(folder) / "home", regions=("ap-south-1",), only=PARTS, durable=True) as stack,
    ):
        _set_up(stack)
        return [*writes(stack), *million(stack, Path(folder))]


def _set_up(stack: Stack) -> None:
    os.environ.update(stack.env)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "BAILIWICK_LOG_LEVEL": "WARNING"}
    import django

    django.setup()


def writes(stack: Stack) -> Iterator[Row]:
    """One action by 8 clients of the product, beside the same where nothing is said, captured or recorded.

    Then its SQL alone, sent by pgbench with no application's time around it: the ledger's cost under a lens.
    """
    scripts = _scripts(stack)
    product, alone = _rates(stack, _product), _rates(stack, lambda stack, name: _pgbench(stack, name, scripts[name]))
    yield Row("writes with the ledger, 8 clients", *product, "without a ledger", per_second=True, most_ratio=1.25)
    yield Row("  their SQL alone, 8 clients", *alone, "without the ledger's", per_second=True)


def _rates(stack: Stack, measured: Callable[[Stack, str], float]) -> tuple[float, float]:
    """Transactions a second, audited and bare, in turns, so that a busy moment of the machine falls on both."""
    rates: dict[str, list[float]] = {"audited": [], "bare": []}
    with _sealing(stack):
        for _ in range(TURNS):
            for name, seen in rates.items():
                seen.append(measured(stack, name))
    audited, bare = (sorted(seen)[TURNS // 2] for seen in rates.values())
    return audited, bare


def _product(stack: Stack, name: str) -> float:
    """Eight processes that rename tenants through the action, for some seconds."""
    with ProcessPoolExecutor(CLIENTS, get_context("fork")) as pool:
        return sum(pool.map(_rename, [name] * CLIENTS, range(CLIENTS))) / SECONDS


def _rename(name: str, client: int) -> int:
    """How often one client has renamed its tenants."""
    from django.db import connection

    from portal.access.actor import Actor
    from portal.access.models import User
    from tenants import actions
    from tenants.models import Tenant

    connection.settings_dict["NAME"] = name
    actor = Actor.of_user(User.objects.get(username="priya"), request_id="01a1fed6-1cc9-7427-9edb-891cd014ec52")
    own = list(Tenant.objects.filter(name__startswith="many-").values_list("pk", flat=True)[client::CLIENTS])
    if name == "bare":
        actions.record = lambda *about, **why: 0
    done, until = 0, time.monotonic() + SECONDS
    with connection.execute_wrapper(_unsaid) if name == "bare" else nullcontext():
        while time.monotonic() < until:
            actions.edit(own[done % len(own)], actor=actor, reason="A better name.", display_name=f"Name {done}")
            done += 1
    connection.close()
    return done


def _unsaid(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """Leave out who acts: only the ledger asks."""
    return None if "set_config(" in sql else execute(sql, params, many, context)


def _scripts(stack: Stack) -> dict[str, list[Path]]:
    """pgbench files of `edit` for some tenants, and a database for each variant.

    Nobody hears of it: a delivery names its event by a number that a script cannot know.
    """
    from django.conf import settings
    from django.db import connections

    from bench import registry
    from portal.access.actor import Actor
    from portal.access.models import User
    from tenants import actions
    from tenants.models import Tenant

    registry.fill(TENANTS)
    settings.OUTBOX_SUBSCRIBERS = {}
    actor = Actor.of_user(User.objects.get(username="priya"), request_id="01a1fed6-1cc9-7427-9edb-891cd014ec52")
    folder = Path(tempfile.mkdtemp(dir=stack.home.root))
    found: dict[str, list[Path]] = {"audited": [], "bare": []}
    for number, tenant in enumerate(Tenant.objects.filter(name__startswith="many-")[:64]):
        with _spoken() as said:
            actions.edit(tenant.pk, actor=actor, reason="A better name.", display_name=MARK.strip("'"))
        for name, files in found.items():
            lines = [line for line in said if name == "audited" or not any(word in line for word in OURS)]
            files.append(folder / f"{name}-{number}.sql")
            files[-1].write_text("\\set v random(1, 1000000000)\nBEGIN;\n" + ";\n".join(lines) + ";\nCOMMIT;\n")
    connections.close_all()
    _clone(stack)
    return found


@contextmanager
def _spoken() -> Iterator[list[str]]:
    """The statements sent meanwhile, with their values, where the new name is pgbench's to choose."""
    from django.db import connection

    said: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE")):
            whole = psycopg.ClientCursor(connection.connection).mogrify(sql, params)
            said.append(" ".join(whole.split()).replace(MARK, "('name ' || :v)::text"))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield said


def _clone(stack: Stack) -> None:
    with psycopg.connect(**stack.superuser_kwargs("control", "postgres"), autocommit=True) as admin:
        for name in ("audited", "bare"):
            admin.execute(f"CREATE DATABASE {name} TEMPLATE bailiwick OWNER bw_owner")
    with psycopg.connect(**stack.superuser_kwargs("control", "bare"), autocommit=True) as dba:
        for (table,) in dba.execute("SELECT relation FROM ledger.governed").fetchall():
            for trigger in ("ledger_capture", "ledger_capture_update"):
                dba.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    for name in ("audited", "bare"):
        with psycopg.connect(**stack.superuser_kwargs("control", name), autocommit=True) as dba:
            dba.execute("VACUUM ANALYZE")


def _pgbench(stack: Stack, name: str, files: list[Path]) -> float:
    """Transactions a second."""
    command = [wheel_binaries() / "pgbench", "-n", "-c", str(CLIENTS), "-j", "2", "-T", str(SECONDS)]
    command += [part for file in files for part in ("-f", file)]
    url = stack.env["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


@contextmanager
def _sealing(stack: Stack) -> Iterator[None]:
    """A sealer at work on the audited database."""
    env = {**os.environ, **stack.env}
    env["BAILIWICK_SEALER_DATABASE_URL"] = stack.env["BAILIWICK_SEALER_DATABASE_URL"].rpartition("/")[0] + "/audited"
    sealer = subprocess.Popen([sys.executable, "manage.py", "seal"], env=env, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        sealer.terminate()
        sealer.wait()


def million(stack: Stack, folder: Path) -> Iterator[Row]:
    """Record, seal, anchor and export a million entries, then verify them as an auditor would."""
    from bailiwick_verify.ledger import verify
    from django.conf import settings

    from portal.audit.sealing import settings as own
    from portal.audit.sealing.export import export
    from portal.audit.sealing.service import Sealer
    from portal.audit.sealing.store import store

    settings.LEDGER |= {"bucket": "million", "witness": folder / "witness"}
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as app, own.connect() as db:
        sealer = Sealer(db)
        for first in range(0, ENTRIES, AT_ONCE):
            app.execute(RECORD, [first + 1, first + AT_ONCE])
            sealer.round()
        waits = sorted(timed(lambda number=number: _effective(app, sealer, number)) for number in range(WAITS))
    with psycopg.connect(stack.env["BAILIWICK_READER_DATABASE_URL"], autocommit=True) as reader:
        size = export(reader, store(), settings.LEDGER["witness"], folder / "export")
    report = None
    taken = []
    for _ in range(2):
        began = time.perf_counter()
        report = verify(folder / "export", own.keys().policy)
        taken.append(time.perf_counter() - began)
    if not report.ok:
        raise SystemExit(f"the ledger of the bench does not hold: {report.findings[:3]}")
    floor = timed(lambda: _hash_once(folder / "export" / "entries"))
    yield Row(f"{size:,} entries verified offline", min(taken), floor, "each line hashed once", bar=10.0)
    yield Row("one act sealed and anchored", waits[WAITS // 2], 0.001, "a millisecond", waits[-1], bar=3.0)


def _effective(app: psycopg.Connection, sealer: Any, number: int) -> None:
    """From the commit of an act until what it announces may take effect."""
    row = app.execute(RECORD.replace("count", "max"), [number, number]).fetchone()
    sealer.round()
    assert row is not None
    done = app.execute("SELECT audit.anchored(%s)", [row[0]]).fetchone()
    if done != (True,):
        raise SystemExit("anchored, and yet not")


def _hash_once(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        for line in path.read_bytes().splitlines():
            sha256(b"\x00" + line).digest()


if __name__ == "__main__":
    sys.stdout.write(json.dumps([asdict(row) for row in measure()]))
