"""By the clock: a tier whose drill is overdue is told to the engineers, once for each date."""

from portal.access.models import Role
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from .models import DrillRule
from .queries import due_of


def tick() -> None:
    """Safe to repeat."""
    for due in due_of(list(DrillRule.objects.select_related("tier"))).values():
        if due.is_overdue:
            name = due.rule.tier.name
            notify(
                "migration_drill.overdue",
                title=f"{name}: a drill of the way back is overdue",
                role=Role.PLATFORM_ENGINEER,
                severity=Severity.WARNING,
                body=f"It was due on {due.on:%d %b %Y}: every {due.rule.every_days} days.",
                url=page("drill-rules", due.rule.pk),
                details=[("Tier", name), ("Due", f"{due.on:%d %b %Y}")],
                key=f"migration_drill.overdue:{due.rule.pk}:{due.on}",
            )
