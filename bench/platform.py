"""Questions and documents on the reference platform, beside the same rows and the same search in plain SQL."""

import time
from uuid import UUID, uuid4

import httpx
import psycopg

from bench.product import CHAMPIONS, Person
from bench.rows import Row, alternating, timed
from lifecycle.stores.names import TenantNames
from portal.embedded.stack import Stack
from ragplatform.embedding import embed

DOCUMENTS, QUESTIONS = 25, 25
TEXT = " ".join(
    f"Paragraph {number}: the warehouse in Pune counts its stock on the last working day of month {number}, and two "
    "people sign the sheet before the accrual is booked in the ledger of the business unit."
    for number in range(12)
)


def measure(stack: Stack, request: dict[str, str]) -> list[Row]:
    """The tenant of `request` gets documents and is asked about them."""
    champion = Person(stack.url, CHAMPIONS[request["business_unit"]])
    path = f"/api/v1/tenants/{request['tenant_id']}/access-tokens/"
    access = champion.post(path, {"scope": ["read", "write"]})
    names = TenantNames(UUID(request["tenant_id"]), request["name"], request["region"])
    login = stack.region(request["region"]).database.connect_kwargs("platform") | {"options": "-c bw.epoch=1"}
    headers = {"Authorization": f"Bearer {access['access_token']}"}
    with (
        httpx.Client(base_url=access["platform_url"], headers=headers, timeout=30) as client,
        psycopg.connect(**login, autocommit=True) as db,
    ):
        return [_ingest(client, db, names), _questions(client, db, names)]


def _post(client: httpx.Client, path: str, body: dict[str, object]) -> None:
    """Send it; where the tier's requests a minute are used up, wait as asked."""
    while (answer := client.post(path, json=body)).status_code == 429:
        time.sleep(float(answer.headers.get("Retry-After", "1")))
    answer.raise_for_status()


def _ingest(client: httpx.Client, db: psycopg.Connection, names: TenantNames) -> Row:
    def send(number: int) -> None:
        _post(client, "/v1/documents", {"title": f"Count {number}", "text": f"{number} {TEXT}", "source": "bench"})

    send(0)
    taken = timed(lambda: [send(number) for number in range(1, DOCUMENTS + 1)])
    least = timed(lambda: [_insert(db, names) for _ in range(DOCUMENTS)])
    rate, most = DOCUMENTS / taken, DOCUMENTS / least
    return Row("platform: documents ingested", rate, most, "rows by SQL", per_second=True)


def _insert(db: psycopg.Connection, names: TenantNames) -> None:
    """The rows of one document, in the tenant's role, rolled back."""
    document = uuid4()
    with db.transaction(force_rollback=True):
        db.execute(f'SET LOCAL ROLE "{names.role}"')
        db.execute(
            "INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, 'floor')", (names.tenant_id, document)
        )
        db.execute(
            "INSERT INTO rag.chunks SELECT %s, %s, n, %s FROM generate_series(0, 3) n",
            (names.tenant_id, document, TEXT[:800]),
        )
        db.execute(
            "INSERT INTO rag.chunk_vectors"
            " SELECT %s, %s, n, array_fill(0.1::real, '{256}')::vector FROM generate_series(0, 3) n",
            (names.tenant_id, document),
        )


def _questions(client: httpx.Client, db: psycopg.Connection, names: TenantNames) -> Row:
    asked = iter(range(10_000))
    vector = str(list(embed("who signs the stock count")))

    def ask() -> None:
        _post(client, "/v1/query", {"q": f"Who signs the stock count of month {next(asked)}?", "k": 5})

    def search() -> None:
        with db.transaction():
            db.execute(f'SET LOCAL ROLE "{names.role}"')
            db.execute(
                "SELECT c.body FROM rag.chunk_vectors v JOIN rag.chunks c USING (tenant_id, document_id, ordinal)"
                " WHERE v.tenant_id = %s ORDER BY v.embedding <=> %s::vector LIMIT 5",
                (names.tenant_id, vector),
            ).fetchall()

    taken, least = alternating([ask, search], QUESTIONS)
    return Row("platform: question", taken[0], least[0], "search by SQL", p95=taken[1])
