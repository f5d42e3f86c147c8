"""Off and on again, for everybody at once."""

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Conflict
from tenants.flags.models import Flag

from .held import hold, refuse_clash, tell


@action
def switch_off(key: str, *, actor: Actor, reason: str) -> Flag:
    """Give everybody the off variant, whatever else is set. Rules stay as they are, for switching on again."""
    flag = hold(key, "flag.switch", actor=actor, reason=reason)
    if flag.is_off:
        raise Conflict("It is off already.", code="flag-off")
    return _switch(flag, "off", actor=actor, reason=reason)


@action
def switch_on(key: str, *, actor: Actor, reason: str) -> Flag:
    """Let its rules count again."""
    flag = hold(key, "flag.switch", actor=actor, reason=reason)
    if not flag.is_off:
        raise Conflict("It is on already.", code="flag-on")
    return _switch(flag, "on", actor=actor, reason=reason)


def _switch(flag: Flag, word: str, *, actor: Actor, reason: str) -> Flag:
    flag.is_off = word == "off"
    flag.off_reason = reason if flag.is_off else ""
    flag.save()
    if not flag.is_off:
        refuse_clash(flag)
    record(f"flag.switched_{word}", flag, actor=actor, reason=reason)
    tell(flag)
    news = {"flag": flag.key, "title": flag.title, "word": word, "consequence": flag.consequence}
    emit("flag.switched", {**news, "owner": str(flag.owner_id), "reason": reason, "at": now()})
    return flag
