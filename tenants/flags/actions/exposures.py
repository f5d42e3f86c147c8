"""Which variants were asked for, and what the platform measured under each."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.cache import cache
from django.db.models import F
from redis.exceptions import RedisError

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import acting, action
from portal.lib.clock import now
from portal.lib.errors import Invalid
from tenants.flags.models import Exposure, Flag, today

ONCE_SECONDS = 60
OFREP = Actor.system("ofrep")


def seen(variants: Mapping[str, str]) -> None:
    """Note that these variants were evaluated; at most one write a minute for each."""
    fresh = [(flag, variant) for flag, variant in variants.items() if _is_first(flag, variant)]
    if fresh:
        with acting(OFREP):
            for flag, variant in fresh:
                _add(flag, variant)


def _is_first(flag: str, variant: str) -> bool:
    try:
        return bool(cache.add(f"flag-seen:{flag}:{variant}", 1, ONCE_SECONDS))
    except RedisError:
        return False


@action
def report(rows: Sequence[Mapping[str, Any]], *, actor: Actor, reason: str = "") -> int:
    """Add what a platform measured under variants since its last report; returns how many rows were taken."""
    policy.require(actor, "flag.report")
    known = dict(Flag.objects.values_list("key", "variants"))
    for at, row in enumerate(rows):
        if row["variant"] not in known.get(row["flag"], {}):
            raise Invalid(fields={f"exposures.{at}": "there is no such flag or variant"})
        if row["failed"] > row["requests"]:
            raise Invalid(fields={f"exposures.{at}": "more errors than requests"})
    for row in sorted(rows, key=lambda one: (one["flag"], one["variant"])):
        _add(row["flag"], row["variant"], row["requests"], row["failed"], row["latency_ms"])
    if rows and actor.user is not None:
        record("flag.exposures_reported", actor.user, actor=actor, reason=reason, data={"rows": len(rows)})
    return len(rows)


def _add(flag: str, variant: str, requests: int = 0, errors: int = 0, latency_ms: int = 0) -> None:
    row, _is_new = Exposure.objects.get_or_create(flag_id=flag, variant=variant, on=today())
    Exposure.objects.filter(pk=row.pk).update(
        requests=F("requests") + requests,
        errors=F("errors") + errors,
        latency_ms=F("latency_ms") + latency_ms,
        last_at=now(),
    )
