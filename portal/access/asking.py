"""The order in which a door asks: may this actor do that here at all, and only then whether the body has the shape."""

from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from . import policy
from .actor import actor_of


def asked(request: Request, form: type[BaseSerializer[Any]], verb: str, obj: Any = None) -> dict[str, Any]:
    """Return the checked body; who may not do `verb` is refused before a word about what they sent.

    Give the object that the view found, so that one which is absent or foreign has answered already.
    """
    policy.require(actor_of(request), verb, obj)
    return checked(request, form)


def checked(request: Request, form: type[BaseSerializer[Any]]) -> dict[str, Any]:
    given = form(data=request.data, context={"request": request})
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)
