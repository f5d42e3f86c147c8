"""Moves: the list, the live page, and what a move adds to an approval's page. Playbooks and red flags beside them."""

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.migration import actions, playbooks, queries, rounds_chart
from lifecycle.migration.copies.queries import way_out
from lifecycle.migration.drills.actions import drill
from lifecycle.migration.losses.actions import accept_loss
from lifecycle.migration.losses.queries import loss_of
from lifecycle.migration.models import ENDED, Capture, Migration, Playbook, RedFlag, State, Strategy
from lifecycle.migration.reading import chart
from lifecycle.migration.reading.actions import report_problem
from lifecycle.migration.reading.models import Reading
from lifecycle.migration.recording import seal_of_record
from lifecycle.migration.reviews.green import kept_of
from lifecycle.migration.windows import throttles
from lifecycle.migration.windows.queries import open_window_at, throttle_of, window_seen
from portal.access.actor import Actor
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin, put_refusal
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib.clock import now
from portal.lib.errors import Invalid
from tenants.models import Tenant
from tenants.queries import region_choices
from tenants.reads.models import ReadSplit

LOG_LINES = 20
LATEST_ROUNDS = 8


class MoveForm(forms.Form):
    """Whom to move, where to, and why."""

    tenant = forms.CharField(label=gettext_lazy("Tenant"), max_length=32, help_text=gettext_lazy("Its name"))
    target = forms.ChoiceField(label=gettext_lazy("To"), choices=region_choices)
    strategy = forms.ChoiceField(
        label=gettext_lazy("How"), required=False, choices=[("", gettext_lazy("As its tier's playbook says"))]
    )
    window_starts_at = forms.DateTimeField(
        label=gettext_lazy("Window from, UTC"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("For a strategy with a window; empty: at the end of the notice"),
    )
    capture = forms.ChoiceField(
        label=gettext_lazy("Changes are noted by"),
        required=False,
        choices=[("", gettext_lazy("As this portal is set")), *Capture.choices],
    )
    downtime_inr_an_hour = forms.DecimalField(
        label=gettext_lazy("An hour without service costs the tenant, ₹"),
        min_value=0,
        max_digits=14,
        decimal_places=2,
        required=False,
        help_text=gettext_lazy("Empty: nobody knows"),
    )
    is_downtime_forbidden = forms.NullBooleanField(label=gettext_lazy("Its contract forbids downtime"), required=False)
    is_rehearsal = forms.BooleanField(
        label=gettext_lazy("A rehearsal, on a tenant that is not in production"), required=False
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        here = [(one.value, one.label) for one in Strategy if one not in (Strategy.ROLLING, Strategy.HYBRID)]
        self.fields["strategy"].choices = [*self.fields["strategy"].choices, *here]  # type: ignore[attr-defined]


class ThrottleForm(forms.Form):
    """The pace that the tenant is asked to keep to."""

    writes_per_second = forms.IntegerField(
        label=gettext_lazy("Writes a second"), min_value=1, max_value=1_000_000, initial=100
    )
    minutes = forms.IntegerField(label=gettext_lazy("For so many minutes"), min_value=1, max_value=1440, initial=60)


class LossForm(forms.Form):
    """The number again, by hand: nobody accepts what they have not read."""

    writes = forms.CharField(
        label=gettext_lazy("Writes that are lost, as the page says"),
        max_length=20,
        help_text=gettext_lazy("Type the number, or: unknown"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class PlaybookForm(forms.Form):
    strategy = forms.ChoiceField(label=gettext_lazy("Strategy"), choices=Strategy.choices)
    window_min_minutes = forms.IntegerField(
        label=gettext_lazy("Window from, minutes"), min_value=0, max_value=10_080, help_text=gettext_lazy("0: none")
    )
    window_max_minutes = forms.IntegerField(label=gettext_lazy("Window to, minutes"), min_value=0, max_value=10_080)
    stability_hours = forms.IntegerField(label=gettext_lazy("Stability, hours"), min_value=0, max_value=720)
    notice_days = forms.IntegerField(label=gettext_lazy("Notice, days"), min_value=0, max_value=90)
    engineer_hours = forms.DecimalField(label=gettext_lazy("Engineers, hours"), min_value=0, decimal_places=1)
    engineer_inr_an_hour = forms.DecimalField(
        label=gettext_lazy("₹ an hour"), min_value=0, decimal_places=2, required=False
    )
    transfer_inr_a_gb = forms.DecimalField(
        label=gettext_lazy("₹ a GB transferred"), min_value=0, decimal_places=2, required=False
    )


@admin.register(Migration)
class MigrationAdmin(GovernedAdmin):
    family = "migration"
    mount = "migrations"
    floor, order = "lifecycle", 5
    searched = True
    title = gettext_lazy("Migrations")
    explain = gettext_lazy("Tenants that move to another region while they work, and how far they have come.")
    first_step = gettext_lazy("Nothing has been moved yet. A plan costs nothing and touches nothing.")
    add_form, add_label, add_verb = MoveForm, gettext_lazy("Plan a move"), "request"
    add_template = "migration/form.html"
    list_display = ("name", "tenant_name", "source", "target", "strategy", "state", "state_changed_at")
    list_filter = ("state", "strategy")
    search_fields = ("tenant__name",)
    ordering = ("-number",)
    object_template = "migration/migration.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        related = ("tenant__business_unit", "tenant__tier", "requested_by__person", "window")
        return Migration.objects.visible_to(actor).select_related(*related)

    @column(gettext_lazy("Number"), ordering="number")
    def name(self, migration: Migration) -> str:
        return str(migration)

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def tenant_name(self, migration: Migration) -> str:
        return migration.tenant.name

    def heading(self, migration: Migration) -> str:
        return migration.tenant.name

    def sentence(self, migration: Migration, actor: Actor) -> str:
        way = f"{migration.source} → {migration.target}, {migration.get_strategy_display()}."
        why = migration.state_reason if migration.state in (State.PAUSED, State.FAILED, State.ROLLED_BACK) else ""
        return " ".join(filter(None, (way, queries.where_it_stands(migration), why)))

    def verbs(self, migration: Migration, actor: Actor) -> list[Verb]:
        known = {
            "start": Verb(
                "start",
                _("Start"),
                _on(actions.start),
                tone="primary",
                says=_("Looks at everything once more, then provisions the target. Nothing changes for the tenant."),
                done=_("Started. It begins as soon as both regions have room."),
            ),
            "resume": Verb("resume", _("Go on"), _on(actions.resume), tone="primary", done=_("It goes on.")),
            "pause": Verb(
                "pause",
                _("Pause"),
                _on(actions.pause),
                says=_("Changes stay captured; the tenant notices nothing."),
                done=_("Paused."),
            ),
            "roll_back": Verb(
                "roll_back",
                _("Roll back to blue"),
                _on(actions.roll_back),
                tone="danger",
                says=_way_back(migration),
                done=_("The tenant is being taken back."),
            ),
            "drill": Verb(
                "drill",
                _("Drill the way back"),
                _on(drill),
                tone="danger",
                says=_("Takes the tenant back with a clock. No review opens; the move has to be asked for again."),
                done=_("The drill runs: the tenant is being taken back."),
            ),
            "cancel": Verb(
                "cancel",
                _("Withdraw"),
                _on(actions.cancel),
                tone="danger",
                says=_("Nothing was touched. It can be asked for again."),
                done=_("Withdrawn."),
            ),
            "throttle": Verb(
                "throttle",
                _("Ask to write more slowly"),
                _on(throttles.ask_throttle),
                form=ThrottleForm,
                says=_("Its owner or champion decides; it ends by itself, and at the switch."),
                done=_("The tenant is asked."),
            ),
            "approve_throttle": Verb(
                "approve_throttle",
                _("Agree to write more slowly"),
                _on(throttles.approve_throttle),
                tone="primary",
                says=_asked_for(migration),
                done=_("Agreed. It ends by itself."),
            ),
            "lift_throttle": Verb(
                "lift_throttle",
                _("Write at full pace again"),
                _on(throttles.lift_throttle),
                says=_asked_for(migration),
                done=_("Lifted."),
            ),
            "release_green": Verb(
                "release_green",
                _("Release the copy"),
                _on(actions.release_green),
                tone="danger",
                says=_("What the roll-back left in %(region)s is erased.") % {"region": migration.target},
                done=_("Released."),
            ),
            "accept_loss": Verb(
                "accept_loss",
                _("Go back without green"),
                _on(accept_loss),
                tone="danger",
                form=LossForm,
                says=_("What only green has is lost. If green answers in the last moment, all of it comes back."),
                done=_("Accepted. Blue is opened; green is closed as soon as it answers."),
            ),
            "report": Verb(
                "report",
                _("Report a problem"),
                _on(report_problem),
                says=_("For whoever finds something wrong since the move. One report holds it, three take it back."),
                done=_("Reported. Thank you."),
            ),
        }
        return [known[word] for word in queries.available_verbs(migration, actor)]

    def facts(self, migration: Migration, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Notice ends"), migration.not_before, "moment"),
            Fact(_("Without service at most, minutes"), migration.window_minutes or None, "count"),
            *_window_facts(migration),
            Fact(_("Rehearsal"), migration.is_rehearsal or None, "flag"),
            Fact(_("Search index there"), migration.vector_provider),
            Fact(_("Changes are noted by"), migration.get_capture_display()),
            Fact(_("Log retained for it"), migration.log_retained and filesizeformat(migration.log_retained)),
            Fact(_("DataSync"), queries.carried_words(migration)),
            Fact(_("Asked for by"), migration.requested_by.display_name),
            Fact(_("Switched"), migration.switched_at, "moment"),
            Fact(_("Stable"), migration.stable_at, "moment"),
        ]
        plan = Facts(_("The plan"), [row for row in rows if row.value not in ("", None)])
        return [plan, *_left_behind(migration)]

    def extra(self, migration: Migration, actor: Actor) -> dict[str, Any]:
        rounds = list(migration.rounds.all()[: rounds_chart.LATEST])
        passages = list(migration.passages.all()[:LOG_LINES])
        attempts = list(migration.attempts.all()[:LOG_LINES])
        took, began, switched = migration.copy_seconds, migration.started_at, migration.switched_at
        reading = Reading.objects.filter(migration=migration).first()
        return {
            "reading": reading,
            "reads": _reads(migration, reading),
            "phases": queries.phases_of(migration),
            "budget_ms": settings.MIGRATION["budget_ms"],
            "rounds": rounds[:LATEST_ROUNDS],
            "lag": rounds_chart.charts(rounds),
            "doors": _doors(migration),
            "passages": passages,
            "attempts": attempts,
            "judgement": migration.judgements.first() if migration.is_switched else None,
            "took": (switched - began).total_seconds() if switched and began else None,
            "rate": round(migration.rows_copied / took) if took > 0 else None,
            "copied_percent": _percent(migration.rows_copied, migration.rows_total),
            "verified_percent": _percent(migration.verified_rows, migration.rows_total),
            "is_equal": bool(migration.root_source) and migration.root_source == migration.root_target,
            "tenant_url": self.console.url_of("tenants.tenant", str(migration.tenant_id)),
            "case_url": self.console.url_of("approvals.case", str(migration.case_id or "")),
            "job_url": self.console.url_of("jobs.job", str(migration.rollback_job_id or migration.job_id or "")),
            "seal": seal_of_record(migration),
            "loss": loss_of(migration),
            "way_out": (out := way_out(migration)),
            "copy_url": self.console.url_of("copies.tenantcopy", str(out.copy_id)) if out else "",
            "record_url": reverse("migration-record", args=[migration.pk]) if migration.is_switched else "",
            "throttle": throttle_of(migration),
            "live": 0 if migration.state in ENDED else 8 if migration.state == State.INITIATED else 2,
        }

    def create(self, actor: Actor, data: dict[str, Any]) -> Migration:
        return actions.request(tenant_named(data.pop("tenant"), actor), actor=actor, **data)

    def form_extra(self, request: Any, form: forms.Form) -> dict[str, Any]:
        """The dry run of what was typed, when it was asked for."""
        if request.method != "POST" or "preview" not in request.POST or not form.is_valid():
            return {}
        actor, data = eyes.narrow(request), dict(form.cleaned_data)
        data.pop("reason")
        try:
            return {"plan": actions.plan_migration(tenant_named(data.pop("tenant"), actor), actor=actor, **data)}
        except Invalid as refusal:
            put_refusal(form, refusal)
            return {}

    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On a moving tenant's page where to look; on a case what is signed, from the snapshot the signature binds."""
        if obj._meta.label_lower == "tenants.tenant" and obj.operation == "migrating":
            context = {"url": f"{self.list_url()}?q={obj.name}", "window": open_window_at(obj)}
            return [Card(_("This tenant is being moved"), "migration/tenant_card.html", 5, "side", context=context)]
        if obj._meta.label_lower != "approvals.case" or obj.kind != "migration":
            return []
        url = self.console.url_of("migration.migration", obj.subject_id)
        context = {"plan": obj.snapshot["plan"], "counted": obj.snapshot["counted"], "url": url}
        return [Card("", "migration/case_cards.html", 10, "main", context=context)]


@admin.register(Playbook)
class PlaybookAdmin(GovernedAdmin):
    family = "playbook"
    mount = "playbooks"
    floor, order = "lifecycle", 40
    title = gettext_lazy("Playbooks")
    explain = gettext_lazy("How tenants of each tier are moved: without a window or in one, and what an hour costs.")
    list_display = ("tier", "strategy", "window", "stability_hours", "notice_days", "changed_at")
    ordering = ("tier__rank",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Playbook.objects.select_related("tier")

    @column(gettext_lazy("Window"))
    def window(self, playbook: Playbook) -> str:
        if not playbook.window_max_minutes:
            return _("none")
        ends = {"a": playbook.window_min_minutes, "b": playbook.window_max_minutes}
        return _("%(a)s to %(b)s minutes") % ends

    def facts(self, playbook: Playbook, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Strategy"), playbook.get_strategy_display()),
            Fact(_("Window"), self.window(playbook)),
            Fact(_("Stability, hours"), playbook.stability_hours, "count"),
            Fact(_("Notice, days"), playbook.notice_days, "count"),
            Fact(_("Engineers, hours"), playbook.engineer_hours, "number"),
            Fact(_("₹ an hour"), playbook.engineer_inr_an_hour, "inr"),
            Fact(_("₹ a GB transferred"), playbook.transfer_inr_a_gb, "inr"),
        ]
        return [Facts(_("The playbook"), rows, _("An empty price is not known, and asks for a person."))]

    def verbs(self, playbook: Playbook, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit", playbook):
            return []
        initial = {name: getattr(playbook, name) for name in playbooks.EDITABLE}
        return [
            Verb(
                "edit",
                _("Change the playbook"),
                _on(playbooks.edit_playbook),
                form=PlaybookForm,
                initial=initial,
                says=_("Holds from the next plan on; what was signed stays as it was shown."),
                done=_("Changed."),
            )
        ]


class RedFlagForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("What"), choices=RedFlag.Kind.choices)
    title = forms.CharField(label=gettext_lazy("In words"), max_length=120)
    tenant = forms.CharField(
        label=gettext_lazy("Tenant"), max_length=32, required=False, help_text=gettext_lazy("Empty: everybody")
    )
    starts_at = forms.DateTimeField(
        label=gettext_lazy("From"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    ends_at = forms.DateTimeField(
        label=gettext_lazy("Until"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500)


@admin.register(RedFlag)
class RedFlagAdmin(GovernedAdmin):
    family = "playbook"
    reads = "red_flag.view"
    mount = "red-flags"
    floor, order = "lifecycle", 45
    title = gettext_lazy("Red flags")
    explain = gettext_lazy("Times in which nothing is moved: a freeze, a peak, an audit.")
    first_step = gettext_lazy("Nothing is in the way of any move.")
    add_form, add_label = RedFlagForm, gettext_lazy("Raise a red flag")
    list_display = ("title", "kind", "about", "starts_at", "ends_at", "stands")
    list_filter = ("kind",)
    search_fields = ("title",)
    ordering = ("-starts_at",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return RedFlag.objects.select_related("tenant")

    @column(gettext_lazy("Of"))
    def about(self, flag: RedFlag) -> str:
        return flag.tenant.name if flag.tenant else _("everybody")

    @column(gettext_lazy("Stands"), kind="state")
    def stands(self, flag: RedFlag) -> str:
        return self.state(flag)

    def state(self, flag: RedFlag) -> str:
        if flag.lifted_at or flag.ends_at <= now():
            return "over"
        return "hold" if flag.starts_at <= now() else "planned"

    def state_words(self, flag: RedFlag) -> str:
        return {"hold": _("nothing moves"), "planned": _("planned")}.get(self.state(flag), _("over"))

    def facts(self, flag: RedFlag, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Of"), self.about(flag)),
            Fact(_("From"), flag.starts_at, "moment"),
            Fact(_("Until"), flag.ends_at, "moment"),
            Fact(_("Lifted"), flag.lifted_at, "moment"),
        ]
        return [Facts(_("The red flag"), [row for row in rows if row.value])]

    def verbs(self, flag: RedFlag, actor: Actor) -> list[Verb]:
        if self.state(flag) == "over" or not self.may(actor, "edit", flag):
            return []
        return [Verb("lift", _("Lift it now"), _on(playbooks.lift_flag), done=_("Lifted."))]

    def create(self, actor: Actor, data: dict[str, Any]) -> RedFlag:
        name = data.pop("tenant")
        return playbooks.raise_flag(actor=actor, tenant_id=tenant_named(name, actor) if name else None, **data)


def tenant_named(name: str, actor: Actor) -> Any:
    found = Tenant.objects.visible_to(actor).filter(name=name).order_by("-created_at").first()
    if found is None:
        raise Invalid(fields={"tenant": "no tenant of this name that you may see"})
    return found.pk


def _left_behind(migration: Migration) -> list[Facts]:
    """The copy that a roll-back left in the target, and what it costs to keep it."""
    kept = kept_of(migration)
    if kept is None or kept.released_at:
        return []
    rows = [
        Fact(_("Kept, closed, since"), kept.since, "moment"),
        Fact(_("Asked about from"), kept.until, "moment"),
        Fact(_("A day"), kept.a_day_inr if kept.a_day_inr is not None else _("not known"), _kind(kept.a_day_inr)),
        Fact(_("So far"), kept.so_far_inr if kept.so_far_inr is not None else _("not known"), _kind(kept.so_far_inr)),
    ]
    note = _("Its logs and metrics are kept with it. Nothing is removed until a person releases it.")
    return [Facts(_("The copy in %(region)s") % {"region": migration.target}, rows, note)]


def _kind(amount: Any) -> str:
    return "text" if amount is None else "inr"


def _reads(migration: Migration, reading: Reading | None) -> dict[str, Any]:
    """What the card of the reads shows: intended and observed, compared answers, and both sides' lines."""
    if reading is None:
        return {}
    split = ReadSplit.objects.filter(pk=migration.tenant_id, move=migration.pk).first()
    blue, green = chart.observed(reading.points, reading.percent)
    mirrored = reading.figures.get("pooled", {}).get("mirrored", {})
    return {
        "intended": split.percent if split else 0,
        "is_on": bool(split and split.is_on),
        "observed": round(100 * green / (blue + green)) if blue + green else None,
        "answered": blue + green,
        "compared": mirrored.get("compared", 0),
        "alike": mirrored.get("compared", 0) - mirrored.get("disagreed", 0),
        "charts": chart.charts(reading.points),
        "problems": migration.problems.count(),
    }


def _doors(migration: Migration) -> dict[str, Any]:
    """Where clients were led and where they came, as the step that waits for them has last seen it."""
    if not (migration.is_switched and settings.MIGRATION["doors"]):
        return {}
    told = queries.split_seen(migration)
    if not told:
        return {}
    rows = [
        {
            "name": name,
            "requests": (total := one["blue"] + one["green"]),
            "percent": 100 * one["green"] / total if total else None,
        }
        for name, one in told["observed"].items()
    ]
    return {**told, "at": datetime.fromisoformat(told["at"]), "rows": rows}


def _percent(part: int | None, whole: int | None) -> int | None:
    return None if part is None or not whole else min(100, part * 100 // whole)


def _window_facts(migration: Migration) -> list[Fact]:
    window = window_seen(migration)
    labels = {"starts_at": _("Window begins"), "ends_at": _("Window ends at the latest")}
    labels |= {"opened_at": _("Window opened"), "closed_at": _("In service again")}
    return [Fact(label, getattr(window, name), "moment") for name, label in labels.items()] if window else []


def _asked_for(migration: Migration) -> str:
    found = throttle_of(migration)
    if found is None:
        return ""
    figures = {"pace": found.writes_per_second, "minutes": found.minutes, "why": found.reason}
    return _("At most %(pace)d writes a second for %(minutes)d minutes, then as before: %(why)s") % figures


def _way_back(migration: Migration) -> str:
    if not migration.is_switched:
        return _("Blue serves the tenant all the time; nothing is lost.")
    if migration.exposure:
        return _(
            "Brings back what was written since, %(n)d writes at the moment; nothing is lost while green lives."
        ) % {"n": migration.exposure}
    return _("Loses nothing, and takes about a second.")


def _on(action: Any) -> Any:
    def run(obj: Any, *, actor: Actor, reason: str, **more: Any) -> Any:
        action(obj.pk, actor=actor, reason=reason, **more)

    return run
