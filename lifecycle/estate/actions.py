"""What people do about findings: decide, withdraw, and say which drift is noise."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import digest

from compliance.erasing.queries import staying
from compliance.residency import country_of
from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import User
from portal.approvals import actions as approvals
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Blocked, Conflict, Invalid, NotAllowed
from tenants.models import Tenant
from tenants.queries import tenant_by_id

from .comparing import UNSAID
from .holding import holds_of
from .looking import why_kept
from .models import Decision, Finding, NoiseRule, Pin, Remedy
from .stacks import STANDING

KIND, DESTRUCTION = "estate_decision", "estate_destruction"
LONGEST = timedelta(days=365)
FITS = {
    Remedy.ADOPT: {Finding.Kind.ORPHAN, Finding.Kind.STATE, Finding.Kind.DRIFT},
    Remedy.REPAIR: {Finding.Kind.DRIFT, Finding.Kind.MISSING},
    Remedy.DESTROY: {Finding.Kind.ORPHAN},
    Remedy.IGNORE: set(Finding.Kind) - {Finding.Kind.KEPT},
}


def decide(
    findings: Iterable[UUID],
    remedy: str,
    *,
    actor: Actor,
    reason: str,
    until: date | None = None,
    acknowledged: bool = False,
) -> Decision:
    """Ask for a remedy of findings of one tenant. What would be lost is counted before anything is locked."""
    rows = _asked_about(set(findings), actor)
    word = Remedy(remedy)
    _check(rows, word, until)
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; the people who sign read it"})
    holds = holds_of(rows[0].tenant_id, rows[0].region) if word is Remedy.DESTROY and not is_standing(rows[0]) else {}
    if holds and not acknowledged:
        words = "; ".join(f"{what} {how}" for what, how in sorted(holds.items()))
        raise Invalid(f"Data would be destroyed: {words}. Acknowledge it, or adopt.", code="holds-data", holds=holds)
    asked = Decision(remedy=word, until=until, holds=holds, is_acknowledged=bool(holds) and acknowledged)
    return _open(asked, [one.pk for one in rows], actor=actor, reason=reason.strip()[:1000])


def _asked_about(wanted: set[UUID], actor: Actor) -> list[Finding]:
    found = list(Finding.objects.visible_to(actor).filter(pk__in=wanted))
    if not wanted or len(found) != len(wanted):
        raise Absent("There is no such finding.")
    if len({(one.tenant_id, one.region) for one in found}) != 1:
        raise Invalid(fields={"findings": "of one tenant in one region; another one needs a decision of its own"})
    policy.require(actor, "estate.decide", found[0])
    if actor.user is None:
        raise NotAllowed("A decision is asked for by a person.")
    return found


def _check(rows: list[Finding], remedy: Remedy, until: date | None) -> None:
    today = now().date()
    if (until is not None) is not (remedy is Remedy.IGNORE):
        raise Invalid(fields={"until": "a day when it is left alone, and only then"})
    if until and not today < until <= today + LONGEST:
        raise Invalid(fields={"until": "after today, within a year"})
    stands = is_standing(rows[0])
    if remedy is Remedy.DESTROY and (why := why_kept(staying(rows[0].region).get(rows[0].tenant_id, []))):
        raise Blocked(f"It is {why}.", by="retention", remedy="obligations")
    for one in rows:
        if why := unfit(one, remedy, stands=stands):
            raise Invalid(fields={"remedy": why})


def unfit(one: Finding, remedy: Remedy, *, stands: bool) -> str:
    """Why the remedy cannot help the finding of a tenant that stands there or does not; empty when it can."""
    if one.kind == Finding.Kind.KEPT:
        return "a law keeps it until its day: then have it erased from its obligation"
    if one.kind not in FITS[remedy]:
        return f"does not fit {one.get_kind_display()}: {one}"
    is_unsaid = one.kind == "drift" and one.detail.get("action") == UNSAID
    if one.kind == "drift" and remedy in (Remedy.ADOPT, Remedy.REPAIR) and is_unsaid is not (remedy is Remedy.ADOPT):
        return f"the modules say {'nothing of this: adopt it' if is_unsaid else 'otherwise: put it right'}, or leave it"
    if remedy in (Remedy.ADOPT, Remedy.REPAIR) and not stands:
        return "the registry has no such tenant: destroy what is there, or leave it"
    if remedy is Remedy.ADOPT and one.kind == "orphan" and not one.detail.get("import_id"):
        return f"no address of the tenant's stack can take {one.resource}"
    if remedy is Remedy.DESTROY and stands and one.address:
        return f"the tenant needs {one.address}: adopt it"
    return ""


def is_standing(row: Finding | Decision) -> bool:
    return Tenant.objects.filter(pk=row.tenant_id, region=row.region, status__in=STANDING).exists()


@action
def _open(asked: Decision, findings: list[UUID], *, actor: Actor, reason: str) -> Decision:
    """Write the decision, bind its findings and open its case; nobody else decides about one of them meanwhile."""
    rows = list(Finding.objects.select_for_update(no_key=True).filter(pk__in=findings).order_by("pk"))
    if asked.remedy == Remedy.DESTROY and not is_standing(rows[0]):
        rows = _all_of(rows[0])  # a stranger is removed whole
    if taken := [one for one in rows if one.state != Finding.State.OPEN]:
        raise Conflict(f"{taken[0]} is {taken[0].get_state_display()} already.", code="decided")
    for name in ("tenant_id", "tenant_name", "business_unit", "region"):
        setattr(asked, name, getattr(rows[0], name))
    assert actor.user is not None
    asked.requested_by, asked.reason = actor.user, reason
    asked.digest = content_digest(asked, rows)
    asked.save(force_insert=True)
    for one in rows:
        one.decision, one.state = asked, Finding.State.DECIDED
        one.save(update_fields=["decision", "state"])
    record("estate.decision_asked", asked, actor=actor, reason=reason, data={"remedy": asked.remedy})
    costs = [one.monthly_inr for one in rows]
    case = approvals.open_case(
        actor=actor,
        kind=DESTRUCTION if asked.remedy == Remedy.DESTROY else KIND,
        subject=asked,
        title=str(asked)[:200],
        amount_inr=None if None in costs else 12 * sum((one for one in costs if one is not None), Decimal("0.00")),
        aggregation_key=f"estate:{asked.pk}",
        facts=_facts(asked, None not in costs),
        digest=asked.digest,
        snapshot=_snapshot(asked, rows),
    )
    asked.case_id = case.pk
    asked.save(update_fields=["case_id"])
    return asked


def _all_of(row: Finding) -> list[Finding]:
    mine = Finding.objects.select_for_update(no_key=True).filter(tenant_id=row.tenant_id, region=row.region)
    return list(mine.filter(kind="orphan").exclude(state=Finding.State.GONE).order_by("pk"))


def content_digest(asked: Decision, rows: Iterable[Finding]) -> str:
    """What a signature binds to: the remedy, each finding as it was shown, the data, the modules."""
    pinned = Pin.objects.filter(tenant_id=asked.tenant_id).values_list("version_id", flat=True).first()
    return digest(
        {
            "tenant": str(asked.tenant_id),
            "region": asked.region,
            "remedy": str(asked.remedy),
            "until": asked.until.isoformat() if asked.until else None,
            "findings": sorted(f"{one.pk} {one.state == 'gone'} {one.address} {one.resource}" for one in rows),
            "holds": asked.holds,
            "modules": pinned,
        }
    )


def digest_now(decision_id: str) -> str:
    """The digest as it would be made now: what has gone since, or other modules, void what was signed."""
    asked = Decision.objects.get(pk=decision_id)
    return content_digest(asked, asked.findings.all())


def _facts(asked: Decision, price_known: bool) -> dict[str, Any]:
    tenant = tenant_by_id(asked.tenant_id)
    said = {"region": asked.region, "price_known": price_known, "business_unit": asked.business_unit or None}
    if tenant is None:
        return said
    return {
        **said,
        "tier": tenant.tier_id,
        "geography": tenant.geography,
        "data_classes": sorted(tenant.data_classes),
        "leaves_home_country": country_of(tenant.region) != tenant.business_unit.home_country,
    }


def _snapshot(asked: Decision, rows: list[Finding]) -> dict[str, Any]:
    shown = [
        {"what": one.address or one.resource, "kind": one.get_kind_display(), "words": one.words,
         "monthly_inr": one.monthly_inr}
        for one in rows[:200]
    ]  # fmt: skip
    said = {"remedy": asked.get_remedy_display(), "until": asked.until, "reason": asked.reason}
    return {**said, "tenant": asked.tenant_name, "region": asked.region, "holds": asked.holds, "findings": shown}


@action
def withdraw(decision_id: UUID, *, actor: Actor, reason: str) -> Decision:
    """Take back a decision that waits for signatures; its findings are open again."""
    if not Decision.objects.visible_to(actor).filter(pk=decision_id).exists():
        raise Absent("There is no such decision.")
    asked = Decision.objects.select_for_update(no_key=True).get(pk=decision_id)
    policy.require(actor, "estate.decide", asked)
    if asked.state != Decision.State.PENDING:
        raise Conflict(f"A decision that is {asked.get_state_display()} cannot be withdrawn.", code="wrong-state")
    end(asked, Decision.State.CANCELLED, reason)
    approvals.void(asked.case_id, actor=actor, reason=reason[:500] or "withdrawn")
    record("estate.decision_withdrawn", asked, actor=actor, reason=reason)
    return asked


def end(asked: Decision, state: str, why: str) -> None:
    """Conclude a decision. Unless it was carried out, its findings are everybody's to decide again."""
    asked.state, asked.state_reason, asked.ended_at = state, why[:1000], now()
    asked.save()
    if state != Decision.State.DONE:
        for one in asked.findings.filter(state=Finding.State.DECIDED):
            one.state, one.decision = Finding.State.OPEN, None
            one.save(update_fields=["state", "decision"])


@action
def quiet(
    *,
    actor: Actor,
    reason: str,
    owner: User,
    expires_on: date,
    resource_type: str = "",
    words: str = "",
    tenant: Tenant | None = None,
) -> NoiseRule:
    """Say that a drift is noise until a day, and who answers for that. It counts from the next look on."""
    policy.require(actor, "noise_rule.edit")
    today = now().date()
    if not today < expires_on <= today + LONGEST:
        raise Invalid(fields={"expires_on": "after today, within a year"})
    if not (resource_type or words.strip()):
        raise Invalid(fields={"words": "say which drift: a type of resource, or words of the deviation"})
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    about = {"resource_type": resource_type, "words": words.strip(), "tenant": tenant, "expires_on": expires_on}
    rule = NoiseRule.objects.create(owner=owner, reason=reason.strip()[:1000], **about)
    record("estate.noise_ruled", rule, actor=actor, reason=reason)
    return rule


@action
def end_rule(rule_id: UUID, *, actor: Actor, reason: str) -> NoiseRule:
    """Hear of that drift again, from the next look on."""
    policy.require(actor, "noise_rule.edit")
    rule = NoiseRule.objects.select_for_update(of=("self",), no_key=True).filter(pk=rule_id).first()
    if rule is None:
        raise Absent("There is no such rule.")
    if rule.ended_at:
        raise Conflict("The rule has ended already.", code="wrong-state")
    rule.ended_at = now()
    rule.save(update_fields=["ended_at"])
    record("estate.noise_rule_ended", rule, actor=actor, reason=reason)
    return rule
