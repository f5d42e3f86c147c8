"""People: who may sign in, which roles they hold where and until when, and their API tokens."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column, yes_no
from portal.admin.names import scopes_of
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib.clock import now
from portal.lib.errors import NotAllowed

from . import actions, policy, sessions, throttle
from .actor import Actor
from .models import AccessSession, ApiToken, Grant, Role, Scope, User


class PersonForm(forms.Form):
    username = forms.CharField(label=gettext_lazy("Signs in as"), max_length=150)
    full_name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    email = forms.EmailField(label=gettext_lazy("E-mail"), required=False)
    password = forms.CharField(
        label=gettext_lazy("First password"),
        min_length=12,
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("At least 12 characters"),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, help_text=gettext_lazy("Kept in the ledger"))


class GrantForm(forms.Form):
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices)
    scope_type = forms.ChoiceField(label=gettext_lazy("Over"), choices=Scope.choices)
    scope_id = forms.CharField(
        label=gettext_lazy("Which one"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("The business unit's code or the tenant's id; empty for everything"),
    )
    valid_from = forms.DateTimeField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Empty: from now on"),
    )
    valid_until = forms.DateTimeField(
        label=gettext_lazy("Until"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )


class RevokeForm(forms.Form):
    grant = forms.UUIDField(widget=forms.HiddenInput)


@admin.register(User)
class PeopleAdmin(GovernedAdmin):
    family = "access"
    mount = "people"
    floor, order = "platform", 10
    title = gettext_lazy("People")
    explain = gettext_lazy("Who may sign in, with which role, over what, and until when.")
    add_form, add_label = PersonForm, gettext_lazy("Add a person")
    add_wants_password = True
    list_display = ("name", "username", "roles", "active", "last_login")
    list_filter = (
        yes_no("active", gettext_lazy("may sign in"), "is_active", gettext_lazy("yes"), gettext_lazy("no")),
        yes_no("service", gettext_lazy("kind"), "is_service", gettext_lazy("service"), gettext_lazy("person")),
    )
    search_fields = ("username", "person__full_name")
    ordering = ("username",)
    object_template = "access/person.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        live = Prefetch("grants", Grant.objects.live(), to_attr="live_grants")
        return User.objects.select_related("person").prefetch_related(live)

    @column(gettext_lazy("Name"), ordering="person__full_name")
    def name(self, user: User) -> str:
        return user.display_name

    @column(gettext_lazy("Roles"))
    def roles(self, user: Any) -> str:
        return ", ".join(str(grant) for grant in user.live_grants)

    @column(gettext_lazy("May sign in"), ordering="is_active", kind="flag")
    def active(self, user: User) -> bool:
        return user.is_active

    def state(self, user: User) -> str:
        return "active" if user.is_active else "disabled"

    def state_words(self, user: User) -> str:
        return _("may sign in") if user.is_active else _("disabled")

    def sentence(self, user: Any, actor: Actor) -> str:
        return self.roles(user) or _("Holds no role; sees nothing.")

    def facts(self, user: User, actor: Actor) -> list[Facts]:
        person = getattr(user, "person", None)
        rows = [
            Fact(_("Signs in as"), user.username),
            Fact(_("E-mail"), person.email if person else ""),
            Fact(_("Created"), user.created_at, "moment"),
            Fact(_("Last signed in"), user.last_login, "when"),
        ]
        if locked := throttle.locked_for(user.username):
            rows.append(Fact(_("Locked out until"), now() + timedelta(seconds=locked), "moment"))
        return [Facts(_("Account"), rows)]

    def verbs(self, user: User, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit") or (actor.user is not None and actor.user.pk == user.pk):
            return []
        says = _("From now on. Nobody grants to themselves, and a grant is never edited: it is revoked and given anew.")
        revoke = Verb(
            "revoke", _("Revoke"), _revoke, tone="danger", form=RevokeForm, is_elsewhere=True, done=_("Revoked.")
        )
        give = Verb("grant", _("Give a role"), _grant, form=GrantForm, says=says, done=_("Given."))
        return [replace(verb, wants_password=True) for verb in (give, revoke, _switch(user))]

    def create(self, actor: Actor, data: dict[str, Any]) -> User:
        return actions.create_user(actor=actor, **data)


class TokenForm(forms.Form):
    label = forms.CharField(label=gettext_lazy("What it is for"), max_length=100)
    scopes = forms.MultipleChoiceField(label=gettext_lazy("May"), widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(label=gettext_lazy("Valid for days"), min_value=1, max_value=366, initial=90)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, help_text=gettext_lazy("Kept in the ledger"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        families = sorted({verb.partition(".")[0] for verb in policy.VERBS})
        pairs = [
            (f"{family}.{word}", f"{family.replace('_', ' ')}: {word}")
            for family in families
            for word in ("read", "write")
        ]
        self.fields["scopes"].choices = pairs  # type: ignore[attr-defined]


@admin.register(ApiToken)
class TokenAdmin(GovernedAdmin):
    """One's own API tokens; administrators of access see everybody's."""

    family = "access"
    mount = "tokens"
    floor, order = "platform", 20
    title = gettext_lazy("API tokens")
    explain = gettext_lazy("Long-lived credentials for machines. Only a fingerprint is kept; the token is shown once.")
    first_step = gettext_lazy("No token yet. A token speaks for you, with fewer rights than you have, and never signs.")
    add_form, add_label = TokenForm, gettext_lazy("Make a token")
    add_wants_password = True
    list_display = ("label", "prefix", "owner", "stands", "expires_at", "last_used_at")
    ordering = ("-created_at",)

    def may(self, actor: Actor, word: str, obj: Any = None) -> bool:
        return actor.user is not None and actor.via == "session"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        found = ApiToken.objects.select_related("user__person")
        return found if policy.can(actor, "access.view") else found.filter(user=actor.user)

    @column(gettext_lazy("Speaks for"))
    def owner(self, token: ApiToken) -> str:
        return token.user.display_name

    @column(gettext_lazy("State"), kind="state")
    def stands(self, token: ApiToken) -> str:
        return self.state(token)

    def state(self, token: ApiToken) -> str:
        return "revoked" if token.revoked_at else "active"

    def heading(self, token: ApiToken) -> str:
        return token.label

    def sentence(self, token: ApiToken, actor: Actor) -> str:
        return _("May: %(scopes)s.") % {"scopes": ", ".join(token.scopes)}

    def facts(self, token: ApiToken, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Begins with"), f"bwk_{token.prefix}", "mono"),
            Fact(_("Speaks for"), token.user.display_name),
            Fact(_("Expires"), token.expires_at, "moment"),
            Fact(_("Last used"), token.last_used_at, "when"),
        ]
        return [Facts(_("Token"), rows)]

    def create(self, actor: Actor, data: dict[str, Any]) -> ApiToken:
        if actor.user is None:
            raise NotAllowed(_("A token is made by a person."))
        life = timedelta(days=data.pop("days"))
        row, secret = actions.issue_token(actor=actor, user=actor.user, life=life, **data)
        row.shown_once = secret  # type: ignore[attr-defined]
        return row

    def created_message(self, obj: Any) -> str:
        return _("Copy the token now, it is not shown again: %(token)s") % {"token": obj.shown_once}


def _grant(user: User, *, actor: Actor, reason: str, **given: Any) -> None:
    actions.grant(actor=actor, user=user, reason=reason, **given)


def _switch(user: User) -> Verb:
    """Disable the account, or enable it again."""
    if not user.is_active:
        says = _("It may sign in again. Sessions and tokens that ended stay ended.")
        return Verb("enable", _("Enable the account"), _enable, says=says, done=_("Enabled."))
    says = _("Nobody signs in by it any more; its sessions and tokens end at once.")
    return Verb("disable", _("Disable the account"), _disable, tone="danger", says=says, done=_("Disabled."))


def _disable(user: User, *, actor: Actor, reason: str) -> None:
    actions.disable(user.pk, actor=actor, reason=reason)


def _enable(user: User, *, actor: Actor, reason: str) -> None:
    actions.enable(user.pk, actor=actor, reason=reason)


def _revoke(user: User, *, actor: Actor, reason: str, grant: Any) -> None:
    actions.revoke(grant, actor=actor, reason=reason)


@admin.register(AccessSession)
class AccessSessionAdmin(GovernedAdmin):
    """Why those who run the platform read a tenant."""

    family = "access"
    mount = "access-sessions"
    floor, order = "evidence", 40
    title = gettext_lazy("Access with a reason")
    explain = gettext_lazy("Who of those who run the platform read which tenant's pages, why, and until when.")
    first_step = gettext_lazy("Nobody has had to look into a tenant yet.")
    list_display = ("who", "place", "reason", "opened_at", "expires_at", "stands")
    search_fields = ("reason", "user__username")
    ordering = ("-opened_at",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return sessions.visible_to(actor).select_related("user__person")

    def prepare(self, rows: list[Any], actor: Actor) -> None:
        names = scopes_of(row.scope_id for row in rows)
        for row in rows:
            row.name = names.get(row.scope_id, row.scope_id)

    @column(gettext_lazy("Who"))
    def who(self, session: AccessSession) -> str:
        return session.user.display_name

    @column(gettext_lazy("What"))
    def place(self, session: Any) -> str:
        return str(session.name)

    @column(gettext_lazy("State"), kind="state")
    def stands(self, session: AccessSession) -> str:
        return self.state(session)

    def heading(self, session: Any) -> str:
        self.prepare([session], Actor.system("page"))
        return _("%(who)s in %(place)s") % {"who": session.user.display_name, "place": session.name}

    def state(self, session: AccessSession) -> str:
        return "active" if session.is_live else "ended"

    def state_words(self, session: AccessSession) -> str:
        return _("open") if session.is_live else _("ended")

    def sentence(self, session: AccessSession, actor: Actor) -> str:
        return session.reason

    def facts(self, session: Any, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Opened"), session.opened_at, "moment"),
            Fact(_("Until"), session.expires_at, "moment"),
            Fact(_("Ended early"), session.ended_at, "moment"),
        ]
        return [Facts(_("The session"), rows)]

    def verbs(self, session: AccessSession, actor: Actor) -> list[Verb]:
        own = actor.user is not None and actor.user.pk == session.user_id
        if not session.is_live or not (own or self.may(actor, "edit")):
            return []
        return [Verb("end", _("End it now"), _end, done=_("Ended."))]


def _end(session: AccessSession, *, actor: Actor, reason: str) -> None:
    sessions.end_session(session.pk, actor=actor, reason=reason)
