"""`Idempotency-Key` on POST: the same key with the same body answers the same, and acts once.

The key is held and the act committed in one transaction, so that a crash leaves both or neither. Refusals are not
kept: they changed nothing, and the caller may correct and repeat.
"""

import re
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac
from rest_framework.response import Response

from portal.lib.errors import Conflict, Invalid, Refusal

from .actor import actor_of
from .models import IdempotencyKey

SHAPE = re.compile(r"^[\x21-\x7e]{1,128}$")


class _Undo(Exception):
    def __init__(self, response: Response) -> None:
        self.response = response


class IdempotentMixin:
    """For DRF view sets: wraps the handler of every POST that carries an Idempotency-Key.

    `shown_once` names the actions whose answer is a secret: a kept answer would keep it in clear, so they take no key.
    """

    shown_once: frozenset[str] = frozenset()

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        key = request.headers.get("Idempotency-Key")
        if key and request.method == "POST" and hasattr(self, "post"):
            if getattr(self, "action", None) in self.shown_once:
                raise Invalid(fields={"Idempotency-Key": "not here: the answer is a secret, shown once and not kept"})
            if not SHAPE.match(key):
                raise Invalid(fields={"Idempotency-Key": "1 to 128 visible ASCII characters"})
            self.post = _once(self.post, key)  # what dispatch calls: a view set has bound its action to it by now


def _once(handler: Any, key: str) -> Any:
    def wrapped(request: Any, *args: Any, **kwargs: Any) -> Response:
        route = f"{request.method} {request.path}"[:200]
        # keyed: a body may hold a password, which could be guessed from a plain digest
        body = salted_hmac("idempotency", repr(request.data), algorithm="sha256").hexdigest()
        found = IdempotencyKey.objects.filter(user=request.user, key=key).first()
        if found:
            return _again(found, route, body)
        try:
            with transaction.atomic():
                row = IdempotencyKey.objects.create(user=request.user, key=key, route=route, body_sha256=body)
                response: Response = handler(request, *args, **kwargs)
                if response.status_code >= 300:
                    raise _Undo(response)
                row.status, row.answer = response.status_code, response.data
                row.save(update_fields=["status", "answer"])
                return response
        except _Undo as undo:
            return undo.response
        except Refusal as refusal:  # what it left in the transaction of the key has rolled back with it
            refusal.after(actor_of(request))
            raise
        except IntegrityError:
            found = IdempotencyKey.objects.filter(user=request.user, key=key).first()
            if found is None:
                raise
            return _again(found, route, body)

    return wrapped


def _again(found: IdempotencyKey, route: str, body: str) -> Response:
    if (found.route, found.body_sha256) != (route, body):
        raise Conflict("This Idempotency-Key was used for another request.", code="idempotency-key-reused")
    return Response(found.answer, status=found.status, headers={"Idempotent-Replay": "true"})
