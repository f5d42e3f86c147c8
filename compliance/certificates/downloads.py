"""A certificate's files as downloads: the record, the PDF, the evidence."""

from collections.abc import Callable

from django.http import HttpResponse

from . import queries, store
from .models import Certificate

FILES: dict[str, tuple[str, str, Callable[[Certificate], bytes]]] = {
    "document": ("json", "application/json", lambda row: row.document.encode()),
    "pdf": ("pdf", "application/pdf", lambda row: store.fetch("pdf", row.pdf_digest)),
    "evidence": ("zip", "application/zip", lambda row: store.fetch("evidence", row.archive_digest)),
}


def answer(row: Certificate, kind: str) -> HttpResponse:
    """One file of an issued certificate; Conflict before it is issued, Away when the store does not answer."""
    suffix, media, read = FILES[kind]
    name = f"{'evidence' if kind == 'evidence' else 'certificate'}-{row.known_as}.{suffix}"
    data = read(queries.require_issued(row))
    return HttpResponse(data, media, headers={"Content-Disposition": f'attachment; filename="{name}"'})
