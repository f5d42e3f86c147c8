"""The door of saved views: one POST that keeps, renames or removes, and leads back to the list."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.lib.errors import Absent, Invalid

from .. import eyes
from . import actions, tabs

if TYPE_CHECKING:
    from ..site import Console


class ViewForm(forms.Form):
    do = forms.ChoiceField(choices=[("save", "save"), ("rename", "rename"), ("remove", "remove")])
    page = forms.SlugField(max_length=64)
    query = forms.CharField(max_length=2000, required=False)
    name = forms.CharField(max_length=60, required=False)
    view = forms.UUIDField(required=False)


def views_page(console: "Console", request: HttpRequest) -> HttpResponse:
    """Do it and go back to the list as it was shown."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("admin:index"))
    form = ViewForm(request.POST)
    if not form.is_valid():
        raise Invalid(fields={name: " ".join(map(str, errors)) for name, errors in form.errors.items()})
    given = form.cleaned_data
    page, query = _list_of(console, request, given["page"], given["query"])
    _do(given, query, request)
    return HttpResponseRedirect(page.list_url() + (f"?{query}" if query and given["do"] != "remove" else ""))


def _list_of(console: "Console", request: HttpRequest, mount: str, query: str) -> tuple[Any, str]:
    """The list that the person may open, and what it understands of the query: Invalid where not even that opens."""
    page = next((one for one in console.governed() if one.mount == mount), None)
    if page is None or not page.has_view_permission(request):
        raise Absent(_("There is nothing here that you may see."))
    request.GET = QueryDict()
    understood = tabs.kept(page.list_of(request), query)
    request.GET = QueryDict(understood)
    page.list_of(request)
    return page, understood


def _do(given: dict[str, Any], query: str, request: HttpRequest) -> None:
    actor = eyes.narrow(request)
    if given["do"] == "save":
        actions.save_view(given["page"], given["name"], query, actor=actor)
    elif given["do"] == "rename":
        actions.rename_view(given["view"], given["name"], actor=actor)
    else:
        actions.remove_view(given["view"], actor=actor)
