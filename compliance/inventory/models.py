"""Stores of record: what may hold somebody's data, who answers for it, and what was found beside it.

A row is never removed: it is `removed` by two persons, with a reason that certificates print. Every change is a new
version of the whole; the database repeats these rules (0002).
"""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.lib.clock import now
from portal.lib.ids import new_id

CODE = RegexValidator(r"^[a-z0-9][a-z0-9._-]*\Z", _("small letters, digits, dots and dashes"))
WORDS = RegexValidator(r"^[^\x00-\x1f\x7f@]+\Z", _("one line, without the sign that every address has"))


class Kind(models.TextChoices):
    CONNECTED = "connected", _("erased and verified by us")
    ATTESTED = "attested", _("attested by its processor")
    EXPIRING = "expiring", _("removed as a whole on a day")
    BEYOND_USE = "beyond_use", _("put beyond use by destroying a key")
    PORTAL = "portal", _("the portal itself")


class State(models.TextChoices):
    ACTIVE = "active", _("listed")
    REMOVED = "removed", _("removed")


class System(models.Model):
    """One store of record. `containers` names what is known to belong to it, by kind of container; `*` ends a start."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=60, unique=True, validators=[CODE])
    title = models.CharField(max_length=120, validators=[WORDS])
    kind = models.CharField(max_length=12, choices=Kind.choices)
    region = models.CharField(max_length=32, blank=True)
    processor = models.CharField(max_length=120, validators=[WORDS])
    categories = ArrayField(models.CharField(max_length=40, validators=[CODE]), default=list, blank=True)
    connector = models.CharField(max_length=40, blank=True)
    verifier = models.CharField(max_length=40, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    expires_on = models.DateField(null=True, blank=True)
    containers = models.JSONField(default=dict, blank=True)
    added_by = models.CharField(max_length=64)
    added_at = models.DateTimeField(default=now)
    # happened
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    removal_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    removal_asked_at = models.DateTimeField(null=True, blank=True)
    removal_reason = models.CharField(max_length=500, blank=True)
    removal_confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="system_connected_has_both",
                condition=~Q(kind="connected") | (~Q(connector="") & ~Q(verifier="") & ~Q(region="")),
            ),
            models.CheckConstraint(
                name="system_expiring_has_a_day", condition=~Q(kind="expiring") | Q(expires_on__isnull=False)
            ),
            models.CheckConstraint(
                name="system_removal_takes_two",
                condition=Q(state="active", removal_confirmed_by=None, removed_at=None)
                | Q(
                    state="removed",
                    removal_asked_by__isnull=False,
                    removal_confirmed_by__isnull=False,
                    removed_at__isnull=False,
                )
                & ~Q(removal_reason="")
                & ~Q(removal_asked_by=F("removal_confirmed_by")),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_listed(self) -> bool:
        return self.state == State.ACTIVE

    def plain(self) -> dict[str, Any]:
        """What a version is the digest of."""
        return {
            "name": self.name,
            "title": self.title,
            "kind": self.kind,
            "region": self.region,
            "processor": self.processor,
            "categories": sorted(self.categories),
            "connector": self.connector,
            "verifier": self.verifier,
            "expires_on": self.expires_on.isoformat() if self.expires_on else None,
            "containers": {kind: sorted(names) for kind, names in self.containers.items()},
        }

    def knows(self, kind: str, name: str) -> bool:
        """Whether a container is listed as this system's."""
        return any(
            name == listed or (listed.endswith("*") and name.startswith(listed[:-1]))
            for listed in self.containers.get(kind, [])
        )


class InventoryVersion(models.Model):
    """The inventory as it stood: a number that only rises, and the digest of every listed row."""

    number = models.PositiveIntegerField(primary_key=True)
    digest = models.CharField(max_length=64)
    systems = models.PositiveIntegerField()
    at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return f"version {self.number}"


class Attestation(models.Model):
    """A processor's signed word about a system that cannot be queried: its text or the hash of its document."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    system = models.ForeignKey(System, on_delete=models.PROTECT, related_name="attestations")
    statement = models.TextField(max_length=20_000, blank=True)
    digest = models.CharField(max_length=64, validators=[RegexValidator(r"^[0-9a-f]{64}\Z")])
    signed_by = models.CharField(max_length=200)
    expires_on = models.DateField()
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(default=now)
    reminded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-added_at"]

    def __str__(self) -> str:
        return f"{self.system_id}, until {self.expires_on}"


class Search(models.Model):
    """When a region was searched last: that nothing was found there is of that moment."""

    region = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.region


class Finding(models.Model):
    """Something that exists and no row lists, or a place that could not be searched. Open ones stop certificates."""

    UNSEARCHED = "unsearched"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    region = models.CharField(max_length=32)
    kind = models.CharField(
        max_length=12,
        choices=[
            ("table", _("table")),
            ("bucket", _("bucket")),
            ("index", _("vector index")),
            ("namespace", _("vector namespace")),
            ("log_group", _("log group")),
            ("key_space", _("kind of cache keys")),
            ("unsearched", _("could not be searched")),
        ],
    )
    what = models.CharField(max_length=300)
    why = models.CharField(max_length=500, blank=True)
    first_seen = models.DateTimeField(default=now)
    last_seen = models.DateTimeField(default=now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-first_seen"]
        constraints = [
            models.UniqueConstraint(
                name="finding_open_once", fields=["region", "kind", "what"], condition=Q(resolved_at=None)
            ),
            models.CheckConstraint(name="finding_resolved_says_how", condition=Q(resolved_at=None) | ~Q(resolution="")),
        ]

    def __str__(self) -> str:
        return f"{self.what} in {self.region}"

    @property
    def state(self) -> str:
        return "resolved" if self.resolved_at else "open"
