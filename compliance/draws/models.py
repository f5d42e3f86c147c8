"""One draw: what was drawn, by its leaf in the manifest, and each verifier's answer. No id and no name is in it."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from compliance.erasing.models import ErasureRequest
from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id


class State(models.TextChoices):
    RUNNING = "running", _("asking")
    DONE = "done", _("answered")


class DrawQuerySet(models.QuerySet["Draw"]):
    def visible_to(self, actor: Actor) -> "DrawQuerySet":
        """Those of the erasures that the actor may draw from."""
        roles, way = VERBS["erasure.draw"], "request__tenant"
        return self.filter(scope_filter(actor, roles, tenant=f"{way}_id", business_unit=f"{way}__business_unit_id"))


class Draw(models.Model):
    """`drawn`: of each id its leaf (none of a canary), the region, the system that listed it, every answer."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.ForeignKey(ErasureRequest, on_delete=models.PROTECT, related_name="draws")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    drawn = models.JSONField(default=list)
    job_id = models.UUIDField(null=True, blank=True)
    started_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = DrawQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("draw"), _("draws")
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="draw_done_is_dated",
                condition=Q(state="running", ended_at=None) | Q(state="done", ended_at__isnull=False),
            ),
            models.UniqueConstraint(name="one_draw_at_a_time", fields=["request"], condition=Q(state="running")),
        ]

    def __str__(self) -> str:
        return f"{self.request}, {self.started_at:%d %b %Y %H:%M}"

    def access_scope(self) -> dict[str, Any]:
        return self.request.access_scope()
