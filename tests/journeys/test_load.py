"""The flagship: `demo load` as anybody runs it, while a tenant moves there, back and there; and that it can fail."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from demo import tour
from demo.moves import TENANT as MOVED
from demo.writer import WRITERS
from lifecycle.stores import aws
from portal.embedded.home import PROJECT
from tests.journeys.product import Product, Request, until

HOME, ABROAD = "ap-south-1", "eu-west-1"
LIVE = (MOVED, "europe-service")  # the one that moves, and one that is written to beside it where it goes
CLEAN = "0 lost, 0 reordered, 0 sums wrong, 0 errors seen by clients."
# But what the platform itself goes on to say of what a neighbour had used before.
WITH_A_TENANT = """
SELECT table_schema, table_name FROM information_schema.columns JOIN information_schema.tables
USING (table_schema, table_name)
WHERE table_schema IN ('rag', 'bw') AND column_name = 'tenant_id' AND table_type = 'BASE TABLE'
AND table_name <> 'usage_reports'
"""
# What the server would send of each row, in an order of its own: neither the mover's columns nor its comparison.
DIGEST = """
SELECT tenant_id, count(*), encode(sha256(string_agg(sha256(record_send(t)), ''::bytea ORDER BY record_send(t))), 'hex')
FROM {} t GROUP BY tenant_id
"""


@pytest.fixture
def demo(alone: Product, monkeypatch: pytest.MonkeyPatch) -> Product:
    """With the demo tenants that are loaded here. The one that moves has a tier under which it may be asked often."""
    monkeypatch.setattr(tour, "PORTAL", alone.stack.url)
    wanted = [
        {**one, "tier": "silver", "annual_budget_inr": "600000.00"} for one in tour.TENANTS if one["name"] in LIVE
    ]
    names = {"kiran", *tour.SIGNERS.values()} | {one["champion"] for one in wanted}
    people = {name: tour.Person(name) for name in names}
    with ThreadPoolExecutor(len(wanted)) as pool:
        assert all(pool.map(lambda one: tour.bring_up(one, people), wanted))
    return alone


@pytest.fixture
def neighbours(alone: Product) -> dict[str, Request]:
    """By region, tenants that nobody writes to, with documents."""
    asked = {
        HOME: alone.ask(),
        ABROAD: alone.ask(unit="EUOPS", region=ABROAD, geography="EU"),
    }

    def settle(request: Request) -> None:
        request.sign_all()
        request.reach("active")
        with request.connect() as platform:
            for number in range(3):
                body = {"title": f"Lease {number}", "text": f"The kestrel clause {number} ends in March. " * 9}
                platform.post("/v1/documents", json=body).raise_for_status()

    with ThreadPoolExecutor(len(asked)) as pool:
        list(pool.map(settle, asked.values()))
    return asked


def load(product: Product, home: Path, moves: int) -> "subprocess.Popen[str]":
    """What `make demo-load MOVES=…` runs."""
    env = {**os.environ, "BAILIWICK_PUBLIC_URL": product.stack.url, "BAILIWICK_HOME": str(home)}
    command = [sys.executable, "-m", "demo", "load", str(moves)]
    return subprocess.Popen(command, cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def digests(product: Product, but: set[UUID]) -> dict[tuple[str, str, UUID], tuple[int, str]]:
    """Region, table and tenant to the number and the digest of all rows, `but` of these tenants."""
    found = {}
    for region in (HOME, ABROAD):
        with psycopg.connect(**product.stack.superuser_kwargs(region)) as db:
            for schema, name in db.execute(WITH_A_TENANT).fetchall():
                query = sql.SQL(DIGEST).format(sql.Identifier(schema, name))
                for tenant, rows, digest in db.execute(query):
                    if tenant not in but:
                        found[region, f"{schema}.{name}", tenant] = (rows, digest)
    return found


def objects(product: Product, neighbours: dict[str, Request]) -> dict[str, Any]:
    """Every version of every object of the neighbours."""
    found = {}
    for region, request in neighbours.items():
        listed = aws.client(product.region(region), "s3").list_object_versions(Bucket=request.names.bucket)
        found[region] = [(one["Key"], one["VersionId"], one["ETag"]) for one in listed["Versions"]]
    return found


def tenants(product: Product) -> dict[str, UUID]:
    query = "SELECT name, id FROM tenants_tenant WHERE name = ANY (%s)"
    return {row["name"]: row["id"] for row in product.sql(query, list(LIVE))}


def written(home: Path, tenant: str) -> list[dict[str, Any]]:
    """What every writer's ledger says of the tenant."""
    lines = (line for file in home.glob("demo-load/*.jsonl") for line in file.read_text().split("\n")[:-1])
    return [line for line in map(json.loads, lines) if line["tenant"] == tenant]


def stretches(product: Product) -> dict[str, tuple[float, float]]:
    """When each way was under way, in seconds of the epoch: from the first copy, or the switch, to the next switch."""
    query = "SELECT new, extract(epoch FROM at)::float AS at FROM migration_passage WHERE new = ANY (%s) ORDER BY id"
    points = ["initial_sync", "traffic_cutover_complete", "rolled_back"]
    at = [(row["new"], row["at"]) for row in product.sql(query, points)][-5:]
    assert [name for name, _ in at] == [*points, *points[:2]]
    ways = {"there": (0, 1), "back": (1, 2), "there again": (3, 4)}
    return {name: (at[one][1], at[other][1]) for name, (one, other) in ways.items()}


@pytest.fixture
def given_back(alone: Product) -> Iterator[None]:
    """Whoever comes next finds no move under way."""
    yield
    engineer = alone.person("kiran")
    for move in engineer.get("/api/v1/migrations/", state="traffic_cutover_complete")["results"]:
        path = f"/api/v1/migrations/{move['id']}/"
        engineer.post(f"{path}rollback/", {"reason": "The test is over."})
        until("the way back", lambda at=path: engineer.get(at)["state"] == "rolled_back")


def test_there_back_and_there_under_load(
    demo: Product, neighbours: dict[str, Request], given_back: None, tmp_path: Path
) -> None:
    loaded = set(tenants(demo).values())
    before, kept = digests(demo, loaded), objects(demo, neighbours)
    for region, request in neighbours.items():
        assert before[region, "rag.documents", request.tenant_id][0] == 3 == len(kept[region])
    command = load(demo, tmp_path, moves=3)
    said, _ = command.communicate(timeout=600)
    print(said)
    last = said.splitlines()[-1]
    assert command.returncode == 0 and last.endswith(CLEAN), said
    assert int(last.split()[0]) > 100, "little was written"
    served = [line.split()[4] for line in said.splitlines() if line.startswith(f"{MOVED} is served in ")]
    assert [one.strip(";.") for one in served] == [ABROAD, HOME, ABROAD], said
    ledgers = list((tmp_path / "demo-load").glob("*.jsonl"))
    assert len(ledgers) == WRITERS
    for ledger in ledgers:
        assert {json.loads(line)["tenant"] for line in ledger.open()} == set(LIVE)
    told = written(tmp_path, MOVED)
    assert {bool(line["sha256"]) for line in told} == {True, False}, "inserts and deletions"
    for way, (began, ended) in stretches(demo).items():
        assert any(began < line["at"] < ended for line in told), f"nothing was written on the way {way}"
    after = digests(demo, loaded)
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert not changed, f"of tenants that nobody wrote to: {sorted(map(str, changed))}"
    assert objects(demo, neighbours) == kept


def live(home: Path, tenant: str) -> list[str]:
    """Documents that are there as far as the writers were told."""
    last = {line["document"]: line["sha256"] for line in written(home, tenant)}
    return [document for document, sha256 in last.items() if sha256]


BEHIND_ITS_BACK = {
    "lost": """
SET session_replication_role = replica;
DELETE FROM rag.documents WHERE tenant_id = '{tenant}' AND id = ANY ('{{{documents}}}')
""",
    "does not add up": """
SET session_replication_role = replica; UPDATE rag.budgets SET tokens = tokens + 1 WHERE tenant_id = '{tenant}'
""",
}


@pytest.mark.parametrize("finding", BEHIND_ITS_BACK)
def test_what_is_changed_behind_its_back_ends_the_load_with_1(demo: Product, tmp_path: Path, finding: str) -> None:
    command = load(demo, tmp_path, moves=0)
    until("some documents", lambda: len(live(tmp_path, MOVED)) >= 4 or command.poll() is not None)
    documents = ",".join(live(tmp_path, MOVED))  # more than the writers can delete themselves before they end
    fault = BEHIND_ITS_BACK[finding].format(tenant=tenants(demo)[MOVED], documents=documents)
    mend = f"UPDATE rag.budgets SET tokens = tokens - 1 WHERE tenant_id = '{tenants(demo)[MOVED]}'"
    demo.sql(fault, cluster=HOME)
    command.send_signal(signal.SIGINT)
    said, _ = command.communicate(timeout=120)
    if finding != "lost":
        demo.sql(f"SET session_replication_role = replica; {mend}", cluster=HOME)
    assert command.returncode == 1, said
    assert f"{finding}: {MOVED}" in said, said
