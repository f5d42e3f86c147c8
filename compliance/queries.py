"""Reads of compliance for other apps and pages."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import models

from portal.access import policy
from portal.access.actor import Actor
from portal.access.queries import scope_filter

from .models import Profile, ProviderRegion, Verdict

ONE_EVALUATION = timedelta(seconds=1)


def verdicts_visible_to(actor: Actor) -> models.QuerySet[Verdict]:
    """The verdicts on what the actor's grants reach."""
    roles = policy.VERBS["request.view"]
    return Verdict.objects.filter(scope_filter(actor, roles, tenant="tenant_id", business_unit="business_unit"))


def verdicts_of(subject: models.Model) -> list[Verdict]:
    """The verdicts of the subject's last evaluation, in the order they were given."""
    return _latest(Verdict.objects.filter(subject_type=subject._meta.label_lower, subject_id=str(subject.pk)))


def last_verdicts(tenant_id: UUID) -> list[Verdict]:
    """The verdicts of the last evaluation of a tenant, be it of its request or, later, of itself."""
    return _latest(Verdict.objects.filter(tenant_id=tenant_id))


def last_verdicts_by_tenant(tenant_ids: Iterable[UUID]) -> dict[UUID, list[Verdict]]:
    """The same for many tenants in one query."""
    latest = Verdict.objects.filter(tenant_id=models.OuterRef("tenant_id")).order_by("-at").values("at")[:1]
    found: dict[UUID, list[Verdict]] = {key: [] for key in tenant_ids}
    rows = Verdict.objects.filter(tenant_id__in=list(found)).annotate(latest=models.Subquery(latest))
    for row in rows.filter(at__gt=models.F("latest") - ONE_EVALUATION):
        if row.tenant_id is not None:  # none is: the filter asked for ids
            found[row.tenant_id].append(row)
    return found


def _latest(rows: Iterable[Verdict]) -> list[Verdict]:
    """Verdicts of one evaluation are written together; those of an earlier one are at least a second older."""
    kept = list(rows)
    latest = max((row.at for row in kept), default=None)
    return [row for row in kept if latest and latest - row.at < ONE_EVALUATION]


def regions_known() -> list[str]:
    """Every region that some provider is known to offer, or that a rule speaks of."""
    return sorted(set(ProviderRegion.objects.in_force().values_list("region", flat=True)))


def profile_choices() -> list[tuple[str, str]]:
    """The compliance profiles in force, newest version of each."""
    rows = Profile.objects.in_force().order_by("code", "-version").distinct("code")
    return [(row.code, f"{row.code}: {row.title}") for row in rows]
