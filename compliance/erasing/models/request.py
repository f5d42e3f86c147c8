"""One request to erase, its machine, and the key that alone leads from it to a person."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import RETURN_VALUE, ConcurrentTransitionMixin, FSMField, transition

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id
from tenants.models import Tenant


class Kind(models.TextChoices):
    TENANT = "tenant", _("a whole tenant")
    PERSON = "person", _("one person")
    DOCUMENT = "document", _("documents")


class Basis(models.TextChoices):
    GDPR_17 = "gdpr-17", _("GDPR Art. 17, a person's right to erasure")
    GDPR_28 = "gdpr-28-3-g", _("GDPR Art. 28(3)(g), end of the service")
    CCPA = "ccpa-1798-105", _("CCPA § 1798.105, a consumer's right to deletion")
    DPDP = "dpdp-12", _("DPDP Act s. 12, a person's right to erasure")
    CONTRACT = "contract", _("the contract")
    SYNTHETIC = "synthetic", _("none: a made-up person, to try the machine")


class Identity(models.TextChoices):
    """How it was made sure that whoever asks is who they say they are."""

    SIGNED_IN = "signed_in", _("signed in to their own account")
    DOCUMENT = "document", _("an identity document was seen")
    CALLED_BACK = "called_back", _("called back on a known number")
    PARTY = "party", _("a party to the contract, acting for itself")
    SYNTHETIC = "synthetic", _("nobody: the person is made up")


class Export(models.TextChoices):
    """How a whole tenant got its data back before they are erased (Art. 28(3)(g): return, or deletion)."""

    RECEIVED = "received", _("an export was received")
    WAIVED = "waived", _("waived")
    BEFORE = "before", _("asked for before exports existed")


class State(models.TextChoices):
    RECEIVED = "received", _("received")
    VALIDATED = "validated", _("validated")
    LEGAL_HOLD_CHECK = "legal_hold_check", _("being checked against holds")
    AWAITING_APPROVAL = "awaiting_approval", _("waiting for two signatures")
    SCHEDULED = "scheduled", _("scheduled, may still be undone")
    EXECUTING = "executing", _("erasing")
    VERIFYING = "verifying", _("being verified")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    REFUSED = "refused", _("refused")
    CANCELLED = "cancelled", _("cancelled")
    NOT_CERTIFIABLE = "not_certifiable", _("not certifiable")
    LEGAL_HOLD_BLOCKED = "legal_hold_blocked", _("waits: retained under law")


class Phase(models.TextChoices):
    QUIESCING = "quiescing", _("closing it to writers")
    MANIFESTING = "manifesting", _("listing what is to go")
    DELETING = "deleting", _("deleting")
    SETTLING = "settling", _("waiting until every copy shows it")
    VERIFYING = "verifying", _("asking every store again")
    GRACE = "grace", _("waiting before the second look")
    RESWEEP = "resweep", _("looking a second time")
    LATE = "late", _("waiting for the last task under way, then looking a last time")
    CERTIFYING = "certifying", _("being certified")


S = State
BEFORE_START = [S.RECEIVED, S.VALIDATED, S.LEGAL_HOLD_CHECK, S.AWAITING_APPROVAL, S.SCHEDULED]
HOLDABLE = [S.LEGAL_HOLD_CHECK, S.AWAITING_APPROVAL, S.SCHEDULED, S.EXECUTING, S.VERIFYING]
RUNNING = [S.EXECUTING, S.VERIFYING]
STUCK = [S.FAILED, S.NOT_CERTIFIABLE]
ENDED = [S.COMPLETED, S.REFUSED, S.CANCELLED]
PHASES = {
    S.EXECUTING: [Phase.QUIESCING, Phase.MANIFESTING, Phase.DELETING, Phase.SETTLING],
    S.VERIFYING: [Phase.VERIFYING, Phase.GRACE, Phase.RESWEEP, Phase.LATE, Phase.CERTIFYING],
}


class ErasureRequestQuerySet(models.QuerySet["ErasureRequest"]):
    def visible_to(self, actor: Actor) -> "ErasureRequestQuerySet":
        """Those about the tenants that the actor's grants reach."""
        roles = VERBS["erasure.view"]
        return self.filter(scope_filter(actor, roles, tenant="tenant_id", business_unit="tenant__business_unit_id"))

    def open(self) -> "ErasureRequestQuerySet":
        return self.exclude(state__in=ENDED)


class ErasureRequest(ConcurrentTransitionMixin, models.Model):
    """What is to be erased is fixed when it is received; the database repeats that and the machine (0002).

    `subject` is HMAC(key of this request, whom it is about): neither identifier nor id is here, and once SubjectKey is
    gone nothing leads back. `inventory` is what the stores of record were when it was validated.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.PositiveIntegerField(unique=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="erasures")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    legal_basis = models.CharField(max_length=16, choices=Basis.choices)
    justification = models.TextField(max_length=4000)
    subject = models.CharField(max_length=64)
    identifiers = ArrayField(models.CharField(max_length=16), help_text=_("Types of what was given, never the values"))
    documents = models.PositiveIntegerField(default=0, help_text=_("How many were named"))
    identity = models.CharField(max_length=12, choices=Identity.choices)
    authority = models.CharField(max_length=64, help_text=_("In which capacity it was asked for"))
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    settles = models.ForeignKey(
        "erasing.Obligation", on_delete=models.PROTECT, related_name="erasures", null=True, blank=True,
        help_text=_("Of nothing but a part that a law kept: what was owed of it"),
    )  # fmt: skip
    # the statutory clock
    received_at = models.DateTimeField(default=now)
    due_on = models.DateField()
    extended_at = models.DateTimeField(null=True, blank=True)
    extension_reason = models.CharField(max_length=1000, blank=True)
    alarmed_at_days = models.SmallIntegerField(null=True, blank=True, help_text=_("The last alarm: days left"))
    # validated and signed
    inventory_version = models.PositiveIntegerField(default=0)
    inventory_digest = models.CharField(max_length=64, blank=True)
    inventory = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True)
    case_id = models.UUIDField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    scheduled_for = models.DateTimeField(null=True, blank=True, help_text=_("Until then it can be undone"))
    # of a whole tenant: its data went back to it, or somebody entitled waived that
    export_settled = models.CharField(max_length=8, choices=Export.choices, blank=True)
    export_settled_how = models.CharField(max_length=1000, blank=True)
    export_settled_by = models.CharField(max_length=64, blank=True)
    export_settled_at = models.DateTimeField(null=True, blank=True)
    # happened
    state = FSMField(default=State.RECEIVED, choices=State.choices, protected=True)
    phase = models.CharField(max_length=12, choices=Phase.choices, blank=True)
    blocked_from = models.CharField(max_length=20, blank=True, help_text=_("Where a hold took it"))
    state_reason = models.CharField(max_length=1000, blank=True)
    state_changed_at = models.DateTimeField(default=now)
    job_id = models.UUIDField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    counts = models.JSONField(default=dict, help_text=_("What was gone, and of how many, when it last stopped"))
    gone_before = models.JSONField(default=list, help_text=_("Of a whole tenant: what cancelled erasures had removed"))
    reasons = models.JSONField(default=list, help_text=_("Why it failed or cannot be certified"))
    certificate_id = models.UUIDField(null=True, blank=True)
    is_final = models.BooleanField(null=True, blank=True)
    contested_at = models.DateTimeField(null=True, blank=True)
    contest_reason = models.CharField(max_length=1000, blank=True)

    objects = ErasureRequestQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("erasure"), _("erasures")
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(name="erasure_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(name="erasure_kind_known", condition=Q(kind__in=Kind.values)),
            models.CheckConstraint(name="erasure_basis_known", condition=Q(legal_basis__in=Basis.values)),
            models.CheckConstraint(name="erasure_subject_is_a_digest", condition=Q(subject__regex="^[0-9a-f]{64}$")),
            models.CheckConstraint(name="erasure_says_why", condition=~Q(justification="")),
            models.CheckConstraint(
                name="erasure_remembers_where_from",
                condition=Q(state=S.LEGAL_HOLD_BLOCKED, blocked_from__in=HOLDABLE)
                | ~Q(state=S.LEGAL_HOLD_BLOCKED) & Q(blocked_from=""),
            ),
            models.CheckConstraint(
                name="erasure_completed_is_certified",
                condition=~Q(state=S.COMPLETED) | Q(certificate_id__isnull=False, is_final__isnull=False),
            ),
            models.CheckConstraint(
                name="erasure_synthetic_of_nobody",
                condition=Q(legal_basis=Basis.SYNTHETIC, identity=Identity.SYNTHETIC, kind=Kind.PERSON)
                | ~Q(legal_basis=Basis.SYNTHETIC) & ~Q(identity=Identity.SYNTHETIC),
            ),
            models.CheckConstraint(
                name="erasure_export_first",
                condition=~Q(kind=Kind.TENANT) | Q(started_at=None) | ~Q(export_settled=""),
            ),
            models.CheckConstraint(
                name="erasure_export_said_whole",
                condition=Q(export_settled="", export_settled_at=None)
                | Q(export_settled__in=Export.values, export_settled_at__isnull=False) & ~Q(export_settled_how=""),
            ),
        ]
        indexes = [models.Index(fields=["tenant", "state"]), models.Index(fields=["state", "due_on"])]

    def __str__(self) -> str:
        return f"ER-{self.number:04d}" + (" (synthetic)" if self.is_synthetic else "")

    def access_scope(self) -> dict[str, Any]:
        return self.tenant.access_scope()

    @property
    def is_open(self) -> bool:
        return self.state not in ENDED

    @property
    def is_synthetic(self) -> bool:
        """Whether it is about a made-up person of a sandbox: the whole machine, and nobody's data."""
        return self.legal_basis == Basis.SYNTHETIC

    @property
    def awaits_export(self) -> bool:
        """Whether the tenant's data have yet to go back to it, or to be waived, before anything is erased."""
        return self.kind == Kind.TENANT and not self.export_settled

    @property
    def was_started(self) -> bool:
        """Whether a destructive call may have been made: from then on nobody says that data is untouched."""
        return self.started_at is not None

    def _moved(self) -> None:
        self.state_changed_at = now()

    def _ended(self) -> None:
        self.state_changed_at = self.ended_at = now()
        self.blocked_from = ""

    @transition(state, source=S.RECEIVED, target=S.VALIDATED)
    def validate(self) -> None:
        self._moved()

    @transition(state, source=S.VALIDATED, target=S.LEGAL_HOLD_CHECK)
    def check_holds(self) -> None:
        self._moved()

    @transition(state, source=S.LEGAL_HOLD_CHECK, target=S.AWAITING_APPROVAL)
    def ask_approval(self) -> None:
        self._moved()

    @transition(state, source=S.AWAITING_APPROVAL, target=S.SCHEDULED)
    def schedule(self) -> None:
        self._moved()

    @transition(state, source=S.SCHEDULED, target=S.EXECUTING)
    def start(self) -> None:
        self._moved()
        self.started_at = now()
        self.phase = Phase.QUIESCING

    @transition(state, source=S.EXECUTING, target=S.VERIFYING)
    def verify(self) -> None:
        self._moved()

    @transition(state, source=S.VERIFYING, target=S.EXECUTING)
    def erase_again(self) -> None:
        """Something is to be deleted still: found by a resweep, or listed anew after a hold."""
        self._moved()

    @transition(state, source=S.VERIFYING, target=S.COMPLETED)
    def complete(self) -> None:
        self._ended()
        self.phase = ""

    @transition(state, source=HOLDABLE, target=S.LEGAL_HOLD_BLOCKED)
    def block(self) -> None:
        self._moved()
        self.blocked_from = self.state

    @transition(state, source=S.LEGAL_HOLD_BLOCKED, target=RETURN_VALUE(*HOLDABLE))
    def unblock(self) -> str:
        self._moved()
        back, self.blocked_from = self.blocked_from, ""
        return back

    @transition(state, source=RUNNING, target=S.FAILED)
    def fail(self) -> None:
        self._moved()

    @transition(state, source=RUNNING, target=S.NOT_CERTIFIABLE)
    def give_up(self) -> None:
        self._moved()

    @transition(state, source=STUCK, target=S.EXECUTING)
    def retry(self) -> None:
        self._moved()
        self.phase = Phase.QUIESCING

    @transition(state, source=[*BEFORE_START, S.LEGAL_HOLD_BLOCKED], target=S.REFUSED)
    def refuse(self) -> None:
        self._ended()

    @transition(state, source=[*BEFORE_START, *RUNNING, *STUCK, S.LEGAL_HOLD_BLOCKED], target=S.CANCELLED)
    def cancel(self) -> None:
        self._ended()

    @transition(state, source=S.COMPLETED, target=S.VERIFYING)
    def reopen(self) -> None:
        """An objection: every store is asked again. Nothing comes back by it."""
        self._moved()
        self.phase, self.ended_at = Phase.VERIFYING, None


class SubjectKey(models.Model):
    """Whom an open request is about. The row is deleted when the request ends, and with it the way to a person.

    `fence` is HMAC(the portal's secret, tenant, kind and subject): unique, so that nobody is asked about twice at once.
    Nothing of this row but its coming and going enters the ledger.
    """

    request = models.OneToOneField(ErasureRequest, on_delete=models.PROTECT, primary_key=True, related_name="key")
    key = models.BinaryField(max_length=32)
    fence = models.CharField(max_length=64, unique=True)
    user_id = models.UUIDField(null=True, blank=True)
    document_ids = ArrayField(models.UUIDField(), default=list, blank=True)


class ProofKey(models.Model):
    """Under which key the manifests of a certificate were made, so that an id that somebody names can be proved.

    It leads from an id to its leaf and from no leaf to an id. Destroyed on its day; from then on nothing is proved.
    """

    certificate_id = models.UUIDField(primary_key=True)
    request = models.ForeignKey(ErasureRequest, on_delete=models.PROTECT, related_name="proof_keys")
    key = models.BinaryField(max_length=32)
    until = models.DateField()
