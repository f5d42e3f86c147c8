"""Admin pages of governed models: seen through `visible_to`, allowed by `policy.can`, changed only by actions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import models
from django.forms.utils import ErrorList
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import policy, reauthentication
from portal.access.actor import Actor
from portal.access.reading import note_read
from portal.audit.queries import governed_labels
from portal.lib.errors import Absent, Invalid, NotAllowed, Refusal

from . import eyes, listing
from .home import Card
from .navigation import forget_counts
from .saved.tabs import own_views
from .trail import ALL, trail_of
from .verbs import Facts, Verb

if TYPE_CHECKING:
    from .site import Console

    StockAdmin = ModelAdmin[Any]
else:
    StockAdmin = ModelAdmin


class ReasonForm(forms.Form):
    """The reason every verb is asked for."""

    reason = forms.CharField(max_length=500, strip=True)


class PasswordForm(forms.Form):
    """One's own password, for verbs that move credentials; whether it is needed is the proof's answer."""

    own_password = forms.CharField(
        label=gettext_lazy("Your password"),
        max_length=1024,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class GovernedAdmin(StockAdmin):
    """List and object pages over a `QuerySet.visible_to(actor)`, under one verb family of the policy.

    There is no delete, no bulk action and no stock edit form: a page offers `verbs(obj, actor)`, each of which calls
    an action. New rows come from `add_form` and `create`.
    """

    family = ""
    reads = ""
    mount = ""
    floor = ""
    order = 50
    title: Any = ""
    explain: Any = ""
    first_step: Any = ""
    views: Sequence[tuple[Any, str]] = ()
    searched = False
    counts_waiting = False
    shows_trail = True
    object_template = "console/object.html"
    list_template = "console/list.html"
    add_form: type[forms.Form] | None = None
    add_verb = "edit"
    add_label: Any = ""
    add_template = "console/form.html"
    add_wants_password = False

    actions = None
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False

    @property
    def console(self) -> "Console":
        return cast("Console", self.admin_site)

    # -- who may --------------------------------------------------------------------------------------------------
    def may(self, actor: Actor, word: str, obj: Any = None) -> bool:
        verb = self.reads if word == "view" and self.reads else f"{self.family}.{word}"
        return policy.can(actor, verb, obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(eyes.narrow(request), "view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.add_form is not None and self.may(eyes.narrow(request), self.add_verb)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may(eyes.narrow(request), "view")

    # -- what a page declares ---------------------------------------------------------------------------------------
    def label(self) -> Any:
        return self.title or capfirst(str(self.opts.verbose_name_plural))

    def waiting(self, actor: Actor) -> int:
        """How many rows wait for this actor: in the rail where `counts_waiting`, 0 shows nothing."""
        return 0

    def tabs(self, actor: Actor) -> list[tuple[Any, str]]:
        """Saved views of the list: a name and the query it stands for."""
        return list(self.views)

    def visible(self, actor: Actor) -> models.QuerySet[Any]:
        """Everything of this model the actor may see."""
        found: models.QuerySet[Any] = self.model._default_manager.all()
        narrowed = getattr(found, "visible_to", None)
        return narrowed(actor) if narrowed else found

    def state(self, obj: Any) -> str:
        return str(getattr(obj, "status", "") or getattr(obj, "state", ""))

    def state_words(self, obj: Any) -> str:
        name = "status" if hasattr(obj, "status") else "state"
        shown = getattr(obj, f"get_{name}_display", None)
        return str(shown()) if shown else self.state(obj)

    def heading(self, obj: Any) -> str:
        return str(obj)

    def under(self, obj: Any) -> str:
        """A second, quieter line under the name in lists."""
        return ""

    def sentence(self, obj: Any, actor: Actor) -> str:
        """One sentence that says where the object stands."""
        return ""

    def facts(self, obj: Any, actor: Actor) -> list[Facts]:
        return []

    def verbs(self, obj: Any, actor: Actor) -> list[Verb]:
        """What this actor can do to this object now."""
        return []

    def extra(self, obj: Any, actor: Actor) -> dict[str, Any]:
        """What the object's own template needs beyond the above."""
        return {}

    def home_cards(self, actor: Actor) -> list[Card]:
        """What this page puts on the actor's home."""
        return []

    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """What this page adds to the page of another kind of object, so that lower floors need not know it."""
        return []

    def create(self, actor: Actor, data: dict[str, Any]) -> Any:
        """Call the action behind `add_form`; return the new object."""
        raise NotImplementedError

    def prepare(self, rows: list[Any], actor: Actor) -> None:
        """Fetch what the columns of these rows need from elsewhere, in one go."""

    def created_message(self, obj: Any) -> str:
        """What to tell the person who has just created it."""
        return ""

    def object_url(self, obj: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk])

    def list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    # -- routes -----------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        door = self.admin_site.admin_view
        return [
            path("", door(self.changelist_view), name=f"{info}_changelist"),
            path("export.csv", door(self.export_view), name=f"{info}_export"),
            path("new/", door(self.add_view), name=f"{info}_add"),
            path("<str:object_id>/history/", door(self.history_view), name=f"{info}_history"),
            path("<str:object_id>/do/<slug:verb>/", door(self.verb_view), name=f"{info}_verb"),
            path("<str:object_id>/", door(self.change_view), name=f"{info}_change"),
        ]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        found = self.visible(eyes.narrow(request))
        ordering = self.get_ordering(request)
        return found.order_by(*ordering) if ordering else found

    def of(self, request: HttpRequest, object_id: str) -> Any:
        """Return the object, or answer alike whether it is absent or not this actor's to see."""
        actor = eyes.narrow(request)
        try:
            obj = self.visible(actor).filter(pk=self.opts.pk.to_python(object_id)).first()
        except Exception as error:
            if not isinstance(error, (ValueError, forms.ValidationError)):
                raise
            obj = None
        if obj is None or not self.may(actor, "view", obj):
            raise Absent(_("There is nothing here that you may see."))
        return obj

    def context(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "page": self, "opts": self.opts, **more}

    # -- list -------------------------------------------------------------------------------------------------------
    def list_of(self, request: HttpRequest) -> Any:
        """The list that the address asks for; NotAllowed or Invalid where it is none."""
        if not self.has_view_permission(request):
            raise NotAllowed(_("Your role does not open this list."))
        try:
            return self.get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise Invalid(_("This list has no such filter or page.")) from error

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        cl = self.list_of(request)
        actor = eyes.narrow(request)
        shown, views = listing.rows(cl, actor), self.tabs(actor)
        own = own_views(cl, self.mount, request.GET.urlencode(), [query for _label, query in views], actor)
        context = self.context(
            request,
            title=self.label(),
            cl=cl,
            rows=shown,
            headings=listing.headings(cl, shown),
            chips=listing.chips(cl),
            page_links=listing.page_links(cl) if cl.multi_page else [],
            tabs=[(label, f"?{query}", not own["own_tab"] and self._is_view(request, query)) for label, query in views],
            **own,
            is_narrowed=bool(cl.query or cl.has_active_filters),
            add_url=self._add_url(request),
            query=request.GET.urlencode(),
            **(extra_context or {}),
        )
        return TemplateResponse(request, self.list_template, context)

    def _is_view(self, request: HttpRequest, query: str) -> bool:
        ours = {key: value for key, value in request.GET.items() if key not in {"o", "p", "q"}}
        wanted = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        return ours == wanted

    def _add_url(self, request: HttpRequest) -> str:
        if not self.has_add_permission(request):
            return ""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_add")

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        return listing.as_csv(self.list_of(request), str(self.opts.model_name), eyes.narrow(request))

    # -- object -----------------------------------------------------------------------------------------------------
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self.object_page(request, self.of(request, object_id))

    def object_page(self, request: HttpRequest, obj: Any, *, refusal: Refusal | None = None) -> HttpResponse:
        """The object's page; after a refused verb with the refusal on it, what was typed kept, and its status."""
        actor = eyes.narrow(request)
        note_read(actor, obj, route=request.path)
        context = self.context(
            request,
            title=self.heading(obj),
            obj=obj,
            actor=actor,
            state=self.state(obj),
            state_words=self.state_words(obj),
            sentence=self.sentence(obj, actor),
            facts=self.facts(obj, actor),
            verbs=self._forms_of(request, self.verbs(obj, actor), refusal),
            verb_base=self.object_url(obj) + "do/",
            has_history=self.opts.label_lower in governed_labels(),
            beside=[card for page in self.console.governed() for card in page.beside(obj, actor)],
            trail=trail_of(obj, actor) if self.shows_trail else [],
            refusal=refusal,
            typed=request.POST if refusal else {},
            **self.extra(obj, actor),  # noqa: S610 - our own hook, not QuerySet.extra
        )
        return TemplateResponse(request, self.object_template, context, status=refusal.status if refusal else 200)

    def _forms_of(self, request: HttpRequest, verbs: list[Verb], refusal: Refusal | None) -> list[Any]:
        """Each verb with its form; the one that was refused keeps what was typed and says what is wrong with it."""
        found = []
        for verb in verbs:
            was_sent = refusal is not None and request.POST.get("verb") == verb.name
            form = verb.form(request.POST if was_sent else None, initial=verb.initial) if verb.form else None
            if form and was_sent and isinstance(refusal, Invalid):
                form.is_valid()
                put_refusal(form, Invalid(fields={k: v for k, v in refusal.fields.items() if k in form.fields}))
            found.append((verb, form))
        return found

    def verb_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        """Do one verb: POST only; the action asks the policy again."""
        obj = self.of(request, object_id)
        if request.method != "POST":
            return HttpResponseRedirect(self.object_url(obj))
        try:
            done = self._do(request, obj, verb)
        except Refusal as refusal:
            return self.object_page(request, self.of(request, object_id), refusal=refusal)
        if isinstance(done, HttpResponse):
            return done
        forget_counts(eyes.narrow(request))
        messages.success(request, done)
        return HttpResponseRedirect(self.object_url(obj))

    def _do(self, request: HttpRequest, obj: Any, name: str) -> str | HttpResponse:
        actor = eyes.narrow(request)
        verb = next((verb for verb in self.verbs(obj, actor) if verb.name == name), None)
        if verb is None:
            raise NotAllowed(_("This cannot be done now, or not by your role."))
        given: dict[str, Any] = {"reason": ""}
        asked = [ReasonForm] * verb.wants_reason + [PasswordForm] * verb.wants_password
        for form_class in asked + ([verb.form] if verb.form else []):
            form = form_class(request.POST)
            if not form.is_valid():
                raise Invalid(fields={key: " ".join(map(str, errors)) for key, errors in form.errors.items()})
            given |= form.cleaned_data
        if verb.wants_password:
            reauthentication.demand(request, given.pop("own_password"))
        if verb.wants_request:
            given["request"] = request
        said = verb.run(obj, actor=actor, **given)
        if isinstance(said, HttpResponse):
            return said
        return said if isinstance(said, str) and said else str(verb.done or _("Done: %(verb)s.") % {"verb": verb.label})

    # -- new --------------------------------------------------------------------------------------------------------
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.add_form is None or not self.has_add_permission(request):
            raise NotAllowed(_("Your role does not create anything here."))
        form = self.new_form(request)
        status = 200
        if request.method == "POST" and "preview" not in request.POST:
            status = 422
            if form.is_valid():
                try:
                    if self.add_wants_password:
                        reauthentication.demand(request, form.cleaned_data.pop("own_password"))
                    obj = self.create(eyes.narrow(request), self.data_of(request, form))
                except Refusal as refusal:
                    put_refusal(form, refusal)
                    status = refusal.status
                else:
                    if said := self.created_message(obj):
                        messages.success(request, said)
                    return HttpResponseRedirect(self.object_url(obj))
        context = self.context(request, title=self.add_label or _("New"), form=form, back=self.list_url())
        context |= self.form_extra(request, form)
        return TemplateResponse(request, self.add_template, context, status=status)

    def new_form(self, request: HttpRequest) -> forms.Form:
        assert self.add_form is not None
        form = self.add_form(request.POST if request.method == "POST" else None)
        if self.add_wants_password:
            form.fields |= PasswordForm().fields
        return form

    def data_of(self, request: HttpRequest, form: forms.Form) -> dict[str, Any]:
        """What `create` is given of a valid form."""
        return form.cleaned_data

    def form_extra(self, request: HttpRequest, form: forms.Form) -> dict[str, Any]:
        """What the form's own template needs beyond the form."""
        return {}

    # -- history ----------------------------------------------------------------------------------------------------
    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.of(request, object_id)
        note_read(eyes.narrow(request), obj, route=request.path)
        trail = trail_of(obj, eyes.narrow(request), ALL)
        context = self.context(request, title=self.heading(obj), obj=obj, trail=trail, shown=ALL)
        return TemplateResponse(request, "console/history.html", context)


def put_refusal(form: forms.Form, refusal: Refusal) -> None:
    """Put a refusal's words next to the fields they belong to, and the rest at the top of the form."""
    fields = refusal.fields if isinstance(refusal, Invalid) else {}
    for name, text in fields.items():
        form.add_error(name if name in form.fields else None, text if name in form.fields else f"{name}: {text}")
    if not fields:
        form.errors.setdefault("__all__", ErrorList()).append(refusal.detail)
