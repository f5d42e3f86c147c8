"""People, their grants of a role, and the tokens that speak for them."""

from typing import Any, ClassVar

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from portal.audit.context import acting
from portal.lib.clock import now
from portal.lib.ids import new_id

from .actor import Actor

SIGN_IN = Actor.system("sign-in")


class Role(models.TextChoices):
    PLATFORM_ADMIN = "platform_admin", _("Platform administrator")
    PLATFORM_ENGINEER = "platform_engineer", _("Platform engineer")
    TENANT_ADMIN = "tenant_admin", _("Tenant administrator")
    TENANT_VIEWER = "tenant_viewer", _("Tenant viewer")
    CFO = "cfo", _("Chief Financial Officer")
    CCO = "cco", _("Chief Compliance Officer")
    LEGAL = "legal", _("Legal counsel")
    CTO = "cto", _("Chief Technology Officer")
    CHANGE_BOARD = "change_board", _("Change advisory board")
    COMPLIANCE_OFFICER = "compliance_officer", _("Compliance officer")
    AUDITOR = "auditor", _("Auditor")
    SERVICE = "service", _("Service")


APPROVER_ROLES = frozenset({Role.CFO, Role.CCO, Role.LEGAL, Role.CTO, Role.CHANGE_BOARD})


class Scope(models.TextChoices):
    GLOBAL = "global", _("everything")
    BUSINESS_UNIT = "business_unit", _("one business unit")
    TENANT = "tenant", _("one tenant")


PLACES = [(one, label) for one, label in Scope.choices if one != Scope.GLOBAL]


class Accounts(BaseUserManager["User"]):
    """Creates sign-in accounts for commands and tests."""

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """The first administrator, from the command line: the grant is what lets them in, the flag opens nothing."""
        actor = Actor.system("createsuperuser")
        with acting(actor, "first administrator"):
            user = self.create_user(username, password, is_superuser=True, **fields)
            user.grants.create(role=Role.PLATFORM_ADMIN, granted_by=actor.id, reason="first administrator")
        return user


class User(AbstractBaseUser):
    """A sign-in account. Holds no personal data beyond the login name: that is `Person`'s."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(max_length=150, unique=True)
    is_active = models.BooleanField(default=True)
    is_superuser = models.BooleanField(default=False)
    is_service = models.BooleanField(default=False)
    credential_epoch = models.PositiveIntegerField(
        default=0, help_text=_("Raised when the account is disabled: every session and token of before is void")
    )
    created_at = models.DateTimeField(default=now, editable=False)

    objects = Accounts()
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        person = getattr(self, "person", None)
        return person.full_name if person else self.username

    def check_password(self, raw_password: str | None) -> bool:
        """As Django does; a password kept by an older method is kept anew, by the sign-in."""

        def keep_anew(raw: str) -> None:
            self.set_password(raw)
            with acting(SIGN_IN):
                self.save(update_fields=["password"])

        return raw_password is not None and check_password(raw_password, self.password, keep_anew)

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """Sessions are bound to the password, as Django does, and to the epoch, so that disabling ends them."""
        bound = f"{self.password}:{self.credential_epoch}"
        return salted_hmac("portal.access.session", bound, secret=secret, algorithm="sha256").hexdigest()

    @property
    def is_staff(self) -> bool:
        """Everyone who may sign in sees the admin; what they see there is the policy's business."""
        return self.is_active and not self.is_service

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Django's own permissions grant nothing here; `policy.can` is the only authority."""
        return False

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff


class Person(models.Model):
    """The one table of personal data, kept apart so that it can be erased without touching any record."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="person")
    full_name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)

    class Meta:
        verbose_name_plural = "people"

    def __str__(self) -> str:
        return self.full_name


class GrantQuerySet(models.QuerySet["Grant"]):
    def live(self, at: Any = None) -> "GrantQuerySet":
        """Grants in force at an instant (default: now)."""
        at = at or now()
        return self.filter(Q(valid_until=None) | Q(valid_until__gt=at), valid_from__lte=at, revoked_at=None)


class Grant(models.Model):
    """A role held by a user over a scope between two dates. Never edited: revoked and granted anew."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="grants")
    role = models.CharField(max_length=32, choices=Role.choices)
    scope_type = models.CharField(max_length=16, choices=Scope.choices, default=Scope.GLOBAL)
    scope_id = models.CharField(max_length=64, blank=True)
    valid_from = models.DateTimeField(default=now)
    valid_until = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    granted_by = models.CharField(max_length=64)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = GrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="grant_dates_in_order", condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from"))
            ),
            models.CheckConstraint(
                name="grant_scope_named",
                condition=Q(scope_type="global", scope_id="") | (~Q(scope_type="global") & ~Q(scope_id="")),
            ),
        ]
        indexes = [models.Index(fields=["role", "scope_type", "scope_id"])]

    def __str__(self) -> str:
        return f"{self.get_role_display()} · {self.scope_id or 'everything'}"


class ApiToken(models.Model):
    """A long-lived credential for a machine or a script; only its SHA-256 is kept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_tokens")
    label = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    secret_sha256 = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=list, help_text=_("Verb families, such as tenant.read"))
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return f"{self.label} (bwk_{self.prefix}…)"


class IdempotencyKey(models.Model):
    """An answer kept for a repeated POST; purged after a day."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    key = models.CharField(max_length=128)
    route = models.CharField(max_length=200)
    body_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(name="idempotency_key_once", fields=["user", "key"])]


class AccessSession(models.Model):
    """Why one of those who run the platform reads a tenant, or the tenants of a business unit, and until when."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="access_sessions")
    scope_type = models.CharField(max_length=16, choices=PLACES)
    scope_id = models.CharField(max_length=64)
    reason = models.CharField(max_length=500)
    opened_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-opened_at"]
        indexes = [models.Index(fields=["user", "-expires_at"])]
        constraints = [
            models.CheckConstraint(name="access_session_ends", condition=Q(expires_at__gt=F("opened_at"))),
            models.CheckConstraint(name="access_session_says_why", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_type_display()} · {self.scope_id}"

    @property
    def is_live(self) -> bool:
        return self.ended_at is None and self.expires_at > now()

    def access_scope(self) -> dict[str, Any]:
        return {self.scope_type: self.scope_id}
