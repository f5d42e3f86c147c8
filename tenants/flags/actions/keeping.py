"""A flag's life: created with an owner, a purpose and an end; changed; related; archived."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from portal.access import policy
from portal.access.actions import need_reason
from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.flags.models import KEY_PATTERN, MOST_ACTIVE, MOST_DAYS, Flag, Kind, Relation, ValueType, today

from .held import hold, hold_all, need_variant, refuse_clash, refuse_new_use, tell
from .shape import ON_OFF, check_variants

RESERVED = frozenset({"export", "exposures", "new", "history"})
CHANGEABLE = frozenset({"title", "purpose", "consequence", "owner", "expires_on"})


@action
def create(
    *,
    actor: Actor,
    reason: str,
    key: str,
    title: str,
    purpose: str,
    owner: User,
    kind: str = Kind.RELEASE,
    type: str = ValueType.BOOLEAN,
    variants: Mapping[str, Any] | None = None,
    off_variant: str = "off",
    default_variant: str = "",
    rollout_variant: str = "",
    consequence: str = "",
    expires_on: date | None = None,
) -> Flag:
    """Make a flag. A release or experiment ends within 90 days, and at most 50 of them are active at a time."""
    policy.require(actor, "flag.edit")
    need_reason(reason)
    hold_all()
    is_kill = kind == Kind.KILL_SWITCH
    given = dict(ON_OFF if variants is None else variants)
    _check_key(key)
    check_variants(type, given)
    if variants is None:
        rollout_variant = rollout_variant or ("" if is_kill else "on")
        default_variant = default_variant or ("on" if is_kill else "off")
    flag = Flag(
        key=key,
        kind=kind,
        type=type,
        title=title.strip(),
        purpose=purpose.strip(),
        consequence=consequence.strip(),
        owner=_owner(owner),
        variants=given,
        off_variant=off_variant,
        default_variant=default_variant or off_variant,
        rollout_variant=rollout_variant,
        expires_on=None if is_kill else expires_on or today() + timedelta(days=MOST_DAYS),
        created_by=actor.id,
    )
    for field in ("off_variant", "default_variant", *(["rollout_variant"] if rollout_variant else [])):
        need_variant(flag, getattr(flag, field), field)
    if is_kill:
        _check_kill_switch(flag)
    else:
        _check_end(flag)
        _check_cap()
    flag.save(force_insert=True)
    record("flag.created", flag, actor=actor, reason=reason, data={"kind": kind, "expires_on": flag.expires_on})
    tell(flag)
    return flag


def _check_key(key: str) -> None:
    if not re.match(KEY_PATTERN, key) or key in RESERVED:
        raise Invalid(fields={"key": "3 to 64 small letters, digits, - and _, beginning with a letter"})
    if Flag.objects.filter(pk=key).exists():
        raise Conflict(f"There is, or was, a flag {key}. A key is not used again.", code="flag-exists")


def _check_kill_switch(flag: Flag) -> None:
    if flag.type != ValueType.BOOLEAN or flag.rollout_variant or flag.default_variant == flag.off_variant:
        raise Invalid(fields={"kind": "a kill switch is on for everybody until it is switched off: no rollout"})
    if not flag.consequence:
        raise Invalid(fields={"consequence": "say what tenants lose when it is switched off"})


def _check_end(flag: Flag) -> None:
    last = flag.created_on + timedelta(days=MOST_DAYS)
    if flag.expires_on is None or not today() <= flag.expires_on <= last:
        raise Invalid(
            fields={
                "expires_on": f"from today until {last:%d %b %Y}, {MOST_DAYS} days after it was made; "
                "what stays longer is configuration"
            }
        )


def _check_cap() -> None:
    if Flag.objects.counted().count() >= MOST_ACTIVE:
        raise Conflict(
            f"{MOST_ACTIVE} flags are active, which is the most. Archive one, or move one to the tier configuration.",
            code="too-many-flags",
            most=MOST_ACTIVE,
        )


def _owner(user: User) -> User:
    if not user.is_active or user.is_service:
        raise Invalid(fields={"owner": "a person who can still sign in"})
    return user


@action
def change(key: str, *, actor: Actor, reason: str, **fields: Any) -> Flag:
    """Change words, owner or end. A new end lies within the same 90 days; variants never change."""
    flag = hold(key, "flag.edit", actor=actor, reason=reason)
    other = sorted(set(fields) - CHANGEABLE)
    if other or not fields:
        raise Invalid(fields=dict.fromkeys(other or ["reason"], f"of a flag change: {', '.join(sorted(CHANGEABLE))}"))
    empty = [name for name in ("title", "purpose") if name in fields and not fields[name].strip()]
    if empty:
        raise Invalid(fields=dict.fromkeys(empty, "say it in words"))
    before = {name: str(getattr(flag, f"{name}_id" if name == "owner" else name)) for name in fields}
    for name, value in fields.items():
        setattr(flag, name, _owner(value) if name == "owner" else value)
    if flag.kind == Kind.KILL_SWITCH:
        if flag.expires_on is not None:
            raise Invalid(fields={"expires_on": "a kill switch has no end"})
        _check_kill_switch(flag)
    elif "expires_on" in fields:
        _check_end(flag)
        flag.stale_since = None
    flag.save()
    record("flag.changed", flag, actor=actor, reason=reason, data={"before": before, "fields": sorted(fields)})
    if "expires_on" in fields:
        tell(flag)
    return flag


@action
def relate(key: str, *, actor: Actor, reason: str, other: str, word: str) -> Relation:
    """Let a flag need another, or exclude it. One level only: no flag stands on both sides of relations."""
    flag = hold(key, "flag.edit", actor=actor, reason=reason)
    target = Flag.objects.active().filter(pk=other).first()
    if target is None or target.pk == flag.pk:
        raise Invalid(fields={"other": "another active flag"})
    refuse_new_use(flag)
    refuse_new_use(target)
    _check_depth(flag, target)
    if Relation.objects.filter(flag=flag, other=target).exists():
        raise Conflict(f"{key} is related to {other} already.", code="relation-exists")
    relation = Relation.objects.create(flag=flag, other=target, word=word)
    refuse_clash(flag)
    record("flag.related", flag, actor=actor, reason=reason, data={"word": word, "other": other})
    tell(flag)
    return relation


def _check_depth(flag: Flag, target: Flag) -> None:
    """Refuse a chain; a cycle is one."""
    over = Relation.objects.filter(flag=target).values_list("other_id", flat=True).first()
    under = Relation.objects.filter(other=flag).values_list("flag_id", flat=True).first()
    if over or under:
        first, second = (target.pk, over) if over else (under, flag.pk)
        raise Conflict(
            f"{first} relates to {second} already, and relations go one level deep. Relate to a flag that stands "
            "alone, or take that relation away.",
            code="relation-too-deep",
        )


@action
def unrelate(key: str, *, actor: Actor, reason: str, other: str) -> Flag:
    """Take a relation away."""
    flag = hold(key, "flag.edit", actor=actor, reason=reason)
    relation = Relation.objects.filter(flag=flag, other_id=other).first()
    if relation is None:
        raise Absent(f"{key} is not related to {other}.")
    relation.delete()
    record("flag.unrelated", flag, actor=actor, reason=reason, data={"word": relation.word, "other": other})
    tell(flag)
    return flag


@action
def archive(key: str, *, actor: Actor, reason: str) -> Flag:
    """Retire a flag: nobody is given it any more, and its place is free. What needs it must go first."""
    flag = hold(key, "flag.edit", actor=actor, reason=reason)
    needed_by = Relation.objects.filter(other=flag, word=Relation.Word.NEEDS).values_list("flag_id", flat=True)
    if needed_by:
        raise Conflict(f"Needed by {', '.join(sorted(needed_by))}; archive that first.", code="flag-needed")
    for relation in [*flag.relations.all(), *flag.related_from.all()]:
        relation.delete()
    flag.archived_at = now()
    flag.save()
    record("flag.archived", flag, actor=actor, reason=reason)
    tell(flag)
    emit("flag.archived", {"flag": flag.key})
    return flag
