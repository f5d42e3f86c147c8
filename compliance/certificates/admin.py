"""The library of certificates, and the keys that sign them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb

from . import actions, keys, queries
from .models import SIGNED, Certificate, SigningKey
from .printing import words

LONG = ("core", "receipt", "signature", "timestamp", "document")


@admin.register(Certificate)
class CertificateAdmin(GovernedAdmin):
    family = "certificate"
    mount = "certificates"
    floor, order = "compliance", 20
    title = gettext_lazy("Certificates")
    explain = gettext_lazy("What was erased and certified: each can be checked by anybody who is given it, offline.")
    first_step = gettext_lazy("Nothing has been certified yet. A certificate comes of an erasure that was verified.")
    views = ((gettext_lazy("All"), ""), (gettext_lazy("In force"), "state__exact=issued"))
    list_display = ("number", "type", "stands", "issued_at", "delivered_at")
    list_filter = ("state", "type")
    search_fields = ("key", "core_digest")
    ordering = ("-serial",)
    object_template = "certificate/certificate.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Certificate.objects.visible_to(actor).select_related("signing_key")

    def get_queryset(self, request: Any) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(None).defer(*LONG)

    @column(gettext_lazy("Number"), ordering="serial")
    def number(self, row: Certificate) -> str:
        return str(row)

    @column(gettext_lazy("State"), kind="state", ordering="state")
    def stands(self, row: Certificate) -> str:
        return row.standing

    def state(self, row: Certificate) -> str:
        return row.standing

    def state_words(self, row: Certificate) -> str:
        return row.standing_words

    def sentence(self, row: Certificate, actor: Actor) -> str:
        lead = words.lead(row.certified)
        return " ".join(filter(None, (lead, row.state_reason)))

    def verbs(self, row: Certificate, actor: Actor) -> list[Verb]:
        known = {
            "reissue": Verb(
                "reissue",
                _("Issue again"),
                _on(actions.reissue),
                says=_("The same facts under a new id and the key now in force. This one stands until then."),
                done=_("It is being issued again."),
            ),
            "revoke": Verb(
                "revoke",
                _("Revoke"),
                _on(actions.revoke),
                tone="danger",
                says=_("The public list says at once that it no longer stands. There is no way back."),
                done=_("Revoked."),
            ),
        }
        return [known[word] for word in queries.available_verbs(row, actor)]

    def facts(self, row: Certificate, actor: Actor) -> list[Facts]:
        core = row.certified
        scope, follows = core.erasure.scope, row.follows_id
        delivered = "moment" if row.delivered_at else "text"
        rows = [
            Fact(_("Kind"), row.get_type_display()),
            Fact(_("Concerns"), words.SCOPES[scope.kind]),
            Fact(_("On the ground of"), words.basis(core)),
            Fact(_("Issued"), row.issued_at, "moment"),
            Fact(_("Delivered"), row.delivered_at or _("not yet taken away by the tenant's side"), delivered),
            Fact(_("Ended"), row.ended_at, "moment"),
            Fact(_("Follows"), str(row.follows) if follows else "", url=f"{self.list_url()}{follows}/"),
            Fact(_("Id"), row.known_as, "mono"),
            Fact(_("SHA-256 of the record"), row.core_digest, "mono"),
            Fact(_("Signed with"), str(row.signing_key) if row.signing_key else ""),
        ]
        return [Facts(_("Certificate"), [one for one in rows if one.value not in ("", None)])]

    def extra(self, row: Certificate, actor: Actor) -> dict[str, Any]:
        core = row.certified
        is_whole = row.state in SIGNED
        files = [
            (label, reverse(f"certificate-{kind}", args=[row.pk]))
            for kind, label in (("pdf", _("PDF")), ("document", _("Record (JSON)")), ("evidence", _("Evidence")))
        ]
        return {
            "systems": [(one, words.outcome(one), words.is_counted(one)) for one in core.erasure.systems],
            "owed": [(one, words.day(one.due_on)) for one in core.erasure.obligations],
            "simulated": core.simulated,
            "deliveries": queries.deliveries(row) if is_whole else [],
            "files": files if is_whole else [],
            "public_url": reverse("verify-standing", args=[row.known_as]) if is_whole else "",
            "job_url": self.console.url_of("jobs.job", str(row.job_id or "")),
            "live": 0 if row.state not in ("intent", "issuing") else 3,
        }


class RotateForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


@admin.register(SigningKey)
class SigningKeyAdmin(GovernedAdmin):
    family = "certificate_key"
    mount = "certificate-keys"
    floor, order = "compliance", 55
    title = gettext_lazy("Signing keys")
    explain = gettext_lazy("The keys that sign certificates. What a key signed in its term stays valid for ever.")
    first_step = gettext_lazy("The first key is made with the first certificate.")
    add_form, add_label, add_verb = RotateForm, gettext_lazy("Rotate to a new key"), "rotate"
    list_display = ("name", "stands", "since", "until")
    ordering = ("-number",)

    @column(gettext_lazy("Key"), ordering="number")
    def name(self, row: SigningKey) -> str:
        return str(row)

    @column(gettext_lazy("State"), kind="state")
    def stands(self, row: SigningKey) -> str:
        return row.state

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return SigningKey.objects.all()

    def verbs(self, row: SigningKey, actor: Actor) -> list[Verb]:
        if row.revoked_at is not None or not self.may(actor, "rotate"):
            return []
        return [
            Verb(
                "revoke",
                _("Revoke"),
                _on(keys.revoke),
                tone="danger",
                says=_("Nothing that it signs from now on is trusted. Rotate first, or nothing can be signed."),
                done=_("Revoked."),
            )
        ]

    def facts(self, row: SigningKey, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Verifier key"), row.verifier, "mono"),
            Fact(_("In force from"), row.since, "moment"),
            Fact(_("Until"), row.until, "moment"),
            Fact(_("Revoked"), row.revoked_at, "moment"),
            Fact(_("Why"), row.revoked_reason),
        ]
        return [Facts(_("Signing key"), [one for one in rows if one.value not in ("", None)])]

    def create(self, actor: Actor, data: dict[str, Any]) -> SigningKey:
        return keys.rotate(actor=actor, **data)

    def created_message(self, obj: Any) -> str:
        return _("In force.")


def _on(action: Any) -> Any:
    """Call an action that takes the row's id."""

    def run(row: Any, **given: Any) -> None:
        action(row.pk, **given)

    return run
