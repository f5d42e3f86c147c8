"""Who signs for whom, and until when."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import Role, User
from portal.access.queries import roles_of
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from portal.approvals import actions, queries
from portal.approvals.models import Delegation
from portal.lib.clock import now


class DelegationForm(forms.Form):
    """A colleague who holds the same role, and the dates."""

    role = forms.ChoiceField(label=gettext_lazy("Sign as"))
    delegate = forms.ModelChoiceField(label=gettext_lazy("By whom"), queryset=User.objects.none())
    valid_until = forms.DateTimeField(
        label=gettext_lazy("Until"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, help_text=gettext_lazy("Kept in the ledger"))

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = sorted(roles_of(actor) & policy.VERBS["approval.delegate"])
        self.fields["role"].choices = [(role, Role(role).label) for role in roles]  # type: ignore[attr-defined]
        people = {user.pk for role in roles for user in queries.possible_delegates(actor, role)}
        self.fields["delegate"].queryset = User.objects.filter(pk__in=people).select_related("person")  # type: ignore[attr-defined]


@admin.register(Delegation)
class DelegationAdmin(GovernedAdmin):
    family = "approval"
    reads = "approval.delegate"
    mount = "delegations"
    floor, order = "my_work", 30
    title = gettext_lazy("Delegations")
    explain = gettext_lazy(
        "A colleague with the same role signs for you between two dates. Nothing is passed on further."
    )
    first_step = gettext_lazy("Going away? Name a colleague who signs for you until you are back.")
    add_form, add_label, add_verb = DelegationForm, gettext_lazy("Delegate"), "delegate"
    list_display = ("who", "role", "given_by", "valid_from", "valid_until")
    ordering = ("-valid_from",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        found: QuerySet[Any] = queries.delegations_of(actor)
        return found

    @column(gettext_lazy("Signs"))
    def who(self, row: Delegation) -> str:
        return row.delegate.display_name

    @column(gettext_lazy("For"))
    def given_by(self, row: Delegation) -> str:
        return row.delegator.display_name

    def heading(self, row: Delegation) -> str:
        return _("%(delegate)s for %(delegator)s") % {
            "delegate": row.delegate.display_name,
            "delegator": row.delegator.display_name,
        }

    def state(self, row: Delegation) -> str:
        if row.revoked_at:
            return "ended"
        return "active" if row.valid_from <= now() < row.valid_until else "not in force"

    def state_words(self, row: Delegation) -> str:
        return {"ended": _("ended early"), "active": _("in force")}.get(self.state(row), _("not in force"))

    def facts(self, row: Delegation, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Role"), row.get_role_display()),
            Fact(_("From"), row.valid_from, "moment"),
            Fact(_("Until"), row.valid_until, "moment"),
            Fact(_("Why"), row.reason),
        ]
        return [Facts(_("Delegation"), rows)]

    def verbs(self, row: Delegation, actor: Actor) -> list[Verb]:
        mine = actor.user is not None and actor.user.pk in (row.delegator_id, row.delegate_id)
        if row.revoked_at or row.valid_until <= now() or not (mine or policy.can(actor, "access.edit")):
            return []
        return [Verb("end", _("End it now"), _end, tone="danger", says=_("What was signed stays signed."))]

    def new_form(self, request: HttpRequest) -> forms.Form:
        given = request.POST if request.method == "POST" else None
        return DelegationForm(given, actor=eyes.narrow(request))

    def create(self, actor: Actor, data: dict[str, Any]) -> Delegation:
        return actions.delegate(actor=actor, **data)


def _end(row: Delegation, *, actor: Actor, reason: str) -> None:
    actions.revoke_delegation(row.pk, actor=actor, reason=reason)
