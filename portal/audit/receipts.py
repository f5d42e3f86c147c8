"""Receipts at a door: a `.tlog-proof` as a download."""

from typing import Any

from django.http import HttpResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer

from .evidence import receipt_of
from .models import Entry

BYTES = "application/octet-stream"


class Bytes(BaseRenderer):
    """For answers that are no JSON: lets a caller ask for them by their type. Refusals stay JSON."""

    media_type = BYTES
    format = "bytes"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> Any:
        return JSONRenderer().render(data)


def receipt_answer(entry: Entry) -> HttpResponse:
    """A receipt as a download."""
    name = f'attachment; filename="entry-{entry.pk}.tlog-proof"'
    return HttpResponse(receipt_of(entry), BYTES, headers={"Content-Disposition": name})
