"""What hides data, or that nobody has looked: the machine ends "not certifiable", says why, and certifies nothing.

Each case is one run over real stores. Something goes wrong at its moment: before the run, once the ids are listed, or
once they are removed. Everything is put right again, so that the next case begins with sound stores.
"""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.test import Client

from compliance.certificates.models import Certificate
from compliance.erasing.models import ErasureRequest
from compliance.inventory import actions as inventory
from lifecycle.stores import aws
from lifecycle.stores.cache.connection import connection as cache
from portal.embedded.stack import Stack
from portal.jobs import actions
from portal.jobs.models import Job
from portal.notify.models import Notice
from tests.admin.world import person
from tests.erasing.made import act
from tests.migration.engine.outside import account
from tests.verifiers import hostile

from .conftest import REGION, World
from .test_holds import arrives
from .test_kills import begun

pytestmark = pytest.mark.django_db(transaction=True)
LISTED, REMOVED = "list", "settle"  # the step after which it goes wrong; before the first where there is none


@dataclass
class Place:
    """Where a case plants: the world, its region's owner, and the file that says where stores are."""

    world: World
    stack: Stack
    regions: Path
    folder: Path

    def sql(self, *statements: str) -> None:
        with psycopg.connect(**self.stack.superuser_kwargs(REGION), autocommit=True) as db:
            for statement in statements:
                db.execute(statement)  # type: ignore[call-overload]

    @contextmanager
    def told(self, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """The region's entry reads otherwise for a while."""
        text = self.regions.read_text()
        entries = json.loads(text)
        change(entries[REGION])
        self.regions.write_text(json.dumps(entries))
        try:
            yield
        finally:
            self.regions.write_text(text)


Planting = Callable[[Place, ExitStack], None]


def statements(before: str, after: str) -> Planting:
    def plant(at: Place, undo: ExitStack) -> None:
        at.sql(before)
        undo.callback(at.sql, after)

    return plant


def answering(how: str) -> Planting:
    """The object store and the logs say this to whoever asks."""

    def plant(at: Place, undo: ExitStack) -> None:
        url = undo.enter_context(hostile.http(lambda path: hostile.BAD[how]))
        undo.enter_context(at.told(lambda entry: entry["aws"].update(endpoint_url=url)))

    return plant


def silent(at: Place, undo: ExitStack) -> None:
    """Nobody lets the verifier into the cache: its place is one whose queue is full."""
    door = undo.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    for _ in range(4):
        one = undo.enter_context(socket.socket())
        one.setblocking(False)
        one.connect_ex(door.getsockname())
    undo.enter_context(at.told(lambda entry: entry["cache"].update(port=door.getsockname()[1])))


def without_login(at: Place, undo: ExitStack) -> None:
    undo.enter_context(at.told(lambda entry: entry["verifier"].update(cache_user="", cache_password="")))


def without_connector(at: Place, undo: ExitStack) -> None:
    """A store that somebody has listed, looked into like the cache, and that nothing here can erase."""
    what = {"title": "Answers elsewhere", "kind": "connected", "processor": "Elsewhere Ltd", "region": REGION}
    with_what = {"name": "answers-elsewhere", "connector": "memcached", "verifier": "cache", **what}
    inventory.add(actor=act("farah"), reason="Found.", **with_what)


def row_inserted(at: Place, undo: ExitStack) -> None:
    arrives(at.stack, at.world)


def named_here(at: Place, undo: ExitStack) -> None:
    """Somebody has written the person's id into this portal itself."""
    Notice.objects.create(user=person("farah"), event="x", key="x", title=f"Ask {at.world.settled.ann.hex.upper()}")


def bucket(at: Place, undo: ExitStack) -> None:
    s3, name = aws.client(at.world.region, "s3"), "nobody-listed-this"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    undo.callback(s3.delete_bucket, Bucket=name)


def version(at: Place, undo: ExitStack) -> None:
    """Overwritten and marked as deleted: a listing shows nothing."""
    s3, bucket = aws.client(at.world.region, "s3"), at.world.settled.names.bucket
    key = {"Bucket": bucket, "Key": f"users/{at.world.settled.ann}/late"}
    s3.put_object(**key, Body=b"1")
    s3.delete_object(**key)


def field(at: Place, undo: ExitStack) -> None:
    name = f"{at.world.settled.names.cache_prefix}1:who-asked"
    cache(at.world.region).hset(name, str(at.world.settled.ann), "1")


def beside(namespace: str, vector: Callable[[World], str]) -> Planting:
    """The region has a Pinecone account as well, and in it a vector in this namespace."""

    def plant(at: Place, undo: ExitStack) -> None:
        from lifecycle.stores.vectors import pinecone

        made, _lag = undo.enter_context(account(at.folder / "pinecone"))
        there = pinecone.opened(made, pinecone.INDEX)
        vectors = [{"id": vector(at.world), "values": [0.1] * 256}]
        there.upsert(vectors=vectors, namespace=namespace, show_progress=False)

        def change(entry: dict[str, Any]) -> None:
            entry["vectors"]["pinecone"] = {"host": made.host, "api_key": made.api_key}
            entry["verifier"]["pinecone_api_key"] = made.api_key

        undo.enter_context(at.told(change))

    return plant


def nobodys(world: World) -> str:
    return f"{'0' * 32}#0"


def of_anns(world: World) -> str:
    documents = ErasureRequest.objects.get().key.document_ids
    return f"{documents[0].hex}#0"


ROWS, NEW = f"postgres-{REGION}", "CREATE TABLE public.fresh (tenant_id uuid, id integer PRIMARY KEY)"
RENAMED = ("ALTER TABLE rag.query_history RENAME TO asked", "ALTER TABLE rag.asked RENAME TO query_history")
KEY = "ALTER TABLE rag.query_history {} CONSTRAINT query_history_pkey {}"
KEYLESS = (KEY.format("DROP", ""), KEY.format("ADD", "PRIMARY KEY (tenant_id, id)"))
HIDDEN = ("ALTER ROLE bw_verifier NOBYPASSRLS", "ALTER ROLE bw_verifier BYPASSRLS")
LOCKED_OUT = ("ALTER ROLE bw_provisioner CONNECTION LIMIT 0", "ALTER ROLE bw_provisioner CONNECTION LIMIT -1")
SHOWN = f"{NEW}; GRANT SELECT ON public.fresh TO bw_verifier"
DOORS = [f"{one}-{REGION}: not checked" for one in ("objects", "exports", "logs")]
# what goes wrong, once which step is done, and what the reasons say
CASES: dict[str, tuple[Planting, str, list[str]]] = {
    "connector disabled": (without_connector, "", ["answers-elsewhere: not checked", "erases it (memcached)"]),
    "no login for the verifier": (without_login, REMOVED, [f"cache-{REGION}: not checked", "No read-only credentials"]),
    # the person stays with it: a row that nobody listed refers to theirs
    "row inserted mid-run": (row_inserted, LISTED, [f"{ROWS}: 2 are still there"]),
    "row inserted after it": (row_inserted, REMOVED, [f"{ROWS}: 1 are still there"]),
    "table renamed before": (statements(*RENAMED), "", ["table rag.asked", "does not list"]),
    "table renamed mid-run": (statements(*RENAMED), LISTED, ["rag.query_history is no longer there"]),
    "table renamed after it": (statements(*RENAMED), REMOVED, [f"{ROWS}: not checked", "renamed or dropped"]),
    "new table": (statements(SHOWN, "DROP TABLE public.fresh"), LISTED, ["table public.fresh", "does not list"]),
    "new table, closed": (
        statements(NEW, "DROP TABLE public.fresh"), REMOVED, [f"{ROWS}: not checked", "may not be read"],
    ),
    "new bucket": (bucket, REMOVED, ["bucket nobody-listed-this", "does not list"]),
    "new namespace": (beside("strangers", nobodys), REMOVED, ["vector namespace rag/strangers", "does not list"]),
    "wrong namespace": (beside("strangers", of_anns), REMOVED, [f"vectors-{REGION}: 1 are still there"]),
    "named in the portal": (named_here, REMOVED, ["portal: 1 are still there"]),
    "403": (answering("403"), REMOVED, [*DOORS, "refused with 403"]),
    "timeout": (silent, REMOVED, [f"cache-{REGION}: not checked"]),
    "empty 200": (answering("empty 200"), REMOVED, DOORS),
    "html": (answering("html"), REMOVED, DOORS),
    "truncated json": (answering("truncated"), REMOVED, DOORS),
    "row security hides rows": (statements(*HIDDEN), REMOVED, [f"{ROWS}: not checked", "Row security would hide rows"]),
    "nobody may vacuum": (statements(*LOCKED_OUT), REMOVED, [f"{ROWS}: not checked", "in its pages still"]),
    "s3 version left": (version, REMOVED, [f"objects-{REGION}: 2 are still there"]),
    "redis hash field left": (field, REMOVED, [f"cache-{REGION}: 1 are still there"]),
    "primary key missing before": (statements(*KEYLESS), "", ["rag.query_history does not begin with the tenant"]),
    "primary key missing after": (statements(*KEYLESS), REMOVED, [f"{ROWS}: not checked", "no primary key"]),
}  # fmt: skip


def through(world: World, job: Job, until: str = "") -> None:
    """Work as workers do until the job has ended, or this step of it."""
    for _turn in range(12):
        world.worker.run(job, {until: (0, "after", "SIGKILL")} if until else {})
        job.refresh_from_db()
        if job.is_finished or (until and job.steps.filter(name=until, state="succeeded").exists()):
            return
        if job.state == "waiting":
            world.news()
            actions.wake(job.pk)
    raise AssertionError(f"{job.state}: {job.wait_reason}")


@pytest.mark.parametrize("case", CASES)
def test_it_is_not_certified(world: World, own: tuple[Stack, Path], tmp_path: Path, client: Client, case: str) -> None:
    plant, after, said = CASES[case]
    at = Place(world, *own, tmp_path)
    with ExitStack() as undo:
        if not after:
            plant(at, undo)
        request, job = begun(world)
        if after:
            through(world, job, after)
            plant(at, undo)
        through(world, job)
    request.refresh_from_db()
    reasons = " ".join(request.reasons)
    assert request.state == "not_certifiable", (request.state, request.reasons, job.error)
    assert [one for one in said if one not in reasons] == [], reasons
    assert not Certificate.objects.exists() and request.certificate_id is None and not request.is_final
    client.force_login(person("farah"))
    page = client.get(f"/erasures/{request.pk}/").content.decode()
    assert "not certifiable" in page and request.reasons[0].split(":")[0] in page
    assert str(world.settled.ann) not in reasons and world.settled.ann.hex not in reasons
