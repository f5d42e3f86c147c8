"""Template tags of the console: money, figures, time, states, bars, and the frame's own data. Built in everywhere."""

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.contrib.admin import site
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.access.models import Role
from portal.lib import money
from portal.lib.clock import now

from . import eyes, navigation, states
from .listing import Cell
from .names import name_of

register = template.Library()
NOTHING = "–"
SHORT_ROLES = {
    Role.CFO: "CFO",
    Role.CCO: "CCO",
    Role.CTO: "CTO",
    Role.LEGAL: "legal",
    Role.CHANGE_BOARD: "change board",
}


# -- money and figures ----------------------------------------------------------------------------------------------
def _decimal(value: Any) -> Decimal | None:
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        return None
    return found if found.is_finite() else None


@register.filter
def inr(value: Any) -> str:
    """₹10,00,000.00; a dash when there is no amount."""
    amount = _decimal(value)
    return NOTHING if amount is None else money.inr(amount)


@register.filter
def inr_short(value: Any) -> str:
    """₹11.5 L, ₹1.23 Cr."""
    amount = _decimal(value)
    return NOTHING if amount is None else money.inr_short(amount)


@register.filter
def figure(value: Any) -> str:
    """A count or a decimal with Indian grouping."""
    amount = _decimal(value)
    if amount is None:
        return NOTHING
    if amount == amount.to_integral_value():
        return money.number(int(amount))
    whole, _point, rest = f"{amount.normalize():f}".partition(".")
    return f"{money.number(int(whole))}.{rest}"


@register.filter
def initials(name: Any) -> str:
    """Meera Iyer becomes MI."""
    return "".join(word[0] for word in str(name).split()[:2]).upper()


@register.filter
def short_digest(value: Any) -> str:
    text = str(value or "")
    return f"{text[:4]}…{text[-3:]}" if len(text) > 12 else text or NOTHING


# -- time -----------------------------------------------------------------------------------------------------------
def _span(seconds: float) -> str:
    size = abs(seconds)
    if size < 90:
        return _("%(n)d s") % {"n": round(size)}
    if size < 90 * 60:
        return _("%(n)d min") % {"n": round(size / 60)}
    if size < 48 * 3600:
        return _("%(n)d h") % {"n": round(size / 3600)}
    days = math.floor(size / 86400)
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


def _exact(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{date_format(local, 'j M Y H:i')} {local.tzname()}"


@register.filter
def moment(at: Any) -> str:
    """21 Nov 2026 19:40 IST."""
    if isinstance(at, datetime):
        return _exact(at)
    return date_format(at, "j M Y") if isinstance(at, date) else NOTHING


@register.filter
def second(at: Any) -> str:
    """21 Nov 2026 19:40:05 IST."""
    if not isinstance(at, datetime):
        return NOTHING
    local = timezone.localtime(at)
    return f"{date_format(local, 'j M Y H:i:s')} {local.tzname()}"


@register.filter
def when(at: Any) -> str | SafeString:
    """How long ago or ahead, with the exact instant on hover."""
    if not isinstance(at, datetime):
        return NOTHING
    seconds = (at - now()).total_seconds()
    words = _("in %(span)s") if seconds > 0 else _("%(span)s ago")
    text = words % {"span": _span(seconds)} if abs(seconds) >= 5 else _("now")
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), _exact(at), text)


@register.filter
def due(at: Any) -> str:
    """due in 31 h, or overdue by 2 h."""
    if not isinstance(at, datetime):
        return ""
    seconds = (at - now()).total_seconds()
    words = _("due in %(span)s") if seconds > 0 else _("overdue by %(span)s")
    return words % {"span": _span(seconds)}


@register.filter
def span(value: Any) -> str:
    """A duration in words; takes seconds or a timedelta."""
    if value is None or value == "":
        return NOTHING
    seconds = value.total_seconds() if hasattr(value, "total_seconds") else float(value)
    if 0 <= seconds < 0.05:
        return _("under 1 s") if isinstance(value, int) or seconds == 0 else _("under 0.1 s")
    return _("%(n).1f s") % {"n": seconds} if abs(seconds) < 10 else _span(seconds)


# -- states ---------------------------------------------------------------------------------------------------------
@register.filter
def tone(state: Any) -> str:
    return states.tone_of(state)


@register.simple_tag
def pill(state: Any, words: Any = "", tone: str = "") -> str | SafeString:
    """A state with its colour and, always, its word."""
    if not state:
        return NOTHING
    shown = str(words or states.words_of(state))
    if shown[1:2].islower():
        shown = shown[0].lower() + shown[1:]
    return format_html('<span class="pill {}">{}</span>', tone or states.tone_of(state), shown)


@register.filter
def plainly(value: Any) -> str:
    """A value out of a document as people say it: a list by commas, nothing of it as none, what is missing as such."""
    if value is None:
        return _("not measured")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, (list, tuple)):
        return ", ".join(plainly(one) for one in value) or _("none")
    return str(value)


@register.filter
def words(state: Any) -> str:
    return states.words_of(state)


@register.simple_tag
def cell(found: Cell) -> str | SafeString:
    """One value as lists and facts show it."""
    value, kind = found.value, found.kind
    if value is None and kind == "price":
        return _("not known")  # which is not nothing
    if value is None or value == "":
        return NOTHING
    if kind == "state":
        return pill(value, found.words)
    if kind == "mono":
        return format_html("<code>{}</code>", value)
    if kind == "flag":
        return _("yes") if value else _("no")
    if kind == "percent":
        return f"{figure(value)} %"
    shown = {"inr": inr, "inr_short": inr_short, "count": figure, "number": figure, "when": when, "day": moment}
    shown |= {"moment": moment, "second": second, "span": span, "price": inr_short}
    return shown[kind](value) if kind in shown else format_html("{}", value)


@register.simple_tag
def fact(found: Any) -> str | SafeString:
    shown = cell(Cell(str(found.label), found.kind, found.value))
    return format_html('<a href="{}">{}</a>', found.url, shown) if found.url else shown


@register.simple_tag
def bar(used: Any, total: Any, label: str = "", tone: str = "", extra: Any = 0) -> str | SafeString:
    """A horizontal bar as SVG: `used` of `total`, and `extra` on top of it hatched lighter."""
    whole = _decimal(total) or Decimal(0)
    part = _share(used, whole)
    more = min(Decimal(100) - part, _share(extra, whole))
    return format_html(
        '<svg class="bar {}" role="img" aria-label="{}" preserveAspectRatio="none" viewBox="0 0 100 8">'
        '<rect class="bar-rest" width="100" height="8" rx="0"/><rect class="bar-more" width="{}" height="8"/>'
        '<rect class="bar-used" width="{}" height="8"/></svg>',
        tone,
        label or f"{round(part)} %",
        f"{part + more:.2f}",
        f"{part:.2f}",
    )


def _share(value: Any, whole: Decimal) -> Decimal:
    amount = _decimal(value)
    if amount is None or whole <= 0:
        return Decimal(0)
    return max(Decimal(0), min(Decimal(100), amount * 100 / whole))


@register.simple_tag
def role_name(role: Any, *, short: bool = False) -> str:
    """A role in words, or the letters it goes by."""
    if short and role in SHORT_ROLES:
        return SHORT_ROLES[role]
    return str(Role(role).label) if role in Role.values else states.words_of(role)


# -- the frame ------------------------------------------------------------------------------------------------------
@register.simple_tag(takes_context=True)
def rail(context: Any) -> list[navigation.Floor]:
    return navigation.rail(site, context["request"])  # type: ignore[arg-type]


@register.simple_tag(takes_context=True)
def present_eyes(context: Any) -> eyes.Eyes:
    return eyes.present(context["request"])


@register.simple_tag(takes_context=True)
def all_eyes(context: Any) -> list[eyes.Eyes]:
    return eyes.choices(context["request"])


@register.simple_tag(takes_context=True)
def my_name(context: Any) -> str:
    return name_of(context["request"].user.pk)


@register.simple_tag(takes_context=True)
def theme(context: Any) -> str:
    request = context.get("request")
    chosen = request.COOKIES.get("theme", "") if request is not None else ""
    return chosen if chosen in {"light", "dark"} else "system"


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """Look a key up in a mapping; empty when it is not there."""
    return mapping.get(key, "") if hasattr(mapping, "get") else ""
