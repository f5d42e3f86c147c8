"""Re-verifications as pages: which certificate was looked into when, and what each system said."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.certificates.models import Certificate, State
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts

from . import actions
from .models import Cause, Recheck
from .queries import RECHECKED


class RecheckForm(forms.Form):
    """Which certificate to look into."""

    number = forms.RegexField(
        r"^(EC-)?\d{1,9}$", label=gettext_lazy("Certificate"), help_text=gettext_lazy("Its number, such as EC-000012")
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


@admin.register(Recheck)
class RecheckAdmin(GovernedAdmin):
    family = "certificate"
    mount = "certificate-rechecks"
    floor, order = "compliance", 22
    title = gettext_lazy("Re-verifications")
    explain = gettext_lazy("Certificates that stand are looked into again; what is found revokes them by itself.")
    first_step = gettext_lazy("No certificate has been looked into again yet. The calendar does so by itself.")
    add_form, add_label, add_verb = RecheckForm, gettext_lazy("Look into one"), "recheck"
    views = (
        (gettext_lazy("All"), ""),
        (gettext_lazy("Found"), "state__exact=residual"),
        (gettext_lazy("Not all asked"), "state__exact=not_checked"),
    )
    list_display = ("about", "cause", "started_at", "state")
    list_select_related = ("certificate",)
    list_filter = ("state", "cause")
    ordering = ("-started_at",)
    object_template = "certificate/recheck.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Recheck.objects.visible_to(actor).select_related("certificate")

    @column(gettext_lazy("Certificate"), ordering="certificate__serial")
    def about(self, row: Recheck) -> str:
        return str(row.certificate)

    def state_words(self, row: Recheck) -> str:
        return str(row.get_state_display())

    def sentence(self, row: Recheck, actor: Actor) -> str:
        asked = [one for one in row.systems if one["is_asked"]]
        return _("%(asked)s of %(all)s systems were asked.") % {"asked": len(asked), "all": len(row.systems)}

    def facts(self, row: Recheck, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Certificate"), str(row.certificate), url=f"/certificates/{row.certificate_id}/"),
            Fact(_("Why now"), Cause(row.cause).label),
            Fact(_("Begun"), row.started_at, "moment"),
            Fact(_("Ended"), row.ended_at, "moment"),
        ]
        return [Facts(_("Re-verification"), [one for one in rows if one.value not in ("", None)])]

    def extra(self, row: Recheck, actor: Actor) -> dict[str, Any]:
        return {"said": row.systems, "live": 3 if row.state == "running" else 0}

    def create(self, actor: Actor, data: dict[str, Any]) -> Recheck:
        serial = int(data.pop("number").removeprefix("EC-"))
        found = Certificate.objects.visible_to(actor).filter(serial=serial, type__in=RECHECKED, state=State.ISSUED)
        key = found.values_list("pk", flat=True).first()
        return actions.begin(key, actor=actor, **data)

    def created_message(self, obj: Any) -> str:
        return _("Every system is being asked.")
