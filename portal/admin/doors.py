"""What every page of the console shares: the narrowed actor, local time, and refusals shown as pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.access.reading import note_list
from portal.access.sessions import AccessSessionNeeded
from portal.lib.errors import Invalid, NotAllowed, Refusal

from . import eyes, reason

View = Callable[..., HttpResponseBase]


def open_door(view: View) -> View:
    """Wrap a signed-in page: narrow the actor, show times in the display zone, answer refusals with their status."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        actor = eyes.narrow(request)
        with timezone.override(ZoneInfo(settings.DISPLAY_TIME_ZONE)):
            try:
                _no_null(request)
                if request.method in ("GET", "HEAD") and "object_id" not in kwargs:
                    note_list(actor, request.path)
                return _rendered(view(request, *args, **kwargs))
            except AccessSessionNeeded as needed:
                return _rendered(reason.asked(request, needed))
            except Refusal as refusal:
                return _rendered(refused(request, refusal))
            except PermissionDenied:
                return _rendered(refused(request, NotAllowed(_("Your role does not open this page."))))

    return page


def _no_null(request: HttpRequest) -> None:
    """PostgreSQL has no NUL in a text, so no list can be asked for one."""
    if any("\x00" in value for values in request.GET.lists() for value in values[1]):
        raise Invalid(_("The address carries a character that no text here can have."))


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """A page that says what was refused, why, and with which status."""
    context = {"title": refusal.title, "refusal": refusal}
    return TemplateResponse(request, "console/refused.html", context, status=refusal.status)


def _rendered(response: HttpResponseBase) -> HttpResponseBase:
    """Render inside the door, while its time zone is in force."""
    if isinstance(response, TemplateResponse):
        return response.render()
    return response
