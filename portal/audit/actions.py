"""Write the record. Called inside the transaction of the change it records."""

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models

from portal.access.actor import Actor

SEAL = "bailiwick_seal"
RECORD = "SELECT audit.record(%s, %s, %s, %s, %s, %s, %s, %s, %s)"


def record(
    verb: str,
    obj: models.Model,
    *,
    actor: Actor,
    reason: str = "",
    data: dict[str, Any] | None = None,
    names_tenant: bool = True,
) -> int:
    """Add one act, `verb` on `obj`, to the ledger; return the entry's id.

    `names_tenant` is false of an entry that strangers are given with its receipt. `data` holds ids, states and figures,
    never personal data. Row changes need no call: triggers capture them.
    """
    scope = obj.access_scope() if hasattr(obj, "access_scope") else {}
    about = (verb, obj._meta.label_lower, str(obj.pk), scope.get("tenant") if names_tenant else None)
    why = (actor.id, actor.via, reason, actor.request_id, json.dumps(data or {}, cls=DjangoJSONEncoder))
    with connection.cursor() as cursor:
        cursor.execute(RECORD, about + why)
        return int(cursor.fetchone()[0])


def intend(
    verb: str,
    obj: models.Model,
    *,
    actor: Actor,
    reason: str = "",
    data: dict[str, Any] | None = None,
    names_tenant: bool = True,
) -> int:
    """Record what is to take effect only once it is sealed and anchored, and have it sealed at once.

    The effect is another transaction: `emit(…, after=entry)` brings it, `queries.is_anchored` is asked again there.
    """
    entry = record(verb, obj, actor=actor, reason=reason, data=data, names_tenant=names_tenant)
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {SEAL}")
    return entry
