"""A certificate issued through the real door, sealed by the real sealer, signed, stamped and printed.

`certificate` is a row of the test's own; `kit` is what strangers get of one, made once for all tests that only look.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from bailiwick_proof.trust import Trust
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings as configured
from django.db import transaction
from django.test import override_settings
from pyhanko.sign.timestamps import DummyTimeStamper

from compliance.certificates import issuing, store, trusted
from compliance.certificates.models import Certificate
from compliance.certificates.x509 import self_signed
from portal.access.actor import Actor
from portal.jobs import runner
from portal.jobs.outbox import deliver_due
from tests.compliance.certificates.made import Finished, finished
from tests.sealing import seal_here

ENGINE = Actor.system("erasure")
TENANT = UUID("01990000-0000-7000-8000-000000000001")
GUARDS = {**configured.GUARDS, "certificate.issue": ["tests.compliance.certificates.conftest.allow"]}


def allow(verb: str, obj: Any) -> None:
    """The guard that the erasure engine will register."""


def deliver() -> None:
    while deliver_due():
        pass


def intended(done: Finished, key: str = "request-1", tenant_id: UUID = TENANT, **more: Any) -> Certificate:
    given = {"type_": "final", "tenant_id": tenant_id, "business_unit": "FIN", **more}
    return issuing.issue(done.erasure, done.files, key=key, actor=ENGINE, reason="Erased.", **given)


def issued(row: Certificate, seal: Callable[[], None] = seal_here) -> Certificate:
    """Seal, deliver, work: what sealer, dispatcher and worker do."""
    seal()
    deliver()
    row.refresh_from_db()
    runner.run(row.job_id)
    deliver()
    return Certificate.objects.get(pk=row.pk)


@pytest.fixture(autouse=True)
def _an_engine(settings: Any) -> None:
    settings.GUARDS = GUARDS


@pytest.fixture
def done() -> Finished:
    return finished()


@pytest.fixture
def certificate(done: Finished, db: None) -> Certificate:
    found = issued(intended(done))
    assert found.state == "issued", found.state_reason
    return found


@dataclass(frozen=True)
class Kit:
    """What a stranger holds, and the leaves that only the issuer's archive shows."""

    document: bytes
    pdf: bytes
    archive: bytes
    trust: Trust
    status: bytes
    done: Finished


@pytest.fixture(scope="session")
def kit(django_db_setup: None, django_db_blocker: Any) -> Iterator[Kit]:
    with django_db_blocker.unblock(), transaction.atomic(), override_settings(GUARDS=GUARDS):
        done = finished()
        row = issued(intended(done, key="kit"))
        archive = store.fetch("evidence", row.archive_digest)
        pdf, status = store.fetch("pdf", row.pdf_digest), trusted.status_list().encode()
        found = Kit(row.document.encode(), pdf, archive, trusted.trust(), status, done)
        transaction.set_rollback(True)
    yield found


@pytest.fixture
def authority(tmp_path: Any) -> Iterator[tuple[str, str]]:
    """A time-stamping authority over HTTP, as RFC 3161 has it: its address, and the PEM file of its certificate."""
    private = generate_private_key(public_exponent=65537, key_size=2048)
    certificate = self_signed(private, "Authority of a test", timedelta(days=30), stamps=True)
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    held = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    stamper = DummyTimeStamper(held, asn1_keys.PrivateKeyInfo.load(der))

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            answer = stamper.request_tsa_response(asked).dump()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    file = tmp_path / "authority.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    yield f"http://127.0.0.1:{server.server_port}/", str(file)
    server.shutdown()
    server.server_close()
