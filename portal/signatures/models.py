"""Public keys of clients, and every signed write: what was signed, word for word, beside the request's own entries.

Migration 0002 repeats the rules: a key is never changed but ended, a signed request is never changed at all.
"""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.models import ApiToken
from portal.lib.clock import now
from portal.lib.ids import new_id


class ClientKey(models.Model):
    """An Ed25519 public key. While a token has one in force, none of its writes passes without a signature."""

    id = models.CharField(primary_key=True, max_length=16, help_text=_("As `keyid` names it: from the key's SHA-256"))
    token = models.ForeignKey(ApiToken, on_delete=models.PROTECT, related_name="signing_keys")
    public_key = models.CharField(max_length=44, validators=[RegexValidator(r"^[A-Za-z0-9+/]{43}=$")])
    registered_by = models.CharField(max_length=64)
    registered_at = models.DateTimeField(default=now)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("client key"), _("client keys")
        ordering = ["-registered_at"]
        constraints = [
            models.CheckConstraint(name="client_key_is_ed25519", condition=Q(public_key__regex=r"^[A-Za-z0-9+/]{43}=$"))
        ]

    def __str__(self) -> str:
        return self.pk

    @property
    def state(self) -> str:
        return "revoked" if self.revoked_at else "active"


class SignedRequest(models.Model):
    """One signed write. `base` is what was signed (RFC 9421, 2.5); `request_id` is that of the ledger's entries."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.ForeignKey(ClientKey, on_delete=models.PROTECT, related_name="requests")
    request_id = models.CharField(max_length=64, db_index=True)
    base = models.TextField(max_length=8000)
    signature = models.CharField(max_length=88, unique=True)
    at = models.DateTimeField(default=now)

    class Meta:
        verbose_name, verbose_name_plural = _("signed request"), _("signed requests")
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return self.request_id
