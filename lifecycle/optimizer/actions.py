"""What people do about findings: have an account scanned, answer for a finding, have a change of it approved."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import digest
from django.db import IntegrityError, transaction

from portal.access import policy
from portal.access.actor import Actor
from portal.approvals import actions as approvals
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs import actions as jobs
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed, NotConfigured
from tenants.actions import user_named

from .configured import regions
from .models import Finding, FindingChange, FindingException, Scan, State
from .queries import is_undone

KIND = "finding_change"
LONGEST = timedelta(days=365)
NOTHING = Decimal("0.00")
SYSTEM = Actor.system("optimizer")


@action
def start_scan(*, actor: Actor, reason: str) -> Scan:
    """Have every configured region read and judged. One at a time."""
    policy.require(actor, "finding.scan")
    names = regions()
    if not names:
        raise NotConfigured("No account is connected: set BAILIWICK_OPTIMIZER_REGIONS.")
    scan = Scan(regions=names, asked_by=actor.id)
    try:
        with transaction.atomic():
            scan.save(force_insert=True)
    except IntegrityError:
        raise Conflict("A scan runs already; wait for its end.", code="scan-running") from None
    job = jobs.start_job("optimizer.scan", actor=actor, subject=scan, reason=reason, params={"scan": str(scan.pk)})
    scan.job_id = job.pk
    scan.save()
    record("optimizer.scan_started", scan, actor=actor, reason=reason, data={"regions": names})
    return scan


@action
def make_exception(key: str, *, actor: Actor, reason: str, owner: str, expires_on: date) -> FindingException:
    """Let a finding stand until a day: `owner` (a login name) answers for it."""
    finding = locked(key)
    policy.require(actor, "finding.except", finding)
    _need_reason(reason)
    today = now().date()
    if not today < expires_on <= today + LONGEST:
        raise Invalid(fields={"expires_on": "after today, and at most a year ahead"})
    if finding.state != Finding.State.OPEN:
        raise Conflict(f"The finding is {finding.get_state_display()}.", code="wrong-state")
    made = FindingException.objects.create(
        finding=finding,
        owner=user_named(owner, "owner"),
        reason=reason.strip(),
        expires_on=expires_on,
        made_by=actor.id,
    )
    finding.state = Finding.State.EXCEPTED
    finding.save()
    record("finding.excepted", finding, actor=actor, reason=reason, data={"until": expires_on})
    return made


@action
def end_exception(key: str, *, actor: Actor, reason: str) -> Finding:
    """The finding is open again, before its day."""
    finding = locked(key)
    policy.require(actor, "finding.except", finding)
    _need_reason(reason)
    in_force = finding.exceptions.filter(ended_at=None).first()
    if in_force is None:
        raise Conflict("Nobody has excepted this finding.", code="wrong-state")
    return reopen(finding, in_force, actor=actor, reason=reason)


def reopen(finding: Finding, exception: FindingException, *, actor: Actor, reason: str) -> Finding:
    """End an exception inside the caller's transaction."""
    exception.ended_at = now()
    exception.save()
    if finding.state == Finding.State.EXCEPTED:
        finding.state = Finding.State.OPEN
        finding.save()
    record("finding.exception_ended", finding, actor=actor, reason=reason)
    return finding


@action
def propose(key: str, *, actor: Actor, justification: str) -> FindingChange:
    """Ask for the change that a finding proposes. It is signed as it stands: another one needs another signature."""
    finding = locked(key)
    policy.require(actor, "finding.propose", finding)
    if actor.user is None:
        raise NotAllowed("A change is asked for by a person.")
    if finding.state != Finding.State.OPEN or finding.change is None:
        raise Conflict("There is nothing to be changed by this finding now.", code="wrong-state")
    if finding.instead:
        raise Conflict("Another finding would end this resource; decide about that one first.", code="ends-instead")
    change = FindingChange(
        finding=finding,
        change=finding.change,
        monthly_inr=finding.monthly_inr,
        cost_usd=finding.cost_usd,
        justification=_need_reason(justification),
        requested_by=actor.user,
        digest=content_digest(finding),
        target=finding.target,
    )
    _only(change)
    record("finding_change.asked", change, actor=actor, reason=change.justification, data={"finding": key})
    case = approvals.open_case(
        actor=actor,
        kind=KIND,
        subject=change,
        title=f"{finding.resource}: {finding.title}"[:200],
        amount_inr=None if finding.saves and finding.monthly_inr is None else NOTHING,
        aggregation_key="",
        facts={"region": finding.region},
        digest=change.digest,
        snapshot=_snapshot(finding, change),
    )
    change.case_id = case.pk
    change.save()
    return change


def _only(change: FindingChange) -> None:
    """Of one attribute of one resource one change is open at a time, whichever findings ask for it."""
    try:
        with transaction.atomic():
            change.save(force_insert=True)
    except IntegrityError:
        raise Conflict("A change of the same thing is open already.", code="one-open") from None


def content_digest(finding: Finding) -> str:
    """What is signed: the change, and by which rule it was proposed. Not its worth, which follows the dollar."""
    said = {"finding": finding.pk, "rule": finding.rule, "version": finding.rule_version, "change": finding.change}
    return str(digest(said))


def digest_now(change_id: str) -> str:
    """What the change would be signed as now; nothing where the finding is gone."""
    change = FindingChange.objects.select_related("finding").filter(pk=change_id).first()
    if change is None or change.finding.state != Finding.State.OPEN:
        return ""
    return content_digest(change.finding)


def _snapshot(finding: Finding, change: FindingChange) -> dict[str, Any]:
    return {
        "sentence": f"{finding.resource} in {finding.region}: {finding.title}.",
        "justification": change.justification,
        "change": finding.change,
        "evidence": finding.evidence,
        "reasons": finding.reasons,
        "confidence": finding.confidence,
        "risk": finding.risk,
        "effort": finding.effort,
        "monthly_inr": finding.monthly_inr,
        "annual_inr": finding.annual_inr,
        "price": finding.price,
        "rule": f"{finding.rule} v{finding.rule_version}",
    }


@action
def withdraw(change_id: UUID, *, actor: Actor, reason: str) -> FindingChange:
    """Take back a change that has not been applied."""
    change = locked_change(change_id)
    policy.require(actor, "finding.propose", change)
    _need_reason(reason)
    if not is_undone(change):
        raise Conflict(f"The change is {change.get_state_display()}.", code="wrong-state")
    was_open = change.state == State.PENDING_APPROVAL
    change.cancel(reason)
    change.save()
    record("finding_change.withdrawn", change, actor=actor, reason=reason)
    if was_open and change.case_id:
        approvals.cancel_case(change.case_id, actor=SYSTEM, reason=reason)
    return change


def locked(key: str) -> Finding:
    """The finding under its row lock."""
    found = Finding.objects.select_for_update(no_key=True).filter(pk=key).first()
    if found is None:
        raise Absent("There is no such finding.")
    return found


def locked_change(change_id: UUID | str) -> FindingChange:
    rows = FindingChange.objects.select_for_update(of=("self",), no_key=True).select_related("finding")
    found = rows.filter(pk=change_id).first()
    if found is None:
        raise Absent("There is no such change.")
    return found


def _need_reason(text: str) -> str:
    if not text.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    return text.strip()
