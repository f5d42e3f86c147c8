"""Write the record. Called inside the transaction of the change it records."""

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from portal.access.actor import Actor

from .models import Entry


def record(
    verb: str, obj: models.Model, *, actor: Actor, reason: str = "", data: dict[str, Any] | None = None
) -> Entry:
    """Add one entry for `verb` on `obj`. `data` holds ids, states and figures, never personal data."""
    scope = obj.access_scope() if hasattr(obj, "access_scope") else {}
    return Entry.objects.create(
        actor=actor.id,
        via=actor.via,
        verb=verb,
        object_type=obj._meta.label_lower,
        object_id=str(obj.pk),
        tenant_id=scope.get("tenant"),
        reason=reason,
        request_id=actor.request_id,
        data=json.loads(json.dumps(data or {}, cls=DjangoJSONEncoder)),
    )
