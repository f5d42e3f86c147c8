"""Reads of compliance for other apps and pages."""

from django.db import models

from .models import Verdict


def verdicts_of(subject: models.Model) -> list[Verdict]:
    """The verdicts of the subject's last evaluation, in the order they were given."""
    rows = list(Verdict.objects.filter(subject_type=subject._meta.label_lower, subject_id=str(subject.pk)))
    latest = max((row.at for row in rows), default=None)
    return [row for row in rows if latest and (latest - row.at).total_seconds() < 1]
