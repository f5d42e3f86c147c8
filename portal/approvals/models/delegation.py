"""Acting for someone between two dates."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from portal.access.models import Role, User
from portal.lib.clock import now
from portal.lib.ids import new_id


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def live(self, at: datetime | None = None) -> "DelegationQuerySet":
        """Delegations in force at an instant (default: now)."""
        at = at or now()
        return self.filter(valid_from__lte=at, valid_until__gt=at, revoked_at=None)


class Delegation(models.Model):
    """Between two dates the delegate, who holds the role too, may sign where the delegator's grant reaches.

    Never retroactive, never passed on: only what the delegator holds by grant is lent.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    delegator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="delegations_given")
    delegate = models.ForeignKey(User, on_delete=models.PROTECT, related_name="delegations_held")
    role = models.CharField(max_length=32, choices=Role.choices)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = DelegationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-valid_from"]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(name="delegation_to_another", condition=~Q(delegator=F("delegate"))),
            models.CheckConstraint(name="delegation_dates_in_order", condition=Q(valid_until__gt=F("valid_from"))),
            models.CheckConstraint(name="delegation_not_retroactive", condition=Q(valid_from__gte=F("created_at"))),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["delegate", "role", "valid_until"])]

    def __str__(self) -> str:
        return f"{self.get_role_display()} until {self.valid_until:%d %b %Y}"
