"""What every verb on a flag does first and last: hold it, refuse what has ended, tell whose set changed."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from portal.access import policy
from portal.access.actions import need_reason
from portal.access.actor import Actor
from portal.jobs.outbox import emit
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.flags.evaluation import wants
from tenants.flags.models import Flag
from tenants.flags.queries import definitions, living_tenants
from tenants.models import Tenant

LOCK = "flags"
NAMED = 3


def hold_all() -> None:
    """One writer at a time for what concerns all flags together: their number, and who relates to whom."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [LOCK])


def hold(key: str, verb: str, *, actor: Actor, reason: str) -> Flag:
    """The flag, locked; refuses whoever may not, an empty reason, and a flag that is absent or archived."""
    policy.require(actor, verb)
    need_reason(reason)
    hold_all()
    flag = Flag.objects.select_for_update(no_key=True).filter(pk=key).first()
    if flag is None:
        raise Absent("There is no such flag.")
    if flag.archived_at is not None:
        raise Conflict("The flag is archived. Its key is not used again; make a new flag.", code="flag-archived")
    return flag


def refuse_new_use(flag: Flag) -> None:
    """Refuse to let anything new depend on a flag whose end has passed."""
    if flag.is_stale:
        raise Conflict(
            f"The flag ended on {flag.expires_on:%d %b %Y} and takes nothing new. What it gives now stays as it is: "
            "move it to the tier configuration, or archive it once nothing reads it.",
            code="flag-ended",
            ended_on=str(flag.expires_on),
        )


def need_variant(flag: Flag, variant: str, field: str = "variant") -> None:
    if variant not in flag.variants:
        raise Invalid(fields={field: f"one of {', '.join(sorted(flag.variants))}"})


def refuse_clash(flag: Flag, concerned: QuerySet[Tenant] | None = None) -> None:
    """Refuse what would have two flags that exclude each other want to be on for one of the tenants concerned."""
    flags = definitions()
    pairs = [(one.key, other) for one in flags.values() for other in one.excludes if flag.key in (one.key, other)]
    for key, other in pairs:
        if other not in flags:
            continue
        tenants = (living_tenants() if concerned is None else concerned).order_by("name")
        both = [one.name for one in tenants if all(wants(flags[k], one.pk, one.tier_id) for k in (key, other))]
        if both:
            first = ", ".join(both[:NAMED])
            raise Conflict(
                f"{key} is not on together with {other}, and both would be for {len(both)} tenants ({first}). "
                f"Take {other if key == flag.key else key} away from them first.",
                code="flags-clash",
                tenants=len(both),
            )


def tell(flag: Flag, tenant_ids: Iterable[UUID] | None = None) -> None:
    """Say whose set of flags changed; None is everybody's."""
    ids = None if tenant_ids is None else [str(one) for one in tenant_ids]
    emit("flags.changed", {"flag": flag.key, "tenant_ids": ids})
