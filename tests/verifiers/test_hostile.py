"""Whatever a store answers but the truth is not checked, with a reason; and never a zero."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from compliance.verifiers.cache import Cache
from compliance.verifiers.logs import Logs
from compliance.verifiers.looking import Answer, Question, Verifier
from compliance.verifiers.metrics import Metrics
from compliance.verifiers.objects import Objects
from compliance.verifiers.postgres import Postgres
from compliance.verifiers.vectors import Vectors
from portal.lib.regions import Metrics as Kept
from portal.lib.regions import Pinecone, Region

from . import hostile
from .conftest import World

SOON = 0.4
Moved = Callable[[Region, str], Region]
OVER_HTTP: dict[str, tuple[Verifier, Moved]] = {
    "objects": (Objects(SOON), lambda region, url: replace(region, aws=replace(region.aws, endpoint_url=url))),
    "logs": (Logs(SOON), lambda region, url: replace(region, aws=replace(region.aws, endpoint_url=url))),
    "pinecone": (
        Vectors(SOON),
        lambda region, url: replace(
            region, pinecone=Pinecone(url, "w"), verifier=replace(region.verifier, pinecone_api_key="r")
        ),
    ),
    "platform": (Metrics(SOON), lambda region, url: replace(region, platform_url=url)),
}


def not_checked(answer: Answer) -> None:
    assert answer.found is None and answer.listed is None, answer
    assert answer.why.endswith(".") and len(answer.why) > 20, answer.why


@pytest.mark.parametrize("how", hostile.BAD)
@pytest.mark.parametrize("system", OVER_HTTP)
def test_an_answer_that_is_none(world: World, system: str, how: str) -> None:
    verifier, moved = OVER_HTTP[system]
    with hostile.http(lambda path: hostile.BAD[how]) as url:
        asked = replace(world.ask(), region=moved(world.region, url))
        not_checked(verifier.look(asked))


@pytest.mark.parametrize("system", OVER_HTTP)
def test_nobody_listens(world: World, system: str) -> None:
    verifier, moved = OVER_HTTP[system]
    region = moved(world.region, f"http://127.0.0.1:{hostile.closed_port()}")
    not_checked(verifier.look(replace(world.ask(), region=region)))


@pytest.mark.parametrize("how", [one for one in hostile.BAD if "xml" not in one])
@pytest.mark.parametrize("kind", ["prometheus", "datadog"])
def test_where_series_are_kept(world: World, kind: str, how: str) -> None:
    truth = b"# TYPE rag_started_seconds gauge\nrag_started_seconds 1.0\n"

    def answer(path: str) -> hostile.Answer | None:
        return (200, "text/plain", truth, 0) if path == "/metrics" else hostile.BAD[how]

    with hostile.http(answer) as url:
        region = replace(world.region, platform_url=url, metrics=Kept(kind, url))
        not_checked(Metrics(SOON).look(replace(world.ask(), region=region)))


def test_series_are_counted_where_they_are_kept(world: World) -> None:
    tenant = str(world.names.tenant_id)
    truth = f'rag_started_seconds 1.0\nrag_requests_total{{tenant="{tenant}",route="/q"}} 4.0\n'.encode()
    kept = f'{{"status": "success", "data": {{"result": [{{"metric": {{"__name__": "x", "tenant": "{tenant}"}}}}]}}}}'

    def answer(path: str) -> hostile.Answer:
        if path == "/metrics":
            return 200, "text/plain; version=0.0.4", truth, 0
        return 200, "application/json", kept.encode(), 0

    with hostile.http(answer) as url:
        region = replace(world.region, platform_url=url, metrics=Kept("prometheus", url))
        seen = Metrics().look(replace(world.ask(), region=region))
        assert (seen.found, seen.by) == (2, {"platform": 1, "prometheus": 1})
        other = Metrics().look(replace(world.ask("person"), region=region))
        assert other.found == 0 and other.is_checked


@pytest.mark.parametrize("token", ["writer", ""])
def test_a_writers_token_is_never_used(world: World, token: str) -> None:
    seen: list[str] = []

    def answer(path: str) -> hostile.Answer:
        seen.append(path)
        body = b"rag_started_seconds 1.0\n" if path == "/metrics" else b'{"status": "success", "data": {"result": []}}'
        return 200, "text/plain" if path == "/metrics" else "application/json", body, 0

    with hostile.http(answer) as url:
        region = replace(world.region, platform_url=url, metrics=Kept("prometheus", url, token))
        found = Metrics().look(replace(world.ask(), region=region))
    assert (found.found, len(seen)) == ((None, 1) if token else (0, 2)), found


TALKS: dict[str, bytes | None] = {
    "silence": None,
    "nothing": b"",
    "html": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<p>hi</p>",
    "an empty text": b"$0\r\n\r\n",
    "a refusal": b"-NOPERM this user has no permissions to run the command\r\n",
    "zeros": b":0\r\n",
    "empty lists": b"*0\r\n",
    "half a text": b"$100\r\nredis_ver",
}


@pytest.mark.parametrize("how", TALKS)
def test_a_cache_that_is_none(world: World, how: str) -> None:
    with hostile.tcp(TALKS[how]) as port:
        region = replace(world.region, cache=replace(world.region.cache, host="127.0.0.1", port=port))
        not_checked(Cache(SOON).look(replace(world.ask(), region=region)))


@pytest.mark.parametrize("how", ["nothing", "html", "zeros"])
def test_a_database_that_is_none(world: World, how: str) -> None:
    with hostile.tcp(TALKS[how]) as port:
        region = replace(world.region, database=replace(world.region.database, host="127.0.0.1", port=port))
        not_checked(Postgres().look(replace(world.ask(), region=region)))


def test_nobody_listens_elsewhere(world: World) -> None:
    port = hostile.closed_port()
    database = replace(world.region.database, port=port)
    cache = replace(world.region.cache, port=port)
    for verifier, region in (
        (Postgres(), replace(world.region, database=database)),
        (Objects(), replace(world.region, database=database)),  # who cannot read the manifest has not looked
        (Cache(), replace(world.region, cache=cache)),
    ):
        not_checked(verifier.look(replace(world.ask(), region=region)))


@pytest.mark.parametrize(
    ("verifier", "gone"),
    [
        (Objects(), {"access_key_id": ""}),
        (Logs(), {"access_key_id": ""}),
        (Cache(), {"cache_user": ""}),
        (Cache(), {"cache_password": ""}),
    ],
)
def test_without_credentials_of_its_own_it_does_not_look(
    without: Callable[..., Question], verifier: Verifier, gone: dict[str, Any]
) -> None:
    answer = verifier.look(without(**gone))
    not_checked(answer)
    assert "No read-only credentials" in answer.why


def test_without_a_login_of_its_own_the_database_is_not_looked_at(world: World) -> None:
    given = {purpose: secret for purpose, secret in world.region.database.passwords.items() if purpose != "verifier"}
    region = replace(world.region, database=replace(world.region.database, passwords=given))
    answer = Postgres().look(replace(world.ask(), region=region))
    not_checked(answer)
    assert "No read-only credentials" in answer.why


def test_pinecone_without_a_key_that_only_reads(world: World) -> None:
    region = replace(world.region, pinecone=Pinecone("http://127.0.0.1:1", "writer"))
    answer = Vectors().look(replace(world.ask(), region=region))
    not_checked(answer)
    assert "No read-only credentials for Pinecone" in answer.why
