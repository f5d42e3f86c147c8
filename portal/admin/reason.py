"""Why do you need this? Asked once an hour of those who run the platform, before they read a tenant."""

from typing import Any

from django import forms
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.models import Scope
from portal.access.sessions import AccessSessionNeeded, open_session
from portal.lib.errors import Refusal

from . import eyes
from .names import scopes_of
from .signin import safe_next

WORDS = {Scope.TENANT: gettext_lazy("this tenant"), Scope.BUSINESS_UNIT: gettext_lazy("every tenant of this unit")}


class ReasonForm(forms.Form):
    """The reason, and how far it goes; `where` is what may be chosen, as pairs of scope and name."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        strip=True,
        help_text=gettext_lazy("Kept in the ledger with every page you open"),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
    )
    scope = forms.ChoiceField(label=gettext_lazy("For"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, where: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = scopes_of(where.values())
        pairs = [(f"{kind}:{key}", f"{names.get(key, key)}: {WORDS[Scope(kind)]}") for kind, key in where.items()]
        self.fields["scope"].choices = pairs  # type: ignore[attr-defined]
        self.fields["scope"].initial = pairs[0][0] if pairs else None


def asked(request: HttpRequest, needed: AccessSessionNeeded) -> HttpResponse:
    """The page that asks, in place of the one that was wanted, and goes on to it."""
    wanted = request.get_full_path() if request.method == "GET" else request.path.partition("do/")[0]
    return _page(request, ReasonForm(where=needed.where), needed.where, wanted, needed.status)


def reason_page(request: HttpRequest) -> HttpResponse:
    """Open the session and go on; what was wrong with the form is said beside it."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("admin:index"))
    where = dict(one.split(":", 1) for one in request.POST.getlist("offered")[:2] if one.partition(":")[0] in WORDS)
    form = ReasonForm(request.POST, where=where)
    status = 422
    if form.is_valid():
        kind, _colon, key = form.cleaned_data["scope"].partition(":")
        try:
            why = form.cleaned_data["reason"]
            open_session(actor=eyes.narrow(request), scope_type=kind, scope_id=key, reason=why)
            return HttpResponseRedirect(safe_next(request))
        except Refusal as refusal:
            form.add_error(None, refusal.detail)
            status = refusal.status
    return _page(request, form, where, safe_next(request), status)


def _page(request: HttpRequest, form: forms.Form, where: dict[str, str], wanted: str, status: int) -> HttpResponse:
    context = {
        "title": _("Why do you need this?"),
        "form": form,
        "next": wanted,
        "next_name": REDIRECT_FIELD_NAME,
        "offered": [f"{kind}:{key}" for kind, key in where.items()],
    }
    return TemplateResponse(request, "console/reason.html", context, status=status)
