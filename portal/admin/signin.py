"""Sign in and out, the choice of eyes, and the theme."""

from typing import TYPE_CHECKING

from django import forms
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME, login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actions import sign_in
from portal.access.demo import PEOPLE
from portal.lib.errors import Refusal

from . import eyes

if TYPE_CHECKING:
    from .site import Console

THEMES = ("system", "light", "dark")


class SignInForm(forms.Form):
    """Shape only; whether the pair is right is the action's answer."""

    username = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


def safe_next(request: HttpRequest) -> str:
    """Return where to go after signing in: a path of this portal, or home."""
    wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if allowed else reverse("admin:index")


def sign_in_page(site: "Console", request: HttpRequest) -> HttpResponse:
    if request.method == "GET" and site.has_permission(request):
        return HttpResponseRedirect(safe_next(request))
    form = SignInForm(request.POST if request.method == "POST" else None)
    status, retry_after = 200, None
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                return _enter(request, form.cleaned_data)
            except Refusal as refusal:
                form.add_error(None, refusal.detail)
                status, retry_after = refusal.status, refusal.extra.get("retry_after")
    context = {
        "title": _("Sign in"),
        "form": form,
        "next": safe_next(request),
        "people": PEOPLE if settings.DEMO_PEOPLE_SHOWN else [],
        "oidc_url": reverse("oidc_authentication_init") if settings.OIDC else "",
    }
    answer = TemplateResponse(request, "admin/login.html", context, status=status).render()
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def _enter(request: HttpRequest, given: dict[str, str]) -> HttpResponse:
    user = sign_in(**given, address=request.META.get("REMOTE_ADDR", ""), request=request)
    login(request, user)
    target = safe_next(request)
    if len(eyes.choices(request)) > 1:
        return HttpResponseRedirect(f"{reverse('admin:eyes')}?{REDIRECT_FIELD_NAME}={target}")
    return HttpResponseRedirect(target)


def eyes_page(site: "Console", request: HttpRequest) -> HttpResponse:
    """Choose which of one's own grants to act under."""
    if request.method == "POST":
        eyes.choose(request, request.POST.get("eyes", ""))
        return HttpResponseRedirect(safe_next(request))
    context = {
        **site.each_context(request),
        "title": _("Whose eyes"),
        "choices": eyes.choices(request),
        "next": safe_next(request),
    }
    return TemplateResponse(request, "console/eyes.html", context)


def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen theme in a cookie, so that the first byte of the next page is already right."""
    answer = HttpResponseRedirect(safe_next(request))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        answer.set_cookie("theme", chosen, max_age=31_536_000, samesite="Lax", secure=settings.SECURE)
    return answer
