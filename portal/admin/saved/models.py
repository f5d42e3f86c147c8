"""A person's own views of a list. A preference: nobody else ever sees one, and the ledger does not hold it."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models import Q

from portal.access.models import User
from portal.lib.ids import new_id

if TYPE_CHECKING:
    from portal.access.actor import Actor

MOST, LONGEST = 30, 2000


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, actor: "Actor") -> "SavedViewQuerySet":
        """A person's own, and nobody else's."""
        return self.filter(user=actor.user) if actor.user else self.none()


class SavedView(models.Model):
    """A name for what a list is narrowed to, sorted by and searched for; `page` is the list's mount."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    page = models.CharField(max_length=64)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=LONGEST)
    place = models.PositiveSmallIntegerField()

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["place"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "page", "place"], name="saved_view_one_per_place"),
            models.UniqueConstraint(fields=["user", "page", "name"], name="saved_view_name_once"),
            models.CheckConstraint(condition=Q(place__range=(1, MOST)), name="saved_view_not_too_many"),
            models.CheckConstraint(condition=~Q(name="") & ~Q(query=""), name="saved_view_says_something"),
        ]

    def __str__(self) -> str:
        return self.name
