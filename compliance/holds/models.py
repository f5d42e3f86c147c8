"""Legal holds: what must be kept and why, what each store answered, who keeps it, and who was refused.

Whatever narrower scope a hold names, the fence that enforces it is the tenant's whole: it fails closed.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import ConcurrentTransitionMixin, FSMField, transition

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant

GROUND = _("retained under law")
OPEN = ("not_effective", "not_restored")  # of a system that lets things expire: not as the hold wants it


class Kind(models.TextChoices):
    LITIGATION = "litigation", _("litigation")
    REGULATORY = "regulatory", _("regulatory")
    CRIMINAL = "criminal", _("criminal")
    CONTRACT = "contract", _("contract")


class State(models.TextChoices):
    PLACING = "placing", _("being placed")
    ACTIVE = "active", _("in force")
    RELEASING = "releasing", _("release confirmed, not sealed yet")
    RELEASED = "released", _("released")


S = State
STANDING = [S.PLACING, S.ACTIVE, S.RELEASING]


class HoldVersion(models.Model):
    """One counter per tenant, locked until commit: what a store was told last is never older than what it obeys."""

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, primary_key=True, related_name="+")
    value = models.PositiveBigIntegerField(default=0)

    @classmethod
    def next(cls, tenant_id: UUID) -> int:
        """Take the tenant's next version; holds the row until the transaction ends."""
        cls.objects.get_or_create(tenant_id=tenant_id)
        row = cls.objects.select_for_update(no_key=True).get(tenant_id=tenant_id)
        row.value += 1
        row.save()
        return row.value


class HoldQuerySet(models.QuerySet["Hold"]):
    def visible_to(self, actor: Actor) -> "HoldQuerySet":
        """Those of the tenants that the actor's grants reach, and those whose custodian the actor is."""
        reach = scope_filter(actor, VERBS["hold.view"], tenant="tenant_id", business_unit="tenant__business_unit_id")
        if actor.user is None or not reach:  # an empty Q is everything, until it is or-ed with another
            return self.filter(reach)
        return self.filter(reach | Q(pk__in=Custodian.objects.filter(person=actor.user).values("hold")))


class Hold(ConcurrentTransitionMixin, models.Model):
    """What is to be kept stays as it was placed; the database repeats that, the moves and the two persons (0002).

    `matter`, `case_ref`, `kind`, `reason` and the narrower scope are legal's and compliance's; everybody else reads
    the ground. `review_on` brings a reminder and never ends anything. `subject` is a keyed pseudonym.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.PositiveIntegerField(unique=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="holds")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    matter = models.CharField(max_length=200)
    case_ref = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=1000)
    subject = models.CharField(max_length=64, blank=True)
    system = models.CharField(max_length=40, blank=True)
    category = models.CharField(max_length=80, blank=True)
    from_on = models.DateField(null=True, blank=True)
    until_on = models.DateField(null=True, blank=True)
    review_on = models.DateField(null=True, blank=True)
    reviewed_on = models.DateField(null=True, blank=True, help_text=_("The day for which a review was asked last"))
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    placed_at = models.DateTimeField(default=now)
    version = models.PositiveBigIntegerField()
    # happened
    state = FSMField(default=State.PLACING, choices=State.choices, protected=True)
    active_at = models.DateTimeField(null=True, blank=True)
    release_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    release_asked_at = models.DateTimeField(null=True, blank=True)
    release_confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    release_reason = models.CharField(max_length=1000, blank=True)
    intent = models.BigIntegerField(null=True, blank=True, help_text=_("The entry that is sealed before the effect"))
    released_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True, help_text=_("Every store has heard of the release"))

    objects = HoldQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("legal hold"), _("legal holds")
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(name="hold_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(name="hold_kind_known", condition=Q(kind__in=Kind.values)),
            models.CheckConstraint(name="hold_has_matter", condition=~Q(matter="")),
            models.CheckConstraint(
                name="hold_dates",
                condition=Q(from_on=None) | Q(until_on=None) | Q(until_on__gte=F("from_on")),
            ),
            models.CheckConstraint(
                name="hold_release_takes_two",
                condition=~Q(state__in=[S.RELEASING, S.RELEASED])
                | Q(release_asked_by__isnull=False, release_confirmed_by__isnull=False)
                & ~Q(release_asked_by=F("release_confirmed_by")),
            ),
            models.CheckConstraint(
                name="hold_released_is_dated",
                condition=Q(state=S.RELEASED, released_at__isnull=False) | ~Q(state=S.RELEASED) & Q(released_at=None),
            ),
        ]
        indexes = [models.Index(fields=["tenant", "state"]), models.Index(fields=["state", "-number"])]

    def __str__(self) -> str:
        return f"LH-{self.number:04d}"

    def access_scope(self) -> dict[str, Any]:
        return self.tenant.access_scope()

    @property
    def is_standing(self) -> bool:
        return self.state in STANDING

    @transition(state, source=S.PLACING, target=S.ACTIVE)
    def activate(self) -> None:
        self.active_at = now()

    @transition(state, source=[S.PLACING, S.ACTIVE], target=S.RELEASING)
    def confirm(self) -> None:
        """Two have said so; nothing is released before that is sealed."""

    @transition(state, source=S.RELEASING, target=S.ACTIVE)
    def stay(self) -> None:
        """What was confirmed no longer holds."""
        self.release_asked_by = self.release_confirmed_by = self.release_asked_at = self.intent = None
        self.active_at = self.active_at or now()

    @transition(state, source=S.RELEASING, target=S.RELEASED)
    def release(self) -> None:
        self.released_at = now()


class StoreHold(models.Model):
    """What one region's store last answered about one hold, and what was gone already when it first kept it."""

    class Answer(models.TextChoices):
        PENDING = "pending", _("has not answered")
        HELD = "held", _("keeps everything")
        CLEAR = "clear", _("kept no longer")
        NO_ROW = "no_row", _("has nothing of the tenant")
        NO_STORE = "no_store", _("not connected: kept there by hand")

    id = models.BigAutoField(primary_key=True)
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="stores")
    region = models.CharField(max_length=32)
    version = models.BigIntegerField(default=0)
    state = models.CharField(max_length=8, choices=Answer.choices, default=Answer.PENDING)
    answered_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=500, blank=True)
    destroyed = models.JSONField(null=True, blank=True, help_text=_("Counted when the store first kept it"))
    present = models.JSONField(null=True, blank=True, help_text=_("Rows per table, counted then"))
    systems = models.JSONField(
        default=dict, help_text=_("What expires by itself there, by system: switched off, or not")
    )

    class Meta:
        ordering = ["region"]
        constraints = [models.UniqueConstraint(name="store_hold_once", fields=["hold", "region"])]

    @property
    def not_effective(self) -> dict[str, str]:
        """Systems in which something of the tenant may still go, or does not yet go again, by itself; and why."""
        return {name: one["why"] for name, one in self.systems.items() if one["state"] in OPEN}


class Suspended(models.Model):
    """What a store would have let expire of a held tenant by itself, and no longer does; `before` is put back later.

    Written before the store is told, so that nobody loses what was there; kept when it is put back (`restored_at`).
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    region = models.CharField(max_length=32)
    system = models.CharField(max_length=40)
    resource = models.CharField(max_length=256)
    before = models.JSONField(help_text=_("What was in force: rules, days, or the day of a key's deletion"))
    suspended_at = models.DateTimeField(default=now)
    restored_at = models.DateTimeField(null=True, blank=True)
    left = models.CharField(max_length=200, blank=True, help_text=_("Why it was not put back"))

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                name="suspended_once", fields=["tenant", "region", "system", "resource"], condition=Q(restored_at=None)
            ),
        ]


class Custodian(models.Model):
    """A person told to keep what the hold names."""

    id = models.BigAutoField(primary_key=True)
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="custodians")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    notified_at = models.DateTimeField(default=now)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(name="custodian_once", fields=["hold", "person"])]


class RefusedAttemptQuerySet(models.QuerySet["RefusedAttempt"]):
    def visible_to(self, actor: Actor) -> "RefusedAttemptQuerySet":
        """Those about the tenants that the actor's grants reach."""
        roles = VERBS["hold.view"]
        return self.filter(scope_filter(actor, roles, tenant="tenant_id", business_unit="tenant__business_unit_id"))


class RefusedAttempt(models.Model):
    """Somebody, or a process, tried to destroy what is kept. A process that asks again and again has one row."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    verb = models.CharField(max_length=64)
    actor = models.CharField(max_length=64)
    place = models.CharField(max_length=64, help_text=_("The portal, or the system that refused"))
    version = models.PositiveBigIntegerField(default=0)
    times = models.PositiveIntegerField(default=1)
    at = models.DateTimeField(default=now)
    last_at = models.DateTimeField(default=now)
    region = models.CharField(max_length=32, blank=True, help_text=_("Whose store has it on record"))
    region_ref = models.BigIntegerField(null=True, blank=True, help_text=_("Its number there"))

    objects = RefusedAttemptQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("refused attempt"), _("refused attempts")
        ordering = ["-last_at", "-id"]
        indexes = [models.Index(fields=["tenant", "-last_at"])]
        constraints = [models.UniqueConstraint(name="refused_attempt_once", fields=["region", "region_ref"])]

    def __str__(self) -> str:
        return f"{self.verb} · {self.actor}"

    def access_scope(self) -> dict[str, Any]:
        return self.tenant.access_scope() if self.tenant else {}


class RefusalCount(models.Model):
    """How many refusals a region's store had counted when it was asked last, and how many of them nobody had noted."""

    region = models.CharField(max_length=32, primary_key=True)
    seen = models.BigIntegerField(default=0)
    unnoted = models.BigIntegerField(default=0)
