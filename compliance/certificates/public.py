"""The public page: anybody may ask by id whether a certificate stands, or have a file checked. No sign-in, no names.

A file is checked in memory and forgotten. Of an id that was issued the page says whether it stands and nothing about
whom; of any other, that there is none.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_verify import certificate as verifier
from bailiwick_verify import pdf
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from portal.lib.errors import Invalid, Refusal, TooLarge

from . import limit, queries, trusted

MAX_BYTES, ENVELOPE = 2 << 20, 4096
PAGE = "public/verify.html"
JSON = "application/json"
View = Callable[..., HttpResponse]


def limited(view: View) -> View:
    """Count the address first; what is refused is said on the same page."""

    @wraps(view)
    def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            limit.count(request.META.get("REMOTE_ADDR", ""))
            return view(request, *args, **kwargs)
        except Refusal as refusal:
            answer = TemplateResponse(request, PAGE, {"refused": refusal.detail}, status=refusal.status)
            if "retry_after" in refusal.extra:
                answer["Retry-After"] = str(refusal.extra["retry_after"])
            return answer

    return run


@csrf_exempt  # nothing is changed and nobody is signed in; the check would read a body of any size first
@require_http_methods(["GET", "HEAD", "POST"])
@limited
def page(request: HttpRequest) -> HttpResponse:
    """The form, and the verdict on a file that was sent with it."""
    if request.method != "POST":
        return _by_id(request)
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES + ENVELOPE:
        raise TooLarge(_("The file is over 2 MB, which no certificate is."))
    given = request.FILES.get("file")
    if given is None:
        raise Invalid(_("Choose a certificate."))
    context = verdict_on(given.read())
    return TemplateResponse(request, PAGE, context, status=200 if context["is_valid"] else 422)


def _by_id(request: HttpRequest) -> HttpResponse:
    asked = "".join(request.GET.get("id", "").split()).replace("-", "").lower()
    if not asked:
        return TemplateResponse(request, PAGE, {})
    if not re.fullmatch("[0-9a-f]{32}", asked):
        said = _("An id is 32 digits and letters from a to f, as it is printed on the certificate.")
        return TemplateResponse(request, PAGE, {"refused": said, "asked": asked[:64]}, status=422)
    return _standing(request, UUID(asked))


@require_GET
@limited
def standing(request: HttpRequest, known_as: str) -> HttpResponse:
    """What the QR code leads to."""
    return _standing(request, UUID(known_as))


def _standing(request: HttpRequest, known_as: UUID) -> HttpResponse:
    found = queries.public(known_as)
    context = {"standing": found, "asked": known_as.hex, "absent": found is None}
    return TemplateResponse(request, PAGE, context, status=200 if found else 404)


def verdict_on(data: bytes) -> dict[str, Any]:
    """Check a file as a stranger would, with this issuer's keys and what was taken back so far."""
    trust = trusted.trust()
    try:
        proved = verifier.verify(data, trust)
        verifier.check_status(proved, trusted.status_list().encode(), trust)
    except verifier.Revoked as error:
        return {"verdict": _("Genuine, but it no longer stands"), "why": str(error), "is_valid": False, "tone": "fail"}
    except (Unproven, Malformed) as error:
        return {"verdict": _("Not valid"), "why": str(error), "is_valid": False, "tone": "fail"}
    core = proved.certificate.core
    found = queries.public(UUID(core.id))
    is_ours = not data.startswith(b"%PDF-") or (found is not None and found["pdf"] == pdf.digest(data))
    return {
        "verdict": _("Valid"),
        "why": proved.verdict,
        "is_valid": True,
        "tone": "proven",
        "core": core,
        "stamped": proved.stamped,
        "checked": proved.checked,
        "other_print": not is_ours,
    }


@require_GET
@limited
def trust_file(request: HttpRequest) -> HttpResponse:
    """Whom to trust, for `bailiwick-verify --policy`. Take it from somebody else if you can."""
    return HttpResponse(trusted.trust().encode(), JSON)


@require_GET
@limited
def status_file(request: HttpRequest) -> HttpResponse:
    """What was taken back so far, signed, for `bailiwick-verify --status-list`."""
    return HttpResponse(trusted.status_list().encode(), JSON)
