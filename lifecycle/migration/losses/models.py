"""What would be, or was, lost with a green that does not answer: the number, and the person who accepted it."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.migration.models import Migration
from portal.lib.clock import now
from portal.lib.ids import new_id

UNKNOWN = "unknown"
# What of green is silent beside its database, what that holds, and what becomes of it.
STORES = {
    "objects": ("its object store", "{} objects would be lost; their rows come back"),
    "vectors": ("its search index", "{} vectors would not come back; blue makes them anew from their passages"),
}


class State(models.TextChoices):
    ASKED = "asked", gettext_lazy("a person decides")
    WITHDRAWN = "withdrawn", gettext_lazy("green answered again")
    ACCEPTED = "accepted", gettext_lazy("accepted")
    GIVEN_UP = "given_up", gettext_lazy("green is given up")
    CLOSED = "closed", gettext_lazy("green came back and was closed")


STANDING = [State.ASKED, State.ACCEPTED]
WITHOUT_GREEN = [State.GIVEN_UP, State.CLOSED]


class Loss(models.Model):
    """One silence of one green. `writes` were counted at `counted_at`; what green took after that nobody knows.

    With `stores` its database answers: then they are what only these stores have, counted from its rows.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    migration = models.ForeignKey(Migration, on_delete=models.PROTECT, related_name="losses")
    state = models.CharField(max_length=9, choices=State.choices, default=State.ASKED)
    silent_since = models.DateTimeField(default=now)
    writes = models.BigIntegerField(null=True, help_text=gettext_lazy("Empty: nobody counted, which is not 0"))
    counted_at = models.DateTimeField(null=True)
    stores = models.JSONField(
        default=dict, help_text=gettext_lazy("Silent beside its database, and how much only they have")
    )
    blue_until = models.DateTimeField(null=True, help_text=gettext_lazy("Blue has what was written before"))
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    epoch = models.PositiveBigIntegerField(null=True, help_text=gettext_lazy("At which blue was opened"))
    given_up_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    found = models.BigIntegerField(null=True, help_text=gettext_lazy("Writes that green had when it came back"))

    class Meta:
        ordering = ["-silent_since"]
        constraints = [
            models.CheckConstraint(name="loss_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="loss_accepted_by_somebody",
                condition=~Q(state__in=["accepted", "given_up", "closed"])
                | Q(accepted_by__isnull=False, accepted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="loss_given_up_at_an_epoch",
                condition=Q(state__in=["given_up", "closed"], epoch__isnull=False, given_up_at__isnull=False)
                | Q(epoch=None, given_up_at=None) & ~Q(state__in=["given_up", "closed"]),
            ),
            models.CheckConstraint(
                name="loss_closed_was_counted",
                condition=Q(state="closed", closed_at__isnull=False, found__isnull=False)
                | Q(closed_at=None, found=None) & ~Q(state="closed"),
            ),
            models.UniqueConstraint(name="one_loss_a_move", fields=["migration"], condition=~Q(state="withdrawn")),
        ]

    def __str__(self) -> str:
        return _("%(move)s: %(count)s writes") % {"move": self.migration, "count": self.count}

    @property
    def count(self) -> str:
        """What whoever accepts it has to type."""
        return UNKNOWN if self.writes is None else str(self.writes)

    @property
    def words(self) -> str:
        """The number and what is behind it; an unknown one is never nothing."""
        if self.stores:
            return f"Green's database answers. {' '.join(map(self._words, sorted(self.stores)))}"
        if self.writes is None or self.counted_at is None:
            return f"How many writes would be lost is {UNKNOWN}: they were never counted."
        seen = f"{self.writes} writes would be lost, as counted at {self.counted_at:%d %b %H:%M:%S} UTC"
        return f"{seen}; what green has taken since then is {UNKNOWN}."

    def _words(self, store: str) -> str:
        name, what = STORES[store]
        known = self.stores[store]
        return f"{name[0].upper()}{name[1:]} does not: {what.format(UNKNOWN if known is None else known)}."

    def as_json(self) -> dict[str, Any]:
        """For the record of the move: no person is in it."""
        at = {name: getattr(self, name) for name in ("counted_at", "silent_since", "accepted_at")}
        return {
            "writes": self.writes,
            "epoch": self.epoch,
            **{name: one and one.isoformat() for name, one in at.items()},
            **({"stores": self.stores} if self.stores else {}),
        }
