"""A question in, the passages that answer it out."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from psycopg import sql
from psycopg.types.json import Jsonb

from . import metrics, retrieval, shape
from .cache import TenantCache, day_and_reset
from .call import Call
from .database import Connection, count
from .embedding import embed, features, similarity
from .ids import new_id
from .retrieval import Retrieval
from .services import Services
from .vectors import Place
from .visibility import visible

QUESTION = shape.text(1, 2_000)
SLOTS = 16
PASSAGES = sql.SQL("""
    SELECT c.document_id, c.ordinal, d.title, d.source, c.body
    FROM unnest(%(documents)s::uuid[], %(ordinals)s::int[]) WITH ORDINALITY AS wanted(document_id, ordinal, rank)
    JOIN rag.chunks c
      ON c.tenant_id = %(tenant)s AND c.document_id = wanted.document_id AND c.ordinal = wanted.ordinal
    JOIN rag.documents d ON d.tenant_id = %(tenant)s AND d.id = c.document_id
    WHERE {visible} ORDER BY wanted.rank
""").format(visible=visible("d", "id"))


@dataclass(frozen=True)
class Passage:
    """A part of a document that may answer."""

    document_id: UUID
    ordinal: int
    title: str
    source: str
    body: str

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.document_id, self.ordinal


def answer(services: Services, call: Call, raw: bytes, content_type: str) -> dict[str, Any]:
    """The k best passages the caller may see, best first, with scores in 0..1; the question is kept in the history."""
    settings = retrieval.of(call.tenant)
    many = shape.whole(1, retrieval.MOST_PASSAGES, default=settings.passages)
    fields = shape.read_object(raw, content_type, {"q": QUESTION, "k": many})
    with services.exposures.under(retrieval.WIDE_SEARCH, retrieval.wide_search(call.tenant)):
        return _answer(services, call, settings, fields["q"], fields["k"])


def _answer(services: Services, call: Call, settings: Retrieval, question: str, wanted: int) -> dict[str, Any]:
    if call.handed:
        return {"passages": [_shown(*one) for one in _handed(services, call, settings, question, wanted)]}
    began = time.perf_counter()
    cache = services.caches.of(call.binding)
    left = cache.count_query(call.tenant.limits.max_queries_per_day, lambda: _asked_today(services, call))
    there = services.splitter.ask(call)
    if there is not None and (told := _told(there)) is not None:
        with services.database.tenant(call.binding) as connection:
            _keep(connection, call, question, wanted, told, False, (time.perf_counter() - began) * 1000)
        metrics.QUERY_LATENCY.labels(str(call.tenant_id)).observe(time.perf_counter() - began)
        return {**there.json(), "from_cache": False, "queries_left_today": left}
    key, cached = cache.answer(f"{settings.name}\n{wanted}\n{call.viewer.user_id}\n{call.viewer.sees_all}\n{question}")
    with services.database.tenant(call.binding) as connection:
        found = _cached(connection, call, cached) if cached is not None else _search(
            services, connection, call, settings, question, wanted
        )  # fmt: skip
        milliseconds = (time.perf_counter() - began) * 1000
        _keep(connection, call, question, wanted, found, cached is not None, milliseconds)
    if cached is None:
        _remember(cache, key, found)
    metrics.QUERY_LATENCY.labels(str(call.tenant_id)).observe(time.perf_counter() - began)
    return {
        "passages": [_shown(score, passage) for score, passage in found],
        "from_cache": cached is not None,
        "queries_left_today": left,
    }


def _handed(
    services: Services, call: Call, settings: Retrieval, question: str, wanted: int
) -> list[tuple[float, Passage]]:
    """For the tenant's owner, who counts and keeps it. No cache: nobody tells ours that documents have changed."""
    with services.database.tenant(call.binding) as connection:
        return _search(services, connection, call, settings, question, wanted)


def _told(there: httpx.Response) -> list[tuple[float, Passage]] | None:
    """What the other region found; None when that cannot be read."""
    try:
        return [
            (one["score"], Passage(UUID(one["document_id"]), one["ordinal"], one["title"], one["source"], one["text"]))
            for one in there.json()["passages"]
        ]
    except (ValueError, KeyError, TypeError):
        return None


def _search(
    services: Services, connection: Connection, call: Call, settings: Retrieval, question: str, wanted: int
) -> list[tuple[float, Passage]]:
    vector = embed(question)
    if not any(vector):
        return []
    store = services.vectors(call.binding)
    near = store.search(connection, call.binding, vector, call.viewer, max(settings.candidates, 4 * wanted))
    asked = features(question)
    scored = [(similarity(asked, features(f"{p.title}\n{p.body}")), p) for p in _passages(connection, call, near)]
    if settings.rerank:
        scored.sort(key=lambda pair: (-pair[0], pair[1].place))
    return [pair for pair in scored if pair[0] >= settings.min_score][:wanted]


def _cached(connection: Connection, call: Call, places: list[tuple[UUID, int, float]]) -> list[tuple[float, Passage]]:
    """The cache holds places, not text: what was deleted or withdrawn since is not among the rows."""
    scores = {(document_id, ordinal): score for document_id, ordinal, score in places}
    return [(scores[passage.place], passage) for passage in _passages(connection, call, list(scores))]


def _passages(connection: Connection, call: Call, places: list[Place]) -> list[Passage]:
    rows = connection.execute(
        PASSAGES,
        {
            **call.viewer.parameters(),
            "documents": [document_id for document_id, _ in places],
            "ordinals": [ordinal for _, ordinal in places],
        },
    )
    return [Passage(*row) for row in rows]


def _keep(
    connection: Connection,
    call: Call,
    question: str,
    wanted: int,
    found: list[tuple[float, Passage]],
    from_cache: bool,
    milliseconds: float,
) -> None:
    identifier = new_id()
    hits = [[str(passage.document_id), passage.ordinal, round(score, 4)] for score, passage in found]
    connection.execute(
        "INSERT INTO rag.query_history (tenant_id, id, user_id, q, k, hits, from_cache, took_ms) VALUES (%(tenant)s,"
        " %(id)s, (SELECT u.id FROM rag.users u WHERE u.tenant_id = %(tenant)s AND u.id = %(user)s),"
        " %(q)s, %(k)s, %(hits)s, %(from_cache)s, %(took)s)",
        {
            "tenant": call.tenant_id, "id": identifier, "user": call.user_id, "q": question, "k": wanted,
            "hits": Jsonb(hits), "from_cache": from_cache, "took": milliseconds,
        },
    )  # fmt: skip
    # spread over slots: a busy tenant's queries must not wait for one another's commit
    slot = identifier.int % SLOTS
    count(connection, call.tenant_id, "queries", 1, slot)
    count(connection, call.tenant_id, "compute_us", round(milliseconds * 1000), slot)


def _remember(cache: TenantCache, key: str, found: list[tuple[float, Passage]]) -> None:
    cache.remember(key, [(*passage.place, score) for score, passage in found])


def _asked_today(services: Services, call: Call) -> int:
    with services.database.tenant(call.binding) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(amount), 0)::bigint FROM rag.usage_counters"
            " WHERE tenant_id = %s AND metric = 'queries' AND day = %s",
            (call.tenant_id, day_and_reset()[0]),
        ).fetchone()
    return int(row[0]) if row else 0


def _shown(score: float, passage: Passage) -> dict[str, Any]:
    return {
        "document_id": str(passage.document_id),
        "ordinal": passage.ordinal,
        "title": passage.title,
        "source": passage.source,
        "score": round(score, 4),
        "text": passage.body,
    }
