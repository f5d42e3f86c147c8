"""Client keys as a page: which tokens sign, with which key, since when."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb

from . import keys
from .api import visible_keys
from .models import ClientKey


class ClientKeyForm(forms.Form):
    token = forms.UUIDField(label=gettext_lazy("API token"), help_text=gettext_lazy("Its id"))
    public_key = forms.CharField(
        label=gettext_lazy("Public key"),
        max_length=400,
        help_text=gettext_lazy("Ed25519, as PEM or base64"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500)


@admin.register(ClientKey)
class ClientKeyAdmin(GovernedAdmin):
    family = "access"
    mount = "client-keys"
    floor, order = "platform", 21
    title = gettext_lazy("Client keys")
    explain = gettext_lazy("A token with a key writes signed, or not at all; every signature is kept.")
    first_step = gettext_lazy("No key yet. Register one, and the token's writes need its signature from then on.")
    add_form, add_label = ClientKeyForm, gettext_lazy("Register a key")
    list_display = ("pk", "of_token", "stands", "registered_at")
    list_select_related = ("token",)
    ordering = ("-registered_at",)

    def may(self, actor: Actor, word: str, obj: Any = None) -> bool:
        return actor.user is not None and actor.via == "session"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        found: QuerySet[Any] = visible_keys(actor).select_related("token__user__person")
        return found

    @column(gettext_lazy("Token"))
    def of_token(self, row: ClientKey) -> str:
        return str(row.token)

    @column(gettext_lazy("State"), kind="state")
    def stands(self, row: ClientKey) -> str:
        return row.state

    def state(self, row: ClientKey) -> str:
        return row.state

    def verbs(self, row: ClientKey, actor: Actor) -> list[Verb]:
        if row.revoked_at is not None:
            return []
        says = _("The token's writes need no signature of this key any more. Where the token is lost, revoke that.")
        return [Verb("revoke", _("Revoke"), _revoke, tone="danger", says=says, done=_("Revoked."))]

    def facts(self, row: ClientKey, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Key id"), row.pk, "mono"),
            Fact(_("Public key"), row.public_key, "mono"),
            Fact(_("Token"), str(row.token), url=f"/tokens/{row.token_id}/"),
            Fact(_("Registered"), row.registered_at, "moment"),
            Fact(_("Revoked"), row.revoked_at, "moment"),
        ]
        return [Facts(_("Client key"), [one for one in rows if one.value not in ("", None)])]

    def create(self, actor: Actor, data: dict[str, Any]) -> ClientKey:
        return keys.register(actor=actor, **data)

    def created_message(self, obj: Any) -> str:
        return _("From now on this token signs what it writes.")


def _revoke(row: ClientKey, **given: Any) -> None:
    keys.revoke(row.pk, **given)
