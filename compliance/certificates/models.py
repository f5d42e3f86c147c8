"""Erasure certificates and the keys that sign them. The database repeats what may happen to either (migration 0002)."""

from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

from bailiwick_proof.certificate import Core
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import ConcurrentTransitionMixin, FSMField, transition

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now


@lru_cache(maxsize=32)
def _parsed(core: str) -> Core:
    """Read once for all who ask in a while: a core never changes, and the steps that issue it ask a dozen times."""
    return Core.parse(core.encode())


class State(models.TextChoices):
    INTENT = "intent", _("sealing")
    ISSUING = "issuing", _("being signed")
    ISSUED = "issued", _("issued")
    SUPERSEDED = "superseded", _("superseded")
    REVOKED = "revoked", _("revoked")
    VOID = "void", _("never issued")


class Type(models.TextChoices):
    FINAL = "final", _("final")
    PARTIAL = "partial", _("partial")
    INTERIM = "interim", _("interim")
    SUPPLEMENT = "supplement", _("supplement")
    REISSUE = "reissue", _("re-issue")
    REFUSAL = "refusal", _("refusal")
    SYNTHETIC = "synthetic", _("synthetic: of a made-up person")


S = State
UNISSUED = [S.INTENT, S.ISSUING]
SIGNED = [S.ISSUED, S.SUPERSEDED, S.REVOKED]
ENDED = [S.SUPERSEDED, S.REVOKED, S.VOID]


class SigningKey(models.Model):
    """The public half of a pair: notes are signed by `verifier`, PDFs by the X.509 certificate, both in one term."""

    id = models.CharField(primary_key=True, max_length=8)
    number = models.PositiveIntegerField(unique=True)
    verifier = models.CharField(max_length=300)
    x509 = models.TextField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.CharField(max_length=500, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(name="signing_key_has_a_term", condition=Q(until__gt=F("since"))),
            models.CheckConstraint(
                name="signing_key_revoked_for_a_reason", condition=Q(revoked_at=None) | ~Q(revoked_reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"Key {self.number}, {self.pk}"

    @property
    def state(self) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.since <= now() < self.until else "ended"


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def visible_to(self, actor: Actor) -> "CertificateQuerySet":
        """Those about what the actor's grants reach."""
        roles = VERBS["certificate.view"]
        return self.filter(scope_filter(actor, roles, tenant="tenant_id", business_unit="business_unit"))


class Certificate(ConcurrentTransitionMixin, models.Model):
    """One certificate. `core` is fixed with the row and hashed into the ledger before anything is signed.

    `key` is the caller's own name for the occasion: asked for again, the same certificate answers. `core`, `document`
    and what they hash to are canonical JSON; PDF and evidence lie in the write-once store under their digests.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    serial = models.PositiveBigIntegerField(unique=True)
    key = models.CharField(max_length=120, unique=True)
    type = models.CharField(max_length=10, choices=Type.choices)
    tenant_id = models.UUIDField()
    business_unit = models.CharField(max_length=16)
    core = models.TextField()
    core_digest = models.CharField(max_length=64, unique=True)
    archive_digest = models.CharField(max_length=64)
    follows = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="followers")
    intent = models.BigIntegerField(null=True, blank=True)
    job_id = models.UUIDField(null=True, blank=True)
    # came to it
    signing_key = models.ForeignKey(SigningKey, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    receipt = models.TextField(blank=True)
    signature = models.TextField(blank=True)
    timestamp = models.TextField(blank=True)
    document = models.TextField(blank=True)
    pdf_digest = models.CharField(max_length=64, blank=True)
    # happened
    state = FSMField(default=State.INTENT, choices=State.choices, protected=True)
    state_reason = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    issued_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True, help_text=_("First taken away by the tenant's side"))

    objects = CertificateQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("certificate"), _("certificates")
        ordering = ["-serial"]
        constraints = [
            models.CheckConstraint(name="certificate_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(name="certificate_type_known", condition=Q(type__in=Type.values)),
            models.CheckConstraint(
                name="certificate_issued_is_whole",
                condition=~Q(state__in=SIGNED)
                | Q(issued_at__isnull=False, signing_key__isnull=False)
                & ~Q(signature="")
                & ~Q(timestamp="")
                & ~Q(document="")
                & ~Q(pdf_digest=""),
            ),
            models.CheckConstraint(
                name="certificate_ended_for_a_reason",
                condition=Q(ended_at=None) & ~Q(state__in=ENDED)
                | Q(ended_at__isnull=False, state__in=ENDED) & ~Q(state_reason=""),
            ),
            models.CheckConstraint(
                name="certificate_follows_one",
                condition=Q(follows__isnull=False, type__in=["supplement", "reissue"])
                | Q(follows=None) & ~Q(type__in=["supplement", "reissue"]),
            ),
            models.CheckConstraint(
                name="certificate_delivered_once_issued",
                condition=Q(delivered_at=None) | Q(state__in=SIGNED, issued_at__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_reissue_under_way", fields=["follows"], condition=Q(type="reissue") & ~Q(state="void")
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "-serial"]), models.Index(fields=["state"])]

    def __str__(self) -> str:
        return f"EC-{self.serial:06d}" + (" (synthetic)" if self.type == Type.SYNTHETIC else "")

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "business_unit": self.business_unit}

    @property
    def standing(self) -> str:
        """Its state, and `delivered` of one that stands and was taken away: a delivery that fails changes nothing."""
        return "delivered" if self.state == State.ISSUED and self.delivered_at else str(self.state)

    @property
    def standing_words(self) -> str:
        return str(_("delivered")) if self.standing == "delivered" else self.get_state_display()

    @property
    def known_as(self) -> str:
        """The id as it is printed and asked for: 32 hex digits."""
        return UUID(str(self.pk)).hex

    @property
    def certified(self) -> Core:
        """What it certifies."""
        return _parsed(self.core)

    def _ended(self, reason: str) -> None:
        self.ended_at, self.state_reason = now(), reason[:1000]

    @transition(state, source=[S.INTENT, S.ISSUING], target=S.ISSUING)
    def sign(self) -> None: ...

    @transition(state, source=S.ISSUING, target=S.ISSUED)
    def issue(self) -> None:
        self.issued_at = now()

    @transition(state, source=[S.INTENT, S.ISSUING], target=S.VOID)
    def make_void(self, reason: str) -> None:
        self._ended(reason)

    @transition(state, source=S.ISSUED, target=S.SUPERSEDED)
    def supersede(self, reason: str) -> None:
        self._ended(reason)

    @transition(state, source=[S.ISSUED, S.SUPERSEDED], target=S.REVOKED)
    def revoke(self, reason: str) -> None:
        self._ended(reason)
