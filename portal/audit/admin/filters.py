"""What an auditor narrows the ledger by. Each filter is one field of a form; a value that means nothing is refused."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from portal.access.models import User
from portal.audit.models import Entry
from portal.audit.queries import governed_labels
from portal.lib.errors import Invalid

MOST = 50
TENANT = "tenants.tenant"
FAMILIES = (
    "access_session", "approval", "approval_rule", "audit", "business_unit", "channel", "delegation", "delivery",
    "envelope", "grant", "incident", "job", "lease_rule", "ledger", "manual_rule", "prices", "profile", "request",
    "residency_rule", "route", "subject", "tenant", "ticket", "tier", "token", "user",
)  # fmt: skip
Narrow = Callable[[QuerySet[Any], str], QuerySet[Any]]


def asked(name: str, narrow: Narrow, usual: str = "") -> type[SimpleListFilter]:
    """A filter whose value is typed into the page's form, or is `usual`."""

    class Asked(SimpleListFilter):
        title = name
        parameter_name = name
        hidden = True

        def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
            return [("", "")]

        def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
            given = (self.value() or usual).strip()
            return narrow(queryset, given) if given else queryset

    return Asked


def _show(found: QuerySet[Any], what: str) -> QuerySet[Any]:
    kinds = {"acts": Q(op=Entry.Op.ACT), "changes": Q(op__in=["I", "U", "D"]), "both": Q()}
    if what not in kinds:
        raise Invalid(fields={"show": "acts, changes or both"})
    return found.filter(kinds[what])


def _who(found: QuerySet[Any], text: str) -> QuerySet[Any]:
    if text.startswith("system:"):
        return found.filter(actor=text)
    named = Q(username__iexact=text) | Q(person__full_name__icontains=text)
    people = User.objects.filter(named | (Q(pk=text) if _is_uuid(text) else Q()))[:MOST]
    return found.filter(actor__in=[str(user.pk) for user in people] or [text])


def _tenant(found: QuerySet[Any], text: str) -> QuerySet[Any]:
    if _is_uuid(text):
        return found.filter(tenant_id=text)
    named = apps.get_model(TENANT)._default_manager.filter(Q(name__iexact=text) | Q(display_name__icontains=text))
    return found.filter(tenant_id__in=list(named.values_list("pk", flat=True)[:MOST]))


def _what(found: QuerySet[Any], text: str) -> QuerySet[Any]:
    return found.filter(verb=text) if "." in text else found.filter(verb__startswith=f"{text}.")


def _since(found: QuerySet[Any], text: str) -> QuerySet[Any]:
    return found.filter(at__gte=_day("since", text))


def _until(found: QuerySet[Any], text: str) -> QuerySet[Any]:
    return found.filter(at__lt=_day("until", text, days=1))


def _before(found: QuerySet[Any], text: str) -> QuerySet[Any]:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Invalid(fields={"before": "the number of an entry"})
    return found.filter(pk__lt=int(text))


def _day(name: str, text: str, days: int = 0) -> datetime:
    """The first instant of a day, or of one some days later, where the reader is."""
    try:
        return timezone.make_aware(datetime.combine(date.fromisoformat(text) + timedelta(days), time()))
    except (ValueError, OverflowError):
        raise Invalid(fields={name: _("a day such as 2026-11-21")}) from None


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


FILTERS = [
    asked("show", _show, usual="acts"),
    asked("who", _who),
    asked("what", _what),
    asked("about", lambda found, text: found.filter(object_type=text)),
    asked("object", lambda found, text: found.filter(object_id=text, object_type__in=governed_labels())),
    asked("tenant", _tenant),
    asked("since", _since),
    asked("until", _until),
    asked("request", lambda found, text: found.filter(request_id=text)),
    asked("before", _before),
]


def kinds() -> Iterator[tuple[str, str]]:
    """Every kind of object, by its label and in words."""
    labels = sorted(governed_labels() | {Entry._meta.label_lower})
    return iter(sorted(((label, kind_words(label)) for label in labels), key=lambda pair: pair[1]))


def kind_words(label: str) -> str:
    """`lifecycle.tenantrequest` reads "Tenant request"."""
    try:
        return str(capfirst(apps.get_model(label)._meta.verbose_name))
    except LookupError:
        return label
