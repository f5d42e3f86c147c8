"""Reads of compliance for other apps and pages."""

from django.db import models

from .models import Profile, ProviderRegion, Verdict


def verdicts_of(subject: models.Model) -> list[Verdict]:
    """The verdicts of the subject's last evaluation, in the order they were given."""
    rows = list(Verdict.objects.filter(subject_type=subject._meta.label_lower, subject_id=str(subject.pk)))
    latest = max((row.at for row in rows), default=None)
    return [row for row in rows if latest and (latest - row.at).total_seconds() < 1]


def regions_known() -> list[str]:
    """Every region that some provider is known to offer, or that a rule speaks of."""
    return sorted(set(ProviderRegion.objects.in_force().values_list("region", flat=True)))


def profile_choices() -> list[tuple[str, str]]:
    """The compliance profiles in force, newest version of each."""
    rows = Profile.objects.in_force().order_by("code", "-version").distinct("code")
    return [(row.code, f"{row.code}: {row.title}") for row in rows]
