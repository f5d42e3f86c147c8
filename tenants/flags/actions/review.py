"""The end of flags is told once, and a person goes through them every month."""

from portal.access import policy
from portal.access.actions import need_reason
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import acting, action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Conflict, NotAllowed
from tenants.flags.findings import findings
from tenants.flags.models import Flag, Review, today

SWEEP = Actor.system("flags")


def note_ends() -> int:
    """Mark flags whose last day has passed, once each: their owners are told, and no value changes."""
    keys = Flag.objects.active().filter(expires_on__lt=today(), stale_since=None).values_list("pk", flat=True)
    return sum(_note_end(key) for key in list(keys))


def _note_end(key: str) -> bool:
    with acting(SWEEP, "its last day has passed"):
        flag = Flag.objects.select_for_update(no_key=True).get(pk=key)
        if not flag.is_stale or flag.stale_since is not None:
            return False
        flag.stale_since = now()
        flag.save(update_fields=["stale_since"])
        record("flag.ended", flag, actor=SWEEP, reason="its last day has passed")
        emit("flag.ended", {"flag": key, "title": flag.title, "owner": str(flag.owner_id), "on": str(flag.expires_on)})
        emit("flags.changed", {"flag": key, "tenant_ids": None})
        return True


@action
def review(*, actor: Actor, reason: str) -> Review:
    """Keep that a person went through this month's findings, and what they concluded. Once a month."""
    policy.require(actor, "flag_review.edit")
    if actor.user is None:
        raise NotAllowed("A person reviews the flags.")
    need_reason(reason)
    month = today().replace(day=1)
    if Review.objects.filter(month=month).exists():
        raise Conflict(f"The flags of {month:%B %Y} were reviewed already.", code="reviewed")
    found = {name: [flag.key for flag in flags] for name, flags in findings().items()}
    row = Review.objects.create(month=month, findings=found, conclusion=reason, reviewed_by=actor.user)
    record("flag.reviewed", row, actor=actor, reason=reason, data={name: len(keys) for name, keys in found.items()})
    return row
