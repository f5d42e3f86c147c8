"""A certificate from its sealed intent to its issue, and the public word on whether one stands."""

import statistics
import time
from uuid import uuid4

from bailiwick_proof.certificate import Certificate as Document

from bench.hot import Getting
from bench.rows import Row, alternating, timed
from compliance.certificates import issuing, keys
from compliance.certificates.models import Certificate, State
from compliance.certificates.printing.signed import printed
from portal.access.actor import Actor
from portal.embedded.stack import Stack
from portal.jobs.models import Job
from tests.compliance.certificates.made import finished

MANY, LOOKS, PATIENCE = 5, 20, 120.0  # an address may look thirty times a minute
BY = Actor.system("erasure")


def measure(stack: Stack) -> list[Row]:
    """Issued by the stack's own sealer, dispatcher and worker; the wait for the seal has its own bar."""
    rows = [_issued(number) for number in range(MANY)]
    began = Job.objects.in_bulk([row.job_id for row in rows])
    taken = sorted((row.issued_at - began[row.job_id].started_at).total_seconds() for row in rows)
    document, pair = Document.parse(rows[0].document.encode()), keys.pair(rows[0].signing_key.number)
    floor = min(timed(lambda: printed(document, pair)) for _ in range(3))
    return [
        # 2 s where printing takes 0.18
        Row(
            "certificate, sealed to issued", statistics.median(taken), floor, "printing it", taken[-1], most_ratio=11.0
        ),
        _status(stack, rows[0]),
    ]


def _issued(number: int) -> Certificate:
    done, about = finished(), {"type_": "final", "tenant_id": uuid4(), "business_unit": "FIN"}
    row = issuing.issue(done.erasure, done.files, key=f"bench-{number}", actor=BY, reason="bench", **about)
    end = time.monotonic() + PATIENCE
    while row.state != State.ISSUED:
        if row.state == State.VOID or time.monotonic() > end:
            raise SystemExit(f"the bench's certificate is {row.state}: {row.state_reason}")
        time.sleep(0.05)
        row.refresh_from_db()
    return row


def _status(stack: Stack, row: Certificate) -> Row:
    look = Getting(stack.url, f"/verify/{row.known_as}/", "")
    live = Getting(stack.url, "/health/live", "")
    (_, p95), (floor, _) = alternating([look, live], LOOKS)
    return Row("public word on a certificate, p95", p95, floor, "constant view, half of them", bar=0.05)
