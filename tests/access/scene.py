"""What the matrix asks for: of each kind one of Finance, of another unit, of a suspended and of a deleted tenant.

A subject maps a relation to an id. Kinds are model labels; `label:word` is the same kind in the state in which `word`
can be done. A kind that belongs to no tenant has one object, `here`. Each has one that is `absent`.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.db import models

from compliance.draws.models import Draw
from compliance.holds.models import Hold
from compliance.rechecks.models import Recheck
from compliance.scans.models import Scan, StoreFinding
from compliance.synthetic.models import Sandbox, SyntheticErasure
from lifecycle.estate.models import Lifetime
from lifecycle.exports.models import Export
from lifecycle.migration.drills.models import Drill
from lifecycle.migration.losses.models import Loss
from lifecycle.migration.models import Migration, RedFlag
from lifecycle.migration.portfolios.models import Portfolio
from lifecycle.migration.rehearsing.models import RehearsalDemand
from lifecycle.migration.reviews.models import Review as MoveReview
from lifecycle.migration.windows.models import Throttle
from lifecycle.models import Incident, TenantRequest, Ticket, ValidationRun
from lifecycle.retiring.models import Retirement
from portal.access.accounts import SEED
from portal.access.actions import issue_token
from portal.access.models import Grant, User
from portal.approvals.models import Case, Delegation, Question
from portal.audit.models import Entry
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.ids import new_id
from portal.notify.models import Channel, Route
from portal.notify.seal import seal
from portal.signatures.models import ClientKey, SignedRequest
from tenants.configuration.models import Version
from tenants.costs.models import Arrears, Rate, Statement
from tenants.costs.statements import freeze, refresh
from tenants.flags import actions
from tenants.flags.models import Review
from tenants.models import BusinessUnit, Tenant, Tier
from tenants.registry import publish
from tenants.usage.actions import Report, close_month, count
from tenants.usage.models import Delta
from tests.admin.world import build, case_of, checks, job, person, tenant
from tests.compliance.certificates.made import issued_row
from tests.erasing.made import owed
from tests.erasing.made import row as erasure
from tests.estate.made import decision as decided
from tests.estate.made import ending, noise, upgrade
from tests.estate.made import finding as odd
from tests.flags.made import admin, flag, on_for
from tests.holds.made import hold, refused
from tests.inventory.made import finding, system
from tests.lifecycle.asking import asked
from tests.lifecycle.test_states import put
from tests.migration.control.made import copied, like, migration, rehearsed
from tests.optimizer.made import change, excepted, scanned
from tests.optimizer.made import finding as waste
from tests.sealing import look_here, seal_here
from tests.tierchanges.made import row
from tests.tierchanges.test_states import put as put_change

from .routes import Door

Subject = dict[str, str]
FIVE = ("own", "other", "suspended", "deleted", "absent")
ABSENT = {
    models.UUIDField: str(uuid4()),
    models.PositiveSmallIntegerField: "999",
    models.AutoField: "999999999",
    models.BigAutoField: "999999999",
    models.BigIntegerField: "999999999",
    models.CharField: "nosuch",
}
NAMED = {
    "{rule_id}": {"here": "APR-001", "absent": "APR-999"},
    "{region}": {"here": "ap-south-1", "absent": "xx-none-1"},
    "{role}": {"here": "cfo", "absent": "nosuch"},
    "{key}": {"here": "cite-sources", "absent": "nosuch"},
    "{known_as}": {"absent": "nosuch"},
}
STATES = {
    "submission": "draft",
    "submit": "draft",
    "acceptance": "awaiting_champion",
    "accept": "awaiting_champion",
    "roll-back": "failed",
    "roll_back": "failed",
    "checklist": "pending_manual_setup",
    "tick": "pending_manual_setup",
}

ASKED = ("release-withdrawal", "withdraw_release", "release-confirmation", "confirm_release")
MOVES = {
    "initiated": ("start", "cancel", "cancellation"),
    "incremental_sync": ("pause", "throttle"),
    "dual_write_enabled": ("throttle-approval", "approve_throttle"),
    "provisioning_green": ("throttle-lifting", "lift_throttle"),
    "paused": ("resume",),
    "traffic_cutover_started": ("problems", "report"),
    "failed": ("rollback", "roll_back"),
    "traffic_cutover_complete": ("drill", "rollback-drills", "loss-acceptance", "accept_loss"),
}
ERASURES = {
    "awaiting_approval": (
        "cancellation", "cancel", "refusal", "refuse", "extension", "extend", "recipients", "tell_recipient"
    ),
    "failed": ("retry",),
    "refused": ("objection", "contest"),
}  # fmt: skip
UPGRADES = {"running": ("stop",), "stopped": ("resume", "resumption", "cancel", "cancellation")}
PORTFOLIOS = {"planned": ("start", "budget"), "running": ("stop",), "stopped": ("resume", "cancel", "cancellation")}


class Scene:
    """Every subject, and what hangs below one: the question of a case, the route of a channel."""

    def __init__(self) -> None:
        self.below: dict[str, str] = {}
        self.subjects: dict[str, Subject] = {}
        self._build()

    def of(self, door: Door) -> Subject:
        """Return what the door's id can name, each in the state in which the door's word can be done."""
        if not door.is_about_one:
            return {"": ""}
        return next((keys for place, keys in NAMED.items() if place in door.route), None) or self.kind(
            door.kind, door.word
        )

    def kind(self, kind: str, word: str = "") -> Subject:
        return self.subjects.get(f"{kind}:{word}") or self.subjects.get(kind) or self._here(kind)

    def _here(self, kind: str) -> Subject:
        """Return the first row of a kind that no tenant owns."""
        first = apps.get_model(kind)._default_manager.first()
        assert first is not None, f"the scene has no {kind}; make one, or nobody is ever refused one"
        self._keep(kind, here=first)
        return self.subjects[kind]

    def _keep(self, kind: str, **found: Any) -> None:
        key = apps.get_model(kind.partition(":")[0])._meta.pk
        key = getattr(key, "target_field", key)
        absent = next(value for field, value in ABSENT.items() if isinstance(key, field))
        self.subjects[kind] = {name: str(row.pk) for name, row in found.items()} | {"absent": absent}

    def _build(self) -> None:
        world = build()
        Grant.objects.filter(user=person("farah"), role="auditor").update(revoked_at=now())
        tenants = {
            "own": world.tenant,
            "other": world.foreign,
            "suspended": tenant("fin-asleep", "FIN", "meera", status="suspended"),
            "deleted": tenant("fin-gone", "FIN", "meera", status="deleted"),
        }
        self._keep("tenants.tenant", **tenants)
        self._keep(
            "tenants.tenant:reactivate", **{**tenants, "own": tenant("fin-back", "FIN", "meera", status="suspended")}
        )
        for word in ("reactivation", "archive"):
            self.subjects[f"tenants.tenant:{word}"] = self.subjects["tenants.tenant:reactivate"]
        self._keep(
            "tenants.businessunit", own=BusinessUnit.objects.get(pk="FIN"), other=BusinessUnit.objects.get(pk="HR")
        )
        self._keep("tenants.tier", here=Tier.objects.get(pk="gold"))
        self._keep("tenants.tier:offer", here=_no_longer_offered())
        self._money(tenants)
        self._requests(world.request, world.case, tenants)
        self._tier_changes(tenants)
        self._work(tenants)
        self._moves(tenants)
        self._flags(tenants)
        self._configuration(tenants)
        self._people()
        self._certificates(tenants)
        self._holds(tenants)
        self._inventory()
        self._optimizer()
        self._erasures(tenants)
        self._estate(tenants)
        publish.number(list(Tenant.objects.values_list("pk", flat=True)))
        seal_here()
        look_here()
        self._keep("audit.entry", here=Entry.objects.order_by("-id")[0])  # the newest is on every first page

    def _certificates(self, tenants: dict[str, Tenant]) -> None:
        found = {name: issued_row(one.pk, one.business_unit_id, f"scene-{name}") for name, one in tenants.items()}
        self._keep("certificates.certificate", **found)
        looks = {
            name: Recheck.objects.create(
                certificate=one, cause="scheduled", asked_by="system:rechecks", state="clean", ended_at=now()
            )
            for name, one in found.items()
        }
        self._keep("rechecks.recheck", **looks)

    def _money(self, tenants: dict[str, Tenant]) -> None:
        """Usage and statements of a month that is closed, which alone can be corrected."""
        before = now().date().replace(day=1) - timedelta(days=1)
        self._keep("usage.delta", **{name: _used(one, before) for name, one in tenants.items()})
        month = before.replace(day=1)
        refresh(month)
        close_month(month, actor=SEED, reason="over")
        freeze(month, actor=SEED)
        found = {name: Statement.objects.get(tenant=one) for name, one in tenants.items()}
        self._keep("costs.statement", **found)
        late = {name: Arrears.objects.create(tenant=one, since=before) for name, one in tenants.items()}
        self._keep("costs.arrears", **late)
        rate = {"effective_on": before, "inr_per_unit": 80, "source": "test", "published_by": SEED.id}
        self._keep("costs.rate", here=Rate.objects.create(currency="USD", **rate))

    def _requests(self, own: TenantRequest, case: Case, tenants: dict[str, Tenant]) -> None:
        TenantRequest.objects.filter(pk=own.pk).update(tenant_id=tenants["own"].pk)
        own.refresh_from_db()
        requests = {name: own if name == "own" else _request_of(one) for name, one in tenants.items()}
        cases = {name: case if name == "own" else case_of(one) for name, one in requests.items()}
        self._keep("lifecycle.tenantrequest", **requests)
        self._keep("approvals.case", **cases)
        for one in cases.values():
            question = Question.objects.create(case=one, asked_by=person("leela"), text="Why?")
            self.below[str(one.pk)] = str(question.pk)
        for state in sorted(set(STATES.values())):
            there = {
                name: _in_state(state, unit, owner)
                for name, unit, owner in (("own", "FIN", "meera"), ("other", "HR", "arjun"))
            }
            for word in (word for word, wanted in STATES.items() if wanted == state):
                self._keep(f"lifecycle.tenantrequest:{word}", **{**requests, **there})
        verdict = apps.get_model("compliance.verdict").objects
        rows = {name: verdict.filter(subject_id=str(one.pk)).first() for name, one in requests.items()}
        self._keep("compliance.verdict", **rows)

    def _tier_changes(self, tenants: dict[str, Tenant]) -> None:
        """None is open but the one to be withdrawn, of a tenant of its own: so that another can be asked for."""
        end = now().date() + timedelta(days=30)
        past = {name: row(one, ends_on=end) for name, one in tenants.items()}
        for one in past.values():
            put_change(one, "rejected")
        self._keep("tierchanges.tierchange", **past)
        for words, state in ((("cancellation", "cancel"), ""), (("end",), "applied"), (("keep",), "return_conflict")):
            own = row(tenant(f"fin-{words[0]}", "FIN", "meera"), ends_on=end)
            if state:
                put_change(own, state)
            for word in words:
                self._keep(f"tierchanges.tierchange:{word}", **{**past, "own": own})

    def _work(self, tenants: dict[str, Tenant]) -> None:
        self._keep("jobs.job", **{name: job(one, "running") for name, one in tenants.items()})
        failed = {name: job(one, "failed") for name, one in tenants.items()}
        for word in ("resumption", "resume", "retry", "retry_step", "compensation", "compensate"):
            self._keep(f"jobs.job:{word}", **failed)
        runs = {name: checks(one) for name, one in tenants.items()}
        self._keep("lifecycle.validationrun", **runs)
        incidents = {name: _incident(one, runs[name]) for name, one in tenants.items()}
        self._keep("lifecycle.incident", **incidents)

    def _moves(self, tenants: dict[str, Tenant]) -> None:
        moves = {name: migration(one) for name, one in tenants.items()}
        self._keep("migration.migration", **moves)
        self._keep("rehearsing.rehearsal", **{name: rehearsed(one) for name, one in tenants.items()})
        self._keep("rehearsing.rehearsaldemand", here=RehearsalDemand.objects.get(pk="gold"))
        self._keep("copies.tenantcopy", **{name: copied(one) for name, one in tenants.items()})
        self._keep("retiring.retirement", **{name: _left(one) for name, one in tenants.items()})
        for state, words in MOVES.items():
            there = {name: _moving(state, tenants[name]) for name in ("own", "other")}
            for word in words:
                self._keep(f"migration.migration:{word}", **{**moves, **there})
        like(tenants["own"], "fin-free")
        self._reviews(tenants)
        drilled = {name: _drilled(one) for name, one in tenants.items()}
        self._keep("drills.drill", **drilled)
        for state, words in PORTFOLIOS.items():
            for word in words:
                self._keep(f"portfolios.portfolio:{word}", here=_portfolio(tenants["own"], state))
        self._keep("portfolios.portfolio", here=Portfolio.objects.first())
        soon = now() + timedelta(days=30)
        flag = {"kind": "freeze", "title": "Year end", "created_by": SEED.id}
        RedFlag.objects.create(starts_at=soon, ends_at=soon + timedelta(days=3), **flag)

    def _reviews(self, tenants: dict[str, Tenant]) -> None:
        """Each of a move that was taken back, and with a measure that can be finished."""
        reviews = {name: _reviewed(one) for name, one in tenants.items()}
        self._keep("reviews.review", **reviews)
        for one in reviews.values():
            self.below[str(one.pk)] = str(one.measures.get().pk)

    def _flags(self, tenants: dict[str, Tenant]) -> None:
        self._keep("flags.tenantflags", **tenants)
        self._keep("flags.flag", here=flag())
        on_for("cite-sources", tenants["own"])
        linked, resting = flag("linked"), flag("resting")
        actions.relate("linked", actor=admin(), reason="test", other=flag("storage").key, word="needs")
        actions.switch_off("resting", actor=admin(), reason="test")
        for word, found in (("unrelate", linked), ("relation-removal", linked), ("on", resting)):
            self._keep(f"flags.flag:{word}", here=found)
        says = {"title": "Own prompts", "says": "You write the prompt."}
        actions.set_feature(actor=admin(), reason="test", code="own-prompts", tiers=["gold"], **says)
        Review.objects.create(month=date(2026, 1, 1), conclusion="none", reviewed_by=person("kiran"))

    def _configuration(self, tenants: dict[str, Tenant]) -> None:
        self._keep("configuration.tenantconfiguration", **tenants)
        self._keep("configuration.tierconfiguration", here=Tier.objects.get(pk="gold"))
        _two_versions(tier_id="gold")
        first = {name: _two_versions(tenant_id=one.pk) for name, one in tenants.items()}
        self._keep("configuration.version", **first)

    def _holds(self, tenants: dict[str, Tenant]) -> None:
        """Each word has holds of its own: one that was asked for, or acknowledged, is so only once."""
        held = {name: _held(one) for name, one in tenants.items()}
        self._keep("holds.hold", **held)
        self._keep("holds.refusedattempt", **{name: refused(one) for name, one in tenants.items()})
        for asked_by, words in (("", ("release", "ask_release", "acknowledgement", "acknowledge")), ("oliver", ASKED)):
            for word in words:
                own = {name: _held(tenants[name], asked_by) for name in ("own", "other")}
                self._keep(f"holds.hold:{word}", **{**held, **own})

    def _optimizer(self) -> None:
        """Each word has a finding of its own; the account is connected to nothing, so a scan meets a conflict."""
        self._keep("optimizer.finding", here=waste())
        for word in ("exception", "except", "change", "propose"):
            self._keep(f"optimizer.finding:{word}", here=waste(f"i-{word}"))
        for word in ("exception-end", "end_exception"):
            self._keep(f"optimizer.finding:{word}", here=excepted(f"i-{word}"))
        self._keep("optimizer.findingchange", here=change(waste("i-asked")))
        for word in ("cancellation", "withdraw"):
            self._keep(f"optimizer.findingchange:{word}", here=change(waste(f"i-{word}")))
        self._keep("optimizer.scan", here=scanned())

    def _inventory(self) -> None:
        """Stores of record belong to no tenant; a removal is asked for once, and confirmed by somebody else."""
        self._keep("inventory.system", here=system())
        for word in ("removal-withdrawal", "withdraw_removal", "removal-confirmation", "confirm_removal"):
            self._keep(f"inventory.system:{word}", here=system(f"old-{word.replace('_', '-')}", asked_by="oliver"))
        self._keep("inventory.finding", here=finding())
        scan = Scan.objects.create(
            quarter="2026-Q4", asked_by="seed", state="open", due_on=now().date(), ended_at=now(), places=[]
        )
        self._keep("scans.scan", here=scan)
        for word in ("", ":settlement", ":settle"):
            store = StoreFinding.objects.create(
                scan=scan, account="legacy", region="eu-west-1", kind="bucket", name=f"forgotten{word}"
            )
            self._keep(f"scans.storefinding{word}", here=store)
        for word in ("listing", "list_finding"):
            self._keep(f"inventory.finding:{word}", here=finding(f"forgotten-{word}"))
        self._sandboxes()

    def _sandboxes(self) -> None:
        """One for each verb, each in a region of its own: a region has one."""
        for number, word in enumerate(("", ":trial", ":begin", ":ending", ":end")):
            where = {"environment": "dev", "region": f"xx-test-{number}"}
            of = tenant(f"fin-sandbox-{number}", "FIN", "meera", **where)
            made = Sandbox.objects.create(region=of.region, tenant=of, designated_by="seed")
            self._keep(f"synthetic.sandbox{word}", here=made)
        tenant("fin-sandbox-next", "FIN", "meera", environment="dev", region="xx-test-next")
        failed = {"state": "failed", "why": "No mail arrived.", "ended_at": now()}
        run = SyntheticErasure.objects.create(sandbox=made, month="2026-11", asked_by="seed", **failed)
        self._keep("synthetic.syntheticerasure", here=run)

    def _erasures(self, tenants: dict[str, Tenant]) -> None:
        """Of tenants on which no hold stands: under one nothing is tried again."""
        self._keep("erasing.erasurerequest", **{name: erasure(one) for name, one in tenants.items()})
        free = {name: like(tenants[name], f"{tenants[name].name[:12]}-free") for name in ("own", "other")}
        every = {name: erasure(one) for name, one in tenants.items()}
        for state, words in ERASURES.items():
            for word in words:
                there = {name: erasure(one, state) for name, one in free.items()}
                self._keep(f"erasing.erasurerequest:{word}", **{**every, **there})
        for word in ("waive_export", "export-waiver"):
            whole = {name: erasure(one, kind="tenant") for name, one in free.items()}
            self._keep(f"erasing.erasurerequest:{word}", **{**every, **whole})
        exports = {name: _exported(one) for name, one in tenants.items()}
        self._keep("exports.export", **exports)
        for word in ("confirm", "receipt", "withdraw", "withdrawal"):
            self._keep(
                f"exports.export:{word}", **{**exports, **{name: _exported(one, True) for name, one in free.items()}}
            )
        draws = {
            name: Draw.objects.create(
                request=erasure(one, "failed"), asked_by=person("farah"), state="done", ended_at=now()
            )
            for name, one in tenants.items()
        }
        self._keep("draws.draw", **draws)
        self._keep("erasing.obligation", **{name: owed(one) for name, one in tenants.items()})

    def _estate(self, tenants: dict[str, Tenant]) -> None:
        """Each word has findings of its own: one is decided about once."""
        self._keep("estate.finding", **{name: odd(one) for name, one in tenants.items()})
        for word in ("estate-decisions", "repair", "ignore", "adopt", "destroy"):
            about = {"kind": "orphan", "detail": {"import_id": "x"}} if word in ("adopt", "destroy") else {}
            about |= {"address": "" if word == "destroy" else f"module.{word}", "resource": word}
            self._keep(f"estate.finding:{word}", **{name: odd(one, **about) for name, one in tenants.items()})
        self._keep("estate.decision", **{name: decided(one) for name, one in tenants.items()})
        for word in ("withdrawal", "withdraw"):
            self._keep(f"estate.decision:{word}", **{name: decided(one) for name, one in tenants.items()})
        self._keep("estate.noiserule", here=noise())
        self._keep("estate.noiserule:end", here=noise())
        self._keep("estate.ending", **{name: ending(one) for name, one in tenants.items()})
        few = iter(Lifetime.objects.order_by("pk"))
        self._keep("estate.lifetime", here=next(few))
        for word in ("change", "removal", "remove"):
            self._keep(f"estate.lifetime:{word}", here=next(few))
        self._keep("upgrades.upgrade", here=upgrade(tenants["own"], "done"))
        for state, words in UPGRADES.items():
            for word in words:
                self._keep(f"upgrades.upgrade:{word}", here=upgrade(tenants["own"], state))

    def _signed(self, life: timedelta) -> None:
        signs, _ = issue_token(
            actor=SEED, user=person("meera"), label="signs", scopes=["tenant.read"], life=life, reason="ci"
        )
        key = ClientKey.objects.create(id="0" * 16, token=signs, public_key="A" * 43 + "=", registered_by="seed")
        self._keep("signatures.clientkey", own=key)
        sent = SignedRequest.objects.create(key=key, request_id="scene", base="base", signature="signature")
        self._keep("signatures.signedrequest", here=sent)

    def _people(self) -> None:
        user, life = person("nadia"), timedelta(days=1)
        self._keep("access.user", here=user)
        grant = user.grants.get()
        self._keep("access.grant", here=grant)
        self.below[str(user.pk)] = str(grant.pk)
        asleep = User.objects.create_user("asleep", is_active=False)
        self._keep("access.user:enable", here=asleep)
        self._keep("access.user:enabling", here=asleep)
        token, _ = issue_token(
            actor=SEED, user=person("meera"), label="ci", scopes=["tenant.read"], life=life, reason="ci"
        )
        self._keep("access.apitoken", own=token)
        self._signed(life)
        self._keep("notify.notice", own=person("meera").notices.first())
        opened = person("pooja").access_sessions.first()
        self._keep("access.accesssession", here=opened)
        deputy = User.objects.create_user("deputy")
        Grant.objects.create(user=deputy, role="cfo", granted_by="system:test")
        at = now()
        lent = {
            "delegator": person("vikram"),
            "delegate": deputy,
            "role": "cfo",
            "reason": "away",
            "created_at": at,
            "valid_from": at,
            "valid_until": at + 9 * life,
        }
        self._keep("approvals.delegation", own=Delegation.objects.create(**lent))
        target = seal({"url": "https://93.184.216.34/", "secret": "whsec_" + "a" * 32})
        channel = Channel.objects.create(name="Ops", kind="webhook", sealed_target=target, created_by="system:test")
        self._keep("notify.channel", here=channel)
        self.below[str(channel.pk)] = str(Route.objects.create(channel=channel, event="job.failed").pk)


def _exported(one: Tenant, is_ready: bool = False) -> Export:
    """One that is being made, or that was taken away and waits for its receipt."""
    number = Export.objects.count() + 1
    given = {"tenant": one, "region": one.region, "requested_by": person("farah"), "reason": "test"}
    found = Export.objects.create(number=number, **given)
    if is_ready:
        at = now()
        said = {
            "state": "ready",
            "digest": "d" * 64,
            "verified_at": at,
            "as_of": at,
            "expires_at": at + timedelta(days=9),
        }
        Export.objects.filter(pk=found.pk).update(downloads=1, **said)
    return found


def _used(one: Tenant, day: date) -> Delta:
    report = Report(one.pk, "queries", Decimal(9), day, key=f"scene-{one.name}", source="scene")
    count([report], actor=SEED)
    return Delta.objects.get(key=report.key)


def _two_versions(**of: Any) -> Version:
    """The first of two, so that there is one to go back to."""
    first, _second = (
        Version.objects.create(
            number=n, document={"retrieval": {"passages": n}}, reason="test", created_by="system:test", **of
        )
        for n in (1, 2)
    )
    return first


def _request_of(one: Tenant) -> TenantRequest:
    """The request that this tenant came from."""
    owner = one.owner.username
    found = asked(owner, name=f"{one.name}-r", business_unit=one.business_unit_id, owner=owner, champion=owner)
    TenantRequest.objects.filter(pk=found.pk).update(tenant_id=one.pk)
    return TenantRequest.objects.get(pk=found.pk)


def _in_state(state: str, unit: str, owner: str) -> TenantRequest:
    name = f"{unit}-{state}".lower().replace("_", "-")
    found = asked(owner, name=name, business_unit=unit, owner=owner, champion=owner)
    put(found, state)
    if state == "pending_manual_setup":
        TenantRequest.objects.filter(pk=found.pk).update(manual_reasons=["MAN-001"])
        items = [
            {"text": "Set it up", "done_by": "", "done_at": ""},
            {"text": "Look again", "done_by": "", "done_at": ""},
        ]
        Ticket.objects.create(request=found, reference="T-1", items=items)
    return found


def _reviewed(twin: Tenant) -> MoveReview:
    """The review of a move that the gates took back, ready to be closed."""
    taken_back = migration(like(twin, f"{twin.name}-back"), "rolled_back")
    review = MoveReview.objects.create(
        migration=taken_back, taken_back_by="system:migration.gates", cause="A pool.", retry_on=now().date()
    )
    review.measures.create(text="Double the pool.", owner=person("kiran"), due_on=now().date())
    return review


def _portfolio(twin: Tenant, state: str) -> Portfolio:
    """One with a move that has not begun, in a state."""
    number = Portfolio.objects.count() + 1
    found = Portfolio.objects.create(
        number=number, title="South", target="eu-west-1", budget_inr=900_000, requested_by=person("kiran"),
        state=state, state_reason="r", is_rehearsal=True,
    )  # fmt: skip
    one = like(twin, f"{twin.name}-pf{number}")
    found.members.create(wave=1, tenant=one, migration=migration(one, is_rehearsal=True))
    return found


def _drilled(twin: Tenant) -> Drill:
    """A drill of a move that has been taken back."""
    moved = migration(like(twin, f"{twin.name}-drill"), "rolled_back")
    return Drill.objects.create(migration=moved, tier_id="gold", asked_by=person("kiran"), bar_seconds=1.0)


def _moving(state: str, twin: Tenant) -> Migration:
    """A move in a state, of a tenant of its own: each has one open move. What it takes to roll a failed one back."""
    one = like(twin, f"{twin.name}-{state.replace('_', '')[-8:]}")
    found = migration(one, state, is_rehearsal=state == "initiated")
    if state in ("failed", "traffic_cutover_complete"):
        about = {"kind": "migration.move", "title": "Move", "subject_type": "migration.migration"}
        ended = {"state": "failed", "error": "cut", "finished_at": now(), "requested_by": SEED.id}
        work = Job.objects.create(tenant_id=one.pk, subject_id=str(found.pk), **about, **ended)
        Migration.objects.filter(pk=found.pk).update(job_id=work.pk)
    if state == "traffic_cutover_complete":
        Migration.objects.filter(pk=found.pk).update(switched_at=now())
        Loss.objects.create(migration=found)
    if state in ("dual_write_enabled", "provisioning_green"):
        Throttle.objects.create(migration=found, asked_by=person("kiran"), reason="It falls behind.")
    return found


def _held(one: Tenant, asked_by: str = "") -> Hold:
    """Its custodian is the tenant's own champion: a stranger sees nothing of it."""
    return hold(one, asked_by=asked_by, custodian=one.champion.username)


def _incident(one: Tenant, run: ValidationRun) -> Incident:
    """One that can be closed: the checks have passed since it began."""
    opened = now() - timedelta(hours=1)
    found = Incident.objects.create(
        tenant_id=one.pk, affected=[str(one.pk)], title=f"{one.name} was read", evidence={}, run=run,
        opened_at=opened, notify_by=opened + timedelta(hours=72),
    )  # fmt: skip
    ValidationRun.objects.create(tenant_id=one.pk, trigger="person", outcome="pass", finished_at=now())
    return found


def _no_longer_offered() -> Tier:
    Tier.objects.filter(pk="bronze").update(is_offered=True)
    ended = Tier.objects.get(pk="bronze")
    ended.pk, ended.code, ended.name, ended.is_offered = "copper", "copper", "Copper", False
    ended.save(force_insert=True)
    return ended


def _left(one: Tenant) -> Retirement:
    """A store that the tenant has left, whose work has ended without success."""
    given = {"tenant": one, "region": "eu-west-1", "occasion": "green", "subject": new_id(), "key": b"k" * 32}
    return Retirement.objects.create(**given, requested_by=SEED.id, reason="test")
