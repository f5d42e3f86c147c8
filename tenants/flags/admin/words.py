"""Flags in the words of people who have never seen one."""

from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenants.flags.evaluation import Answer, Definition
from tenants.flags.models import Flag, Kind, today

BECAUSE = {
    "off": gettext_lazy("it is switched off for everybody"),
    "needs": gettext_lazy("it needs %(about)s, which is off here"),
    "excludes": gettext_lazy("it is not on together with %(about)s, which is on here"),
    "override": gettext_lazy("set for this tenant"),
    "rollout": gettext_lazy("among the first %(about)s %% of its tier"),
    "waiting": gettext_lazy("not yet among the first %(about)s %% of its tier"),
    "tier": gettext_lazy("what its tier %(about)s gets"),
    "default": gettext_lazy("what everybody gets"),
    "unknown_variant": gettext_lazy("its rule names a variant that is gone"),
}
FINDINGS = {
    "ended": (
        gettext_lazy("Ended"),
        gettext_lazy("They go on giving what they gave. Move each to the tier configuration, or archive it."),
    ),
    "ends_soon": (gettext_lazy("End within 14 days"), gettext_lazy("Finish the rollout, or decide what stays.")),
    "everywhere": (
        gettext_lazy("Everywhere for 30 days"),
        gettext_lazy("The trial is over: make it part of the product or of the tiers, and archive the flag."),
    ),
    "never_asked": (
        gettext_lazy("Never evaluated"),
        gettext_lazy("Made more than a week ago, and nobody has ever asked for it. Archive it, or use it."),
    ),
    "off": (gettext_lazy("Switched off"), gettext_lazy("Switched off for everybody. On again, or archived?")),
}


def because(answer: Answer) -> str:
    """Why a tenant gets what it gets."""
    return str(BECAUSE[answer.because]) % {"about": answer.about}


def is_on(flag: Definition, answer: Answer) -> bool:
    return answer.variant != flag.off


def shown(flag: Definition, answer: Answer) -> str:
    """On, off, or the name of the variant where there is more than on and off."""
    if set(flag.variants) == {"on", "off"}:
        return _("on") if answer.variant == "on" else _("off")
    return answer.variant


def ends(flag: Flag) -> str:
    """When it ends, in words."""
    if flag.expires_on is None:
        return _("stays as long as it is needed")
    days = (flag.expires_on - today()).days
    if days < 0:
        return _("ended %(date)s") % {"date": _day(flag.expires_on)}
    if days == 0:
        return _("ends today")
    return ngettext("ends in %(n)d day", "ends in %(n)d days", days) % {"n": days}


def _day(on: date) -> str:
    return f"{on:%d %b %Y}"


def state(flag: Flag) -> str:
    """As portal.admin.states knows it."""
    if flag.archived_at:
        return "archived"
    if flag.is_off:
        return "switched_off"
    if flag.is_stale:
        return "ended_in_use"
    return "on_guard" if flag.kind == Kind.KILL_SWITCH else "being_tried"


def reach(tiers: list[dict[str, Any]]) -> str:
    """How far the rollout has come, tier by tier."""
    parts = [f"{row['tier']} {row['percent']} %" for row in tiers if row["percent"]]
    return ", ".join(parts) or _("not rolled out")
