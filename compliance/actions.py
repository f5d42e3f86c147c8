"""Writes of compliance: keep verdicts."""

from collections.abc import Iterable
from uuid import UUID

from django.db import models

from .models import Verdict
from .residency import Finding


def keep_verdicts(subject: models.Model, tenant_id: UUID | None, findings: Iterable[Finding]) -> None:
    """Store each finding with rule, version and inputs. Runs in the caller's transaction."""
    scope = subject.access_scope() if hasattr(subject, "access_scope") else {}
    Verdict.objects.bulk_create(
        Verdict(
            subject_type=subject._meta.label_lower,
            subject_id=str(subject.pk),
            tenant_id=tenant_id,
            business_unit=scope.get("business_unit") or "",
            rule_id=finding.rule_id,
            rule_version=finding.rule_version,
            outcome=finding.outcome,
            title=finding.title,
            remedy=finding.remedy,
            inputs=finding.inputs,
        )
        for finding in findings
    )
